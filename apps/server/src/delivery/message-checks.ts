import { sha256 } from "@portcullis/crypto";
import {
  bucketStartAt,
  decodeCommitData,
  decodeMessageData,
  decodeMlsOuter,
  equalBytes,
  type CommitData,
  type CommitFrame,
  type DeviceReference,
  type MessageData,
  type MlsOuter,
  type SendFrame,
} from "@portcullis/protocol";
import { ServerError } from "../errors.ts";
import type { ConversationState } from "./conversation-state.ts";
import { deviceKey, mapKey } from "./keys.ts";

const GRACE_MS = 60_000;
const LONGEST_EPOCH_MS = 7 * 24 * 3600 * 1000;

/** The time and the length of buckets, as one group commit sees them. */
export interface Instant {
  readonly nowMs: number;
  readonly bucketSeconds: number;
}

/** Membership comes before everything that could tell a stranger something about the conversation (DEL-03). */
export function requireMember(
  state: ConversationState | undefined,
  device: DeviceReference,
): asserts state is ConversationState {
  if (state?.members.has(deviceKey(device)) !== true) throw new ServerError("NOT_MEMBER");
}

/** A message's clear fields, once epoch and bucket are right (DEL-04, DEL-05, DEL-06). */
export function checkMessage(frame: SendFrame, state: ConversationState, instant: Instant): MessageData {
  const outer = readOuter(frame, "application");
  if (state.epoch === 0) throw new ServerError("EPOCH_ZERO");
  checkEpoch(outer, state);
  if (instant.nowMs - state.epochStartedAtMs > LONGEST_EPOCH_MS)
    throw new ServerError("EPOCH_EXPIRED", { epoch: state.epoch });
  const data = decodeMessageData(outer.authenticatedData);
  if (!equalBytes(data.messageId, frame.messageId)) throw new ServerError("MESSAGE_MISMATCH");
  checkMessageBucket(data.bucketStart, state, instant);
  return data;
}

/** A Commit's clear fields, once epoch and start bucket are right (DEL-04, DEL-07). */
export function checkCommit(frame: CommitFrame, state: ConversationState, instant: Instant): CommitData {
  const outer = readOuter(frame, "commit");
  checkEpoch(outer, state);
  const data = decodeCommitData(outer.authenticatedData);
  const current = bucketStartAt(instant.nowMs, instant.bucketSeconds);
  if (data.startBucket > current) throw new ServerError("BUCKET_FUTURE", { current });
  if (data.startBucket < current) throw new ServerError("BUCKET_STALE", { current });
  return data;
}

function readOuter(frame: SendFrame | CommitFrame, contentType: MlsOuter["contentType"]): MlsOuter {
  const outer = decodeMlsOuter(frame.message);
  if (!equalBytes(outer.groupId, frame.conversationId) || outer.contentType !== contentType)
    throw new ServerError("MESSAGE_MISMATCH");
  return outer;
}

function checkEpoch(outer: MlsOuter, state: ConversationState): void {
  if (outer.epoch !== state.epoch) throw new ServerError("EPOCH_STALE", { current: state.epoch });
}

function checkMessageBucket(bucketStart: number, state: ConversationState, instant: Instant): void {
  const current = bucketStartAt(instant.nowMs, instant.bucketSeconds);
  if (bucketStart > current) throw new ServerError("BUCKET_FUTURE", { current });
  const inGrace =
    bucketStart === current - instant.bucketSeconds && instant.nowMs < current * 1000 + GRACE_MS;
  if ((bucketStart !== current && !inGrace) || bucketStart < state.startBucket)
    throw new ServerError("BUCKET_STALE", { current });
}

/** What a message brings to be stored beside it. */
export interface RecordedParts {
  readonly sealedBucketHash: Uint8Array;
  /** Present when the message brings a sealed bucket that does not stand yet. */
  readonly upload?: Uint8Array;
}

/** Record and sealed bucket are those that authenticated data names, and in a sealed conversation there are none (DEL-08). */
export function checkRecorded(
  frame: SendFrame,
  data: MessageData,
  state: ConversationState,
  device: DeviceReference,
): RecordedParts | undefined {
  const { record, sealedBucket } = frame;
  const { recordHash, sealedBucketHash } = data;
  if (state.class === "sealed") {
    if (record ?? sealedBucket ?? recordHash ?? sealedBucketHash) throw new ServerError("RECORD_MISMATCH");
    return undefined;
  }
  if (record === undefined || recordHash === undefined || !equalBytes(sha256(record), recordHash))
    throw new ServerError("RECORD_MISMATCH");
  if (sealedBucketHash === undefined) throw new ServerError("SEALED_BUCKET_MISSING");
  const standing = state.sealedBuckets.get(mapKey(sealedBucketHash));
  if (standing !== undefined) {
    if (standing.device !== deviceKey(device) || standing.bucketStart !== data.bucketStart)
      throw new ServerError("SEALED_BUCKET_INVALID");
    return { sealedBucketHash };
  }
  if (sealedBucket === undefined) throw new ServerError("SEALED_BUCKET_MISSING");
  if (!equalBytes(sha256(sealedBucket), sealedBucketHash)) throw new ServerError("SEALED_BUCKET_INVALID");
  return { sealedBucketHash, upload: sealedBucket };
}
