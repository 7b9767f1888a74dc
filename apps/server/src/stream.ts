import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import {
  decodeClientFrame,
  encodeServerFrame,
  limits,
  PortcullisError,
  type ClientFrame,
} from "@portcullis/protocol";
import { WebSocketServer, type RawData, type WebSocket } from "ws";
import type { DeviceConnection, FrameSocket } from "./delivery/device-connection.ts";
import type { Outcome } from "./delivery/group-draft.ts";
import { ServerError } from "./errors.ts";
import type { Log } from "./log.ts";
import { RateLimit } from "./rate-limit.ts";
import type { ServerContext } from "./server-context.ts";

const HELLO_MS = 10_000;
const HEARTBEAT_MS = 30_000;
/** What a device may say in passing. */
const SIGNALS = { perSecond: 2, burst: 16 };
/** Frames that a device may have unanswered before its socket is read no further. */
const MOST_UNANSWERED = 256;

type StreamContext = Pick<ServerContext, "sessions" | "commits" | "dispatcher" | "realClock">;

/** The WebSocket endpoint: frames in, to the group commit; frames out, from the dispatcher. */
export class Stream {
  readonly #context: StreamContext;
  readonly #log: Log;
  readonly #sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: limits.frameBytes,
    clientTracking: true,
  });
  readonly #rate = new RateLimit({ perSecond: 1000, burst: 10_000 });
  readonly #heartbeat: NodeJS.Timeout;
  readonly #silent = new WeakSet<WebSocket>();

  constructor(context: StreamContext, log: Log) {
    this.#context = context;
    this.#log = log;
    this.#heartbeat = setInterval(() => this.#beat(), HEARTBEAT_MS);
    this.#heartbeat.unref();
  }

  /** Takes over an HTTP upgrade. */
  upgrade(request: IncomingMessage, raw: Duplex, head: Buffer): void {
    this.#sockets.handleUpgrade(request, raw, head, (socket) => {
      const session = new StreamSession(socket, raw, this.#context, this.#rate, this.#log);
      socket.on("pong", () => this.#silent.delete(socket));
      socket.on("message", (data) => session.receive(data));
      socket.on("close", () => session.end());
      socket.on("error", () => session.end());
    });
  }

  /** Says goodbye to everybody; what they had sent is durable and answered when it returns. */
  async close(): Promise<void> {
    clearInterval(this.#heartbeat);
    const { commits, dispatcher } = this.#context;
    await commits.between(async () => dispatcher.closeAll("SERVER_STOPPING"));
    for (const socket of this.#sockets.clients) socket.close(1001);
    this.#sockets.close();
  }

  #beat(): void {
    for (const socket of this.#sockets.clients) {
      if (this.#silent.has(socket)) socket.terminate();
      this.#silent.add(socket);
      socket.ping();
    }
  }
}

/** One WebSocket, from hello to goodbye. */
class StreamSession implements FrameSocket {
  readonly #socket: WebSocket;
  readonly #raw: Duplex;
  readonly #context: StreamContext;
  readonly #rate: RateLimit;
  readonly #log: Log;
  readonly #signals = new RateLimit(SIGNALS);
  readonly #helloTimer: NodeJS.Timeout;
  #connection: DeviceConnection | undefined;
  /** Set while hello is looked up: frames may be behind it already. */
  #greeting: Promise<void> | undefined;
  #unanswered = 0;
  #corked = false;
  #ended = false;

  constructor(socket: WebSocket, raw: Duplex, context: StreamContext, rate: RateLimit, log: Log) {
    this.#socket = socket;
    this.#raw = raw;
    this.#context = context;
    this.#rate = rate;
    this.#log = log;
    this.#helloTimer = setTimeout(() => this.close("SESSION_REQUIRED"), HELLO_MS);
    raw.on("drain", () => this.#connection?.catchUp());
  }

  get waitingBytes(): number {
    return this.#raw.writableLength;
  }

  /** All that is sent in one turn leaves in one write. */
  send(frame: Uint8Array): void {
    if (!this.#corked) {
      this.#corked = true;
      this.#raw.cork();
      process.nextTick(() => {
        this.#corked = false;
        this.#raw.uncork();
      });
    }
    this.#socket.send(frame);
  }

  close(code: string): void {
    this.send(encodeServerFrame({ type: "goodbye", code }));
    this.#socket.close(1000);
    this.end();
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#helloTimer);
    if (this.#connection !== undefined) this.#context.dispatcher.detach(this.#connection);
  }

  receive(data: RawData): void {
    if (this.#ended) return;
    try {
      this.#take(decodeClientFrame(bytesOf(data)));
    } catch (error) {
      this.close(error instanceof PortcullisError ? error.code : "SERVER_FAILED");
    }
  }

  #take(frame: ClientFrame): void {
    if (frame.type === "hello") {
      if (this.#greeting !== undefined) throw new ServerError("REQUEST_INVALID");
      this.#greeting = this.#greet(frame.token).catch((error: unknown) => {
        this.close(error instanceof PortcullisError ? error.code : "SERVER_FAILED");
      });
    } else if (this.#connection !== undefined) this.#handle(frame, this.#connection);
    else if (this.#greeting === undefined) throw new ServerError("SESSION_REQUIRED");
    else void this.#greeting.then(() => this.#connection && this.#handle(frame, this.#connection));
  }

  async #greet(token: string): Promise<void> {
    const { sessions, commits, dispatcher } = this.#context;
    const caller = await sessions.caller(token);
    if (caller.kind !== "device") throw new ServerError("SESSION_FORBIDDEN");
    clearTimeout(this.#helloTimer);
    const { accountId, deviceId } = caller;
    const ready = encodeServerFrame({ type: "ready" });
    await commits.between(async () => {
      if (this.#ended) return;
      this.#connection = await dispatcher.attach({ accountId, deviceId }, this, ready);
      if (this.#ended) dispatcher.detach(this.#connection);
    });
  }

  #handle(frame: Exclude<ClientFrame, { type: "hello" }>, connection: DeviceConnection): void {
    const { commits, dispatcher, realClock } = this.#context;
    if (frame.type === "signal") {
      // Beyond the limit it is lost, as it is for whoever is not there.
      if (this.#signals.take("", realClock.now())) dispatcher.relay(connection, frame);
      return;
    }
    if (frame.type === "cursor") {
      const position = connection.position(frame.conversationId);
      if (position === undefined) return;
      const sequence = Math.min(frame.sequence, position);
      const { conversationId } = frame;
      commits.setCursor({ ...connection.device, conversationId, sequence });
      return;
    }
    const { requestId } = frame;
    if (!this.#rate.take(connection.key, realClock.now())) {
      this.#reject(requestId, new ServerError("RATE_LIMITED"));
      return;
    }
    if (++this.#unanswered === MOST_UNANSWERED) this.#socket.pause();
    const answer = (outcome: Outcome): void => {
      if (this.#unanswered-- === MOST_UNANSWERED) this.#socket.resume();
      if ("error" in outcome) this.#reject(requestId, outcome.error);
      else if (!this.#ended) this.send(encodeServerFrame({ type: "accepted", requestId, ...outcome }));
    };
    commits.submit({ device: connection.device, frame, answer });
  }

  #reject(requestId: number, error: unknown): void {
    const code = error instanceof PortcullisError ? error.code : "SERVER_FAILED";
    if (!(error instanceof PortcullisError))
      this.#log("error", "frame", { error: error instanceof Error ? error.message : String(error) });
    if (!this.#ended) this.send(encodeServerFrame({ type: "rejected", requestId, code }));
  }
}

/** The default of `ws` is one Buffer for a message; views of it shall be plain bytes. */
function bytesOf(data: RawData): Uint8Array {
  const { buffer, byteOffset, length } = data as Buffer;
  return new Uint8Array(buffer, byteOffset, length);
}
