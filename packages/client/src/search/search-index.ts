import { PortcullisError, type ConversationId } from "@portcullis/protocol";
import { ClientError } from "../errors.ts";
import { Lane } from "../lane.ts";
import type { ClientStore, StoreChange } from "../store.ts";
import { SearchPart, type Found } from "./search-part.ts";
import type { Term } from "./words.ts";

/** Read at a time, so that whatever else there is to do comes in between. */
const SLICE = 256;

/** How far back what is on this device can be searched now. */
export interface SearchReach {
  /** Whether that is everything. */
  readonly isComplete: boolean;
  /** When the oldest message that can be found was said; undefined when there is none. */
  readonly backToMs?: number;
  /** How much of what is on this device that is, from 0 to 1. */
  readonly share: number;
}

export interface SearchIndexParts {
  readonly store: Pick<ClientStore, "arrived" | "searchParts" | "searchPart">;
  readonly write: (changes: readonly StoreChange[]) => Promise<void>;
  /** So many messages belong to a part. */
  readonly size: number;
  readonly tell: (reach: SearchReach) => void;
}

/**
 * The index over all messages of a store, in parts in the order in which these came. A part that is full is kept, sealed; the
 * store lets it go with the first message in it that is erased, and it is made anew then. So nothing here need be told of
 * what happens to messages: what is found is looked up before it is shown. Everything that changes parts runs in one lane.
 */
export class SearchIndex {
  readonly #parts: SearchIndexParts;
  /** Those that can be searched, by number from 0 on. */
  readonly #raised = new Map<number, SearchPart>();
  /** The numbers of those that were given to the store. */
  readonly #kept = new Set<number>();
  readonly #lane = new Lane();
  #latest = 0;
  #whole: Promise<void> | undefined;
  #closed = false;

  constructor(parts: SearchIndexParts) {
    this.#parts = parts;
  }

  get reach(): SearchReach {
    const wanted = this.#newest + 1;
    const oldest = Math.min(...[...this.#raised.values()].map(({ oldestMs }) => oldestMs));
    return {
      isComplete: this.#raised.size >= wanted,
      ...(Number.isFinite(oldest) && { backToMs: oldest }),
      share: wanted === 0 ? 1 : Math.min(1, this.#raised.size / wanted),
    };
  }

  /** Resolves when the newest messages can be found, up to what is there now. @throws ClientError CLIENT_CLOSED */
  async fresh(): Promise<void> {
    const kept = await this.#look();
    const known = Math.max(-1, ...this.#raised.keys());
    // Some may have filled up what was the newest part, and begun others.
    const from = known < 0 ? this.#newest : known;
    for (let number = this.#newest; number >= Math.max(0, from); number--) await this.#raise(number, kept);
  }

  /** Resolves when everything can be found that is there now. @throws ClientError CLIENT_CLOSED */
  async whole(): Promise<void> {
    await this.fresh();
    this.#whole ??= this.#raiseAll().finally(() => (this.#whole = undefined));
    await this.#whole;
  }

  /** Where it is said what is looked for, newest first; some may say something else by now, or nothing any more. */
  *candidates(
    terms: readonly Term[],
    conversationId?: ConversationId,
  ): Generator<Found, undefined, undefined> {
    const parts = [...this.#raised.values()].toSorted((a, b) => b.newestMs - a.newestMs);
    let found: Found[] = [];
    for (const [i, part] of parts.entries()) {
      found = [...found, ...part.search(terms, conversationId)].toSorted((a, b) => b.saidAtMs - a.saidAtMs);
      const next = parts[i + 1]?.newestMs ?? -1;
      const later = found.findIndex(({ saidAtMs }) => saidAtMs <= next);
      const ready = later < 0 ? found.length : later;
      yield* found.slice(0, ready);
      found = found.slice(ready);
    }
  }

  /** Resolves when nothing is read or written any more. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#lane.drained();
  }

  get #newest(): number {
    return Math.ceil(this.#latest / this.#parts.size) - 1;
  }

  /** The numbers of the parts that the store has. */
  async #look(): Promise<ReadonlySet<number>> {
    if (this.#closed) throw new ClientError("CLIENT_CLOSED");
    const { size, store } = this.#parts;
    const { latest, parts } = await store.searchParts();
    this.#latest = Math.max(this.#latest, latest);
    const whole = parts.filter(({ after, upTo }) => after % size === 0 && upTo === after + size);
    return new Set(whole.map(({ after }) => after / size));
  }

  async #raiseAll(): Promise<void> {
    const kept = await this.#look();
    for (let number = this.#newest; number >= 0; number--) {
      const before = this.#raised.size;
      await this.#raise(number, kept);
      if (this.#raised.size > before) this.#parts.tell(this.reach);
    }
  }

  #raise(number: number, kept: ReadonlySet<number>): Promise<void> {
    return this.#lane.run(async () => {
      if (this.#kept.has(number) && !kept.has(number)) {
        // The store let it go.
        this.#raised.delete(number);
        this.#kept.delete(number);
      }
      const part = this.#raised.get(number) ?? (await this.#partOf(number, kept));
      await this.#fill(part);
      await this.#keep(number, part);
      this.#raised.set(number, part);
    });
  }

  async #partOf(number: number, kept: ReadonlySet<number>): Promise<SearchPart> {
    const after = number * this.#parts.size;
    const bytes = kept.has(number) ? await this.#parts.store.searchPart(after) : undefined;
    await breath();
    if (bytes === undefined) return new SearchPart(after);
    try {
      const part = SearchPart.decode(bytes, after);
      this.#kept.add(number);
      return part;
    } catch (error) {
      if (!(error instanceof PortcullisError)) throw error;
      // What is derived can be derived again.
      return new SearchPart(after);
    }
  }

  async #fill(part: SearchPart): Promise<void> {
    const end = part.after + this.#parts.size;
    while (part.upTo < end) {
      if (this.#closed) throw new ClientError("CLIENT_CLOSED");
      const arrived = await this.#parts.store.arrived({ after: part.upTo, limit: SLICE });
      const within = arrived.filter(({ arrival }) => arrival <= end);
      part.take(within);
      // Behind its end there is more: of this part there is not.
      if (within.length < arrived.length) part.upTo = end;
      else if (arrived.length < SLICE) return;
      await breath();
    }
  }

  async #keep(number: number, part: SearchPart): Promise<void> {
    const { size, write } = this.#parts;
    const { after, upTo, speaking: messages } = part;
    if (this.#kept.has(number) || upTo < after + size) return;
    if (this.#closed) throw new ClientError("CLIENT_CLOSED");
    await write([{ put: "search-part", after, upTo, messages, value: part.encode() }]);
    this.#kept.add(number);
  }
}

/** Lets whatever waits go first. */
function breath(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 0);
  });
}
