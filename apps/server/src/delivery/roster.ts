import {
  asAccountId,
  decodeCbor,
  encodeCbor,
  FieldReader,
  type CborValue,
  type RosterSalt,
} from "@portcullis/protocol";

const what = "roster";

/** The roster of one epoch as the store keeps it. */
export function encodeRoster(roster: readonly RosterSalt[]): Uint8Array {
  return encodeCbor([roster.map(({ accountId, salt }) => [accountId, salt])]);
}

/** @throws ProtocolError DECODE_* */
export function decodeRoster(bytes: Uint8Array): RosterSalt[] {
  return new FieldReader(decodeCbor(bytes, what), what, 1).list(readMember);
}

function readMember(value: CborValue): RosterSalt {
  const reader = new FieldReader(value, what, 2);
  return { accountId: asAccountId(reader.bytes()), salt: reader.bytes(32) };
}
