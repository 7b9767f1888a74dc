import { equalBytes, toBase64Url } from "@portcullis/protocol";
import type { MessageStatus } from "@portcullis/protocol/content";
import { sendAct } from "../conversation/content.ts";
import type { Conversation } from "../conversation/conversation.ts";
import type { Host } from "../host.ts";
import type { StoredMessage } from "../store.ts";
import type { Marks } from "./marks.ts";

/** In larger conversations nobody says what it has got: that would be more than is said. */
const MOST_ACCOUNTS = 32;
/** A receipt names the newest messages that it is for. */
const MOST_NAMED = 16;
/** What comes within so long is told together. */
const GATHER_MS = 500;

/** Whether this person says what was delivered and what was read. */
export interface ReceiptSettings {
  readonly delivered: () => boolean;
  readonly read: () => boolean;
}

/** Tells others what this account has got and read, where it is said at all. draft-mahy-mimi-message-status */
export class Receipts {
  readonly #host: Host;
  readonly #marks: Marks;
  readonly #settings: ReceiptSettings;
  /** What was delivered and not told yet, newest last, by conversation. */
  readonly #delivered = new Map<string, StoredMessage[]>();

  constructor(host: Host, marks: Marks, settings: ReceiptSettings) {
    this.#host = host;
    this.#marks = marks;
    this.#settings = settings;
  }

  /** A message stands in its conversation's timeline. */
  noticed(message: StoredMessage): void {
    if (!this.#settings.delivered() || this.#isOwn(message)) return;
    const key = toBase64Url(message.conversationId);
    const waiting = this.#delivered.get(key);
    if (waiting !== undefined) {
      waiting.push(message);
      return;
    }
    this.#delivered.set(key, [message]);
    this.#host.later(GATHER_MS, () => {
      const messages = this.#delivered.get(key) ?? [];
      this.#delivered.delete(key);
      this.#tell(this.#host.conversation(message.conversationId), "delivered", messages);
    });
  }

  /** The person has read these. Durable when it resolves, whoever is told of it. */
  async read(conversation: Conversation, messages: readonly StoredMessage[]): Promise<void> {
    const read = Math.max(0, ...messages.map(({ sequence }) => sequence));
    const { accountId } = this.#host.account;
    const before = this.#marks.of(conversation.id, accountId).read;
    const changes = this.#marks.advance(conversation.id, accountId, { read });
    if (changes.length === 0) return;
    await this.#host.write(changes);
    if (!this.#settings.read()) return;
    this.#send(
      conversation,
      "read",
      messages.filter(
        (message) =>
          message.sequence > before &&
          !this.#isOwn(message) &&
          !this.#host.preferences.isBlocked(message.senderAccountId),
      ),
    );
  }

  #tell(conversation: Conversation, status: "delivered", messages: readonly StoredMessage[]): void {
    const { delivered } = this.#marks.of(conversation.id, this.#host.account.accountId);
    // Another device of the account may have been first.
    this.#send(
      conversation,
      status,
      messages.filter(({ sequence }) => sequence > delivered),
    );
  }

  #send(
    conversation: Conversation,
    status: MessageStatus["status"],
    messages: readonly StoredMessage[],
  ): void {
    if (messages.length === 0 || !isToldIn(conversation)) return;
    const statuses = messages.slice(-MOST_NAMED).map(({ contentId: target }) => ({ target, status }));
    // A conversation that ends meanwhile needs no receipts any more.
    sendAct(this.#host, conversation, { kind: "status", statuses }).catch(() => undefined);
  }

  #isOwn({ senderAccountId }: StoredMessage): boolean {
    return equalBytes(senderAccountId, this.#host.account.accountId);
  }
}

function isToldIn({ record, epoch }: Conversation): boolean {
  const accounts = new Set(epoch?.group.members.map(({ accountId }) => toBase64Url(accountId)));
  return record?.condition === "open" && accounts.size <= MOST_ACCOUNTS;
}
