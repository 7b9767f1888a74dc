import type { Selectable } from "kysely";
import { equalBytes, type AccountId } from "@portcullis/protocol";
import type { BlobTable } from "../schema.ts";
import type { Connection } from "./connection.ts";

export type Blob = Selectable<BlobTable>;

/** What lies in the folder of blobs, and until when. */
export class Blobs {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Again is the same as once: what stands. `taken`: somebody else's, or of another size. `most`: bytes of an account. */
  async announce(blob: Omit<Blob, "received">, most: number): Promise<Blob | "taken" | "full"> {
    return await this.#connection.durably("blob", async (transaction) => {
      const { blobId, accountId, bytes } = blob;
      const known = await transaction
        .selectFrom("blobs")
        .selectAll()
        .where("blobId", "=", blobId)
        .executeTakeFirst();
      if (known !== undefined)
        return equalBytes(known.accountId, accountId) && known.bytes === bytes ? known : "taken";
      const { used } = await transaction
        .selectFrom("blobs")
        .select((select) => select.fn.sum<number | null>("bytes").as("used"))
        .where("accountId", "=", accountId)
        .executeTakeFirstOrThrow();
      if ((used ?? 0) + bytes > most) return "full";
      const fresh = { ...blob, received: 0 };
      await transaction.insertInto("blobs").values(fresh).execute();
      return fresh;
    });
  }

  async find(blobId: Uint8Array): Promise<Blob | undefined> {
    return await this.#connection.query
      .selectFrom("blobs")
      .selectAll()
      .where("blobId", "=", blobId)
      .executeTakeFirst();
  }

  /** So many of its bytes are durable from now on. `expiresAtMs`: until when it is kept. */
  async received(blobId: Uint8Array, received: number, expiresAtMs: number): Promise<void> {
    await this.#connection.durably("blob-part", async (transaction) => {
      await transaction
        .updateTable("blobs")
        .set({ received, expiresAtMs })
        .where("blobId", "=", blobId)
        .execute();
    });
  }

  async remove(blobId: Uint8Array, accountId: AccountId): Promise<boolean> {
    return await this.#connection.durably("blob-removal", async (transaction) => {
      const { numDeletedRows } = await transaction
        .deleteFrom("blobs")
        .where("blobId", "=", blobId)
        .where("accountId", "=", accountId)
        .executeTakeFirstOrThrow();
      return numDeletedRows > 0n;
    });
  }

  async removeExpired(nowMs: number): Promise<void> {
    await this.#connection.durably("blob-expiry", async (transaction) => {
      await transaction.deleteFrom("blobs").where("expiresAtMs", "<=", nowMs).execute();
    });
  }

  /** Of all that are kept. */
  async ids(): Promise<Uint8Array[]> {
    const rows = await this.#connection.query.selectFrom("blobs").select("blobId").execute();
    return rows.map(({ blobId }) => blobId);
  }
}
