import { sha256 } from "@portcullis/crypto";
import { decodeCbor, encodeCbor, FieldReader, ProtocolError } from "@portcullis/protocol";

/** One version of an account's device list, as auditors see it: neither whose it is nor what it says. */
export interface ListOpening {
  readonly kind: "device-list";
  /** 32 bytes: the account, to whoever has a proof by the index's VRF key. */
  readonly label: Uint8Array;
  readonly version: number;
  /** 32 bytes: {@link commitToList}. */
  readonly commitment: Uint8Array;
}

/** The index over all entries before this one. */
export interface RootOpening {
  readonly kind: "index-root";
  /** How many entries it covers, which is its own place in the log. */
  readonly size: number;
  /** 32 bytes. */
  readonly root: Uint8Array;
}

export type IdentityOpening = ListOpening | RootOpening;

const LIST = "portcullis/identity/v2";
const ROOT = "portcullis/index-root/v1";
const WHAT = "identity opening";

/** Binds a signed list and tells nothing of it. `salt`: 32 random bytes. */
export function commitToList(salt: Uint8Array, signedList: Uint8Array): Uint8Array {
  return sha256(encodeCbor(["portcullis/list-commitment/v1", salt, signedList]));
}

export function encodeIdentityOpening(opening: IdentityOpening): Uint8Array {
  return opening.kind === "device-list"
    ? encodeCbor([LIST, opening.label, opening.version, opening.commitment])
    : encodeCbor([ROOT, opening.size, opening.root]);
}

/** @throws ProtocolError DECODE_* */
export function decodeIdentityOpening(bytes: Uint8Array): IdentityOpening {
  const value = decodeCbor(bytes, WHAT);
  const type: unknown = Array.isArray(value) ? value[0] : undefined;
  if (type === LIST) {
    const fields = new FieldReader(value, WHAT, 4);
    fields.constant(LIST);
    const [label, version] = [fields.bytes(32), fields.integer(1)];
    return { kind: "device-list", label, version, commitment: fields.bytes(32) };
  }
  if (type !== ROOT) throw new ProtocolError("DECODE_SHAPE", { what: WHAT, field: 0 });
  const fields = new FieldReader(value, WHAT, 3);
  fields.constant(ROOT);
  return { kind: "index-root", size: fields.integer(), root: fields.bytes(32) };
}

/** What stands in the identity log for an opening: 32 bytes. */
export function identityEntry(opening: IdentityOpening): Uint8Array {
  return sha256(encodeIdentityOpening(opening));
}
