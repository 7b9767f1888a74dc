import type { Selectable } from "kysely";
import type { ConversationId } from "@portcullis/protocol";
import type { SealedBucketTable } from "../schema.ts";
import type { Connection } from "./connection.ts";

export type StoredSealedBucket = Selectable<SealedBucketTable>;

/** Labels with their capsules, one per (conversation, epoch, device, bucket); written with the message that brings it. */
export class SealedBuckets {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async get(sealedBucketHash: Uint8Array): Promise<StoredSealedBucket | undefined> {
    return await this.#connection.query
      .selectFrom("sealedBuckets")
      .selectAll()
      .where("sealedBucketHash", "=", sealedBucketHash)
      .executeTakeFirst();
  }

  /** The buckets of a conversation that start within [from, to), in seconds; in one order for everybody. */
  async within(conversationId: ConversationId, from: number, to: number): Promise<StoredSealedBucket[]> {
    return await this.#connection.query
      .selectFrom("sealedBuckets")
      .selectAll()
      .where("conversationId", "=", conversationId)
      .where("bucketStart", ">=", from)
      .where("bucketStart", "<", to)
      .orderBy("bucketStart")
      .orderBy("epoch")
      .orderBy("accountId")
      .orderBy("deviceId")
      .execute();
  }
}
