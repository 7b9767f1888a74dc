import {
  asAccountId,
  asConversationId,
  asOrderHash,
  decodeCbor,
  encodeCbor,
  equalBytes,
  FieldReader,
  limits,
  type AccountId,
  type BucketStart,
  type CborValue,
  type ConversationId,
  type OrderHash,
} from "@portcullis/protocol";
import { rosterPath, rosterRoot, type RosterMember, type RosterProof } from "./roster.ts";

const VERSION = "portcullis/targets/v1";
const CLASSES = ["sealed", "recorded"] as const;

/** The roster of one epoch: its root, and the proofs of those members whom the order names. */
export interface TargetRoster {
  readonly epoch: number;
  readonly root: Uint8Array;
  readonly startBucket: BucketStart;
  readonly members: readonly { readonly accountId: AccountId; readonly proof: RosterProof }[];
}

export interface TargetConversation {
  readonly conversationId: ConversationId;
  readonly class: "sealed" | "recorded";
  /** Labels with their capsules exactly as the members uploaded them (encodeSealedBucket). */
  readonly sealedBuckets: readonly Uint8Array[];
  /** Every epoch that reaches into the order's period. */
  readonly rosters: readonly TargetRoster[];
}

/**
 * What the server says an order is about. Nothing of it is believed: a label is what a member made, its capsules prove
 * themselves, and a roster path ties the named account to the label's own roster root.
 */
export interface Targets {
  readonly orderHash: OrderHash;
  readonly conversations: readonly TargetConversation[];
}

export function encodeTargets(targets: Targets): Uint8Array {
  return encodeCbor([
    VERSION,
    targets.orderHash,
    targets.conversations.map((conversation) => [
      conversation.conversationId,
      conversation.class,
      conversation.sealedBuckets,
      conversation.rosters.map((roster) => [
        roster.epoch,
        roster.root,
        roster.startBucket,
        roster.members.map(({ accountId, proof }) => [
          accountId,
          proof.salt,
          proof.index,
          proof.size,
          proof.path,
        ]),
      ]),
    ]),
  ]);
}

/** @throws ProtocolError DECODE_* */
export function decodeTargets(bytes: Uint8Array): Targets {
  const reader = new FieldReader(decodeCbor(bytes, "targets"), "targets", 3);
  reader.constant(VERSION);
  return {
    orderHash: asOrderHash(reader.bytes(32)),
    conversations: reader.list(readConversation),
  };
}

function readConversation(value: CborValue): TargetConversation {
  const reader = new FieldReader(value, "target conversation", 4);
  return {
    conversationId: asConversationId(reader.bytes(32)),
    class: reader.oneOf(CLASSES),
    sealedBuckets: reader.list((bucket) => new FieldReader([bucket], "sealed bucket", 1).bytes()),
    rosters: reader.list(readRoster),
  };
}

function readRoster(value: CborValue): TargetRoster {
  const reader = new FieldReader(value, "target roster", 4);
  return {
    epoch: reader.integer(),
    root: reader.bytes(32),
    startBucket: reader.integer(),
    members: reader.list(readMember),
  };
}

function readMember(value: CborValue): TargetRoster["members"][number] {
  const reader = new FieldReader(value, "target member", 5);
  return {
    accountId: asAccountId(reader.bytes(32)),
    proof: {
      salt: reader.bytes(32),
      index: reader.integer(),
      size: reader.integer(1),
      path: reader.list((hash) => new FieldReader([hash], "roster path", 1).bytes(32), limits.pathLength),
    },
  };
}

/** What the server states of one epoch for an order: the named accounts among the members, each with its proof. */
export function targetRoster(input: {
  epoch: number;
  startBucket: BucketStart;
  members: readonly RosterMember[];
  named: readonly AccountId[];
}): TargetRoster {
  const { epoch, startBucket, members, named } = input;
  const present = named.filter((id) => members.some(({ accountId }) => equalBytes(accountId, id)));
  return {
    epoch,
    root: rosterRoot(members),
    startBucket,
    members: present.map((accountId) => ({ accountId, proof: rosterPath(members, accountId) })),
  };
}
