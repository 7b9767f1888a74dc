import { fromBase64Url, toBase64Url } from "./bytes.ts";
import { encodeCbor } from "./cbor-encoder.ts";
import type { ConversationClass } from "./conversation.ts";
import { ProtocolError } from "./errors.ts";
import { asConversationId, type AccountId, type ConversationId } from "./identifiers.ts";

/** A way into one conversation, as people hand it on. It makes no account: that is an invitation (`invite.ts`). */
export interface JoinLinkText {
  /** Where the server is: http: or https:, without a slash at the end. */
  readonly server: string;
  readonly conversationId: ConversationId;
  /** What the conversation is, so that nobody is led into one of another class. */
  readonly class: ConversationClass;
  /** 32 bytes: whoever has them may ask to join. No server learns them. */
  readonly secret: Uint8Array;
}

export const JOIN_SECRET_BYTES = 32;
/** The name under which a server keeps requests that were made with one link. */
export const JOIN_LINK_ID_BYTES = 16;
/** Why a member does not let in whoever asks. */
export const joinRefusals = [
  "unknown",
  "expired",
  "used-up",
  "admitted",
  "member",
  "proof",
  "lapsed",
  "full",
] as const;
const LINK =
  /^(https?:\/\/[^\s#?@]+)\/group#portcullis-join\.1\.(sealed|recorded)\.([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]{43})$/;

/** Everything but the server stands in the fragment, which a browser sends to nobody. */
export function formatJoinLink(link: JoinLinkText): string {
  const parts = [
    "portcullis-join",
    "1",
    link.class,
    toBase64Url(link.conversationId),
    toBase64Url(link.secret),
  ];
  return `${link.server}/group#${parts.join(".")}`;
}

/** @throws ProtocolError JOIN_LINK, DECODE_* */
export function parseJoinLink(text: string): JoinLinkText {
  const [, server, kind, conversation, secret] = LINK.exec(text.trim()) ?? [];
  if (server === undefined || conversation === undefined || secret === undefined || !URL.canParse(server))
    throw new ProtocolError("JOIN_LINK");
  return {
    server,
    conversationId: asConversationId(fromBase64Url(conversation)),
    class: kind === "sealed" ? "sealed" : "recorded",
    secret: fromBase64Url(secret),
  };
}

/** What tells the keys of two links apart, whatever their secrets: a link speaks of one conversation and its class. */
export function encodeJoinLinkContext({
  conversationId,
  class: kind,
}: Pick<JoinLinkText, "conversationId" | "class">): Uint8Array {
  return encodeCbor(["portcullis/join-link/v1", conversationId, kind]);
}

/** What an account that asks to join signs with the link's key. */
export interface JoinRequest {
  readonly conversationId: ConversationId;
  /** 16 bytes. */
  readonly linkId: Uint8Array;
  readonly accountId: AccountId;
  readonly askedAtMs: number;
}

/** The bytes that are signed. */
export function encodeJoinRequest({ conversationId, linkId, accountId, askedAtMs }: JoinRequest): Uint8Array {
  return encodeCbor(["portcullis/join-request/v1", conversationId, linkId, accountId, askedAtMs]);
}
