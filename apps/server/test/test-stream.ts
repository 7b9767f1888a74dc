import assert from "node:assert/strict";
import {
  decodeServerFrame,
  encodeClientFrame,
  type AcceptedFrame,
  type ClientFrame,
  type CommitFrame,
  type Item,
  type ItemsFrame,
  type RejectedFrame,
  type SendFrame,
  type ServerFrame,
  type WelcomeFrame,
} from "@portcullis/protocol";
import { WebSocket } from "ws";

const PATIENCE_MS = 10_000;

/** A device's end of the stream, frame by frame. */
export class TestStream {
  readonly frames: ServerFrame[] = [];
  readonly socket: WebSocket;
  readonly #waiting = new Set<() => void>();
  #requests = 0;
  closed = false;

  constructor(url: string) {
    this.socket = new WebSocket(`${url.replace("http", "ws")}/v1/stream`, { perMessageDeflate: false });
    this.socket.on("message", (data) => {
      this.frames.push(decodeServerFrame(new Uint8Array(data as Buffer)));
      this.#wake();
    });
    this.socket.on("error", () => this.#wake());
    this.socket.on("close", () => {
      this.closed = true;
      this.#wake();
    });
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
  }

  /** What `find` finds, once it does. */
  async until<T>(find: () => T | undefined, what: string): Promise<T> {
    const end = Date.now() + PATIENCE_MS;
    for (;;) {
      const found = find();
      if (found !== undefined) return found;
      if (Date.now() > end || (this.closed && find() === undefined))
        throw new Error(`${what} did not come; the last frame: ${JSON.stringify(this.frames.at(-1)?.type)}`);
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          clearTimeout(timer);
          this.#waiting.delete(wake);
          resolve();
        };
        const timer = setTimeout(wake, 1000);
        this.#waiting.add(wake);
      });
    }
  }

  async hello(token: string): Promise<void> {
    if (this.socket.readyState !== WebSocket.OPEN)
      await new Promise((resolve, reject) => {
        this.socket.once("open", resolve).once("error", reject);
      });
    this.send({ type: "hello", token });
    await this.until(() => this.frames.find(({ type }) => type === "ready"), "ready");
  }

  send(frame: ClientFrame): void {
    this.socket.send(encodeClientFrame(frame));
  }

  /** Sends and waits for the answer. */
  async ask(
    frame: Omit<SendFrame, "requestId"> | Omit<CommitFrame, "requestId">,
  ): Promise<AcceptedFrame | RejectedFrame> {
    const requestId = ++this.#requests;
    this.send({ ...frame, requestId });
    return await this.until(
      () =>
        this.frames.find(
          (answer): answer is AcceptedFrame | RejectedFrame =>
            (answer.type === "accepted" || answer.type === "rejected") && answer.requestId === requestId,
        ),
      "an answer",
    );
  }

  async accepted(
    frame: Omit<SendFrame, "requestId"> | Omit<CommitFrame, "requestId">,
  ): Promise<AcceptedFrame> {
    const answer = await this.ask(frame);
    assert.ok(answer.type === "accepted", JSON.stringify(answer));
    return answer;
  }

  async rejected(
    frame: Omit<SendFrame, "requestId"> | Omit<CommitFrame, "requestId">,
    code: string,
  ): Promise<void> {
    assert.deepEqual(await this.ask(frame), { type: "rejected", requestId: this.#requests, code });
  }

  items(): Item[] {
    return this.frames
      .filter((frame): frame is ItemsFrame => frame.type === "items")
      .flatMap(({ items }) => items);
  }

  async itemsUpTo(sequence: number): Promise<Item[]> {
    return await this.until(
      () => (this.items().some((item) => item.sequence >= sequence) ? this.items() : undefined),
      `item ${sequence}`,
    );
  }

  async welcome(): Promise<WelcomeFrame> {
    return await this.until(
      () => this.frames.find((frame): frame is WelcomeFrame => frame.type === "welcome"),
      "a welcome",
    );
  }

  async goodbye(): Promise<string> {
    const frame = await this.until(() => this.frames.find(({ type }) => type === "goodbye"), "a goodbye");
    return frame.type === "goodbye" ? frame.code : "";
  }

  close(): void {
    this.socket.terminate();
  }
}
