import { sha256 } from "@portcullis/crypto";
import { asOrderHash, equalBytes, toBase64Url } from "@portcullis/protocol";
import { authorityAt, type AuthorityRole, type VerifiedAuthority } from "./authority.ts";
import { decodeDocument, verifyDocument, type UnverifiedDocument } from "./documents.ts";
import { AccessError } from "./errors.ts";
import type { OrderEntry } from "./order-entry.ts";
import { orderDocument, type Order, type VerifiedOrder } from "./order.ts";
import type { VerifiedPolicy } from "./policy.ts";
import { decode32, scopeOf } from "./scope.ts";
import { parseUtcTime } from "./utc-time.ts";

/** A bucket is closed, and no message can come into it any more, this long after its end. */
export const CLOSED_AFTER_SECONDS = 60;
/** How far the clocks of honest parties may be apart. */
const LONGEST_SKEW_MS = 60_000;

/**
 * The order of a ledger entry, once it is authorised and within the policy; rules CUS-10 to CUS-17. `authorities`: those
 * that were logged before the order, in ledger order.
 * @throws AccessError ORDER_…, DOCUMENT_…
 */
export async function verifyOrder(
  entry: OrderEntry,
  context: { policy: VerifiedPolicy; authorities: readonly VerifiedAuthority[] },
): Promise<VerifiedOrder> {
  const document = decodeDocument(orderDocument, entry.jws);
  const order = document.value;
  const { policy } = context;
  if (order.policyId !== toBase64Url(policy.id)) throw new AccessError("ORDER_POLICY");
  await verifySigners(document, context.authorities);
  const scope = scopeOf(order, policy.policy);
  const recipient = recipientOf(order);
  checkNotice(order, entry.sealedNotices, policy.policy.longestNoticeDelaySeconds);
  if (parseUtcTime(order.expiresAt) <= parseUtcTime(order.issuedAt))
    throw new AccessError("ORDER_EXPIRED", { expiresAt: order.expiresAt });
  const { sealedNotices, jws } = entry;
  const hash = asOrderHash(document.id);
  return { hash, order, scope, recipient, sealedNotices, jws } as VerifiedOrder;
}

async function verifySigners(
  document: UnverifiedDocument<Order>,
  authorities: readonly VerifiedAuthority[],
): Promise<void> {
  const { issuer: issuerId, judge: judgeId, issuedAt } = document.value;
  const atMs = parseUtcTime(issuedAt);
  const issuer = authority(authorities, "issuer", issuerId, atMs);
  const judge = authority(authorities, "judge", judgeId, atMs);
  if (equalBytes(issuer.key, judge.key)) throw new AccessError("ORDER_JUDGE_NOT_INDEPENDENT");
  try {
    await verifyDocument(document, [issuer.key, judge.key]);
  } catch (error) {
    throw error instanceof AccessError ? inOrdersTerms(error, issuer, judge) : error;
  }
}

function authority(
  authorities: readonly VerifiedAuthority[],
  role: Exclude<AuthorityRole, "delivery">,
  id: string,
  atMs: number,
): VerifiedAuthority {
  const found = authorityAt(authorities, { role, id, atMs });
  if (found !== undefined) return found;
  throw new AccessError(role === "issuer" ? "ORDER_ISSUER_AUTHORITY" : "ORDER_JUDGE_AUTHORITY", { id });
}

/** Whose signature it is that fails, in words of the order. */
function inOrdersTerms(error: AccessError, issuer: VerifiedAuthority, judge: VerifiedAuthority): AccessError {
  const signer = error.facts["signer"];
  if (signer === toBase64Url(issuer.key))
    return new AccessError("ORDER_ISSUER_SIGNATURE", { issuer: issuer.authority.id });
  if (signer === toBase64Url(judge.key))
    return new AccessError("ORDER_JUDGE_SIGNATURE", { judge: judge.authority.id });
  return error;
}

/** Whether the HPKE key is a point that can be sealed to is known when something is: see the custodian. */
function recipientOf(order: Order): VerifiedOrder["recipient"] {
  const hpkeKey = decode32(order.recipient.hpkeKey);
  const signingKey = decode32(order.recipient.signingKey);
  if (hpkeKey === undefined || signingKey === undefined || equalBytes(hpkeKey, signingKey))
    throw new AccessError("ORDER_RECIPIENT_KEY", { recipient: order.recipient.name });
  return { hpkeKey, signingKey };
}

function checkNotice(order: Order, sealedNotices: readonly Uint8Array[], longestDelaySeconds: number): void {
  const { due, sealedHash } = order.notice;
  if (sealedHash.length !== order.accounts.length || sealedNotices.length !== order.accounts.length)
    throw new AccessError("ORDER_NOTICE_MISSING", {
      accounts: order.accounts.length,
      notices: sealedNotices.length,
    });
  for (const [i, sealed] of sealedNotices.entries())
    if (toBase64Url(sha256(sealed)) !== sealedHash[i])
      throw new AccessError("ORDER_NOTICE_HASH", { notice: i });
  if (parseUtcTime(due) > parseUtcTime(order.issuedAt) + longestDelaySeconds * 1000)
    throw new AccessError("ORDER_NOTICE_LATE", { due });
}

/**
 * The order, if it may be acted upon now; rule CUS-16. `nowMs`: the custodian's own clock.
 * @throws AccessError ORDER_FROM_FUTURE, ORDER_EXPIRED, ORDER_SCOPE_NOT_CLOSED
 */
export function verifyOrderDates(verified: VerifiedOrder, nowMs: number): VerifiedOrder {
  const { order, scope } = verified;
  if (parseUtcTime(order.issuedAt) > nowMs + LONGEST_SKEW_MS)
    throw new AccessError("ORDER_FROM_FUTURE", { issuedAt: order.issuedAt });
  if (parseUtcTime(order.expiresAt) <= nowMs)
    throw new AccessError("ORDER_EXPIRED", { expiresAt: order.expiresAt });
  if ((scope.to + CLOSED_AFTER_SECONDS) * 1000 > nowMs)
    throw new AccessError("ORDER_SCOPE_NOT_CLOSED", { to: order.to });
  return verified;
}
