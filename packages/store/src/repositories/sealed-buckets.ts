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

  /** Those of one epoch, without the bytes. */
  async ofEpoch(
    conversationId: ConversationId,
    epoch: number,
  ): Promise<Omit<StoredSealedBucket, "sealedBucket">[]> {
    return await this.#connection.query
      .selectFrom("sealedBuckets")
      .select(["sealedBucketHash", "conversationId", "epoch", "bucketStart", "accountId", "deviceId"])
      .where("conversationId", "=", conversationId)
      .where("epoch", "=", epoch)
      .execute();
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
