import type { SigningKey } from "@portcullis/crypto";
import { asOrderHash, type OrderHash } from "@portcullis/protocol";
import { Type, type Static } from "typebox";
import {
  boundedText,
  Bytes32,
  Handle,
  mergeSignatures,
  decodeDocument,
  signDocument,
  strictObject,
  UtcTime,
  type DocumentType,
} from "./documents.ts";
import type { Scope } from "./scope.ts";

const MOST_NAMES = 1000;

const OrderSchema = strictObject({
  version: Type.Literal(1),
  policyId: Bytes32,
  /** A UUID, lower case; used once. */
  id: Type.String({ pattern: "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$" }),
  /** The law, and the act under it. */
  instrument: boundedText(500),
  /** Authorities by their ids. */
  issuer: Handle,
  judge: Handle,
  reasons: strictObject({ necessity: boundedText(4000), proportionality: boundedText(4000) }),
  accounts: Type.Array(strictObject({ id: Type.String(), handle: boundedText(64) }), {
    maxItems: MOST_NAMES,
  }),
  conversations: Type.Array(Type.String(), { maxItems: MOST_NAMES }),
  scope: Type.Union([Type.Literal("sent"), Type.Literal("conversation")]),
  /** Why the whole conversation, when `scope` says so. */
  scopeReason: Type.Optional(boundedText(4000)),
  /** First bucket, and the bucket after the last. */
  from: UtcTime,
  to: UtcTime,
  recipient: strictObject({ name: boundedText(200), hpkeKey: Type.String(), signingKey: Type.String() }),
  /** SHA-256 of the notice sealed to each account, in the order of `accounts`. */
  notice: strictObject({ due: UtcTime, sealedHash: Type.Array(Bytes32, { maxItems: MOST_NAMES }) }),
  issuedAt: UtcTime,
  expiresAt: UtcTime,
});

/** What an authority and a judge sign: whose words, where, from when to when, for whom, why, and when they will be told. */
export type Order = Static<typeof OrderSchema>;

export const orderDocument: DocumentType<Order> = {
  typ: "portcullis-order+jws",
  schema: OrderSchema,
};

declare const verified: unique symbol;

/** An order that is authorised and lies within the policy. Made by verifyOrder alone; times are for verifyOrderDates. */
export interface VerifiedOrder {
  readonly [verified]: true;
  readonly hash: OrderHash;
  readonly order: Order;
  readonly scope: Scope;
  readonly recipient: { readonly hpkeKey: Uint8Array; readonly signingKey: Uint8Array };
  readonly sealedNotices: readonly Uint8Array[];
  readonly jws: string;
}

/** The order with one signature: the issuing authority's or the judge's. Joined by countersignOrder. */
export async function signOrder(order: Order, key: SigningKey): Promise<string> {
  return signDocument(orderDocument, order, [key]);
}

/** The same order with one signature more. Who signs has read `decodeOrder(jws)`. */
export async function countersignOrder(jws: string, key: SigningKey): Promise<string> {
  return mergeSignatures(orderDocument, [jws, await signOrder(decodeOrder(jws).order, key)]);
}

/** Well-formed, and nothing more; the hash is what approvals, releases and shares are bound to. @throws AccessError DOCUMENT_… */
export function decodeOrder(jws: string): { order: Order; hash: OrderHash } {
  const document = decodeDocument(orderDocument, jws);
  return { order: document.value, hash: asOrderHash(document.id) };
}
