import type { Random } from "@portcullis/protocol";
import { LedgerError } from "./errors.ts";
import { checkEntry } from "./tile.ts";

/** What is queued: the entry, and whatever else its storage keeps with it. */
export interface Sequenced {
  readonly entry: Uint8Array;
}

/** A checkpoint that the log has signed and not published. */
export interface PendingCheckpoint {
  readonly size: number;
  /** The signed note: the log's signature alone. */
  readonly note: string;
}

/** The part of a log that a sequencer needs; TileLog of ledger/node is one. */
export interface SequencedLog {
  readonly size: number;
  readonly pending: PendingCheckpoint | undefined;
  /** Durable and signed when it resolves. Equal entries at indexes that it has are no error. */
  append(firstIndex: number, entries: readonly Uint8Array[]): Promise<unknown>;
  /** @throws LedgerError LEDGER_WITNESS_QUORUM when the note has too few cosignatures */
  publish(note: string): Promise<unknown>;
}

/** Keeps what is behind the entries (their openings). It must hold an entry before the log does. */
export interface SequencerStorage<Item extends Sequenced> {
  /** Durable when it resolves. The same items at the same indexes again: no effect. */
  record(firstIndex: number, items: readonly Item[]): Promise<void>;
  /** The entries that are recorded from that index on: what a crash kept from the log. */
  recorded(fromIndex: number): Promise<readonly Uint8Array[]>;
}

/** Asks the witnesses. `failures`: one for each that did not cosign, for the operator's log. */
export type Cosign = (
  pending: PendingCheckpoint,
) => Promise<{ readonly note: string; readonly failures: readonly Error[] }>;

/**
 * `constant`: each tick publishes exactly `entries`, dummies filling up, so that nothing shows when something is
 * asked for. `demand`: a tick publishes what is queued, at most `most`, or nothing. `closing` makes one item more, which
 * ends the batch and is published with it; it is called once for a batch, with what stands before in it.
 */
export type Pace<Item extends Sequenced> =
  | {
      readonly kind: "constant";
      readonly entries: number;
      readonly dummy: () => Item;
      readonly random: Random;
    }
  | {
      readonly kind: "demand";
      readonly most: number;
      readonly closing?: (firstIndex: number, items: readonly Item[]) => Item;
    };

/** What a tick came to. `waiting`: signed, but too few witnesses answered; the next tick asks again. */
export interface Tick {
  readonly state: "published" | "idle" | "waiting";
  readonly failures: readonly Error[];
}

interface Waiting<Item extends Sequenced> {
  readonly item: Item;
  readonly resolve: (published: { index: number }) => void;
  readonly reject: (error: Error) => void;
}

interface Batch<Item extends Sequenced> {
  readonly firstIndex: number;
  readonly items: readonly Item[];
  readonly waiting: ReadonlyMap<number, Waiting<Item>>;
}

/** A uniform integer below `bound`, at most 2^24. */
function randomBelow(random: Random, bound: number): number {
  const fair = 2 ** 32 - (2 ** 32 % bound);
  for (;;) {
    const drawn = new DataView(random(4).slice().buffer).getUint32(0);
    if (drawn < fair) return drawn % bound;
  }
}

/** `chosen` places among `all`, each set of places as likely as any other, in ascending order. */
function randomPlaces(random: Random, chosen: number, all: number): number[] {
  const places: number[] = [];
  for (let place = 0; places.length < chosen; place++) {
    if (randomBelow(random, all - place) < chosen - places.length) places.push(place);
  }
  return places;
}

/**
 * Brings queued entries into a log, batch by batch: recorded in the storage with their indexes, then appended, then
 * cosigned, then published. Whatever fails is taken up again where it stopped, at the next tick or after a restart, with
 * the same bytes at the same indexes; until then the old checkpoint stays published.
 */
export class Sequencer<Item extends Sequenced> {
  readonly #log: SequencedLog;
  readonly #storage: SequencerStorage<Item>;
  readonly #cosign: Cosign;
  readonly #pace: Pace<Item>;
  #queue: Waiting<Item>[] = [];
  /** Has its indexes, and is not surely in the log. */
  #batch: Batch<Item> | undefined;
  /** In the log, not published, by index. */
  readonly #appended = new Map<number, Waiting<Item>>();
  #resumed = false;
  #renewing = false;
  #running: Promise<Tick> | undefined;
  #closed = false;

