import { formatJoinLink, JOIN_SECRET_BYTES, limits } from "@portcullis/protocol";
import type { JoinLink } from "@portcullis/protocol/content";
import type { Conversation } from "../conversation/conversation.ts";
import { changeState } from "../conversation/state-changes.ts";
import { ClientError } from "../errors.ts";
import type { Host } from "../host.ts";
import { findLink, joinKeyOf, linkIdOf } from "./join-key.ts";

const WEEK_MS = 7 * 24 * 3600 * 1000;

/** What a link is good for. */
export interface JoinLinkTerms {
  /** `admin` only from an owner; `member` if absent. */
  readonly role?: JoinLink["role"];
  /** In a week if absent; at most 90 days from now. */
  readonly expiresAtMs?: number;
  /** How many accounts may join; 1 if absent, at most 100. */
  readonly uses?: number;
}

/** A link as every member sees it. Its text is known only to whoever got it. */
export interface StandingJoinLink extends Omit<JoinLink, "publicKey"> {
  /** 16 bytes. */
  readonly linkId: Uint8Array;
}

/**
 * Makes a link and resolves with its text when every member knows of it. Links that nobody can join by any more make
 * room. @throws ClientError CLIENT_STATE_ROLE, CLIENT_JOIN_LIMIT
 */
export async function makeJoinLink(
  host: Host,
  conversation: Conversation,
  { server, terms }: { readonly server: string; readonly terms: JoinLinkTerms },
): Promise<string> {
  const { account, clock, random } = host;
  const { role = "member", uses = 1, expiresAtMs = clock.now() + WEEK_MS } = terms;
  const inMs = expiresAtMs - clock.now();
  const isWithin = inMs > 0 && inMs <= limits.joinLinkSeconds * 1000;
  if (!isWithin || !Number.isSafeInteger(uses) || uses < 1 || uses > limits.usesPerJoinLink)
    throw new ClientError("CLIENT_JOIN_LIMIT", { uses, expiresAtMs });
  const kind = conversation.record?.class;
  if (kind === undefined) throw new ClientError("CLIENT_CONVERSATION_UNKNOWN");
  const text = { server, conversationId: conversation.id, class: kind, secret: random(JOIN_SECRET_BYTES) };
  const { publicKey } = joinKeyOf(text);
  const maker = account.accountId;
  const link: JoinLink = { publicKey, maker, role, expiresAtMs, uses, admitted: [] };
  const useless = (conversation.states?.state.links ?? []).filter((one) => !isGood(one, clock.now()));
  await changeState(host, conversation, { link, drops: useless.map((one) => linkIdOf(one.publicKey)) });
  return formatJoinLink(text);
}

/** Those by which somebody can join now. */
export function joinLinksOf({ states }: Conversation, nowMs: number): StandingJoinLink[] {
  const links = (states?.state.links ?? []).filter((link) => isGood(link, nowMs));
  return links.map(({ publicKey, maker, role, expiresAtMs, uses, admitted }) => {
    const linkId = linkIdOf(publicKey);
    return { linkId, maker, role, expiresAtMs, uses, admitted };
  });
}

/** Resolves when nobody can join by it any more; again is the same as once. @throws ClientError CLIENT_STATE_ROLE */
export async function revokeJoinLink(
  host: Host,
  conversation: Conversation,
  linkId: Uint8Array,
): Promise<void> {
  if (findLink(conversation.states?.state.links ?? [], linkId) === undefined) return;
  await changeState(host, conversation, { drops: [linkId] });
}

function isGood({ expiresAtMs, admitted, uses }: JoinLink, nowMs: number): boolean {
  return expiresAtMs > nowMs && admitted.length < uses;
}
