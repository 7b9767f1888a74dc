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

  async waiting(origin: Origin, limit: number): Promise<StoredOpening[]> {
    return await this.#connection.query
      .selectFrom("openings")
      .select(columns)
      .where("origin", "=", origin)
      .where("logIndex", "is", null)
      .orderBy("position")
      .limit(limit)
      .execute();
  }

  /** Gives `positions` and then `dummies` the indices that follow on, and returns the first of them. */
  async sequence(
    origin: Origin,
    positions: readonly number[],
    dummies: readonly NewOpening[] = [],
  ): Promise<number> {
    return await this.#connection.durably("sequence", async (transaction) => {
      const { last } = await transaction
        .selectFrom("openings")
        .select((select) => select.fn.max("logIndex").as("last"))
        .where("origin", "=", origin)
        .executeTakeFirstOrThrow();
      const first = last === null ? 0 : last + 1;
      for (const [offset, position] of positions.entries()) {
        await transaction
          .updateTable("openings")
          .set({ logIndex: first + offset })
          .where("position", "=", position)
          .execute();
      }
      const rows = dummies.map((dummy, offset) => ({
        origin,
        logIndex: first + positions.length + offset,
        ...dummy,
      }));
      if (rows.length > 0) await transaction.insertInto("openings").values(rows).execute();
      return first;
    });
  }

  /** In the log's order, from an index on. */
  async from(origin: Origin, logIndex: number, limit: number): Promise<StoredOpening[]> {
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
