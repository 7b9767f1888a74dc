import { LedgerError } from "@portcullis/ledger";
import {
  decodeIdentityOpening,
  emptyIndex,
  encodeIdentityOpening,
  extendIndex,
  identityEntry,
  rootOfIndex,
  type IdentityIndex,
} from "@portcullis/ledger/identity";
import type { NewOpening, Store } from "@portcullis/store";

/** A tree is recorded only after the one before it is published, so that one of the last two is. */
const KEPT = 2;
const OPENINGS_PER_READ = 4096;

/** The identity log's index: as it will be once everything recorded is published, and as it was one root before. */
export class IndexHistory {
  #latest: IdentityIndex = emptyIndex;
  #published: readonly IdentityIndex[] = [emptyIndex];

  /** Made from all that the database has recorded. @throws LedgerError INDEX_OPENING, INDEX_VERSION */
  static async load({ openings }: Store): Promise<IndexHistory> {
    const history = new IndexHistory();
    for (;;) {
      const page = await openings.from("identity", history.#latest.size, OPENINGS_PER_READ);
      for (const { opening } of page) history.#add(opening);
      if (page.length < OPENINGS_PER_READ) break;
    }
    return history;
  }

  /** The index root that ends a batch; the index then covers the batch. */
  close(items: readonly NewOpening[]): NewOpening {
    for (const { opening } of items) this.#add(opening);
    const root = rootOfIndex(this.#latest);
    const opening = encodeIdentityOpening(root);
    this.#add(opening);
    return { entry: identityEntry(root), kind: "index-root", opening };
  }

  /** The index that the last entry of a tree of this size is the root of; undefined when there is no such entry. */
  at(size: number): IdentityIndex | undefined {
    return this.#published.find((index) => index.size === size);
  }

  #add(bytes: Uint8Array | null): void {
    // A log that was begun before the index hides what its entries are: it cannot be gone on with.
    if (bytes === null) throw new LedgerError("INDEX_OPENING", { index: this.#latest.size });
    const opening = decodeIdentityOpening(bytes);
    this.#latest = extendIndex(this.#latest, opening);
    if (opening.kind === "index-root") this.#published = [...this.#published, this.#latest].slice(-KEPT);
  }
}
