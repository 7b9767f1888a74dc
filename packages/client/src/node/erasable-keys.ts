import type { DatabaseSync, StatementSync } from "node:sqlite";
import { aeadOpen, aeadSeal, wipe } from "@portcullis/crypto";
import { utf8, type Random } from "@portcullis/protocol";

const KEY_BYTES = 32;
const NOTHING = new Uint8Array(KEY_BYTES);
/** Each key seals one value and no other. */
const NONCE = new Uint8Array(24);
const SEALED = utf8("portcullis/client-row/v1");

export const ERASABLE_KEYS_SCHEMA = `
  CREATE TABLE row_keys (slot INTEGER PRIMARY KEY, key BLOB NOT NULL) STRICT;
  CREATE TABLE free_row_keys (slot INTEGER PRIMARY KEY) STRICT;
`;

/** What a row holds in place of a value that is to be unrecoverable once it is erased. */
export interface SealedValue {
  readonly slot: number;
  readonly sealed: Uint8Array;
}

/**
 * Seals values of other tables, each under a key of its own. SQLite zeroes what is deleted (secure_delete) but not the
 * old place of a row that it moves when it balances a page; a key is overwritten in its slot, appended by rowid and of
 * one size, which never moves. So nothing that is left of a row can be read once its key is erased.
 *
 * This is no protection from whoever has the file: the keys are in it. Owned by one SqliteStore, inside its transactions.
 */
export class ErasableKeys {
  readonly #random: Random;
  readonly #append: StatementSync;
  readonly #overwrite: StatementSync;
  readonly #read: StatementSync;
  readonly #free: StatementSync;
  readonly #take: StatementSync;
  readonly #release: StatementSync;
  /** Whether a slot may be free: not asked for each value. */
  #mayBeFree = true;

  constructor(database: DatabaseSync, random: Random) {
    this.#random = random;
    this.#append = database.prepare("INSERT INTO row_keys (key) VALUES (?)");
    this.#overwrite = database.prepare("UPDATE row_keys SET key = ? WHERE slot = ?");
    this.#read = database.prepare("SELECT key FROM row_keys WHERE slot = ?");
    this.#free = database.prepare("SELECT slot FROM free_row_keys LIMIT 1");
    this.#take = database.prepare("DELETE FROM free_row_keys WHERE slot = ?");
    this.#release = database.prepare("INSERT INTO free_row_keys VALUES (?)");
  }

  seal(value: Uint8Array): SealedValue {
    const key = this.#random(KEY_BYTES);
    const sealed = aeadSeal(key, NONCE, value, SEALED);
    const slot = this.#keep(key);
    wipe(key);
    return { slot, sealed };
  }

  /** @throws CryptoError when key and value do not belong together */
  open({ slot, sealed }: SealedValue): Uint8Array {
    const row = this.#read.get(slot) as { key: Uint8Array } | undefined;
    return aeadOpen(row?.key ?? NOTHING, NONCE, sealed, SEALED);
  }

  erase(slot: number): void {
    this.#overwrite.run(NOTHING, slot);
    this.#release.run(slot);
    this.#mayBeFree = true;
  }

  #keep(key: Uint8Array): number {
    const free = this.#mayBeFree ? (this.#free.get() as { slot: number } | undefined) : undefined;
    this.#mayBeFree = free !== undefined;
    if (free === undefined) return Number(this.#append.run(key).lastInsertRowid);
    this.#take.run(free.slot);
    this.#overwrite.run(key, free.slot);
    return free.slot;
  }
}
