import { sha256, type SigningKey } from "@portcullis/crypto";
import { encodeCbor, fromBase64Url, type OrderHash } from "@portcullis/protocol";
import type { Static } from "typebox";
import { readStatement, statementFields, type Statement } from "./approval.ts";
import {
  Bytes32,
  decodeDocument,
  signDocument,
  strictObject,
  verifyDocument,
  type DocumentType,
} from "./documents.ts";
import type { VerifiedPolicy } from "./policy.ts";

const ReleaseSchema = strictObject({
  ...statementFields,
  /** SHA-256 of the share batch before it was sealed: with it a third party can hold the custodian to each share. */
  sharesHash: Bytes32,
  /** SHA-256 of the sealed batch. */
  batchHash: Bytes32,
});

/** The second phase: the custodian's shares leave, in this batch and no other. */
export type Release = Static<typeof ReleaseSchema>;

export const releaseDocument: DocumentType<Release> = {
  typ: "portcullis-release+jws",
  schema: ReleaseSchema,
};

declare const verified: unique symbol;
export interface VerifiedRelease extends Statement {
  readonly [verified]: true;
  readonly sharesHash: Uint8Array;
  readonly batchHash: Uint8Array;
}

export async function signRelease(release: Release, key: SigningKey): Promise<string> {
  return signDocument(releaseDocument, release, [key]);
}

/** @throws AccessError DOCUMENT_…, APPROVAL_CUSTODIAN */
export async function verifyRelease(jws: string, policy: VerifiedPolicy): Promise<VerifiedRelease> {
  const unverified = decodeDocument(releaseDocument, jws);
  const { statement, key } = readStatement(unverified.value, policy);
  await verifyDocument(unverified, [key]);
  const sharesHash = fromBase64Url(unverified.value.sharesHash);
  const batchHash = fromBase64Url(unverified.value.batchHash);
  return { ...statement, sharesHash, batchHash } as VerifiedRelease;
}

/** What every share of an order is bound to: a share for one order and one recipient proves nothing for another. */
export function shareBinding(orderHash: OrderHash, recipientHpkeKey: Uint8Array): Uint8Array {
  return sha256(encodeCbor([orderHash, recipientHpkeKey]));
}
