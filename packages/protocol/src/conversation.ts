import type { BucketStart } from "./bucket.ts";
import { decodeCbor, FieldReader } from "./cbor.ts";
import { encodeCbor } from "./cbor-encoder.ts";
import { ProtocolError } from "./errors.ts";
import { asPolicyId, type PolicyId } from "./identifiers.ts";

/** MLS GroupContext extension that holds the terms; private use range of RFC 9420 section 17.3. */
export const CONVERSATION_EXTENSION = 0xf0c1;
/** MLS GroupInfo extension that holds what a joiner needs and no Commit shows it. */
export const JOINING_EXTENSION = 0xf0c2;

const CONVERSATION = "portcullis/conversation/v1";
const JOINING = "portcullis/joining/v2";
const CLASSES = ["sealed", "recorded"] as const;

/** `sealed`: nobody but members, ever. `recorded`: lawful access under the policy. Fixed when the conversation begins. */
export type ConversationClass = (typeof CLASSES)[number];

/** What every member sees in signed group state, the same from the first epoch to the last. */
export interface ConversationTerms {
  readonly class: ConversationClass;
  /** Present exactly when `recorded`. */
  readonly policyId?: PolicyId;
  /** 32 bytes, Ed25519: the server's key that signs roots of franks. */
  readonly frankingKey: Uint8Array;
}

export interface Joining {
  readonly startBucket: BucketStart;
  /** 32 bytes: the key from which the epoch's roster salts come. */
  readonly rosterKey: Uint8Array;
  /** The conversation's shared state as it stands (protocol/content). */
  readonly state: Uint8Array;
}

export function encodeConversationTerms(terms: ConversationTerms): Uint8Array {
  return encodeCbor([CONVERSATION, terms.class, terms.policyId ?? null, terms.frankingKey]);
}

/** @throws ProtocolError DECODE_*; DECODE_SHAPE when `recorded` has no policy or `sealed` has one */
export function decodeConversationTerms(bytes: Uint8Array): ConversationTerms {
  const what = "conversation terms";
  const reader = new FieldReader(decodeCbor(bytes, what), what, 4);
  reader.constant(CONVERSATION);
  const conversationClass = reader.oneOf(CLASSES);
  const policyId = reader.optionalBytes();
  const frankingKey = reader.bytes(32);
  if ((conversationClass === "recorded") !== (policyId !== undefined))
    throw new ProtocolError("DECODE_SHAPE", { what, field: "policyId" });
  return {
    class: conversationClass,
    ...(policyId && { policyId: asPolicyId(policyId) }),
    frankingKey,
  };
}

export function encodeJoining(joining: Joining): Uint8Array {
  return encodeCbor([JOINING, joining.startBucket, joining.rosterKey, joining.state]);
}

/** @throws ProtocolError DECODE_* */
export function decodeJoining(bytes: Uint8Array): Joining {
  const what = "joining";
  const reader = new FieldReader(decodeCbor(bytes, what), what, 4);
  reader.constant(JOINING);
  return { startBucket: reader.integer(), rosterKey: reader.bytes(32), state: reader.bytes() };
}
