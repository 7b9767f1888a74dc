import { ProtocolError } from "./errors.ts";

declare const brand: unique symbol;
type Branded<Name extends string> = Uint8Array & { readonly [brand]: Name };

/** 32 bytes: the hash of the account's first public key (ledger/identity), so that an account names its own key. */
export type AccountId = Branded<"AccountId">;
/** 16 random bytes, unique within an account's device list. */
export type DeviceId = Branded<"DeviceId">;
/** 32 random bytes, also the MLS group id. */
export type ConversationId = Branded<"ConversationId">;
/** 16 random bytes chosen by the sending client; the server accepts each (device, message id) once. */
export type MessageId = Branded<"MessageId">;
/** 32 bytes: SHA-256 of the canonical policy (access). */
export type PolicyId = Branded<"PolicyId">;
/** 32 bytes: SHA-256 of the canonical keyset (access). */
export type KeysetId = Branded<"KeysetId">;
/** 32 bytes: SHA-256 of an order's payload (access). */
export type OrderHash = Branded<"OrderHash">;

function exactly(bytes: Uint8Array, length: number, what: string): Uint8Array {
  if (bytes.length !== length)
    throw new ProtocolError("DECODE_LENGTH", { what, expected: length, actual: bytes.length });
  return bytes;
}

export function asAccountId(bytes: Uint8Array): AccountId {
  return exactly(bytes, 32, "account id") as AccountId;
}
export function asDeviceId(bytes: Uint8Array): DeviceId {
  return exactly(bytes, 16, "device id") as DeviceId;
}
export function asConversationId(bytes: Uint8Array): ConversationId {
  return exactly(bytes, 32, "conversation id") as ConversationId;
}
export function asMessageId(bytes: Uint8Array): MessageId {
  return exactly(bytes, 16, "message id") as MessageId;
}
export function asPolicyId(bytes: Uint8Array): PolicyId {
  return exactly(bytes, 32, "policy id") as PolicyId;
}
export function asKeysetId(bytes: Uint8Array): KeysetId {
  return exactly(bytes, 32, "keyset id") as KeysetId;
}
export function asOrderHash(bytes: Uint8Array): OrderHash {
  return exactly(bytes, 32, "order hash") as OrderHash;
}
