import {
  asDeviceId,
  equalBytes,
  toBase64Url,
  type AccountId,
  type ConversationId,
  type DeviceId,
  type MessageId,
} from "@portcullis/protocol";
import { actOf, decodeMimiContent, type Act, type MessageBody } from "@portcullis/protocol/content";
import type { StoredMessage } from "../store.ts";
import { mentionsOf } from "./mentions.ts";

/** As the device of what no device has said: of an imported chat. */
export const NO_DEVICE = asDeviceId(new Uint8Array(16));

/** Whether a message was read in from another messenger's export: nothing proves who said it. */
export function isImported({ senderDeviceId }: Pick<StoredMessage, "senderDeviceId">): boolean {
  return equalBytes(senderDeviceId, NO_DEVICE);
}

/** One message of a conversation, verified, as a person sees it: with all that was said to it since. */
export interface ConversationMessage {
  readonly conversationId: ConversationId;
  readonly sequence: number;
  readonly senderAccountId: AccountId;
  readonly senderDeviceId: DeviceId;
  readonly messageId: MessageId;
  readonly acceptedAtMs: number;
  /** 32 bytes: by which other messages name it. */
  readonly contentId: Uint8Array;
  /** What it says now; undefined when it was deleted. */
  readonly body: MessageBody | undefined;
  /** The body's; undefined when it was deleted. */
  readonly text: string | undefined;
  readonly mentions: readonly AccountId[];
  /** The content id of the message that it answers. */
  readonly inReplyTo?: Uint8Array;
  readonly isForwarded: boolean;
  /** From another messenger's export: who said it is what that says. */
  readonly isImported: boolean;
  /** By somebody whom this account has blocked: to be shown when it is asked for. */
  readonly isBlocked: boolean;
  /** When it was last changed. */
  readonly editedAtMs?: number;
  readonly expiresAtMs?: number;
  /** In the order in which each was first given. */
  readonly reactions: readonly Reaction[];
  readonly pinned?: { readonly by: AccountId; readonly atMs: number };
}

export interface Reaction {
  readonly emoji: string;
  /** In the order in which they gave it. */
  readonly accounts: readonly AccountId[];
}

/** Of the rows of a timeline: each message with what belongs to it, oldest first. */
export function messagesOf(rows: readonly StoredMessage[]): ConversationMessage[] {
  const byAnchor = Map.groupBy(rows, ({ anchor }) => anchor);
  return [...byAnchor.values()].flatMap(([entry, ...changes]) =>
    entry !== undefined && entry.anchor === entry.sequence
      ? [messageOf(entry, actOfStored(entry), changes)]
      : [],
  );
}

/** One message. `changes`: what belongs to it, in the order of the sequence. */
export function messageOf(
  entry: StoredMessage,
  act: Act | undefined,
  changes: readonly StoredMessage[] = [],
): ConversationMessage {
  const told = new Told(act);
  for (const change of changes) told.take(change);
  const { conversationId, sequence, senderAccountId, senderDeviceId, messageId, acceptedAtMs } = entry;
  const { body } = told;
  const said = act?.kind === "message" ? act : undefined;
  return {
    conversationId,
    sequence,
    senderAccountId,
    senderDeviceId,
    messageId,
    acceptedAtMs,
    contentId: entry.contentId,
    body,
    text: body?.text,
    mentions: body ? mentionsOf(body) : [],
    ...(said?.inReplyTo && { inReplyTo: said.inReplyTo }),
    isForwarded: said?.isForwarded === true,
    isImported: isImported(entry),
    isBlocked: false,
    ...(told.editedAtMs !== undefined && { editedAtMs: told.editedAtMs }),
    ...(entry.expiresAtMs !== undefined && { expiresAtMs: entry.expiresAtMs }),
    reactions: told.reactions,
    ...(told.pinned && { pinned: told.pinned }),
  };
}

/** What a stored message does; undefined when it was deleted or cannot be read. */
export function actOfStored({ applicationData }: StoredMessage): Act | undefined {
  if (applicationData.length === 0) return undefined;
  return actOf(decodeMimiContent(applicationData));
}

/** What was told of one message so far. */
class Told {
  body: MessageBody | undefined;
  editedAtMs: number | undefined;
  pinned: ConversationMessage["pinned"];
  /** By emoji, then by account. */
  readonly #reactions = new Map<string, Map<string, AccountId>>();
  /** The emoji of each reaction, by the reaction's id. */
  readonly #emojis = new Map<string, string>();

  constructor(act: Act | undefined) {
    this.body = act?.kind === "message" ? act.body : undefined;
  }

  get reactions(): Reaction[] {
    return [...this.#reactions].flatMap(([emoji, accounts]) =>
      accounts.size > 0 ? [{ emoji, accounts: [...accounts.values()] }] : [],
    );
  }

  take(change: StoredMessage): void {
    const act = actOfStored(change);
    const { senderAccountId: by, acceptedAtMs: atMs } = change;
    // Nothing is said to a message that was deleted.
    if (act === undefined || this.body === undefined) return;
    switch (act.kind) {
      case "edit":
        this.body = act.body;
        this.editedAtMs = atMs;
        break;
      case "pin":
        this.pinned = act.isPinned ? { by, atMs } : undefined;
        break;
      case "reaction":
        this.#react(change, act.emoji);
        break;
      case "retract":
        this.#retract(change, act.target);
        break;
      case "message":
      case "preferences":
      case "state":
      case "status":
        break;
    }
  }

  #react({ contentId, senderAccountId }: StoredMessage, emoji: string): void {
    const accounts = this.#reactions.get(emoji) ?? new Map<string, AccountId>();
    accounts.set(toBase64Url(senderAccountId), senderAccountId);
    this.#reactions.set(emoji, accounts);
    this.#emojis.set(toBase64Url(contentId), emoji);
  }

  #retract({ senderAccountId }: StoredMessage, target: Uint8Array): void {
    const emoji = this.#emojis.get(toBase64Url(target));
    if (emoji !== undefined) this.#reactions.get(emoji)?.delete(toBase64Url(senderAccountId));
  }
}
