import {
  decodeServerFrame,
  encodeClientFrame,
  type ClientFrame,
  type ServerFrame,
} from "@portcullis/protocol";
import type { Socket, Transport } from "./transport.ts";

const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 5000;

export interface ConnectionOptions {
  readonly url: string;
  readonly transport: Transport;
  /** A session token for the hello; fresh for each connection. */
  readonly token: () => Promise<string>;
  readonly onReady: () => void;
  readonly onFrame: (frame: Exclude<ServerFrame, { type: "ready" }>) => void;
  readonly onDown: (reason: unknown) => void;
  /** A number in [0, 1), so that clients do not all come back at once. */
  readonly jitter: () => number;
}

/**
 * One device's stream of frames, opened again whenever it breaks, until closed. Nothing is buffered while it is down:
 * the outbox and the cursors say what to send and what to ask for after the next `ready`. Owns the socket and a timer.
 */
export class Connection {
  readonly #options: ConnectionOptions;
  #socket: Socket | undefined;
  #ready = false;
  #closed = false;
  #waitMs = FIRST_WAIT_MS;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    void this.#open();
  }

  get ready(): boolean {
    return this.#ready;
  }

  /** False when the stream is down: whoever sends will do it again when it is ready. */
  send(frame: ClientFrame): boolean {
    if (!this.#ready) return false;
    this.#socket?.send(encodeClientFrame(frame));
    return true;
  }

  /** Ends this socket; a new one is opened after the usual wait. */
  restart(reason: unknown): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    this.#down(reason);
    socket.close();
  }

  close(): void {
    this.#closed = true;
    this.#ready = false;
    clearTimeout(this.#timer);
    this.#socket?.close();
    this.#socket = undefined;
  }

  async #open(): Promise<void> {
    try {
      const token = await this.#options.token();
      if (this.#closed) return;
      const socket: Socket = this.#options.transport(this.#options.url, {
        onOpen: () => socket.send(encodeClientFrame({ type: "hello", token })),
        onFrame: (bytes) => {
          if (this.#socket === socket) this.#receive(bytes);
        },
        onClose: (reason) => {
          if (this.#socket === socket) this.#down(reason);
        },
      });
      this.#socket = socket;
    } catch (error) {
      this.#down(error);
    }
  }

  #receive(bytes: Uint8Array): void {
    try {
      const frame = decodeServerFrame(bytes);
      if (frame.type !== "ready") {
        this.#options.onFrame(frame);
        return;
      }
      this.#ready = true;
      this.#waitMs = FIRST_WAIT_MS;
      this.#options.onReady();
    } catch (error) {
      this.restart(error);
    }
  }

  #down(reason: unknown): void {
    if (this.#closed) return;
    this.#ready = false;
    this.#socket = undefined;
    this.#options.onDown(reason);
    this.#timer = setTimeout(() => void this.#open(), this.#waitMs * (0.5 + this.#options.jitter()));
    this.#waitMs = Math.min(this.#waitMs * 2, LONGEST_WAIT_MS);
  }
}
