import type { DatabaseSync, StatementSync } from "node:sqlite";
import { concatBytes } from "@portcullis/protocol";

const SLOT_BYTES = 256;

/**
 * Secrets in slots of one fixed size that are overwritten in place and never deleted. SQLite zeroes what is deleted
 * (secure_delete) but not the old place of what it moves when it balances a page; a slot, appended by rowid and
 * updated at the same size, never moves.
 *
 * A value is u32 length, bytes, zeros, over as many slots as it needs. Owned by one SqliteStore, inside its transactions.
 */
export class SecretSlots {
  readonly #slotsOf = new Map<string, number[]>();
  readonly #free: number[] = [];
  readonly #overwrite: StatementSync;
  readonly #append: StatementSync;
  readonly #own: StatementSync;
  readonly #disown: StatementSync;
  #slots: number;

  constructor(database: DatabaseSync) {
    this.#overwrite = database.prepare("UPDATE secrets SET bytes = ? WHERE slot = ?");
    this.#append = database.prepare("INSERT INTO secrets (slot, bytes) VALUES (?, ?)");
    this.#own = database.prepare("INSERT INTO secret_owners (slot, name, part) VALUES (?, ?, ?)");
    this.#disown = database.prepare("DELETE FROM secret_owners WHERE slot = ?");
    const owned = new Set<number>();
    const rows = database.prepare("SELECT slot, name FROM secret_owners ORDER BY name, part").all();
    for (const row of rows as { slot: number; name: string }[]) {
      const slots = this.#slotsOf.get(row.name) ?? [];
      slots.push(row.slot);
      this.#slotsOf.set(row.name, slots);
      owned.add(row.slot);
    }
    this.#slots = (database.prepare("SELECT count(*) AS n FROM secrets").get() as { n: number }).n;
    for (let slot = this.#slots; slot >= 1; slot--) if (!owned.has(slot)) this.#free.push(slot);
  }

  readAll(database: DatabaseSync): Map<string, Uint8Array> {
    const read = database.prepare("SELECT bytes FROM secrets WHERE slot = ?");
    return new Map(
      [...this.#slotsOf].map(([name, slots]) => {
        const whole = concatBytes(...slots.map((slot) => (read.get(slot) as { bytes: Uint8Array }).bytes));
        const length = new DataView(whole.buffer).getUint32(0);
        return [name, whole.slice(4, 4 + length)];
      }),
    );
  }

  put(name: string, value: Uint8Array): void {
    const needed = Math.ceil((4 + value.length) / SLOT_BYTES);
    const slots = this.#slotsOf.get(name) ?? [];
    while (slots.length > needed) this.#release(slots.pop() as number);
    const padded = new Uint8Array(needed * SLOT_BYTES);
    new DataView(padded.buffer).setUint32(0, value.length);
    padded.set(value, 4);
    for (let part = 0; part < needed; part++) {
      const piece = padded.subarray(part * SLOT_BYTES, (part + 1) * SLOT_BYTES);
      const slot = slots[part];
      if (slot === undefined) slots.push(this.#take(name, part, piece));
      else this.#overwrite.run(piece, slot);
    }
    this.#slotsOf.set(name, slots);
  }

  erase(name: string): void {
    for (const slot of this.#slotsOf.get(name) ?? []) this.#release(slot);
    this.#slotsOf.delete(name);
  }

  #take(name: string, part: number, piece: Uint8Array): number {
    const reused = this.#free.pop();
    const slot = reused ?? ++this.#slots;
    if (reused === undefined) this.#append.run(slot, piece);
    else this.#overwrite.run(piece, slot);
    this.#own.run(slot, name, part);
    return slot;
  }

  #release(slot: number): void {
    this.#overwrite.run(new Uint8Array(SLOT_BYTES), slot);
    this.#disown.run(slot);
    this.#free.push(slot);
  }
}
