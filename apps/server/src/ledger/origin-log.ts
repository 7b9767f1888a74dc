import { once, EventEmitter } from "node:events";
import {
  collectCosignatures,
  Sequencer,
  type NoteSigner,
  type Pace,
  type WitnessClient,
} from "@portcullis/ledger";
import { TileLog } from "@portcullis/ledger/node";
import type { WitnessPolicy } from "@portcullis/ledger/verify";
import type { Clock } from "@portcullis/protocol";
import type { NewOpening, Origin, Store, StoredOpening } from "@portcullis/store";
import type { Log } from "../log.ts";

export interface OriginLogOptions {
  readonly origin: Origin;
  readonly directory: string;
  readonly store: Store;
  readonly signer: NoteSigner;
  readonly policy: WitnessPolicy;
  /** The policy's witnesses, and others whose cosignatures are welcome but never needed. */
  readonly witnesses: readonly WitnessClient[];
  readonly pace: Pace<NewOpening>;
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** An opening that stands in the published log. */
export type PublishedOpening = StoredOpening & { readonly logIndex: number };

/**
 * One of the server's two logs: a queue in the database, a sequencer, tiles on disk. What was handed over survives a
 * crash at any point: it is queued durably first, then recorded with its index, then appended, then published.
 */
export class OriginLog {
  readonly #options: OriginLogOptions;
  readonly #sequencer: Sequencer<NewOpening>;
  readonly #published = new EventEmitter().setMaxListeners(0);
  readonly #stop = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #askedAtMs = Number.NEGATIVE_INFINITY;
  #tiles: TileLog;

  private constructor(options: OriginLogOptions, tiles: TileLog) {
    this.#options = options;
    this.#tiles = tiles;
    const { store, origin, pace, witnesses } = options;
    this.#sequencer = new Sequencer<NewOpening>({
      log: tiles,
      pace,
      storage: {
        record: (firstIndex, items) => store.openings.record(origin, firstIndex, items),
        recorded: async (fromIndex) =>
          (await store.openings.from(origin, fromIndex)).map(({ entry }) => entry),
      },
      cosign: collectCosignatures({
        witnesses,
        readConsistencyProof: (oldSize, newSize) => tiles.readConsistencyProof(oldSize, newSize),
        seenSize: tiles.published?.size ?? 0,
      }),
    });
  }

  /** Opens the log, takes up what a crash left, and starts its rhythm. */
  static async open(options: OriginLogOptions): Promise<OriginLog> {
    const { directory, signer, policy, origin, store } = options;
    const log = new OriginLog(options, await TileLog.open({ directory, signer, policy }));
    for (const waiting of await store.openings.waiting(origin)) log.#queue(waiting);
    log.#beat();
    return log;
  }

  get tiles(): TileLog {
    return this.#tiles;
  }

  /** Hands over an opening. Durable when it returns; to learn when it is published, see `publication`. */
  async submit(opening: NewOpening): Promise<void> {
    const { origin, store } = this.#options;
    if ((await store.openings.byEntry(origin, opening.entry)) !== undefined) return;
    await store.openings.queue(origin, opening);
    this.#queue(opening);
  }

  /** For an opening that was queued in a transaction with something else. */
  queued(opening: NewOpening): void {
    this.#queue(opening);
  }

  /** The opening once it is published, waiting for that at most so long; undefined when it is not by then. */
  async publication(entry: Uint8Array, waitMs: number): Promise<PublishedOpening | undefined> {
    const { origin, store } = this.#options;
    return await this.#once(waitMs, async () => {
      const opening = await store.openings.byEntry(origin, entry);
      const logIndex = opening?.logIndex;
      if (opening && typeof logIndex === "number" && logIndex < (this.#tiles.published?.size ?? 0))
        return { ...opening, logIndex };
      return undefined;
    });
  }

  /** When the witnesses were asked for what is published, as far as this process has seen it. */
  get askedAtMs(): number {
    return this.#askedAtMs;
  }

  /** Publishes a batch even if nothing is queued, its closing alone; false when that took longer. */
  async renew(waitMs: number): Promise<boolean> {
    const before = this.#tiles.published?.size ?? 0;
    this.#sequencer.renew();
    const done = await this.#once(waitMs, () =>
      Promise.resolve((this.#tiles.published?.size ?? 0) > before || undefined),
    );
    return done ?? false;
  }

  /** What `look` finds, now or after one of the next publications. */
  async #once<T>(waitMs: number, look: () => Promise<T | undefined>): Promise<T | undefined> {
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(waitMs)]);
    for (;;) {
      const next = once(this.#published, "published", { signal }).then(
        () => true,
        () => false,
      );
      const found = await look();
      if (found !== undefined) return found;
      if (!(await next)) return undefined;
    }
  }

  /** Whoever waits for a publication is told that there will be none. */
  stopWaiting(): void {
    this.#stop.abort();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    clearTimeout(this.#timer);
    await this.#sequencer.close();
  }

  #queue({ entry, kind, opening }: NewOpening): void {
    // It is queued durably: should the sequencer end first, the next start takes it up again.
    this.#sequencer.queue({ entry, kind, opening }).catch(() => undefined);
  }

  #beat(): void {
    void this.#tick().finally(() => {
      if (!this.#stop.signal.aborted) this.#timer = setTimeout(() => this.#beat(), this.#options.intervalMs);
    });
  }

  async #tick(): Promise<void> {
    const { origin, log, clock } = this.#options;
    try {
      const nowMs = clock.now();
      const { state, failures } = await this.#sequencer.tick();
      if (state === "published") {
        this.#askedAtMs = nowMs;
        this.#published.emit("published");
      }
      for (const failure of failures) log("warning", "witness", { origin, error: failure.message });
    } catch (error) {
      log("error", "sequencer", { origin, error: String(error) });
    }
  }
}
