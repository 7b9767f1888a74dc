import type { Kysely, Transaction } from "kysely";
import type { Schema } from "../schema.ts";

/**
 * Called with `NAME.before` and `NAME.after` around each durable write, after which a crash must leave the old state or
 * the new one. Tests throw from it or kill the process there.
 */
export type Fault = (point: string) => void;

/** What every repository works with: ordinary queries, and writes that are transactions with a name. */
export class Connection {
  readonly query: Kysely<Schema>;
  readonly #fault: Fault;

  constructor(query: Kysely<Schema>, fault: Fault) {
    this.query = query;
    this.#fault = fault;
  }

  /** All of `work` or nothing; on disk when it returns. */
  async durably<T>(name: string, work: (transaction: Transaction<Schema>) => Promise<T>): Promise<T> {
    this.#fault(`${name}.before`);
    const result = await this.query.transaction().execute(work);
    this.#fault(`${name}.after`);
    return result;
  }

  /** The same for hand-tuned statements that bring their own transaction; waits its turn among the others. */
  async exclusively<T>(name: string, work: () => T): Promise<T> {
    return await this.query.connection().execute(async () => {
      this.#fault(`${name}.before`);
      const result = work();
      this.#fault(`${name}.after`);
      return result;
    });
  }
}
