import { DatabaseSync } from "node:sqlite";
import { asConversationId, type ConversationId, type Random } from "@portcullis/protocol";
import { systemRandom } from "../options.ts";
import type {
  ArrivedMessage,
  ClientStore,
  Expiring,
  HistoryRange,
  SearchPartRange,
  StoreChange,
  StoredMessage,
  StoredState,
} from "../store.ts";
import { ErasableKeys } from "./erasable-keys.ts";
import { MessageRows } from "./message-rows.ts";
import { openSchema } from "./schema.ts";
import { SearchPartRows } from "./search-part-rows.ts";
import { SecretSlots } from "./secret-slots.ts";

/** The log is folded into the database, and cut, at least every so many writes, and whenever the client rests. */
const WRITES_PER_CHECKPOINT = 64;

/**
 * One device's store in one SQLite file. What is deleted is zeroed (secure_delete), the write-ahead log is cut to
 * nothing by every checkpoint, and each write is synced before it resolves. Owns the database.
 */
export class SqliteStore implements ClientStore {
  readonly #database: DatabaseSync;
  readonly #slots: SecretSlots;
  readonly #keys: ErasableKeys;
  readonly #messages: MessageRows;
  readonly #searchParts: SearchPartRows;
  readonly #statements: Statements;
  #writesSinceCheckpoint = 0;

  /** @throws ClientError CLIENT_STORE_VERSION */
  constructor(path: string, random: Random = systemRandom) {
    this.#database = new DatabaseSync(path);
    openSchema(this.#database, random);
    this.#slots = new SecretSlots(this.#database);
    this.#keys = new ErasableKeys(this.#database, random);
    const searchParts = new SearchPartRows(this.#database, this.#keys);
    this.#searchParts = searchParts;
    this.#messages = new MessageRows(this.#database, this.#keys, (arrival) => searchParts.eraseOver(arrival));
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
      outbox: (all("SELECT * FROM outbox ORDER BY place") as OutboxRow[]).map(
        ({ place: order, key_slot: slot, value: sealed }) => ({
          order,
          value: this.#keys.open({ slot, sealed }),
        }),
      ),
      secrets: this.#slots.readAll(this.#database),
      facts: new Map(facts.map(({ name, value }) => [name, value])),
    };
  }

  async write(changes: readonly StoreChange[]): Promise<void> {
    this.#statements.begin.run();
    try {
      for (const change of changes) this.#apply(change);
      this.#messages.flush();
      this.#statements.commit.run();
    } catch (error) {
      this.#database.exec("ROLLBACK");
      this.#messages.reload();
      throw error;
    }
    if (++this.#writesSinceCheckpoint >= WRITES_PER_CHECKPOINT) await this.forget();
  }

  async forget(): Promise<void> {
    if (this.#writesSinceCheckpoint === 0) return;
    this.#statements.checkpoint.get();
    this.#writesSinceCheckpoint = 0;
  }

  async history(conversationId: ConversationId, range: HistoryRange): Promise<readonly StoredMessage[]> {
    return this.#messages.history(conversationId, range);
  }

  async timeline(conversationId: ConversationId, range: HistoryRange): Promise<readonly StoredMessage[]> {
    return this.#messages.timeline(conversationId, range);
  }

  async find(
    conversationId: ConversationId,
    contentIds: readonly Uint8Array[],
  ): Promise<readonly StoredMessage[]> {
    return this.#messages.find(conversationId, contentIds);
  }

  async waiting(conversationId: ConversationId, target: Uint8Array): Promise<readonly StoredMessage[]> {
    return this.#messages.waiting(conversationId, target);
  }

  async expiring(limit: number): Promise<readonly Expiring[]> {
    return this.#messages.expiring(limit);
  }

  async arrived(range: {
    readonly after: number;
    readonly limit: number;
  }): Promise<readonly ArrivedMessage[]> {
    return this.#messages.arrived(range);
  }

  async searchParts(): Promise<{ latest: number; parts: SearchPartRange[] }> {
    return { latest: this.#messages.latest, parts: this.#searchParts.list() };
  }

  async searchPart(after: number): Promise<Uint8Array | undefined> {
    return this.#searchParts.read(after);
  }

  async close(): Promise<void> {
    if (!this.#database.isOpen) return;
    await this.forget();
    this.#database.close();
  }

  #apply(change: StoreChange): void {
    if ("erase" in change) this.#erase(change);
    else if ("move" in change) this.#messages.move(change.conversationId, change.sequence, change.anchor);
    else if ("blank" in change) this.#messages.blank(change.conversationId, change.anchor);
    else this.#put(change);
  }

  #erase(change: Extract<StoreChange, { erase: string }>): void {
    switch (change.erase) {
      case "secret":
        this.#slots.erase(change.name);
        break;
      case "fact":
        this.#statements.eraseFact.run(change.name);
        break;
      case "outbox":
        this.#eraseOutbox(change.order);
        break;
      case "message":
        this.#messages.erase(change.conversationId, change.sequence);
        break;
    }
  }

  #put(change: Extract<StoreChange, { put: string }>): void {
    const statements = this.#statements;
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
        this.#putOutbox(change.order, change.value);
        break;
      case "message":
        this.#messages.put(change.message, change.unlessThere === true);
        break;
      case "search-part":
        // What was erased since its messages were read must not come back.
        if (this.#messages.speakingIn(change) === change.messages)
          this.#searchParts.put(change, change.value);
        break;
    }
  }

  #putOutbox(place: number, value: Uint8Array): void {
    this.#eraseOutbox(place);
    const { slot, sealed } = this.#keys.seal(value);
    this.#statements.putOutbox.run(place, slot, sealed);
  }

  #eraseOutbox(place: number): void {
    const row = this.#statements.eraseOutbox.get(place) as { key_slot: number } | undefined;
    if (row !== undefined) this.#keys.erase(row.key_slot);
  }
}

interface OutboxRow {
  readonly place: number;
  readonly key_slot: number;
  readonly value: Uint8Array;
}

interface ConversationRow {
  readonly id: Uint8Array;
  readonly cursor: number;
  readonly value: Uint8Array;
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
    putOutbox: database.prepare("INSERT INTO outbox VALUES (?, ?, ?)"),
    eraseOutbox: database.prepare("DELETE FROM outbox WHERE place = ? RETURNING key_slot"),
  };
}
