import {
  asAccountId,
  asConversationId,
  equalBytes,
  fromBase64Url,
  type AccountId,
  type BucketStart,
  type ConversationId,
} from "@portcullis/protocol";
import { AccessError, type AccessErrorCode } from "./errors.ts";
import type { Label } from "./label.ts";
import type { Order } from "./order.ts";
import type { Policy } from "./policy.ts";
import { checkQuota, type QuotaName } from "./quota.ts";
import { parseUtcTime } from "./utc-time.ts";

/** What an order may open: buckets from `from` up to, not including, `to`. */
export interface Scope {
  readonly kind: "sent" | "conversation";
  readonly accounts: readonly AccountId[];
  readonly conversations: readonly ConversationId[];
  readonly from: BucketStart;
  readonly to: BucketStart;
}

/**
 * The scope that an order states, within the policy's limits; rules CUS-10 to CUS-13.
 * @throws AccessError ORDER_WILDCARD, ORDER_SHAPE, ORDER_SCOPE_…, ORDER_QUOTA_ACCOUNTS, ORDER_QUOTA_CONVERSATIONS
 */
export function scopeOf(order: Order, policy: Policy): Scope {
  const accountIds = order.accounts.map(({ id }) => id);
  const scope: Scope = {
    kind: order.scope,
    accounts: distinctIds("accounts", accountIds).map((id) => asAccountId(id)),
    conversations: distinctIds("conversations", order.conversations).map((id) => asConversationId(id)),
    ...period(order, policy.bucketSeconds),
  };
  if (scope.kind === "conversation" && order.scopeReason === undefined)
    throw new AccessError("ORDER_SCOPE_REASON");
  checkLimits(policy, scope);
  return scope;
}

/** Who names nobody names everybody: an empty list is a wildcard too. */
function distinctIds(field: string, ids: readonly string[]): Uint8Array[] {
  if (ids.length === 0 || ids.some((id) => id.includes("*")))
    throw new AccessError("ORDER_WILDCARD", { field });
  if (new Set(ids).size !== ids.length) throw new AccessError("ORDER_SHAPE", { field });
  return ids.map((id) => decode32(id) ?? refuseShape(field));
}

/** 32 bytes from their base64url, or undefined. */
export function decode32(text: string): Uint8Array | undefined {
  try {
    const bytes = fromBase64Url(text);
    return bytes.length === 32 ? bytes : undefined;
  } catch {
    return undefined;
  }
}

function refuseShape(field: string): never {
  throw new AccessError("ORDER_SHAPE", { field });
}

function period(order: Order, bucketSeconds: number): { from: BucketStart; to: BucketStart } {
  const from = parseUtcTime(order.from) / 1000;
  const to = parseUtcTime(order.to) / 1000;
  const facts = { from: order.from, to: order.to };
  if (from % bucketSeconds !== 0 || to % bucketSeconds !== 0)
    throw new AccessError("ORDER_SCOPE_UNALIGNED", { ...facts, bucketSeconds });
  if (to <= from) throw new AccessError("ORDER_SCOPE_REVERSED", facts);
  return { from, to };
}

const quotaCodes: Readonly<Record<QuotaName, AccessErrorCode>> = {
  longestOrderSeconds: "ORDER_SCOPE_TOO_LONG",
  accountsPerOrder: "ORDER_QUOTA_ACCOUNTS",
  conversationsPerOrder: "ORDER_QUOTA_CONVERSATIONS",
  labelsPerOrder: "ORDER_QUOTA_LABELS",
  ordersPer30Days: "ORDER_QUOTA_ORDERS",
};

/**
 * What is known of the order so far must lie within the policy; rule CUS-13.
 * @throws AccessError ORDER_SCOPE_TOO_LONG, ORDER_QUOTA_…
 */
export function checkLimits(
  policy: Policy,
  scope: Scope,
  known: { labels?: number; earlierMs?: readonly number[]; issuedMs?: number } = {},
): void {
  const size = {
    seconds: scope.to - scope.from,
    accounts: scope.accounts.length,
    conversations: scope.conversations.length,
    labels: known.labels ?? 0,
  };
  const answer = checkQuota(policy, size, known.earlierMs ?? [], known.issuedMs ?? 0);
  if (answer.decision === "exceeded")
    throw new AccessError(quotaCodes[answer.quota], { limit: answer.limit, actual: answer.actual });
}

/** Whether the label's conversation and time, and for `sent` its sender, are the order's. */
export function inScope(scope: Scope, label: Label): boolean {
  const timely = scope.from <= label.bucketStart && label.bucketStart < scope.to;
  const bySender = scope.kind === "conversation" || includesId(scope.accounts, label.accountId);
  return timely && bySender && includesId(scope.conversations, label.conversationId);
}

export function includesId(ids: readonly Uint8Array[], id: Uint8Array): boolean {
  return ids.some((candidate) => equalBytes(candidate, id));
}
