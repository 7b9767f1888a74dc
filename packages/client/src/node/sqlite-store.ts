import { DatabaseSync, type StatementSync } from "node:sqlite";
import {
  asAccountId,
  asConversationId,
  asDeviceId,
  asMessageId,
  type ConversationId,
} from "@portcullis/protocol";
import { ClientError } from "../errors.ts";
import type { ArrivedMessage, ClientStore, StoreChange, StoredMessage, StoredState } from "../store.ts";
import { SecretSlots } from "./secret-slots.ts";

const SCHEMA = `
  CREATE TABLE account (only INTEGER PRIMARY KEY CHECK (only = 1), value BLOB NOT NULL) STRICT;
  CREATE TABLE conversations (id BLOB PRIMARY KEY, cursor INTEGER NOT NULL, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE messages (
    conversation BLOB NOT NULL, sequence INTEGER NOT NULL, sender_account BLOB NOT NULL, sender_device BLOB NOT NULL,
    message_id BLOB NOT NULL, accepted_at_ms INTEGER NOT NULL, application_data BLOB NOT NULL, receipt BLOB NOT NULL,
    PRIMARY KEY (conversation, sequence)) STRICT, WITHOUT ROWID;
  CREATE TABLE outbox (place INTEGER PRIMARY KEY, value BLOB NOT NULL) STRICT;
  CREATE TABLE secrets (slot INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
  CREATE TABLE secret_owners (slot INTEGER PRIMARY KEY, name TEXT NOT NULL, part INTEGER NOT NULL) STRICT;
`;
const FACTS = "CREATE TABLE facts (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;";
/** Messages from before are in the order in which the server took them. */
const ARRIVALS = `
  ALTER TABLE messages ADD COLUMN arrival INTEGER;
  UPDATE messages SET arrival = ranked.place FROM (
    SELECT conversation AS c, sequence AS s, row_number() OVER (ORDER BY accepted_at_ms, conversation, sequence) AS place
    FROM messages) AS ranked WHERE conversation = ranked.c AND sequence = ranked.s;
  CREATE UNIQUE INDEX messages_arrived ON messages (arrival);
`;
/** What makes each version of the schema out of the one before it, from nothing on. */
const MIGRATIONS = [SCHEMA, FACTS, ARRIVALS];

const INSERT_MESSAGE =
  "INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?, (SELECT coalesce(max(arrival), 0) + 1 FROM messages))";

/** The log is folded into the database, and cut, at least every so many writes, and whenever the client rests. */
const WRITES_PER_CHECKPOINT = 64;

/**
 * One device's store in one SQLite file. What is deleted is zeroed (secure_delete), the write-ahead log is cut to
 * nothing by every checkpoint, and each write is synced before it resolves. Owns the database.
 */
export class SqliteStore implements ClientStore {
  readonly #database: DatabaseSync;
  readonly #slots: SecretSlots;
  readonly #statements: Statements;
  #writesSinceCheckpoint = 0;

