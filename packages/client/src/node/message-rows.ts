import type { DatabaseSync } from "node:sqlite";
import {
  asAccountId,
  asConversationId,
  asDeviceId,
  asMessageId,
  type ConversationId,
} from "@portcullis/protocol";
import {
  WAITING,
  type ArrivedMessage,
  type Expiring,
  type HistoryRange,
  type StoredMessage,
} from "../store.ts";
import type { ErasableKeys } from "./erasable-keys.ts";

/** Clustered by timeline: a page of it, with all that belongs to its messages, is one range. */
export const MESSAGE_ROWS_SCHEMA = `
  CREATE TABLE messages (
    conversation BLOB NOT NULL, anchor INTEGER NOT NULL, sequence INTEGER NOT NULL, arrival INTEGER NOT NULL,
    sender_account BLOB NOT NULL, sender_device BLOB NOT NULL, message_id BLOB NOT NULL,
    content_id BLOB NOT NULL, target BLOB, accepted_at_ms INTEGER NOT NULL, expires_at_ms INTEGER,
    key_slot INTEGER NOT NULL, application_data BLOB NOT NULL, receipt BLOB NOT NULL,
    PRIMARY KEY (conversation, anchor, sequence)) STRICT, WITHOUT ROWID;
  CREATE UNIQUE INDEX messages_by_sequence ON messages (conversation, sequence);
  CREATE UNIQUE INDEX messages_arrived ON messages (arrival);
  CREATE INDEX messages_by_content ON messages (conversation, content_id);
  CREATE INDEX messages_waiting ON messages (conversation, target) WHERE anchor = ${WAITING};
  CREATE INDEX messages_expiring ON messages (expires_at_ms) WHERE expires_at_ms IS NOT NULL;
  CREATE TABLE arrivals (latest INTEGER NOT NULL) STRICT;
`;

/** Of a row whose content was deleted. */
const NO_SLOT = 0;

interface MessageRow {
  readonly conversation: Uint8Array;
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

  constructor(database: DatabaseSync, keys: ErasableKeys) {
    this.#keys = keys;
    this.#statements = prepareStatements(database);
  }

