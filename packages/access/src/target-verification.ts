import { equalBytes, toBase64Url, toHex } from "@portcullis/protocol";
import { verifySealedBucket, type VerifiedSealedBucket } from "./capsule.ts";
import { AccessError } from "./errors.ts";
import type { VerifiedKeyset } from "./keyset.ts";
import { labelSet, type LabelSet } from "./label-set.ts";
import type { Label } from "./label.ts";
import type { VerifiedOrder } from "./order.ts";
import type { VerifiedPolicy } from "./policy.ts";
import { verifyRosterPath } from "./roster.ts";
import { checkLimits, includesId, inScope } from "./scope.ts";
import type { TargetConversation, TargetRoster, Targets } from "./targets.ts";

declare const verified: unique symbol;

/** The exact buckets of an order: each in scope, each provably about a named account, each with sound capsules. */
export type VerifiedTargets = OrderTargets & { readonly [verified]: true };

interface OrderTargets {
  readonly buckets: readonly VerifiedSealedBucket[];
  readonly labels: LabelSet;
  /** As the server stated them. */
  readonly targets: Targets;
}

interface Context {
  readonly policy: VerifiedPolicy;
  readonly keysets: readonly VerifiedKeyset[];
}

/**
 * What the server offers for an order, none of it believed; rules CUS-20 to CUS-26.
 * @throws AccessError ORDER_TARGETS, ORDER_CONVERSATION_SEALED, ORDER_ACCOUNT_NOT_MEMBER, ORDER_LABEL_OUT_OF_SCOPE,
 *   ORDER_QUOTA_LABELS, ORDER_NOTHING_TO_OPEN; what verifySealedBucket throws
 */
export function verifyTargets(targets: Targets, order: VerifiedOrder, context: Context): VerifiedTargets {
  checkConversations(targets, order);
  checkMembership(targets, order);
  const sealedBuckets = targets.conversations.flatMap((conversation) => conversation.sealedBuckets);
  if (sealedBuckets.length === 0) throw new AccessError("ORDER_NOTHING_TO_OPEN");
  checkLimits(context.policy.policy, order.scope, { labels: sealedBuckets.length });
  const buckets = targets.conversations.flatMap((conversation) =>
    conversation.sealedBuckets.map((bytes) => verifyBucket(bytes, conversation, order, context)),
  );
  checkDistinct(buckets);
  const checked: OrderTargets = { buckets, labels: labelSet(sealedBuckets), targets };
  return checked as VerifiedTargets;
}

/** Exactly the conversations that the order names, each once, in its order; none of them sealed. */
function checkConversations(targets: Targets, order: VerifiedOrder): void {
  const named = order.scope.conversations;
  const { conversations, orderHash } = targets;
  const same =
    conversations.length === named.length &&
    conversations.every(({ conversationId }, i) => equalBytes(conversationId, named[i] as Uint8Array));
  if (!same || !equalBytes(orderHash, order.hash)) throw new AccessError("ORDER_TARGETS");
  for (const conversation of conversations)
    if (conversation.class === "sealed")
      throw new AccessError("ORDER_CONVERSATION_SEALED", {
        conversation: toBase64Url(conversation.conversationId),
      });
}

/** Each named account belongs to some of the conversations, and to each conversation some named account. */
function checkMembership(targets: Targets, order: VerifiedOrder): void {
  const proven = targets.conversations.map((conversation) => ({
    conversationId: conversation.conversationId,
    accounts: conversation.rosters.flatMap((roster) => provenMembers(roster, order)),
  }));
  for (const { conversationId, accounts } of proven)
    if (accounts.length === 0)
      throw new AccessError("ORDER_ACCOUNT_NOT_MEMBER", { conversation: toBase64Url(conversationId) });
  for (const account of order.scope.accounts)
    if (!proven.some(({ accounts }) => includesId(accounts, account)))
      throw new AccessError("ORDER_ACCOUNT_NOT_MEMBER", { account: toBase64Url(account) });
}

/** The named accounts whose place in this roster is proven. */
function provenMembers(roster: TargetRoster, order: VerifiedOrder): Uint8Array[] {
  return roster.members
    .filter(({ accountId }) => includesId(order.scope.accounts, accountId))
    .map(({ accountId, proof }) => {
      try {
        verifyRosterPath(roster.root, accountId, proof);
      } catch {
        throw new AccessError("ORDER_ACCOUNT_NOT_MEMBER", {
          account: toBase64Url(accountId),
          epoch: roster.epoch,
        });
      }
      return accountId;
    });
}

function verifyBucket(
  bytes: Uint8Array,
  conversation: TargetConversation,
  order: VerifiedOrder,
  context: Context,
): VerifiedSealedBucket {
  const bucket = verifySealedBucket(bytes, context);
  const { label } = bucket;
  if (!inScope(order.scope, label) || !equalBytes(label.conversationId, conversation.conversationId))
    throw new AccessError("ORDER_LABEL_OUT_OF_SCOPE", { label: toHex(label.hash) });
  requireNamedMember(label, conversation, order);
  return bucket;
}

/**
 * Ties the label to the order: under the label's own roster root, which its members made and the capsule binds, stands
 * the sender (`sent`) or some named account (`conversation`). Without this an order for one person would open any group.
 */
function requireNamedMember(label: Label, conversation: TargetConversation, order: VerifiedOrder): void {
  const roster = conversation.rosters.find(
    ({ epoch, root }) => epoch === label.epoch && equalBytes(root, label.rosterRoot),
  );
  const proven = roster === undefined ? [] : provenMembers(roster, order);
  const tied = order.scope.kind === "sent" ? includesId(proven, label.accountId) : proven.length > 0;
  if (!tied)
    throw new AccessError("ORDER_ACCOUNT_NOT_MEMBER", {
      conversation: toBase64Url(label.conversationId),
      epoch: label.epoch,
    });
}

/** One label has one set of capsules: a second one would let shares be split between them. */
function checkDistinct(buckets: readonly VerifiedSealedBucket[]): void {
  if (new Set(buckets.map(({ label }) => toHex(label.hash))).size !== buckets.length)
    throw new AccessError("ORDER_TARGETS");
}
