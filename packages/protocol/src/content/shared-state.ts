import { compareBytes, utf8 } from "../bytes.ts";
import { decodeCbor, FieldReader, type CborValue } from "../cbor.ts";
import { encodeCbor } from "../cbor-encoder.ts";
import { ProtocolError } from "../errors.ts";
import { asAccountId, type AccountId } from "../identifiers.ts";
import { limits } from "../limits.ts";
import { joinLinkFields, readJoinLinks, type JoinLink } from "./join-link.ts";
import type { MimiContent } from "./mimi-content.ts";

const STATE = "portcullis/state/v1";
/** The same with join links, of which there is at least one. */
const STATE_WITH_LINKS = "portcullis/state/v2";
const WHAT = "shared state";
export const STATE_TYPE = "application/portcullis-state";
const ROLES = ["owner", "admin"] as const;

/** Whoever is not listed is a `member`. */
export type Role = (typeof ROLES)[number] | "member";

/** Who may do what, and who has said that it leaves. */
export interface Standing {
  /** Owners and admins, each account once. */
  readonly roles: readonly { readonly accountId: AccountId; readonly role: Exclude<Role, "member"> }[];
  /** To be removed by whoever comes first. */
  readonly leaving: readonly AccountId[];
}

/** What the members of a conversation share beside its messages. A new one names the one that it follows. */
export interface SharedState extends Standing {
  /** 0 for the first. */
  readonly version: number;
  /** 32 bytes: SHA-256 of the encoded state before; absent in the first. */
  readonly previous?: Uint8Array;
  readonly name: string;
  /** An image of at most `limits.pictureBytes`. */
  readonly picture?: Uint8Array;
  /** By which others may join; absent when there are none. */
  readonly links?: readonly JoinLink[];
}

/** The state's one encoding: accounts stand in the order of their bytes. */
export function encodeSharedState(state: SharedState): Uint8Array {
  const { links = [] } = state;
  return encodeCbor([
    links.length === 0 ? STATE : STATE_WITH_LINKS,
    state.version,
    state.previous ?? null,
    state.name,
    state.picture ?? null,
    ...standingFields(state),
    ...(links.length === 0 ? [] : [joinLinkFields(links)]),
  ]);
}

/** @throws ProtocolError DECODE_* */
export function decodeSharedState(bytes: Uint8Array): SharedState {
  const value = decodeCbor(bytes, WHAT);
  const hasLinks = Array.isArray(value) && value[0] === STATE_WITH_LINKS;
  const reader = new FieldReader(value, WHAT, hasLinks ? 8 : 7);
  reader.constant(hasLinks ? STATE_WITH_LINKS : STATE);
  const version = reader.integer();
  const previous = reader.optionalBytes(32);
  const name = reader.text();
  const picture = reader.optionalBytes();
  if (utf8(name).length > limits.nameBytes || (picture?.length ?? 0) > limits.pictureBytes)
    throw new ProtocolError("DECODE_LENGTH", { what: WHAT });
  if ((version === 0) !== (previous === undefined)) throw new ProtocolError("DECODE_SHAPE", { what: WHAT });
  const standing = readStanding(reader);
  const links = hasLinks ? readJoinLinks(reader) : [];
  // A state without links has the older form, and no other.
  if (hasLinks && links.length === 0) throw new ProtocolError("DECODE_NOT_CANONICAL", { what: WHAT });
  return {
    version,
    ...(previous && { previous }),
    name,
    ...(picture && { picture }),
    ...standing,
    ...(hasLinks && { links }),
  };
}

/** The two fields of a standing, for whoever stores one. */
export function standingFields({ roles, leaving }: Standing): CborValue[] {
  return [
    roles
      .toSorted((a, b) => compareBytes(a.accountId, b.accountId))
      .map(({ accountId, role }) => [accountId, role]),
    leaving.toSorted(compareBytes),
  ];
}

/** @throws ProtocolError DECODE_* */
export function readStanding(reader: FieldReader): Standing {
  const roles = reader.list((value) => {
    const fields = new FieldReader(value, WHAT, 2);
    return { accountId: asAccountId(fields.bytes()), role: fields.oneOf(ROLES) };
  }, limits.accountsPerConversation);
  const leaving = reader.list((value) => {
    if (!(value instanceof Uint8Array)) throw new ProtocolError("DECODE_SHAPE", { what: WHAT });
    return asAccountId(value);
  }, limits.accountsPerConversation);
  checkOrder(roles.map(({ accountId }) => accountId));
  checkOrder(leaving);
  return { roles, leaving };
}

function checkOrder(accounts: readonly AccountId[]): void {
  for (const [i, account] of accounts.slice(1).entries())
    if (compareBytes(accounts[i] as AccountId, account) >= 0)
      throw new ProtocolError("DECODE_NOT_CANONICAL", { what: WHAT });
}

/** The state that a content sets; undefined for other content. @throws ProtocolError DECODE_* */
export function stateOf({ nestedPart: part }: MimiContent): SharedState | undefined {
  if (part.cardinality !== "single" || part.contentType !== STATE_TYPE) return undefined;
  return decodeSharedState(part.content);
}
