import { equalBytes, toBase64Url, utf8, type AccountId, type ConversationId } from "@portcullis/protocol";
import type { Act, Expiration, MessageBody } from "@portcullis/protocol/content";
import { sendAct } from "../conversation/content.ts";
import { demandOpen } from "../conversation/conversation-state.ts";
import type { Conversation } from "../conversation/conversation.ts";
import { ClientError } from "../errors.ts";
import type { Host } from "../host.ts";
import type { Accepted } from "../outbox/outbox-held.ts";
import type { ClientStore, HistoryRange, StoredMessage } from "../store.ts";
import { withoutHtml } from "../text/markdown.ts";
import { actOfStored, messagesOf, type ConversationMessage } from "./conversation-message.ts";
import type { Drafts } from "./drafts.ts";

/** What somebody writes; all of it but one of text and attachments may be missing. */
export interface NewMessage extends Partial<MessageBody> {
  /** The sequence of the message that it answers. */
  readonly inReplyTo?: number;
  /** So many seconds from now it is taken away again, on every device. */
  readonly expiresInSeconds?: number;
}

/** The newest messages before a place in the conversation. */
export interface MessageRange {
  /** 50 when not said. */
  readonly limit?: number;
  readonly beforeSequence?: number;
}

type Store = Pick<ClientStore, "timeline" | "find">;

const NEWEST = Number.MAX_SAFE_INTEGER;
const MOST_UNREAD = 100;
const PAGE = 200;
/** UTF-8; longer than any emoji with all its modifiers. */
const REACTION_BYTES = 64;

/** What people say to each other. Each method that says something resolves when the server has accepted it. */
export class MessageRoom {
  readonly #host: Host;
  readonly #store: Store;
  /** The newest that this device has said, by conversation. */
  readonly #said = new Map<string, number>();
  readonly drafts: Drafts;

  constructor(host: Host, parts: { readonly store: Store; readonly drafts: Drafts }) {
    this.#host = host;
    this.#store = parts.store;
    this.drafts = parts.drafts;
  }

  /**
   * Until the server has accepted it, it is kept and sent again, over crashes too.
   * @throws ClientError CLIENT_MESSAGE_EMPTY, CLIENT_MESSAGE_SIZE, CLIENT_MESSAGE_UNKNOWN, CLIENT_CONVERSATION_…,
   * CLIENT_SERVER_REFUSED, CLIENT_CLOSED
   */
  async send(conversationId: ConversationId, message: NewMessage): Promise<Accepted> {
    const { inReplyTo, expiresInSeconds } = message;
    const body = bodyOf(message);
    const answered = inReplyTo === undefined ? undefined : await this.#standing(conversationId, inReplyTo);
    return this.#say(conversationId, {
      kind: "message",
      body,
      ...(answered && { inReplyTo: answered.contentId }),
      ...(expiresInSeconds !== undefined && { expires: this.#expiration(expiresInSeconds) }),
    });
  }

  /** Says in another conversation what was said in this one, marked as passed on. */
  async forward(
    from: { readonly conversationId: ConversationId; readonly sequence: number },
    to: ConversationId,
  ): Promise<Accepted> {
    const { body } = await this.#standing(from.conversationId, from.sequence);
    return this.#say(to, { kind: "message", body, isForwarded: true });
  }

  /** @throws ClientError CLIENT_MESSAGE_OTHERS, CLIENT_MESSAGE_DELETED, and as `send` */
  async edit(
    conversationId: ConversationId,
    sequence: number,
    message: Partial<MessageBody>,
  ): Promise<Accepted> {
    const { contentId, expiresAtMs } = await this.#own(conversationId, sequence);
    const expires = expiresAtMs === undefined ? undefined : absolute(expiresAtMs);
    const edit = { kind: "edit", target: contentId, body: bodyOf(message) } as const;
    return this.#say(conversationId, { ...edit, ...(expires && { expires }) });
  }

  /**
   * Deletes it for all: every client of a member forgets what it said. What a member has copied, and the record of a
   * recorded conversation, stays. @throws ClientError CLIENT_MESSAGE_OTHERS, CLIENT_MESSAGE_DELETED, and as `send`
   */
  async delete(conversationId: ConversationId, sequence: number): Promise<Accepted> {
    const { contentId: target } = await this.#own(conversationId, sequence);
    return this.#say(conversationId, { kind: "retract", target });
  }

  /** `emoji`: one, as text. @throws ClientError CLIENT_REACTION, CLIENT_MESSAGE_DELETED, and as `send` */
  async react(conversationId: ConversationId, sequence: number, emoji: string): Promise<Accepted> {
    if (!isOneEmoji(emoji)) throw new ClientError("CLIENT_REACTION");
    const { contentId: target } = await this.#standing(conversationId, sequence);
    return this.#say(conversationId, { kind: "reaction", target, emoji });
  }

