import type { DatabaseSync } from "node:sqlite";
import {
  asAccountId,
  asConversationId,
  asDeviceId,
  asMessageId,
  toBase64Url,
  type ConversationId,
} from "@portcullis/protocol";
import {
  WAITING,
  type ArrivedMessage,
  type Expiring,
  type HistoryRange,
  type SearchPartRange,
  type StoredMessage,
} from "../store.ts";
import type { ErasableKeys } from "./erasable-keys.ts";

/** Clustered by timeline: a page of it, with all that belongs to its messages, is one range. */
export const MESSAGE_ROWS_SCHEMA = `
  CREATE TABLE conversation_numbers (number INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE) STRICT;
  CREATE TABLE messages (
    conversation INTEGER NOT NULL, anchor INTEGER NOT NULL, sequence INTEGER NOT NULL, arrival INTEGER NOT NULL,
    sender_account BLOB NOT NULL, sender_device BLOB NOT NULL, message_id BLOB NOT NULL, content_key INTEGER NOT NULL,
    content_id BLOB NOT NULL, target BLOB, accepted_at_ms INTEGER NOT NULL, expires_at_ms INTEGER,
    key_slot INTEGER NOT NULL, application_data BLOB NOT NULL, receipt BLOB NOT NULL,
    PRIMARY KEY (conversation, anchor, sequence)) STRICT, WITHOUT ROWID;
  CREATE UNIQUE INDEX messages_by_sequence ON messages (conversation, sequence);
  CREATE UNIQUE INDEX messages_arrived ON messages (arrival);
  CREATE INDEX messages_by_content ON messages (content_key);
  CREATE INDEX messages_waiting ON messages (conversation, target) WHERE anchor = ${WAITING};
  CREATE INDEX messages_expiring ON messages (expires_at_ms) WHERE expires_at_ms IS NOT NULL;
  CREATE TABLE arrivals (latest INTEGER NOT NULL) STRICT;
`;

/** Of a row whose content was deleted. */
const NO_SLOT = 0;

interface MessageRow {
  readonly conversation: number;
  readonly anchor: number;
  readonly sequence: number;
  readonly arrival: number;
  readonly sender_account: Uint8Array;
  readonly sender_device: Uint8Array;
  readonly message_id: Uint8Array;
  readonly content_id: Uint8Array;
  readonly target: Uint8Array | null;
  readonly accepted_at_ms: number;
  readonly expires_at_ms: number | null;
  readonly key_slot: number;
  readonly application_data: Uint8Array;
  readonly receipt: Uint8Array;
}

/** The messages of a store. What they say is sealed, each under a key that is erased with it. */
export class MessageRows {
  readonly #keys: ErasableKeys;
  readonly #statements: ReturnType<typeof prepareStatements>;
  /** The small numbers that stand for conversations in rows and indexes, by id as text, and the other way round. */
  readonly #numbers = new Map<string, number>();
  readonly #ids = new Map<number, ConversationId>();
  readonly #gone: (arrival: number) => void;
  /** The arrival that was given last. */
  #latest = 0;

  /** `gone`: is told the arrival of each message that says nothing any more. */
  constructor(database: DatabaseSync, keys: ErasableKeys, gone: (arrival: number) => void = () => {}) {
    this.#keys = keys;
    this.#gone = gone;
    this.#statements = prepareStatements(database);
    this.reload();
  }

  /** What was rolled back is forgotten. */
  reload(): void {
    const { latest } = this.#statements.latestArrival.get() as { latest: number };
    this.#latest = latest;
    this.#numbers.clear();
    this.#ids.clear();
    const rows = this.#statements.numbers.all() as { number: number; id: Uint8Array }[];
    for (const { number, id } of rows) this.#name(number, asConversationId(id));
  }

  /** Before a transaction ends. */
  flush(): void {
    this.#statements.putArrival.run(this.#latest);
  }

