import { sha256 } from "@portcullis/crypto";
import { decodeCbor, encodeCbor, equalBytes, FieldReader, type Random } from "@portcullis/protocol";
import { AccessError } from "./errors.ts";

const VERSION = "portcullis/opening/v1";
const WHAT = "opening";
const SALT_BYTES = 32;

export const openingKinds = [
  "policy",
  "keyset",
  "authority",
  "order",
  "approve",
  "release",
  "notice",
  "unseal",
  "dummy",
] as const;

export type OpeningKind = (typeof openingKinds)[number];

/** The kinds whose openings everybody may see at once. */
export const publicKinds: readonly OpeningKind[] = ["policy", "keyset", "authority"];

/** What stands behind one ledger entry. `bytes` is what the entry hashes and what is passed on. */
export interface Opening {
  readonly kind: OpeningKind;
  readonly body: Uint8Array;
  /** 32 random bytes, without which the entry tells nothing. */
  readonly salt: Uint8Array;
  readonly bytes: Uint8Array;
}

/** A fresh opening and the entry (32 bytes, whatever the body) that commits to it. */
export function sealOpening(
  kind: OpeningKind,
  body: Uint8Array,
  random: Random,
): { opening: Uint8Array; entry: Uint8Array } {
  const opening = encodeOpening({ kind, body, salt: random(SALT_BYTES) });
  return { opening, entry: entryOf(opening) };
}

export function encodeOpening(opening: {
  kind: OpeningKind;
  body: Uint8Array;
  salt: Uint8Array;
}): Uint8Array {
  return encodeCbor([VERSION, opening.salt, opening.kind, opening.body]);
}

/** @throws ProtocolError */
export function decodeOpening(bytes: Uint8Array): Opening {
  const reader = new FieldReader(decodeCbor(bytes, WHAT), WHAT, 4);
  reader.constant(VERSION);
  const salt = reader.bytes(SALT_BYTES);
  return { kind: reader.oneOf(openingKinds), body: reader.bytes(), salt, bytes };
}

/** The ledger entry of an opening: SHA-256, exactly 32 bytes. */
export function entryOf(opening: Uint8Array): Uint8Array {
  return sha256(opening);
}

/** The opening, when it is the one that a ledger entry commits to; rule ACC-61. @throws AccessError ENTRY_DIFFERS, ProtocolError */
export function openEntry(entry: Uint8Array, opening: Uint8Array): Opening {
  if (!equalBytes(entryOf(opening), entry)) throw new AccessError("ENTRY_DIFFERS");
  return decodeOpening(opening);
}