  /** Takes a reaction of this account back. Undefined when there is none. @throws as `react` */
  async unreact(
    conversationId: ConversationId,
    sequence: number,
    emoji: string,
  ): Promise<Accepted | undefined> {
    const { contentId: of, reactions } = await this.#standing(conversationId, sequence);
    const accounts = reactions.find((reaction) => reaction.emoji === emoji)?.accounts ?? [];
    if (!accounts.some((accountId) => this.#isOwn(accountId))) return undefined;
    const given = (await this.#rows(conversationId, sequence)).findLast((row) => {
      const act = actOfStored(row);
      return act?.kind === "reaction" && act.emoji === emoji && this.#isOwn(row.senderAccountId);
    });
    return given && this.#say(conversationId, { kind: "retract", target: given.contentId, of });
  }

  /** For everybody in the conversation, or takes that back. @throws ClientError CLIENT_MESSAGE_DELETED, and as `send` */
  async pin(conversationId: ConversationId, sequence: number, isPinned = true): Promise<Accepted> {
    const { contentId: target } = await this.#standing(conversationId, sequence);
    return this.#say(conversationId, { kind: "pin", target, isPinned });
  }

  /** The newest messages before `beforeSequence`, oldest first. */
  async history(conversationId: ConversationId, range: MessageRange = {}): Promise<ConversationMessage[]> {
    return this.#shown(await this.#timeline(conversationId, range));
  }

  /** Everything behind this place, oldest first: for whoever was away and goes on where it was. */
  async since(conversationId: ConversationId, sequence: number): Promise<ConversationMessage[]> {
    const pages: ConversationMessage[][] = [];
    for (let beforeSequence = NEWEST; ;) {
      const page = await this.history(conversationId, { limit: PAGE, beforeSequence });
      const later = page.filter((message) => message.sequence > sequence);
      pages.unshift(later);
      const [first] = page;
      if (first === undefined || later.length < page.length) return pages.flat();
      beforeSequence = first.sequence;
    }
  }

  /** @throws ClientError CLIENT_MESSAGE_UNKNOWN */
  async get(conversationId: ConversationId, sequence: number): Promise<ConversationMessage> {
    const [message] = this.#shown(await this.#rows(conversationId, sequence));
    if (message === undefined) throw new ClientError("CLIENT_MESSAGE_UNKNOWN", { sequence });
    return message;
  }

  /** The message with this content id: the one that another answers. Undefined when this device does not have it. */
  async find(
    conversationId: ConversationId,
    contentId: Uint8Array,
  ): Promise<ConversationMessage | undefined> {
    const [found] = await this.#store.find(conversationId, [contentId]);
    if (found === undefined || found.anchor <= 0) return undefined;
    return this.get(conversationId, found.anchor);
  }

  /** Everything up to this message has been read. Tells the others, where the person lets it. Durable when it resolves. */
  async markRead(conversationId: ConversationId, sequence: number): Promise<void> {
    const rows = await this.#timeline(conversationId, { limit: 32, beforeSequence: sequence + 1 });
    const conversation = this.#conversation(conversationId);
    if (conversation === undefined) throw new ClientError("CLIENT_CONVERSATION_UNKNOWN");
    await this.#host.messages.receipts.read(conversation, rows.filter(isEntry));
  }

  /** How many messages of others this account has not read, up to 100. */
  async unread(conversationId: ConversationId): Promise<number> {
    const { accountId } = this.#host.account;
    const { read } = this.#host.messages.marks.of(conversationId, accountId);
    const rows = await this.#timeline(conversationId, { limit: MOST_UNREAD });
    const isCounted = ({ senderAccountId: by }: StoredMessage): boolean =>
      !this.#isOwn(by) && !this.#host.preferences.isBlocked(by);
    return rows.filter((row) => isEntry(row) && row.sequence > read && isCounted(row)).length;
  }

  /** Which others have got this message and which have read it, as far as they say so. */
  seenBy(
    conversationId: ConversationId,
    sequence: number,
  ): { readonly delivered: readonly AccountId[]; readonly read: readonly AccountId[] } {
    const { delivered, read } = this.#host.messages.marks.seenBy(conversationId, sequence);
    const isOther = (accountId: AccountId): boolean => !this.#isOwn(accountId);
    return { delivered: delivered.filter(isOther), read: read.filter(isOther) };
  }

  /**
   * The person writes there, or has stopped: to be called with every key. It is said to whoever is there, now and then, and
   * kept by nobody; not where the setting `typing` is "off", nor in conversations of more than 32 accounts.
   */
  setTyping(conversationId: ConversationId, isTyping = true): void {
    const conversation = this.#conversation(conversationId);
    if (conversation !== undefined) this.#host.messages.typing.tell(conversation, isTyping);
  }

  /** Who writes there now. The event `typing` tells of each change. */
  typing(conversationId: ConversationId): AccountId[] {
    return this.#host.messages.typing.in(conversationId);
  }

  async #say(conversationId: ConversationId, act: Act): Promise<Accepted> {
    const conversation = demandOpen(this.#conversation(conversationId));
    // What was said can still be taken back.
    if (act.kind !== "retract" && this.#host.preferences.blockedIn(conversation) !== undefined)
      throw new ClientError("CLIENT_BLOCKED");
    const accepted = await sendAct(this.#host, conversation, act);
    const key = toBase64Url(conversationId);
    this.#said.set(key, Math.max(this.#said.get(key) ?? 0, accepted.sequence));
    return accepted;
  }

  /** What this device has said can be spoken of as soon as the server has accepted it. */
  async #heard(conversationId: ConversationId): Promise<void> {
    const conversation = demandOpen(this.#conversation(conversationId));
    const said = this.#said.get(toBase64Url(conversationId)) ?? 0;
    await conversation.watchers.until(() => conversation.cursor >= said);
  }

  #conversation(id: ConversationId): Conversation | undefined {
    return this.#host.conversations.get(toBase64Url(id));
  }

  async #timeline(
    conversationId: ConversationId,
    { limit = 50, beforeSequence = NEWEST }: MessageRange,
  ): Promise<readonly StoredMessage[]> {
    const range: HistoryRange = { limit, beforeSequence };
    const now = this.#host.clock.now();
    const rows = await this.#store.timeline(conversationId, range);
    // What has ended is not shown, though it may be a moment until it is taken away.
    const over = new Set(rows.filter((row) => isEntry(row) && isOver(row, now)).map(({ anchor }) => anchor));
    return over.size === 0 ? rows : rows.filter(({ anchor }) => !over.has(anchor));
  }

  /** A message and what belongs to it. */
  async #rows(conversationId: ConversationId, sequence: number): Promise<readonly StoredMessage[]> {
    const rows = await this.#timeline(conversationId, { limit: 1, beforeSequence: sequence + 1 });
    return rows[0]?.sequence === sequence ? rows : [];
  }

