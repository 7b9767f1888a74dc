import { ClientError } from "../errors.ts";
import type { Answer, Host } from "../host.ts";

/**
 * The requests that the server has still to answer, and a watch over them. A server answers in the order of the requests,
 * more or less: when the oldest one stays the oldest, its answer is lost, whatever else arrives; and a server that is slow
 * with many is not taken for a silent one.
 */
export class Answers {
  readonly #host: Pick<Host, "later" | "reconnect">;
  readonly #waitMs: number;
  /** By request id, oldest first. */
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #requests = 0;
  #isWatched = false;

  /** `waitMs`: how long one request may be the oldest before the connection is made anew. */
  constructor(host: Pick<Host, "later" | "reconnect">, waitMs: number) {
    this.#host = host;
    this.#waitMs = waitMs;
  }

  /** Returns the id of a new request. */
  expect(onAnswer: (answer: Answer) => void): number {
    const requestId = ++this.#requests;
    this.#waiting.set(requestId, onAnswer);
    if (!this.#isWatched) this.#watch();
    return requestId;
  }

  take(answer: Answer): void {
    const onAnswer = this.#waiting.get(answer.requestId);
    this.#waiting.delete(answer.requestId);
    onAnswer?.(answer);
  }

  /** The connection is gone, and with it every answer. */
  clear(): void {
    this.#waiting.clear();
  }

  /** One timer, however many requests there are: it finds a silence between once and twice `waitMs` after it began. */
  #watch(): void {
    const [oldest] = this.#waiting.keys();
    this.#isWatched = oldest !== undefined;
    if (oldest === undefined) return;
    this.#host.later(this.#waitMs, () => {
      if (this.#waiting.has(oldest)) this.#host.reconnect(new ClientError("CLIENT_SERVER_SILENT"));
      this.#watch();
    });
  }
}
