import type { DatabaseSync } from "node:sqlite";
import { asAccountId, asConversationId, asDeviceId, asMessageId, type Random } from "@portcullis/protocol";
import { ClientError } from "../errors.ts";
import { firstPlaceOf } from "../messages/placement.ts";
import { SEARCH_PART_ROWS_SCHEMA } from "./search-part-rows.ts";
import { ERASABLE_KEYS_SCHEMA, ErasableKeys } from "./erasable-keys.ts";
import { MESSAGE_ROWS_SCHEMA, MessageRows } from "./message-rows.ts";

type Migration = (database: DatabaseSync, random: Random) => void;

const FIRST = `
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

interface OldMessageRow {
  readonly conversation: Uint8Array;
  readonly sequence: number;
  readonly arrival: number;
  readonly sender_account: Uint8Array;
  readonly sender_device: Uint8Array;
  readonly message_id: Uint8Array;
  readonly accepted_at_ms: number;
  readonly application_data: Uint8Array;
  readonly receipt: Uint8Array;
}

/** Messages get their place in a timeline, and what they and the outbox say is sealed. */
function makeTimeline(database: DatabaseSync, random: Random): void {
  database.exec(`
    ${ERASABLE_KEYS_SCHEMA}
    DROP INDEX messages_arrived;
    ALTER TABLE messages RENAME TO old_messages;
    ALTER TABLE outbox RENAME TO old_outbox;
    ${MESSAGE_ROWS_SCHEMA}
    INSERT INTO arrivals VALUES (0);
    CREATE TABLE outbox (place INTEGER PRIMARY KEY, key_slot INTEGER NOT NULL, value BLOB NOT NULL) STRICT;
  `);
  const keys = new ErasableKeys(database, random);
  const rows = new MessageRows(database, keys);
  const old = database.prepare("SELECT * FROM old_messages").iterate();
  for (const row of old as unknown as Iterable<OldMessageRow>) {
    const message = {
      conversationId: asConversationId(row.conversation),
      sequence: row.sequence,
      senderAccountId: asAccountId(row.sender_account),
      senderDeviceId: asDeviceId(row.sender_device),
      messageId: asMessageId(row.message_id),
      acceptedAtMs: row.accepted_at_ms,
      applicationData: row.application_data,
      receipt: row.receipt,
    };
    rows.insert({ ...message, ...firstPlaceOf(message) }, row.arrival);
  }
  rows.flush();
  const entries = database.prepare("SELECT place, value FROM old_outbox").all();
  for (const { place, value } of entries as { place: number; value: Uint8Array }[]) {
    const { slot, sealed } = keys.seal(value);
    database.prepare("INSERT INTO outbox VALUES (?, ?, ?)").run(place, slot, sealed);
  }
  database.exec("DROP TABLE old_messages; DROP TABLE old_outbox");
}

/** What makes each version of the schema out of the one before it, from nothing on. */
const MIGRATIONS: readonly Migration[] = [
  (database) => database.exec(FIRST),
  (database) => database.exec(FACTS),
  (database) => database.exec(ARRIVALS),
  makeTimeline,
  (database) => database.exec(SEARCH_PART_ROWS_SCHEMA),
];

/** Brings a database to the present schema. @throws ClientError CLIENT_STORE_VERSION */
export function openSchema(database: DatabaseSync, random: Random): void {
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON");
  database.exec("PRAGMA temp_store = MEMORY; PRAGMA cache_size = -512; PRAGMA wal_autocheckpoint = 0");
  const { user_version: version } = database.prepare("PRAGMA user_version").get() as { user_version: number };
  if (version > MIGRATIONS.length) throw new ClientError("CLIENT_STORE_VERSION", { version });
  if (version < MIGRATIONS.length) {
    database.exec("BEGIN");
    for (const migrate of MIGRATIONS.slice(version)) migrate(database, random);
    database.exec(`PRAGMA user_version = ${MIGRATIONS.length}; COMMIT`);
  }
  // A crash may have left a log with secrets that the database has outlived.
  database.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get();
}