  /** One that says something still. */
  async #standing(
    conversationId: ConversationId,
    sequence: number,
  ): Promise<ConversationMessage & { readonly body: MessageBody }> {
    await this.#heard(conversationId);
    const { body, ...message } = await this.get(conversationId, sequence);
    if (body === undefined) throw new ClientError("CLIENT_MESSAGE_DELETED", { sequence });
    return { ...message, body };
  }

  async #own(conversationId: ConversationId, sequence: number): Promise<ConversationMessage> {
    const message = await this.#standing(conversationId, sequence);
    if (!this.#isOwn(message.senderAccountId)) throw new ClientError("CLIENT_MESSAGE_OTHERS", { sequence });
    return message;
  }

  #shown(rows: readonly StoredMessage[]): ConversationMessage[] {
    const shown: ConversationMessage[] = [];
    for (const message of messagesOf(rows)) {
      const isBlocked = this.#host.preferences.isBlocked(message.senderAccountId);
      shown.push(isBlocked ? { ...message, isBlocked } : message);
    }
    return shown;
  }

  #isOwn(accountId: AccountId): boolean {
    return equalBytes(accountId, this.#host.account.accountId);
  }

  #expiration(seconds: number): Expiration {
    return absolute(this.#host.clock.now() + seconds * 1000);
  }
}

function isEntry({ anchor, sequence }: StoredMessage): boolean {
  return anchor === sequence;
}

function isOver({ expiresAtMs }: StoredMessage, nowMs: number): boolean {
  return expiresAtMs !== undefined && expiresAtMs <= nowMs;
}

function absolute(atMs: number): Expiration {
  return { relative: false, time: Math.floor(atMs / 1000) };
}

/** @throws ClientError CLIENT_MESSAGE_EMPTY */
function bodyOf({
  text = "",
  format = "plain",
  attachments = [],
  preview,
}: Partial<MessageBody>): MessageBody {
  if (text === "" && attachments.length === 0) throw new ClientError("CLIENT_MESSAGE_EMPTY");
  const typed = format === "markdown" ? withoutHtml(text) : text;
  return { text: typed, format, attachments, ...(preview && { preview }) };
}

/** Whether a text is one emoji, with whatever modifies it. */
function isOneEmoji(text: string): boolean {
  if (text === "" || utf8(text).length > REACTION_BYTES) return false;
  const [only, ...more] = new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(text);
  return only !== undefined && more.length === 0 && /\p{Emoji}|\p{Extended_Pictographic}/u.test(only.segment);
}
