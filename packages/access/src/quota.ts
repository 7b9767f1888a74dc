import type { Policy } from "./policy.ts";

const WINDOW_MS = 30 * 86_400_000;

export type QuotaName =
  | "longestOrderSeconds"
  | "accountsPerOrder"
  | "conversationsPerOrder"
  | "labelsPerOrder"
  | "ordersPer30Days";

/** What an order asks for, as counted by the one who checks it. */
export interface OrderSize {
  readonly seconds: number;
  readonly accounts: number;
  readonly conversations: number;
  /** Unknown until the label set is. */
  readonly labels?: number;
}

export type QuotaDecision =
  | { readonly decision: "within" }
  | {
      readonly decision: "exceeded";
      readonly quota: QuotaName;
      readonly limit: number;
      readonly actual: number;
    };

/**
 * Whether an order stays within the policy's limits; rule ACC-62. `earlierMs`: when each earlier order was issued, as
 * the ledger alone says; those of the 30 days up to `issuedMs` count, and so do any dated later.
 */
export function checkQuota(
  policy: Policy,
  order: OrderSize,
  earlierMs: readonly number[],
  issuedMs: number,
): QuotaDecision {
  const recent = earlierMs.filter((timeMs) => timeMs > issuedMs - WINDOW_MS).length;
  const counts: readonly (readonly [QuotaName, number])[] = [
    ["longestOrderSeconds", order.seconds],
    ["accountsPerOrder", order.accounts],
    ["conversationsPerOrder", order.conversations],
    ["labelsPerOrder", order.labels ?? 0],
    ["ordersPer30Days", recent + 1],
  ];
  for (const [quota, actual] of counts)
    if (actual > policy[quota]) return { decision: "exceeded", quota, limit: policy[quota], actual };
  return { decision: "within" };
}
