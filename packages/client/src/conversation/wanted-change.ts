import {
  asAccountId,
  FieldReader,
  JOIN_LINK_ID_BYTES,
  limits,
  ProtocolError,
  type AccountId,
  type CborValue,
} from "@portcullis/protocol";
import { joinLinkFields, readJoinLinks, type JoinLink, type Role } from "@portcullis/protocol/content";

const WHAT = "wanted change";

/**
 * What a device wants of a conversation's shared state, whatever else others make of it meanwhile. Kept with the message
 * that makes it, until it stands.
 */
export type WantedChange =
  | { readonly name: string }
  /** Undefined: there is no picture any more. */
  | { readonly picture: Uint8Array | undefined }
  | { readonly accountId: AccountId; readonly role: Role }
  | { readonly leave: AccountId }
  | LinkChange
  /** Nothing is changed: what stands is said again, to whoever has just joined (GRP-05). */
  | { readonly repeats: true };

export interface LinkChange {
  /** A fresh one. */
  readonly link?: JoinLink;
  /** The ids of those that are to go. */
  readonly drops: readonly Uint8Array[];
}

export function wantedChangeFields(change: WantedChange): CborValue {
  if ("name" in change) return ["name", change.name, 0];
  if ("picture" in change) return ["picture", change.picture ?? null, 0];
  if ("role" in change) return ["role", change.accountId, change.role];
  if ("leave" in change) return ["leave", change.leave, 0];
  if ("repeats" in change) return ["repeat", 0, 0];
  return ["links", joinLinkFields(change.link ? [change.link] : []), change.drops];
}

/** @throws ProtocolError DECODE_* */
export function readWantedChange(value: CborValue): WantedChange {
  const reader = new FieldReader(value, WHAT, 3);
  const kind = reader.oneOf(["name", "picture", "role", "leave", "links", "repeat"]);
  if (kind === "role")
    return { accountId: asAccountId(reader.bytes()), role: reader.oneOf(["owner", "admin", "member"]) };
  if (kind === "links") return readLinkChange(reader);
  const change = readPlainChange(kind, reader);
  reader.constant(0);
  return change;
}

/** What is said in one field. */
function readPlainChange(kind: "name" | "picture" | "leave" | "repeat", reader: FieldReader): WantedChange {
  if (kind === "name") return { name: reader.text(limits.nameBytes) };
  if (kind === "picture") return { picture: reader.optionalBytes() };
  if (kind === "leave") return { leave: asAccountId(reader.bytes()) };
  reader.constant(0);
  return { repeats: true };
}

function readLinkChange(reader: FieldReader): LinkChange {
  const [link, ...more] = readJoinLinks(reader);
  if (more.length > 0) throw new ProtocolError("DECODE_RANGE", { what: WHAT });
  const drops = reader.list((value) => {
    const isId = value instanceof Uint8Array && value.length === JOIN_LINK_ID_BYTES;
    if (!isId) throw new ProtocolError("DECODE_SHAPE", { what: WHAT });
    return value;
  }, limits.joinLinks);
  return { ...(link && { link }), drops };
}
