import { RECORD_SIGNATURE_LABEL, sealRecord, type RecordChain } from "@portcullis/access";
import { signWithLabel } from "@portcullis/crypto";
import { encodeMessageData, padme, type BucketStart, type MessageId } from "@portcullis/protocol";
import type { Epoch } from "../conversation/epoch.ts";
import type { Host } from "../host.ts";
import type { MessageAttempt } from "./outbox-entry.ts";

export interface MessageToSeal {
  readonly messageId: MessageId;
  readonly applicationData: Uint8Array;
  readonly frankingTag: Uint8Array;
  readonly bucketStart: BucketStart;
  /** True for the first message of a bucket: label and capsules go along. */
  readonly withSealedBucket: boolean;
}

/** The device that seals: its key, and what it has seen of the identity log. */
type Sealer = Pick<Host, "account" | "random" | "log">;

/**
 * Encrypts one message for the epoch and a bucket of it, and in a recorded conversation makes its record. Uses up one
 * key and one place in the chain of records: the caller stores the epoch's own leaf before the attempt leaves.
 */
export async function sealMessage(
  sealer: Sealer,
  epoch: Epoch,
  input: MessageToSeal,
): Promise<MessageAttempt> {
  const { group } = epoch;
  const { messageId, frankingTag, bucketStart } = input;
  const records = epoch.records(group.ownLeaf);
  const sealed = group.terms.class === "recorded" ? recordOf(sealer, epoch, input, records) : undefined;
  const authenticatedData = encodeMessageData({
    messageId,
    frankingTag,
    bucketStart,
    ...(sealed && { sealedBucketHash: sealed.sealedBucketHash, recordHash: sealed.recordHash }),
    ...(sealer.log.head && { treeHead: sealer.log.head }),
  });
  const { message, ratchet } = await group.protect(padme(input.applicationData), authenticatedData);
  epoch.setRatchet(ratchet);
  const recordsAfter = sealed?.next ?? records;
  epoch.setRecords(group.ownLeaf, recordsAfter);
  return {
    kind: "message",
    epoch: group.epoch,
    bucketStart,
    message,
    ...(sealed && { record: sealed.record }),
    ...(sealed && input.withSealedBucket && { sealedBucket: sealed.sealedBucket }),
    records,
    recordsAfter,
  };
}

function recordOf({ account, random }: Sealer, epoch: Epoch, input: MessageToSeal, records: RecordChain) {
  const { key, labelHash, sealedBucket, sealedBucketHash } = epoch.ownSeal(input.bucketStart);
  const { messageId, frankingTag, applicationData } = input;
  const sealed = sealRecord({
    key,
    labelHash,
    messageId,
    frankingTag,
    applicationData,
    index: records.index,
    previous: records.previous,
    sign: (content) => signWithLabel(account.deviceKey, RECORD_SIGNATURE_LABEL, content),
    random,
  });
  return { ...sealed, sealedBucket, sealedBucketHash };
}
