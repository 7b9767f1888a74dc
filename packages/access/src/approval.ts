import type { SigningKey } from "@portcullis/crypto";
import { asOrderHash, equalBytes, fromBase64Url, toBase64Url, type OrderHash } from "@portcullis/protocol";
import { Type, type Static } from "typebox";
import {
  Bytes32,
  decodeDocument,
  Handle,
  signDocument,
  strictObject,
  verifyDocument,
  type DocumentType,
} from "./documents.ts";
import { AccessError } from "./errors.ts";
import type { LabelSet } from "./label-set.ts";
import type { VerifiedPolicy } from "./policy.ts";

/** What approval and release share: which order, whose word, and over which exact buckets. */
export const statementFields = {
  version: Type.Literal(1),
  policyId: Bytes32,
  orderHash: Bytes32,
  custodian: Handle,
  labelsRoot: Bytes32,
  labelsCount: Type.Integer({ minimum: 1, maximum: 1_000_000_000 }),
};

const ApprovalSchema = strictObject(statementFields);

/** The first phase: one custodian found the order good, over exactly these buckets. It opens nothing. */
export type Approval = Static<typeof ApprovalSchema>;

export const approvalDocument: DocumentType<Approval> = {
  typ: "portcullis-approval+jws",
  schema: ApprovalSchema,
};

/** One custodian's word on an order, signed by its key in the policy. */
export interface Statement {
  readonly orderHash: OrderHash;
  readonly custodian: string;
  /** By its place in the policy. */
  readonly quorumIndex: number;
  readonly labels: LabelSet;
}

declare const verified: unique symbol;
export interface VerifiedApproval extends Statement {
  readonly [verified]: true;
}

export function statementOf(input: {
  policy: VerifiedPolicy;
  orderHash: OrderHash;
  custodian: string;
  labels: LabelSet;
}): Approval {
  return {
    version: 1,
    policyId: toBase64Url(input.policy.id),
    orderHash: toBase64Url(input.orderHash),
    custodian: input.custodian,
    labelsRoot: toBase64Url(input.labels.root),
    labelsCount: input.labels.count,
  };
}

export async function signApproval(approval: Approval, key: SigningKey): Promise<string> {
  return signDocument(approvalDocument, approval, [key]);
}

/** @throws AccessError DOCUMENT_…, APPROVAL_CUSTODIAN */
export async function verifyApproval(jws: string, policy: VerifiedPolicy): Promise<VerifiedApproval> {
  const unverified = decodeDocument(approvalDocument, jws);
  const { statement, key } = readStatement(unverified.value, policy);
  await verifyDocument(unverified, [key]);
  return statement as VerifiedApproval;
}

/** What a statement says, and the key that must have signed it. @throws AccessError APPROVAL_CUSTODIAN */
export function readStatement(
  value: Approval,
  policy: VerifiedPolicy,
): { statement: Statement; key: Uint8Array } {
  const { quorumIndex, key } = custodianOf(policy, value.custodian);
  if (!equalBytes(fromBase64Url(value.policyId), policy.id))
    throw new AccessError("APPROVAL_CUSTODIAN", { custodian: value.custodian });
  const labels = { root: fromBase64Url(value.labelsRoot), count: value.labelsCount };
  const orderHash = asOrderHash(fromBase64Url(value.orderHash));
  return { statement: { orderHash, custodian: value.custodian, quorumIndex, labels }, key };
}

/** Where a custodian stands in the policy. `shareIndex`: of its shares in every keyset of its quorum, from 1. @throws AccessError APPROVAL_CUSTODIAN */
export function custodianOf(
  policy: VerifiedPolicy,
  id: string,
): { quorumIndex: number; shareIndex: number; key: Uint8Array } {
  for (const [quorumIndex, { custodians }] of policy.policy.quorums.entries()) {
    const place = custodians.findIndex((custodian) => custodian.id === id);
    const custodian = custodians[place];
    if (custodian !== undefined)
      return { quorumIndex, shareIndex: place + 1, key: fromBase64Url(custodian.key) };
  }
  throw new AccessError("APPROVAL_CUSTODIAN", { custodian: id });
}
