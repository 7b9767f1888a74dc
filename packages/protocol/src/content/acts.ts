import { fromUtf8, utf8 } from "../bytes.ts";
import { bodyOf, partOf, type MessageBody } from "./body.ts";
import { decodeStatuses, encodeStatuses, STATUS_TYPE, type MessageStatus } from "./message-status.ts";
import { dispositions, type Expiration, type MimiContent, type NestedPart } from "./mimi-content.ts";
import { decodePreferences, encodePreferences, PREFERENCES_TYPE, type Preference } from "./preferences.ts";
import { encodeSharedState, stateOf, STATE_TYPE, type SharedState } from "./shared-state.ts";

/** Extension: the message was written elsewhere and is passed on. */
const FORWARDED = "portcullis-forwarded";
const PIN_TYPE = "application/portcullis-pin";
/** Longer than any emoji with all its modifiers; UTF-8. */
const REACTION_BYTES = 64;

/** What a message does in its conversation. A `target` is the 32-byte id of the message that it is about. */
export type Act =
  | {
      readonly kind: "message";
      readonly body: MessageBody;
      readonly inReplyTo?: Uint8Array;
      readonly expires?: Expiration;
      readonly isForwarded?: true;
    }
  | { readonly kind: "reaction"; readonly target: Uint8Array; readonly emoji: string }
  /** `expires`: that of the message that it changes, so that both are gone together. */
  | {
      readonly kind: "edit";
      readonly target: Uint8Array;
      readonly body: MessageBody;
      readonly expires?: Expiration;
    }
  /** Deletes a message for all, or takes back a reaction. `of`: the message that the reaction was to. */
  | { readonly kind: "retract"; readonly target: Uint8Array; readonly of?: Uint8Array }
  | { readonly kind: "pin"; readonly target: Uint8Array; readonly isPinned: boolean }
  | { readonly kind: "status"; readonly statuses: readonly MessageStatus[] }
  | { readonly kind: "state"; readonly state: SharedState }
  /** To the account's own devices alone. */
  | { readonly kind: "preferences"; readonly preferences: readonly Preference[] };

/** What every content says beside its act. */
export interface ContentFrame {
  /** 16 random bytes. */
  readonly salt: Uint8Array;
  readonly senderUri: string;
  readonly roomUri: string;
}

/** The content that does it. draft-ietf-mimi-content, section "Examples"; pins and states are our own parts. */
export function contentOf(act: Act, { salt, senderUri, roomUri }: ContentFrame): MimiContent {
  const other = act.kind === "message" && act.isForwarded ? new Map([[FORWARDED, true]]) : new Map();
  const frame = { salt, topicId: new Uint8Array(0), extensions: { senderUri, roomUri, other } };
  switch (act.kind) {
    case "message": {
      const { inReplyTo, expires } = act;
      const relations = { ...(expires && { expires }), ...(inReplyTo && { inReplyTo }) };
      return { ...frame, ...relations, nestedPart: partOf(act.body) };
    }
    case "reaction":
      return { ...frame, inReplyTo: act.target, nestedPart: reactionPart(act.emoji) };
    case "edit": {
      const expires = act.expires && { expires: act.expires };
      return { ...frame, ...expires, replaces: act.target, nestedPart: partOf(act.body) };
    }
    case "retract": {
      const disposition = act.of === undefined ? dispositions.unspecified : dispositions.reaction;
      const nestedPart = { disposition, language: "", cardinality: "null" } as const;
      return { ...frame, replaces: act.target, ...(act.of && { inReplyTo: act.of }), nestedPart };
    }
    case "pin": {
      const nestedPart = session(PIN_TYPE, Uint8Array.of(act.isPinned ? 1 : 0));
      return { ...frame, inReplyTo: act.target, nestedPart };
    }
    case "status":
      return { ...frame, nestedPart: session(STATUS_TYPE, encodeStatuses(act.statuses)) };
    case "preferences":
      return { ...frame, nestedPart: session(PREFERENCES_TYPE, encodePreferences(act.preferences)) };
    case "state":
      break;
  }
  return { ...frame, nestedPart: session(STATE_TYPE, encodeSharedState(act.state)) };
}

/**
 * What a content does; undefined when it is nothing that is understood.
 * @throws ProtocolError DECODE_* when a part of a type that is understood is broken
 */
export function actOf(content: MimiContent): Act | undefined {
  const { nestedPart: part, replaces, inReplyTo, expires } = content;
  if (replaces !== undefined) return changeOf(content, replaces);
  if (part.disposition === dispositions.session) return sessionActOf(content);
  if (part.disposition === dispositions.reaction) {
    const emoji = emojiOf(part);
    return inReplyTo && emoji !== undefined ? { kind: "reaction", target: inReplyTo, emoji } : undefined;
  }
  const body = bodyOf(part);
  if (body === undefined) return undefined;
  return {
    kind: "message",
    body,
    ...(inReplyTo && { inReplyTo }),
    ...(expires && { expires }),
    ...(content.extensions.other.get(FORWARDED) === true && { isForwarded: true }),
  };
}

/** What replaces another message: nothing takes it back, a body edits it. */
function changeOf(
  { nestedPart: part, inReplyTo, expires }: MimiContent,
  target: Uint8Array,
): Act | undefined {
  if (part.cardinality === "null") return { kind: "retract", target, ...(inReplyTo && { of: inReplyTo }) };
  if (part.disposition === dispositions.reaction) return undefined;
  const body = bodyOf(part);
  return body && { kind: "edit", target, body, ...(expires && { expires }) };
}

function sessionActOf(content: MimiContent): Act | undefined {
  const { nestedPart: part, inReplyTo: target } = content;
  if (part.cardinality !== "single") return undefined;
  switch (part.contentType) {
    case STATE_TYPE: {
      const state = stateOf(content);
      return state && { kind: "state", state };
    }
    case STATUS_TYPE:
      return { kind: "status", statuses: decodeStatuses(part.content) };
    case PREFERENCES_TYPE:
      return { kind: "preferences", preferences: decodePreferences(part.content) };
    case PIN_TYPE:
      return target && { kind: "pin", target, isPinned: part.content[0] === 1 };
    default:
      return undefined;
  }
}

function reactionPart(emoji: string): NestedPart {
  const contentType = "text/plain;charset=utf-8";
  const content = utf8(emoji);
  return {
    disposition: dispositions.reaction,
    language: "",
    cardinality: "single",
    contentType,
    content,
  };
}

function emojiOf(part: NestedPart): string | undefined {
  if (part.cardinality !== "single" || !/^text\/plain(?:;|$)/.test(part.contentType)) return undefined;
  if (part.content.length === 0 || part.content.length > REACTION_BYTES) return undefined;
  return fromUtf8(part.content);
}

function session(contentType: string, content: Uint8Array): NestedPart {
  return { disposition: dispositions.session, language: "", cardinality: "single", contentType, content };
}