  /** @throws ClientError CLIENT_STORE_VERSION */
  constructor(path: string) {
    this.#database = new DatabaseSync(path);
    openSchema(this.#database);
    this.#slots = new SecretSlots(this.#database);
    this.#statements = prepareStatements(this.#database);
  }

  async load(): Promise<StoredState> {
    const all = (sql: string): unknown[] => this.#database.prepare(sql).all();
    const accounts = all("SELECT value FROM account") as { value: Uint8Array }[];
    const facts = all("SELECT name, value FROM facts") as { name: string; value: Uint8Array }[];
    const conversations = all("SELECT id, cursor, value FROM conversations") as ConversationRow[];
    return {
      account: accounts[0]?.value,
      conversations: conversations.map(({ id, cursor, value }) => ({
        conversationId: asConversationId(id),
        cursor,
        value,
      })),
      outbox: all('SELECT place AS "order", value FROM outbox ORDER BY place') as StoredState["outbox"],
      secrets: this.#slots.readAll(this.#database),
      facts: new Map(facts.map(({ name, value }) => [name, value])),
    };
  }

  async write(changes: readonly StoreChange[]): Promise<void> {
    this.#statements.begin.run();
    try {
      for (const change of changes) this.#apply(change);
      this.#statements.commit.run();
    } catch (error) {
      this.#database.exec("ROLLBACK");
      throw error;
    }
    if (++this.#writesSinceCheckpoint >= WRITES_PER_CHECKPOINT) await this.forget();
  }

  async forget(): Promise<void> {
    if (this.#writesSinceCheckpoint === 0) return;
    this.#statements.checkpoint.get();
    this.#writesSinceCheckpoint = 0;
  }

  async history(
    conversationId: ConversationId,
    { limit, beforeSequence }: { readonly limit: number; readonly beforeSequence: number },
  ): Promise<readonly StoredMessage[]> {
    const rows = this.#statements.history.all(
      conversationId,
      beforeSequence,
      limit,
    ) as unknown as MessageRow[];
    return rows.map((row) => messageOf(conversationId, row)).reverse();
  }

  async arrived({
    after,
    limit,
  }: {
    readonly after: number;
    readonly limit: number;
  }): Promise<readonly ArrivedMessage[]> {
    const rows = this.#statements.arrived.all(after, limit) as unknown as MessageRow[];
    return rows.map((row) => ({
      arrival: row.arrival,
      message: messageOf(asConversationId(row.conversation), row),
    }));
  }

  async close(): Promise<void> {
    if (!this.#database.isOpen) return;
    await this.forget();
    this.#database.close();
  }

  #apply(change: StoreChange): void {
    const statements = this.#statements;
    if ("erase" in change) {
      if (change.erase === "secret") this.#slots.erase(change.name);
      else if (change.erase === "fact") statements.eraseFact.run(change.name);
      else statements.eraseOutbox.run(change.order);
      return;
    }
    switch (change.put) {
      case "account":
        statements.putAccount.run(change.value);
        break;
      case "conversation":
        statements.putConversation.run(change.conversationId, change.value);
        break;
      case "cursor":
        statements.putCursor.run(change.sequence, change.conversationId);
        break;
      case "fact":
        statements.putFact.run(change.name, change.value);
        break;
      case "secret":
        this.#slots.put(change.name, change.value);
        break;
      case "outbox":
        statements.putOutbox.run(change.order, change.value);
        break;
      case "message":
        putMessage(
          change.unlessThere === true ? statements.putMessageUnlessThere : statements.putMessage,
          change.message,
        );
        break;
    }
  }
}

interface ConversationRow {
  readonly id: Uint8Array;
  readonly cursor: number;
  readonly value: Uint8Array;
}

interface MessageRow {
  readonly conversation: Uint8Array;
  readonly arrival: number;
  readonly sequence: number;
  readonly sender_account: Uint8Array;
  readonly sender_device: Uint8Array;
  readonly message_id: Uint8Array;
  readonly accepted_at_ms: number;
  readonly application_data: Uint8Array;
  readonly receipt: Uint8Array;
}

function openSchema(database: DatabaseSync): void {
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON");
  database.exec("PRAGMA temp_store = MEMORY; PRAGMA cache_size = -512; PRAGMA wal_autocheckpoint = 0");
  const { user_version: version } = database.prepare("PRAGMA user_version").get() as { user_version: number };
  if (version > MIGRATIONS.length) throw new ClientError("CLIENT_STORE_VERSION", { version });
  if (version < MIGRATIONS.length)
    database.exec(
      `BEGIN; ${MIGRATIONS.slice(version).join("")} PRAGMA user_version = ${MIGRATIONS.length}; COMMIT`,
    );
  // A crash may have left a log with secrets that the database has outlived.
  database.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get();
}

type Statements = ReturnType<typeof prepareStatements>;

function prepareStatements(database: DatabaseSync) {
  return {
    begin: database.prepare("BEGIN IMMEDIATE"),
    commit: database.prepare("COMMIT"),
    checkpoint: database.prepare("PRAGMA wal_checkpoint(TRUNCATE)"),
    putAccount: database.prepare(
      "INSERT INTO account VALUES (1, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
    ),
    putConversation: database.prepare(
      "INSERT INTO conversations VALUES (?, 0, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
    ),
    putCursor: database.prepare("UPDATE conversations SET cursor = ? WHERE id = ?"),
    putFact: database.prepare(
      "INSERT INTO facts VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
    ),
    eraseFact: database.prepare("DELETE FROM facts WHERE name = ?"),
    putOutbox: database.prepare(
      "INSERT INTO outbox VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
    ),
    eraseOutbox: database.prepare("DELETE FROM outbox WHERE place = ?"),
    putMessage: database.prepare(INSERT_MESSAGE),
    putMessageUnlessThere: database.prepare(
      `${INSERT_MESSAGE} ON CONFLICT (conversation, sequence) DO NOTHING`,
    ),
    arrived: database.prepare("SELECT * FROM messages WHERE arrival > ? ORDER BY arrival LIMIT ?"),
    history: database.prepare(
      "SELECT * FROM messages WHERE conversation = ? AND sequence < ? ORDER BY sequence DESC LIMIT ?",
    ),
  };
}

function putMessage(statement: StatementSync, message: StoredMessage): void {
  statement.run(
    message.conversationId,
    message.sequence,
    message.senderAccountId,
    message.senderDeviceId,
    message.messageId,
    message.acceptedAtMs,
    message.applicationData,
    message.receipt,
  );
}

function messageOf(conversationId: ConversationId, row: MessageRow): StoredMessage {
  return {
    conversationId,
    sequence: row.sequence,
    senderAccountId: asAccountId(row.sender_account),
    senderDeviceId: asDeviceId(row.sender_device),
    messageId: asMessageId(row.message_id),
    acceptedAtMs: row.accepted_at_ms,
    applicationData: row.application_data,
    receipt: row.receipt,
  };
}