  /** `unlessThere`: nothing when the place is taken. */
  put(message: StoredMessage, unlessThere: boolean): void {
    const { conversationId, sequence } = message;
    if (unlessThere && this.#statements.isThere.get(conversationId, sequence) !== undefined) return;
    const { latest } = this.#statements.nextArrival.get() as { latest: number };
    this.insert(message, latest);
  }

  insert(message: StoredMessage, arrival: number): void {
    const { applicationData } = message;
    const isBlank = applicationData.length === 0;
    const { slot, sealed } = isBlank
      ? { slot: NO_SLOT, sealed: applicationData }
      : this.#keys.seal(applicationData);
    this.#statements.insert.run(
      message.conversationId,
      message.anchor,
      message.sequence,
      arrival,
      message.senderAccountId,
      message.senderDeviceId,
      message.messageId,
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
    this.#statements.move.run(anchor, conversationId, sequence);
  }

  blank(conversationId: ConversationId, anchor: number): void {
    this.#eraseKeys(this.#statements.slotsOfAnchor.all(conversationId, anchor));
    this.#statements.blank.run(conversationId, anchor);
  }

  /** With all that belongs to it. */
  erase(conversationId: ConversationId, sequence: number): void {
    this.#eraseKeys(this.#statements.slotsOfAnchor.all(conversationId, sequence));
    this.#statements.eraseAnchor.run(conversationId, sequence);
    this.#eraseKeys(this.#statements.slotsOfSequence.all(conversationId, sequence));
    this.#statements.eraseSequence.run(conversationId, sequence);
  }

  history(conversationId: ConversationId, { limit, beforeSequence }: HistoryRange): StoredMessage[] {
    return this.#read(this.#statements.history.all(conversationId, beforeSequence, limit)).reverse();
  }

  timeline(conversationId: ConversationId, { limit, beforeSequence }: HistoryRange): StoredMessage[] {
    const rows: StoredMessage[] = [];
    let left = limit;
    for (const row of this.#statements.timeline.iterate(conversationId, beforeSequence)) {
      if (left === 0) break;
      const message = this.#messageOf(row as unknown as MessageRow);
      rows.push(message);
      if (message.anchor === message.sequence) left--;
    }
    return rows.reverse();
  }

  find(conversationId: ConversationId, contentIds: readonly Uint8Array[]): StoredMessage[] {
    return contentIds.flatMap((id) => this.#read(this.#statements.find.all(conversationId, id)));
  }

  waiting(conversationId: ConversationId, target: Uint8Array): StoredMessage[] {
    return this.#read(this.#statements.waiting.all(conversationId, target));
  }

  arrived({ after, limit }: { readonly after: number; readonly limit: number }): ArrivedMessage[] {
    const rows = this.#statements.arrived.all(after, limit) as unknown as MessageRow[];
    return rows.map((row) => ({ arrival: row.arrival, message: this.#messageOf(row) }));
  }

  expiring(limit: number): Expiring[] {
    const rows = this.#statements.expiring.all(limit) as unknown as MessageRow[];
    return rows.map(({ conversation, sequence, expires_at_ms: expiresAtMs }) => ({
      conversationId: asConversationId(conversation),
      sequence,
      expiresAtMs: expiresAtMs ?? 0,
    }));
  }

  #eraseKeys(rows: unknown[]): void {
    for (const { key_slot: slot } of rows as MessageRow[]) if (slot !== NO_SLOT) this.#keys.erase(slot);
  }

  #read(rows: unknown[]): StoredMessage[] {
    return (rows as MessageRow[]).map((row) => this.#messageOf(row));
  }

  #messageOf(row: MessageRow): StoredMessage {
    const { key_slot: slot, application_data: sealed } = row;
    return {
      conversationId: asConversationId(row.conversation),
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

function prepareStatements(database: DatabaseSync) {
  const ofAnchor = "conversation = ? AND anchor = ?";
  const ofSequence = "conversation = ? AND sequence = ?";
  return {
    insert: database.prepare("INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
    isThere: database.prepare(`SELECT 1 FROM messages WHERE ${ofSequence}`),
    nextArrival: database.prepare("UPDATE arrivals SET latest = latest + 1 RETURNING latest"),
    move: database.prepare(`UPDATE messages SET anchor = ? WHERE ${ofSequence}`),
    blank: database.prepare(
      `UPDATE messages SET key_slot = ${NO_SLOT}, application_data = x'', receipt = x'' WHERE ${ofAnchor}`,
    ),
    eraseAnchor: database.prepare(`DELETE FROM messages WHERE ${ofAnchor}`),
    eraseSequence: database.prepare(`DELETE FROM messages WHERE ${ofSequence}`),
    slotsOfAnchor: database.prepare(`SELECT key_slot FROM messages WHERE ${ofAnchor}`),
    slotsOfSequence: database.prepare(`SELECT key_slot FROM messages WHERE ${ofSequence}`),
    history: database.prepare(
      "SELECT * FROM messages WHERE conversation = ? AND sequence < ? ORDER BY sequence DESC LIMIT ?",
    ),
    timeline: database.prepare(
      `SELECT * FROM messages WHERE conversation = ? AND anchor > ${WAITING} AND anchor < ?
        ORDER BY anchor DESC, sequence DESC`,
    ),
    find: database.prepare("SELECT * FROM messages WHERE conversation = ? AND content_id = ?"),
    waiting: database.prepare(
      `SELECT * FROM messages WHERE conversation = ? AND target = ? AND anchor = ${WAITING} ORDER BY sequence`,
    ),
    arrived: database.prepare("SELECT * FROM messages WHERE arrival > ? ORDER BY arrival LIMIT ?"),
    expiring: database.prepare(
      "SELECT * FROM messages WHERE expires_at_ms IS NOT NULL ORDER BY expires_at_ms LIMIT ?",
    ),
  };
}
