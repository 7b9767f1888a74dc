import type { Selectable } from "kysely";
import type { OrderHash } from "@portcullis/protocol";
import type { OrderTable } from "../schema.ts";
import type { Connection } from "./connection.ts";

export type StoredOrder = Selectable<OrderTable>;
export interface StoredBatch {
  readonly custodian: string;
  readonly batch: Uint8Array;
}

/** Orders as they came, and the sealed batches of shares that custodians sent for them. */
export class Orders {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Stores the order and queues its ledger entry together; the same order again changes nothing. */
  async add(order: StoredOrder, opening: Uint8Array): Promise<void> {
    await this.#connection.durably("order", async (transaction) => {
      const { numInsertedOrUpdatedRows } = await transaction
        .insertInto("orders")
        .values(order)
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirstOrThrow();
      if (numInsertedOrUpdatedRows === 0n) return;
      await transaction
        .insertInto("openings")
        .values({ origin: "access", logIndex: null, entry: order.entry, kind: "order", opening })
        .execute();
    });
  }

  async get(orderHash: OrderHash): Promise<StoredOrder | undefined> {
    return await this.#connection.query
      .selectFrom("orders")
      .selectAll()
      .where("orderHash", "=", orderHash)
      .executeTakeFirst();
  }

  async all(): Promise<StoredOrder[]> {
    return await this.#connection.query
      .selectFrom("orders")
      .selectAll()
      .orderBy("receivedAtMs")
      .orderBy("orderHash")
      .execute();
  }

  /** Keeps a custodian's batch; the first one stands. False when another one stands already. */
  async addBatch(orderHash: OrderHash, custodian: string, batch: Uint8Array): Promise<boolean> {
    return await this.#connection.durably("batch", async (transaction) => {
      await transaction
        .insertInto("batches")
        .values({ orderHash, custodian, batch })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
      const stands = await transaction
        .selectFrom("batches")
        .select("batch")
        .where("orderHash", "=", orderHash)
        .where("custodian", "=", custodian)
        .executeTakeFirstOrThrow();
      return Buffer.from(stands.batch).equals(batch);
    });
  }

  async batches(orderHash: OrderHash): Promise<StoredBatch[]> {
    return await this.#connection.query
      .selectFrom("batches")
      .select(["custodian", "batch"])
      .where("orderHash", "=", orderHash)
      .orderBy("custodian")
      .execute();
  }
}
