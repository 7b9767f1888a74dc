import type { Selectable } from "kysely";
import type { AccountId, ConversationId, DeviceId, DeviceReference, MessageId } from "@portcullis/protocol";
import type { ItemTable, RosterTable, SealedBucketTable } from "../schema.ts";

export type StoredItem = Selectable<ItemTable>;

/** What one Commit changes beside adding its item. `sequence` is that item's. */
export interface EpochChange {
  readonly sequence: number;
  /** Of the epoch that begins. */
  readonly roster: Selectable<RosterTable>;
  readonly added: readonly (DeviceReference & { readonly welcome: Uint8Array })[];
  readonly removed: readonly DeviceReference[];
}

export interface CursorChange extends DeviceReference {
  readonly conversationId: ConversationId;
  readonly sequence: number;
}

/** All that one group commit makes durable together. */
export interface Group {
  readonly sealedBuckets: readonly Selectable<SealedBucketTable>[];
  readonly items: readonly StoredItem[];
  readonly epochs: readonly EpochChange[];
  readonly cursors: readonly CursorChange[];
}

/** Where an item that was accepted before stands. */
export type Accepted = Pick<StoredItem, "conversationId" | "sequence" | "receipt">;

/** The hot path: the only repository of hand-tuned statements, one implementation per database. */
export interface Items {
  /** The answer that a (device, message id) got before, if it did. */
  accepted(accountId: AccountId, deviceId: DeviceId, messageId: MessageId): Promise<Accepted | undefined>;
  /** One transaction, durable when it returns. Sequences come from the caller, who is the only writer of a conversation. */
  append(group: Group): Promise<void>;
  /** The items behind `after`, up to `upTo`, in order; fewer than `limit` means that there are no more. */
  behind(conversationId: ConversationId, after: number, upTo: number, limit: number): Promise<StoredItem[]>;
  /** The items of one sealed bucket, in order. */
  ofSealedBucket(sealedBucketHash: Uint8Array): Promise<StoredItem[]>;
}
