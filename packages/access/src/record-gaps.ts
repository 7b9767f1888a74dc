import {
  equalBytes,
  toHex,
  type AccountId,
  type BucketStart,
  type ConversationId,
} from "@portcullis/protocol";
import type { VerifiedLabel } from "./label.ts";
import type { OpenedMessage } from "./message-opening.ts";
import type { VerifiedTargets } from "./target-verification.ts";

/** Where something is missing: the server withholds it, or lost it. */
export interface Gap {
  /** `missing`: records between two opened ones, or before the epoch's first. `broken`: neighbours that do not chain. `empty`: a bucket without a record. */
  readonly kind: "missing" | "broken" | "empty";
  readonly conversationId: ConversationId;
  readonly epoch: number;
  readonly leafIndex: number;
  readonly accountId: AccountId;
  readonly bucketStart: BucketStart;
  /** The index of the first record concerned; undefined for `empty`. */
  readonly index?: number;
  /** How many records are missing. */
  readonly count?: number;
}

/**
 * Every gap in the chains of records within an order's scope; rule EVD-27. What comes before the first or after the
 * last bucket of the scope is not the order's to see; an epoch that begins within it must show its first record.
 */
export function findGaps(
  targets: VerifiedTargets,
  messages: readonly OpenedMessage[],
  from: BucketStart,
): Gap[] {
  const leaves = Map.groupBy(targets.buckets, ({ label }) => leafName(label));
  return [...leaves.entries()].flatMap(([name, buckets]) => {
    const chain = messages
      .filter((message) => leafName(message) === name)
      .toSorted((a, b) => a.record.index - b.record.index);
    const labels = buckets.map(({ label }) => label).toSorted((a, b) => a.bucketStart - b.bucketStart);
    return emptyBuckets(labels, chain).concat(chainGaps(chain, beginsWithin(targets, labels, from)));
  });
}

function leafName(leaf: { conversationId: Uint8Array; epoch: number; leafIndex: number }): string {
  return `${toHex(leaf.conversationId)}/${leaf.epoch}/${leaf.leafIndex}`;
}

function beginsWithin(
  targets: VerifiedTargets,
  labels: readonly VerifiedLabel[],
  from: BucketStart,
): boolean {
  const [label] = labels;
  if (label === undefined) return false;
  const roster = targets.targets.conversations
    .find(({ conversationId }) => equalBytes(conversationId, label.conversationId))
    ?.rosters.find(({ epoch, root }) => epoch === label.epoch && equalBytes(root, label.rosterRoot));
  return roster !== undefined && roster.startBucket >= from;
}

function at(kind: Gap["kind"], label: VerifiedLabel | OpenedMessage, accountId: AccountId): Gap {
  const { conversationId, epoch, leafIndex, bucketStart } = label;
  return { kind, conversationId, epoch, leafIndex, accountId, bucketStart };
}

function emptyBuckets(labels: readonly VerifiedLabel[], chain: readonly OpenedMessage[]): Gap[] {
  return labels
    .filter((label) => !chain.some((message) => message.bucketStart === label.bucketStart))
    .map((label) => at("empty", label, label.accountId));
}

function chainGaps(chain: readonly OpenedMessage[], fromFirst: boolean): Gap[] {
  const gaps: Gap[] = [];
  let expected = fromFirst ? 0 : (chain[0]?.record.index ?? 0);
  let previous: Uint8Array | undefined;
  for (const message of chain) {
    const { index } = message.record;
    const sender = message.senderAccountId;
    if (index > expected)
      gaps.push({ ...at("missing", message, sender), index: expected, count: index - expected });
    const chained = previous === undefined || equalBytes(message.record.previous, previous);
    if (index < expected || (index === expected && !chained))
      gaps.push({ ...at("broken", message, sender), index });
    expected = index + 1;
    previous = message.record.recordHash;
  }
  return gaps;
}
