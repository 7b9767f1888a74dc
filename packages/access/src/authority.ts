import type { SigningKey } from "@portcullis/crypto";
import { fromBase64Url, toBase64Url } from "@portcullis/protocol";
import { Type, type Static } from "typebox";
import {
  boundedText,
  Bytes32,
  decodeDocument,
  Handle,
  signDocument,
  strictObject,
  UtcTime,
  verifyDocument,
  type DocumentType,
} from "./documents.ts";
import { AccessError } from "./errors.ts";
import type { VerifiedPolicy } from "./policy.ts";
import { parseUtcTime } from "./utc-time.ts";

const AuthoritySchema = strictObject({
  version: Type.Literal(1),
  policyId: Bytes32,
  role: Type.Union([Type.Literal("issuer"), Type.Literal("judge"), Type.Literal("delivery")]),
  id: Handle,
  name: boundedText(200),
  key: Bytes32,
  validFrom: UtcTime,
  validTo: UtcTime,
});

/** Somebody whom the registrar lists: who may issue orders, who may authorise them, under which key the delivery service signs receipts. */
export type Authority = Static<typeof AuthoritySchema>;
export type AuthorityRole = Authority["role"];

export const authorityDocument: DocumentType<Authority> = {
  typ: "portcullis-authority+jws",
  schema: AuthoritySchema,
};

declare const verified: unique symbol;

/** An authority that the policy's registrar signed. Valid from `validFromMs` inclusive to `validToMs` exclusive. */
export interface VerifiedAuthority {
  readonly [verified]: true;
  /** SHA-256 of the document. */
  readonly hash: Uint8Array;
  readonly authority: Authority;
  readonly key: Uint8Array;
  readonly validFromMs: number;
  readonly validToMs: number;
  readonly jws: string;
}

export async function signAuthority(authority: Authority, registrar: SigningKey): Promise<string> {
  return signDocument(authorityDocument, authority, [registrar]);
}

/** The authority in a JWS; rule ACC-25. @throws AccessError DOCUMENT_…, AUTHORITY_… */
export async function verifyAuthority(jws: string, policy: VerifiedPolicy): Promise<VerifiedAuthority> {
  const unverified = decodeDocument(authorityDocument, jws);
  if (unverified.value.policyId !== toBase64Url(policy.id)) throw new AccessError("AUTHORITY_POLICY");
  const validFromMs = parseUtcTime(unverified.value.validFrom);
  const validToMs = parseUtcTime(unverified.value.validTo);
  if (validFromMs >= validToMs) throw new AccessError("AUTHORITY_PERIOD", { id: unverified.value.id });
  const document = await verifyDocument(unverified, [fromBase64Url(policy.policy.registrarKey)]);
  const authority = document.value;
  const key = fromBase64Url(authority.key);
  return { hash: document.id, authority, key, validFromMs, validToMs, jws } as VerifiedAuthority;
}

/**
 * The authority of this role and id that is valid at an instant; the later listing wins, so that a key can be replaced.
 * `authorities` in ledger order. Undefined when none is.
 */
export function authorityAt(
  authorities: readonly VerifiedAuthority[],
  wanted: { role: AuthorityRole; id: string; atMs: number },
): VerifiedAuthority | undefined {
  const listed = authorities.findLast(
    ({ authority }) => authority.role === wanted.role && authority.id === wanted.id,
  );
  if (listed === undefined) return undefined;
  return listed.validFromMs <= wanted.atMs && wanted.atMs < listed.validToMs ? listed : undefined;
}
