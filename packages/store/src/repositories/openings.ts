import type { Connection } from "./connection.ts";
import type { Origin } from "../schema.ts";

/** What an entry of a log hides. `logIndex` is its place there once it has one. */
export interface StoredOpening {
  readonly position: number;
  readonly logIndex: number | null;
  readonly entry: Uint8Array;
  readonly kind: string;
  readonly opening: Uint8Array | null;
}

export type NewOpening = Pick<StoredOpening, "entry" | "kind" | "opening">;

const columns = ["position", "logIndex", "entry", "kind", "opening"] as const;

/**
 * The queue before each log and the truth about its order: an entry gets its index here, durably, before it is
 * appended, so that a log that fell behind in a crash is completed from here.
 */
export class Openings {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Queues an entry; the same entry again is the same request. */
  async queue(origin: Origin, opening: NewOpening): Promise<void> {
    await this.#connection.durably("opening", async (transaction) => {
      await transaction
        .insertInto("openings")
        .values({ origin, logIndex: null, ...opening })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
    });
  }

  /** Those that have no place in the log yet, in the order in which they came. */
  async waiting(origin: Origin): Promise<StoredOpening[]> {
    return await this.#connection.query
      .selectFrom("openings")
      .select(columns)
      .where("origin", "=", origin)
      .where("logIndex", "is", null)
      .orderBy("position")
      .execute();
  }

  /** Gives the openings the indices from `firstIndex` on, storing those that were not queued (dummies). Again: no effect. */
  async record(origin: Origin, firstIndex: number, openings: readonly NewOpening[]): Promise<void> {
    await this.#connection.durably("record", async (transaction) => {
      for (const [offset, opening] of openings.entries()) {
        const logIndex = firstIndex + offset;
        await transaction
          .insertInto("openings")
          .values({ origin, logIndex, ...opening })
          .onConflict((conflict) => conflict.columns(["origin", "entry"]).doUpdateSet({ logIndex }))
          .execute();
      }
    });
  }

  /** In the log's order, from an index on. */
  async from(origin: Origin, logIndex: number, limit = Number.MAX_SAFE_INTEGER): Promise<StoredOpening[]> {
    return await this.#connection.query
      .selectFrom("openings")
      .select(columns)
      .where("origin", "=", origin)
      .where("logIndex", ">=", logIndex)
      .orderBy("logIndex")
      .limit(limit)
      .execute();
  }

  async byEntry(origin: Origin, entry: Uint8Array): Promise<StoredOpening | undefined> {
    return await this.#connection.query
      .selectFrom("openings")
      .select(columns)
      .where("origin", "=", origin)
      .where("entry", "=", entry)
      .executeTakeFirst();
  }

  /** Every opening of a kind, in the order in which they came; those that still wait for a place included. */
  async ofKind(origin: Origin, kind: string): Promise<StoredOpening[]> {
    return await this.#connection.query
      .selectFrom("openings")
      .select(columns)
      .where("origin", "=", origin)
      .where("kind", "=", kind)
      .orderBy("position")
      .execute();
  }
}
