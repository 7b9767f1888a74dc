import { equalBytes, type OrderHash } from "@portcullis/protocol";
import type { VerifiedApproval } from "./approval.ts";
import { AccessError } from "./errors.ts";
import type { LabelSet } from "./label-set.ts";
import type { VerifiedPolicy } from "./policy.ts";

/** How far one quorum has come with an order. */
export interface QuorumStanding {
  readonly quorum: string;
  readonly threshold: number;
  /** Who approved exactly these buckets. */
  readonly approved: readonly string[];
}

/** Approvals of other buckets, or of another order, do not count; nor does anybody's second one. */
export function quorumStanding(
  policy: VerifiedPolicy,
  approvals: readonly VerifiedApproval[],
  wanted: { orderHash: OrderHash; labels: LabelSet },
): QuorumStanding[] {
  const same = approvals.filter(
    ({ orderHash, labels }) =>
      equalBytes(orderHash, wanted.orderHash) &&
      labels.count === wanted.labels.count &&
      equalBytes(labels.root, wanted.labels.root),
  );
  return policy.policy.quorums.map(({ name, threshold }, index) => {
    const approved = same
      .filter(({ quorumIndex }) => quorumIndex === index)
      .map(({ custodian }) => custodian);
    return { quorum: name, threshold, approved: [...new Set(approved)] };
  });
}

/** Returns when every quorum has its threshold; rule CUS-30. @throws AccessError ORDER_QUORUM_SHORT */
export function requireEveryQuorum(standing: readonly QuorumStanding[]): void {
  for (const { quorum, threshold, approved } of standing)
    if (approved.length < threshold)
      throw new AccessError("ORDER_QUORUM_SHORT", { quorum, needed: threshold, approved: approved.length });
}