  /** `unlessThere`: nothing when the place is taken. */
  put(message: StoredMessage, unlessThere: boolean): void {
    const { sequence } = message;
    const conversation = this.#numberOf(message.conversationId);
    if (unlessThere && this.#statements.isThere.get(conversation, sequence) !== undefined) return;
    this.insert(message, this.#latest + 1);
  }

  insert(message: StoredMessage, arrival: number): void {
    this.#latest = Math.max(this.#latest, arrival);
    const { applicationData } = message;
    const isBlank = applicationData.length === 0;
    const { slot, sealed } = isBlank
      ? { slot: NO_SLOT, sealed: applicationData }
      : this.#keys.seal(applicationData);
    this.#statements.insert.run(
      this.#newNumberOf(message.conversationId),
      message.anchor,
      message.sequence,
      arrival,
      message.senderAccountId,
      message.senderDeviceId,
      message.messageId,
      keyOf(message.contentId),
      message.contentId,
      message.target ?? null,
      message.acceptedAtMs,
      message.expiresAtMs ?? null,
      slot,
      sealed,
      message.receipt,
    );
  }

  move(conversationId: ConversationId, sequence: number, anchor: number): void {
    this.#statements.move.run(anchor, this.#numberOf(conversationId), sequence);
  }

  blank(conversationId: ConversationId, anchor: number): void {
    const conversation = this.#numberOf(conversationId);
    this.#eraseKeys(this.#statements.slotsOfAnchor.all(conversation, anchor));
    this.#statements.blank.run(conversation, anchor);
  }

  /** With all that belongs to it. */
  erase(conversationId: ConversationId, sequence: number): void {
    const conversation = this.#numberOf(conversationId);
    this.#eraseKeys(this.#statements.slotsOfAnchor.all(conversation, sequence));
    this.#statements.eraseAnchor.run(conversation, sequence);
    this.#eraseKeys(this.#statements.slotsOfSequence.all(conversation, sequence));
    this.#statements.eraseSequence.run(conversation, sequence);
  }

  history(conversationId: ConversationId, { limit, beforeSequence }: HistoryRange): StoredMessage[] {
    const conversation = this.#numberOf(conversationId);
    return this.#read(this.#statements.history.all(conversation, beforeSequence, limit)).reverse();
  }

  timeline(conversationId: ConversationId, { limit, beforeSequence }: HistoryRange): StoredMessage[] {
    const rows: StoredMessage[] = [];
    let left = limit;
    const conversation = this.#numberOf(conversationId);
    for (const row of this.#statements.timeline.iterate(conversation, beforeSequence)) {
      if (left === 0) break;
      const message = this.#messageOf(row as unknown as MessageRow);
      rows.push(message);
      if (message.anchor === message.sequence) left--;
    }
    return rows.reverse();
  }

  find(conversationId: ConversationId, contentIds: readonly Uint8Array[]): StoredMessage[] {
    const conversation = this.#numberOf(conversationId);
    return contentIds.flatMap((id) => this.#read(this.#statements.find.all(keyOf(id), conversation, id)));
  }

  waiting(conversationId: ConversationId, target: Uint8Array): StoredMessage[] {
    return this.#read(this.#statements.waiting.all(this.#numberOf(conversationId), target));
  }

  arrived({ after, limit }: { readonly after: number; readonly limit: number }): ArrivedMessage[] {
    const rows = this.#statements.arrived.all(after, limit) as unknown as MessageRow[];
    return rows.map((row) => ({ arrival: row.arrival, message: this.#messageOf(row) }));
  }

  get latest(): number {
    return this.#latest;
  }

  /** How many of the messages in a stretch say anything. */
  speakingIn({ after, upTo }: SearchPartRange): number {
    return (this.#statements.speaking.get(after, upTo) as { messages: number }).messages;
  }

  expiring(limit: number): Expiring[] {
    const rows = this.#statements.expiring.all(limit) as unknown as MessageRow[];
    return rows.map(({ conversation, sequence, expires_at_ms: expiresAtMs }) => ({
      conversationId: this.#idOf(conversation),
      sequence,
      expiresAtMs: expiresAtMs ?? 0,
    }));
  }

  /** 0 for one of which there is no message. */
  #numberOf(conversationId: ConversationId): number {
    return this.#numbers.get(toBase64Url(conversationId)) ?? 0;
  }

  #newNumberOf(conversationId: ConversationId): number {
    const known = this.#numberOf(conversationId);
    if (known !== 0) return known;
    const { number } = this.#statements.addNumber.get(conversationId) as { number: number };
    this.#name(number, asConversationId(conversationId.slice()));
    return number;
  }

  #idOf(number: number): ConversationId {
    const id = this.#ids.get(number);
    if (id === undefined) throw new RangeError("a message of no conversation");
    return id;
  }

  #name(number: number, id: ConversationId): void {
    this.#numbers.set(toBase64Url(id), number);
    this.#ids.set(number, id);
  }

  #eraseKeys(rows: unknown[]): void {
    for (const { key_slot: slot, arrival } of rows as MessageRow[]) {
      if (slot === NO_SLOT) continue;
      this.#keys.erase(slot);
      this.#gone(arrival);
    }
  }

  #read(rows: unknown[]): StoredMessage[] {
    return (rows as MessageRow[]).map((row) => this.#messageOf(row));
  }

  #messageOf(row: MessageRow): StoredMessage {
    const { key_slot: slot, application_data: sealed } = row;
    return {
      conversationId: this.#idOf(row.conversation),
      sequence: row.sequence,
      senderAccountId: asAccountId(row.sender_account),
      senderDeviceId: asDeviceId(row.sender_device),
      messageId: asMessageId(row.message_id),
      acceptedAtMs: row.accepted_at_ms,
      applicationData: slot === NO_SLOT ? sealed : this.#keys.open({ slot, sealed }),
      receipt: row.receipt,
      contentId: row.content_id,
      anchor: row.anchor,
      ...(row.target && { target: row.target }),
      ...(row.expires_at_ms !== null && { expiresAtMs: row.expires_at_ms }),
    };
  }
}