  constructor(parts: {
    log: SequencedLog;
    storage: SequencerStorage<Item>;
    cosign: Cosign;
    pace: Pace<Item>;
  }) {
    this.#log = parts.log;
    this.#storage = parts.storage;
    this.#cosign = parts.cosign;
    this.#pace = parts.pace;
  }

  /** Entries that nobody can see in the log yet. */
  get unpublished(): number {
    return this.#queue.length + (this.#batch?.waiting.size ?? 0) + this.#appended.size;
  }

  /**
   * Resolves once the entry is published and cosigned. After a crash it may be in the log without anybody having been
   * told: whoever asks again should look in the storage first.
   * @throws LedgerError LEDGER_ENTRY_LENGTH, LEDGER_CLOSED
   */
  async queue(item: Item): Promise<{ index: number }> {
    checkEntry(item.entry);
    if (this.#closed) throw new LedgerError("LEDGER_CLOSED");
    return new Promise((resolve, reject) => this.#queue.push({ item, resolve, reject }));
  }

  /** The next tick publishes a batch even if nothing is queued: its closing alone. */
  renew(): void {
    this.#renewing = true;
  }

  /** To be called at each interval. One runs at a time: called again meanwhile, it gives the one that runs. */
  tick(): Promise<Tick> {
    this.#running ??= this.#advance().finally(() => (this.#running = undefined));
    return this.#running;
  }

  /** Lets the running tick end; what is not published by then is told so. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running?.catch(() => undefined);
    const left = [...this.#appended.values(), ...(this.#batch?.waiting.values() ?? []), ...this.#queue];
    this.#appended.clear();
    this.#queue = [];
    for (const { reject } of left) reject(new LedgerError("LEDGER_CLOSED"));
  }

  async #advance(): Promise<Tick> {
    if (!this.#resumed) await this.#resume();
    if (this.#batch !== undefined) await this.#commit(this.#batch);
    const before = await this.#publish();
    if (before?.state === "waiting") return before;
    this.#batch = this.#nextBatch();
    if (this.#batch === undefined) return before ?? { state: "idle", failures: [] };
    await this.#commit(this.#batch);
    return (await this.#publish()) ?? { state: "idle", failures: [] };
  }

  /** What was recorded and did not reach the log comes first: its indexes are taken. */
  async #resume(): Promise<void> {
    const entries = await this.#storage.recorded(this.#log.size);
    if (entries.length > 0) await this.#log.append(this.#log.size, entries);
    this.#resumed = true;
  }

  #nextBatch(): Batch<Item> | undefined {
    const pace = this.#pace;
    const taken = this.#queue.splice(0, pace.kind === "constant" ? pace.entries : pace.most);
    const firstIndex = this.#log.size;
    if (pace.kind === "demand") {
      const items = taken.map((it) => it.item);
      if (pace.closing !== undefined && (items.length > 0 || this.#renewing))
        items.push(pace.closing(firstIndex, items));
      this.#renewing = false;
      return items.length === 0 ? undefined : { firstIndex, items, waiting: new Map(taken.entries()) };
    }
    // were the dummies always last, one entry unsealed later would tell that those before it were none
    const places = randomPlaces(pace.random, taken.length, pace.entries);
    const waiting = new Map(taken.map((it, i) => [places[i] as number, it]));
    const items = Array.from({ length: pace.entries }, (_, i) => waiting.get(i)?.item ?? pace.dummy());
    return { firstIndex, items, waiting };
  }

  async #commit(batch: Batch<Item>): Promise<void> {
    await this.#storage.record(batch.firstIndex, batch.items);
    await this.#log.append(
      batch.firstIndex,
      batch.items.map((it) => it.entry),
    );
    for (const [place, waiting] of batch.waiting) this.#appended.set(batch.firstIndex + place, waiting);
    this.#batch = undefined;
  }

  /** Undefined when all that is signed is published. */
  async #publish(): Promise<Tick | undefined> {
    const { pending } = this.#log;
    if (pending === undefined) return undefined;
    const { note, failures } = await this.#cosign(pending);
    try {
      await this.#log.publish(note);
    } catch (error) {
      if (error instanceof LedgerError && error.code === "LEDGER_WITNESS_QUORUM") {
        return { state: "waiting", failures };
      }
      throw error;
    }
    for (const [index, { resolve }] of this.#appended) {
      if (index >= pending.size) continue;
      this.#appended.delete(index);
      resolve({ index });
    }
    return { state: "published", failures };
  }
}
