import { compareBytes } from "../bytes.ts";
import { FieldReader, type CborValue } from "../cbor.ts";
import { ProtocolError } from "../errors.ts";
import { asAccountId, type AccountId } from "../identifiers.ts";
import { limits } from "../limits.ts";

const WHAT = "join link";
const ROLES = ["member", "admin"] as const;

/** What the members know of a link by which others may join: enough to check who asks with it, not to ask. */
export interface JoinLink {
  /** 32 bytes, Ed25519: whoever asks signs with its key. No server learns it. */
  readonly publicKey: Uint8Array;
  /** An owner or admin. */
  readonly maker: AccountId;
  /** What whoever joins by it becomes. */
  readonly role: (typeof ROLES)[number];
  readonly expiresAtMs: number;
  /** How many accounts may join by it, 1 to `limits.usesPerJoinLink`. */
  readonly uses: number;
  /** Those that have; none of them joins by it again. */
  readonly admitted: readonly AccountId[];
}

/** Links stand in the order of their keys, and accounts in that of their bytes. */
export function joinLinkFields(links: readonly JoinLink[]): CborValue[] {
  return links
    .toSorted((a, b) => compareBytes(a.publicKey, b.publicKey))
    .map(({ publicKey, maker, role, expiresAtMs, uses, admitted }) => [
      publicKey,
      maker,
      role,
      expiresAtMs,
      uses,
      admitted.toSorted(compareBytes),
    ]);
}

/** @throws ProtocolError DECODE_* */
export function readJoinLinks(reader: FieldReader): JoinLink[] {
  const links = reader.list(readJoinLink, limits.joinLinks);
  checkOrder(links.map(({ publicKey }) => publicKey));
  return links;
}

function readJoinLink(value: CborValue): JoinLink {
  const fields = new FieldReader(value, WHAT, 6);
  const link = {
    publicKey: fields.bytes(32),
    maker: asAccountId(fields.bytes()),
    role: fields.oneOf(ROLES),
    expiresAtMs: fields.integer(),
    uses: fields.integer(1, limits.usesPerJoinLink),
    admitted: fields.list((account) => {
      if (!(account instanceof Uint8Array)) throw new ProtocolError("DECODE_SHAPE", { what: WHAT });
      return asAccountId(account);
    }, limits.usesPerJoinLink),
  };
  if (link.admitted.length > link.uses) throw new ProtocolError("DECODE_RANGE", { what: WHAT });
  checkOrder(link.admitted);
  return link;
}

function checkOrder(values: readonly Uint8Array[]): void {
  for (const [i, value] of values.slice(1).entries())
    if (compareBytes(values[i] as Uint8Array, value) >= 0)
      throw new ProtocolError("DECODE_NOT_CANONICAL", { what: WHAT });
}