/** The first 48 bits of a content id: enough for an index, which is then a third of the size. */
function keyOf(contentId: Uint8Array): number {
  // The first byte is the same for all of them.
  return contentId.subarray(1, 7).reduce((sum, byte) => sum * 256 + byte, 0);
}

function prepareStatements(database: DatabaseSync) {
  const ofAnchor = "conversation = ? AND anchor = ?";
  const ofSequence = "conversation = ? AND sequence = ?";
  return {
    insert: database.prepare("INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
    isThere: database.prepare(`SELECT 1 FROM messages WHERE ${ofSequence}`),
    numbers: database.prepare("SELECT * FROM conversation_numbers"),
    addNumber: database.prepare("INSERT INTO conversation_numbers (id) VALUES (?) RETURNING number"),
    latestArrival: database.prepare("SELECT latest FROM arrivals"),
    putArrival: database.prepare("UPDATE arrivals SET latest = ?"),
    move: database.prepare(`UPDATE messages SET anchor = ? WHERE ${ofSequence}`),
    blank: database.prepare(
      `UPDATE messages SET key_slot = ${NO_SLOT}, application_data = x'', receipt = x'' WHERE ${ofAnchor}`,
    ),
    eraseAnchor: database.prepare(`DELETE FROM messages WHERE ${ofAnchor}`),
    eraseSequence: database.prepare(`DELETE FROM messages WHERE ${ofSequence}`),
    slotsOfAnchor: database.prepare(`SELECT key_slot, arrival FROM messages WHERE ${ofAnchor}`),
    slotsOfSequence: database.prepare(`SELECT key_slot, arrival FROM messages WHERE ${ofSequence}`),
    history: database.prepare(
      "SELECT * FROM messages WHERE conversation = ? AND sequence < ? ORDER BY sequence DESC LIMIT ?",
    ),
    timeline: database.prepare(
      `SELECT * FROM messages WHERE conversation = ? AND anchor > ${WAITING} AND anchor < ?
        ORDER BY anchor DESC, sequence DESC`,
    ),
    find: database.prepare(
      "SELECT * FROM messages WHERE content_key = ? AND conversation = ? AND content_id = ?",
    ),
    waiting: database.prepare(
      `SELECT * FROM messages WHERE conversation = ? AND target = ? AND anchor = ${WAITING} ORDER BY sequence`,
    ),
    speaking: database.prepare(
      `SELECT count(*) AS messages FROM messages WHERE arrival > ? AND arrival <= ? AND key_slot <> ${NO_SLOT}`,
    ),
    arrived: database.prepare("SELECT * FROM messages WHERE arrival > ? ORDER BY arrival LIMIT ?"),
    expiring: database.prepare(
      "SELECT * FROM messages WHERE expires_at_ms IS NOT NULL ORDER BY expires_at_ms LIMIT ?",
    ),
  };
}
