import { LedgerError, openCheckpoint, verifyFreshness } from "@portcullis/ledger/verify";
import { hpkeSeal } from "@portcullis/crypto/hpke";
import { toHex, type OrderHash } from "@portcullis/protocol";
import { AccessError } from "./errors.ts";
import {
  before,
  findOrder,
  type LedgerDocuments,
  type Logged,
  type LoggedOrder,
} from "./ledger-documents.ts";
import type { LedgerView } from "./ledger-view.ts";
import { verifyOrder, verifyOrderDates } from "./order-verification.ts";
import type { VerifiedOrder } from "./order.ts";
import type { VerifiedPolicy } from "./policy.ts";
import { checkLimits } from "./scope.ts";
import { verifyTargets, type VerifiedTargets } from "./target-verification.ts";
import { decodeTargets } from "./targets.ts";
import { parseUtcTime } from "./utc-time.ts";

const LONGEST_SKEW_MS = 60_000;

/** An order that a custodian may put before the person who decides. */
export interface AcceptableOrder {
  readonly order: VerifiedOrder;
  readonly targets: VerifiedTargets;
  /** Where the order stands in the ledger. */
  readonly index: number;
}

/**
 * Everything that a custodian checks of an order, from what it has seen of the ledger itself; rules CUS-01 to CUS-26.
 * `targets`: as the server sent them. `nowMs`: the custodian's own clock.
 * @throws AccessError with the one code of the first thing that is wrong; ProtocolError, CryptoError for malformed targets
 */
export async function reviewOrder(input: {
  policy: VerifiedPolicy;
  view: LedgerView;
  documents: LedgerDocuments;
  orderHash: OrderHash;
  /** Which entry of the order, when it was approved before. */
  index?: number;
  targets: Uint8Array;
  nowMs: number;
}): Promise<AcceptableOrder> {
  const { policy, view, documents, orderHash, nowMs } = input;
  const logged = findOrder(documents, orderHash, input.index);
  if (logged === undefined) throw new AccessError("ORDER_NOT_IN_LEDGER", { order: toHex(orderHash) });
  checkFreshness(view, policy, nowMs);
  const { index } = logged;
  const authorities = before(documents.authorities, index);
  const order = await verifyOrder(logged.document.entry, { policy, authorities });
  checkReplay(documents, logged);
  verifyOrderDates(order, nowMs);
  checkLimits(policy.policy, order.scope, {
    earlierMs: issuedTimes(before(documents.orders, index)),
    issuedMs: parseUtcTime(order.order.issuedAt),
  });
  await checkRecipient(order);
  const keysets = documents.keysets.map(({ document }) => document);
  const targets = verifyTargets(decodeTargets(input.targets), order, { policy, keysets });
  return { order, targets, index };
}

/** Enough witnesses saw the ledger lately; rule CUS-04. */
function checkFreshness(view: LedgerView, policy: VerifiedPolicy, nowMs: number): void {
  const witnesses = policy.witnessPolicy("access");
  const longestAgeMs = policy.policy.longestCosignatureAgeSeconds * 1000;
  try {
    verifyFreshness({
      checkpoint: openCheckpoint(view.checkpoint ?? "", witnesses),
      threshold: witnesses.threshold,
      nowMs,
      longestAgeMs,
      longestAheadMs: LONGEST_SKEW_MS,
    });
  } catch (error) {
    throw error instanceof LedgerError && error.code === "LEDGER_STALE"
      ? new AccessError("ORDER_COSIGNATURE_AGE", error.facts)
      : error;
  }
}

/** An id serves once: no earlier entry, the same document or another, bears it; rule CUS-06. */
function checkReplay(documents: LedgerDocuments, logged: Logged<LoggedOrder>): void {
  const earlier = documents.orders.find(
    ({ index, document }) => index < logged.index && document.order.id === logged.document.order.id,
  );
  if (earlier !== undefined) throw new AccessError("ORDER_REPLAYED", { id: earlier.document.order.id });
}

/**
 * When earlier orders count as issued: never before one that the ledger has earlier, so that nobody gains room by
 * dating an order back.
 */
function issuedTimes(orders: readonly LoggedOrder[]): number[] {
  let latest = 0;
  return orders.map(({ order }) => {
    latest = Math.max(latest, parseUtcTime(order.issuedAt));
    return latest;
  });
}

/** A key that nothing can be sealed to (a point of small order) shows itself when something is; rule CUS-15. */
async function checkRecipient(order: VerifiedOrder): Promise<void> {
  const nothing = new Uint8Array(0);
  try {
    await hpkeSeal({
      publicKey: order.recipient.hpkeKey,
      info: nothing,
      associatedData: nothing,
      plaintext: nothing,
    });
  } catch {
    throw new AccessError("ORDER_RECIPIENT_KEY", { recipient: order.order.recipient.name });
  }
}
