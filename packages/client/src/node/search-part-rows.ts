import type { DatabaseSync } from "node:sqlite";
import type { SearchPartRange } from "../store.ts";
import type { ErasableKeys } from "./erasable-keys.ts";

export const SEARCH_PART_ROWS_SCHEMA = `
  CREATE TABLE search_parts (
    after INTEGER PRIMARY KEY, up_to INTEGER NOT NULL, key_slot INTEGER NOT NULL, value BLOB NOT NULL) STRICT;
`;

/** The parts of the search index, each sealed under a key that is erased with it. */
export class SearchPartRows {
  readonly #keys: ErasableKeys;
  readonly #statements: ReturnType<typeof prepareStatements>;

  constructor(database: DatabaseSync, keys: ErasableKeys) {
    this.#keys = keys;
    this.#statements = prepareStatements(database);
  }

  list(): SearchPartRange[] {
    const rows = this.#statements.list.all() as { after: number; up_to: number }[];
    return rows.map(({ after, up_to: upTo }) => ({ after, upTo }));
  }

  read(after: number): Uint8Array | undefined {
    const row = this.#statements.read.get(after) as { key_slot: number; value: Uint8Array } | undefined;
    return row && this.#keys.open({ slot: row.key_slot, sealed: row.value });
  }

  /** In place of all that are over any of its messages. */
  put({ after, upTo }: SearchPartRange, value: Uint8Array): void {
    this.#erased(this.#statements.eraseOver.all(upTo, after));
    const { slot, sealed } = this.#keys.seal(value);
    this.#statements.put.run(after, upTo, slot, sealed);
  }

  /** The one that is over this message. */
  eraseOver(arrival: number): void {
    this.#erased(this.#statements.eraseOver.all(arrival, arrival - 1));
  }

  #erased(rows: unknown[]): void {
    for (const { key_slot: slot } of rows as { key_slot: number }[]) this.#keys.erase(slot);
  }
}

function prepareStatements(database: DatabaseSync) {
  return {
    list: database.prepare("SELECT after, up_to FROM search_parts"),
    read: database.prepare("SELECT key_slot, value FROM search_parts WHERE after = ?"),
    put: database.prepare("INSERT INTO search_parts VALUES (?, ?, ?, ?)"),
    eraseOver: database.prepare("DELETE FROM search_parts WHERE after < ? AND up_to > ? RETURNING key_slot"),
  };
}
