import { sha256, type SigningKey } from "@portcullis/crypto";
import { encodeCbor, equalBytes, fromBase64Url, toBase64Url } from "@portcullis/protocol";
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
import { checkPeriod } from "./keyset.ts";
import { findQuorum, type Custodian, type Quorum, type VerifiedPolicy } from "./policy.ts";

const MessageSchema = strictObject({
  version: Type.Literal(1),
  ceremony: Bytes32,
  round: Type.Union([Type.Literal("commit"), Type.Literal("reveal"), Type.Literal("shares")]),
  custodian: Handle,
  view: Bytes32,
  parts: Type.Array(Type.String({ pattern: "^[A-Za-z0-9_-]*$", maxLength: 65_536 }), { maxItems: 32 }),
});

const messageDocument: DocumentType<Static<typeof MessageSchema>> = {
  typ: "portcullis-ceremony+jws",
  schema: MessageSchema,
};

export type CeremonyRound = "commit" | "reveal" | "shares";

/** What a ceremony is for. `id`: 32 random bytes, fresh for each attempt. `from`, `to`: UTC times, aligned to buckets. */
export interface CeremonyTerms {
  readonly id: Uint8Array;
  readonly quorum: string;
  readonly from: string;
  readonly to: string;
}

/** A ceremony as everybody who takes part knows it; `context` binds all of it into every message and into the keys. */
export interface Ceremony {
  readonly terms: CeremonyTerms;
  readonly policy: VerifiedPolicy;
  readonly quorum: Quorum;
  readonly context: Uint8Array;
}

/** @throws AccessError KEYSET_QUORUM, KEYSET_PERIOD, DOCUMENT_TIME */
export function describeCeremony(policy: VerifiedPolicy, terms: CeremonyTerms): Ceremony {
  const quorum = findQuorum(policy.policy, terms.quorum)?.quorum;
  if (quorum === undefined) throw new AccessError("KEYSET_QUORUM", { quorum: terms.quorum });
  checkPeriod(terms, policy.policy.bucketSeconds);
  const custodians = quorum.custodians.map(({ id, key }) => [id, fromBase64Url(key)]);
  const context = sha256(
    encodeCbor([
      "portcullis/ceremony/v1",
      terms.id,
      policy.id,
      quorum.name,
      terms.from,
      terms.to,
      quorum.threshold,
      custodians,
    ]),
  );
  return { terms, policy, quorum, context };
}

/** One custodian's message of one round: a JWS, fit for any carrier. */
export async function signMessage(
  ceremony: Ceremony,
  sender: { custodian: Custodian; key: SigningKey },
  message: { round: CeremonyRound; view: Uint8Array; parts: readonly Uint8Array[] },
): Promise<string> {
  const value = {
    version: 1 as const,
    ceremony: toBase64Url(ceremony.context),
    round: message.round,
    custodian: sender.custodian.id,
    view: toBase64Url(message.view),
    parts: message.parts.map((part) => toBase64Url(part)),
  };
  return signDocument(messageDocument, value, [sender.key]);
}

/** A round as one custodian saw it: everybody's parts in the quorum's order, and the view after it. */
export interface RoundView {
  readonly parts: readonly (readonly Uint8Array[])[];
  readonly view: Uint8Array;
}

/**
 * All messages of a round: one of each custodian, each by its own hand, all of this ceremony, and all by people who
 * saw the same rounds before.
 * @throws AccessError CEREMONY_MESSAGE, CEREMONY_SPLIT_VIEW (`facts.custodian` saw something else), DOCUMENT_…
 */
export async function readRound(
  ceremony: Ceremony,
  expected: { round: CeremonyRound; view: Uint8Array; parts: number },
  messages: readonly string[],
): Promise<RoundView> {
  const { custodians } = ceremony.quorum;
  if (messages.length !== custodians.length)
    throw new AccessError("CEREMONY_MESSAGE", { round: expected.round, messages: messages.length });
  const documents = messages.map((jws) => decodeDocument(messageDocument, jws));
  const read = await Promise.all(
    custodians.map(async ({ id, key }) => {
      const own = documents.find(({ value }) => value.custodian === id);
      if (own === undefined)
        throw new AccessError("CEREMONY_MESSAGE", { round: expected.round, custodian: id });
      const document = await verifyDocument(own, [fromBase64Url(key)]);
      const { ceremony: context, round, view, parts } = document.value;
      if (
        context !== toBase64Url(ceremony.context) ||
        round !== expected.round ||
        parts.length !== expected.parts
      )
        throw new AccessError("CEREMONY_MESSAGE", { round: expected.round, custodian: id });
      if (!equalBytes(fromBase64Url(view), expected.view))
        throw new AccessError("CEREMONY_SPLIT_VIEW", { round, custodian: id });
      return { parts: parts.map((part) => fromBase64Url(part)), id: document.id };
    }),
  );
  const view = sha256(encodeCbor([expected.view, read.map(({ id }) => id)]));
  return { parts: read.map(({ parts }) => parts), view };
}
