import { FieldReader, type CborValue } from "./cbor.ts";
import type { RosterSalt } from "./frames.ts";
import { asAccountId } from "./identifiers.ts";

/** A roster salt as a field of a frame. */
export function rosterSaltFields(entry: RosterSalt): CborValue {
  return [entry.accountId, entry.salt];
}

/** @throws ProtocolError DECODE_* */
export function readRosterSalt(value: CborValue): RosterSalt {
  const reader = new FieldReader(value, "roster salt", 2);
  return { accountId: asAccountId(reader.bytes()), salt: reader.bytes(32) };
}
