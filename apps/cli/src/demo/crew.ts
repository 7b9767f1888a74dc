import { Worker } from "node:worker_threads";
import type { CrewAnswer, CrewCall, CrewCalls, CrewSetup } from "./crew-calls.ts";

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
}

/** One worker thread with the clients of some people in it. */
class CrewThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #next = 0;

  constructor(setup: CrewSetup) {
    this.#worker = new Worker(new URL("./crew-worker.ts", import.meta.url), {
      workerData: setup,
      resourceLimits: { maxYoungGenerationSizeMb: 16 },
    });
    this.#worker.on("message", (answer: CrewAnswer) => this.#settle(answer));
    this.#worker.on("error", (error: unknown) =>
      this.#fail(error instanceof Error ? error : new Error(String(error))),
    );
  }

  call<Name extends keyof CrewCalls>(
    name: Name,
    ...args: Parameters<CrewCalls[Name]>
  ): Promise<Awaited<ReturnType<CrewCalls[Name]>>> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, name, args } satisfies CrewCall);
    });
  }

  #settle(answer: CrewAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if ("error" in answer)
      waiting?.reject(Object.assign(new Error(answer.error.message), { code: answer.error.code }));
    else waiting?.resolve(answer.value as never);
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}

/**
 * The people of the transcript, each with a client of their own, spread over worker threads: two cores decrypt while
 * one thread keeps the time.
 */
export class Crew {
  readonly #threads: readonly CrewThread[];
  readonly #threadOf = new Map<string, CrewThread>();

  constructor(setup: CrewSetup, threads: number) {
    this.#threads = Array.from({ length: threads }, () => new CrewThread(setup));
  }

  /** One person's client does something. */
  async by<Name extends "join" | "converse" | "send" | "readNotices">(
    person: string,
    name: Name,
    ...args: Parameters<CrewCalls[Name]>
  ): Promise<Awaited<ReturnType<CrewCalls[Name]>>> {
    return this.#threadFor(person).call(name, ...args);
  }

  /** Every thread does it, for all the clients in it. */
  async each<Name extends "joined" | "caughtUp" | "histories" | "counters" | "close">(
    name: Name,
    ...args: Parameters<CrewCalls[Name]>
  ): Promise<Awaited<ReturnType<CrewCalls[Name]>>[]> {
    return Promise.all(this.#threads.map((thread) => thread.call(name, ...args)));
  }

  #threadFor(person: string): CrewThread {
    const known = this.#threadOf.get(person);
    if (known !== undefined) return known;
    const thread = this.#threads[this.#threadOf.size % this.#threads.length] as CrewThread;
    this.#threadOf.set(person, thread);
    return thread;
  }

  async close(): Promise<void> {
    await this.each("close");
    await Promise.all(this.#threads.map((thread) => thread.end()));
  }
}
