import { sha256 } from "@portcullis/crypto";
import {
  asAccountId,
  asConversationId,
  asPolicyId,
  decodeCbor,
  encodeCbor,
  equalBytes,
  FieldReader,
  ProtocolError,
  type AccountId,
  type BucketStart,
  type ConversationId,
  type PolicyId,
} from "@portcullis/protocol";
import { AccessError } from "./errors.ts";
import type { VerifiedPolicy } from "./policy.ts";

const VERSION = "portcullis/label/v1";
const WHAT = "label";

/** What one bucket is: whose words, where, when, under which rules. Whoever can open it can open that and nothing else. */
export interface Label {
  readonly policyId: PolicyId;
  readonly conversationId: ConversationId;
  readonly epoch: number;
  /** RFC 9420 section 8.2, 32 bytes. Tells forks of an epoch apart. */
  readonly confirmedTranscriptHash: Uint8Array;
  readonly accountId: AccountId;
  readonly leafIndex: number;
  /** 32 bytes: who is a member (roster.ts). */
  readonly rosterRoot: Uint8Array;
  readonly bucketStart: BucketStart;
  readonly bucketSeconds: number;
}

export function encodeLabel(label: Label): Uint8Array {
  return encodeCbor([
    VERSION,
    label.policyId,
    label.conversationId,
    label.epoch,
    label.confirmedTranscriptHash,
    label.accountId,
    label.leafIndex,
    label.rosterRoot,
    label.bucketStart,
    label.bucketSeconds,
  ]);
}

/** Well-formed; whether it fits a policy is verifyLabel's. @throws ProtocolError */
export function decodeLabel(bytes: Uint8Array): Label {
  const reader = new FieldReader(decodeCbor(bytes, WHAT), WHAT, 10);
  reader.constant(VERSION);
  const label = {
    policyId: asPolicyId(reader.bytes(32)),
    conversationId: asConversationId(reader.bytes(32)),
    epoch: reader.integer(),
    confirmedTranscriptHash: reader.bytes(32),
    accountId: asAccountId(reader.bytes(32)),
    leafIndex: reader.integer(0, 0xffff_ffff),
    rosterRoot: reader.bytes(32),
    bucketStart: reader.integer(),
    bucketSeconds: reader.integer(1, 86_400),
  };
  if (label.bucketStart % label.bucketSeconds !== 0)
    throw new ProtocolError("DECODE_RANGE", { what: WHAT, field: 8 });
  return label;
}

/** SHA-256 of the label's bytes: the associated data of its records. */
export function labelHash(encoded: Uint8Array): Uint8Array {
  return sha256(encoded);
}

declare const verified: unique symbol;

/** A label of this policy, in one of its buckets. `bytes`, `hash`: of its encoding. */
export type VerifiedLabel = Label & {
  readonly [verified]: true;
  readonly bytes: Uint8Array;
  readonly hash: Uint8Array;
};

/** The label in these bytes, under this policy; rule ACC-31. @throws ProtocolError, AccessError LABEL_POLICY, LABEL_BUCKET */
export function verifyLabel(bytes: Uint8Array, policy: VerifiedPolicy): VerifiedLabel {
  const label = decodeLabel(bytes);
  if (!equalBytes(label.policyId, policy.id)) throw new AccessError("LABEL_POLICY");
  if (label.bucketSeconds !== policy.policy.bucketSeconds)
    throw new AccessError("LABEL_BUCKET", { bucketSeconds: label.bucketSeconds });
  return { ...label, bytes, hash: labelHash(bytes) } as VerifiedLabel;
}
