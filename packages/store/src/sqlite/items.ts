import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import type { AccountId, ConversationId, DeviceId, MessageId } from "@portcullis/protocol";
import type { Connection } from "../repositories/connection.ts";
import type { Accepted, EpochChange, Group, Items, StoredItem } from "../repositories/items.ts";

const ITEM = `conversation_id AS conversationId, sequence, kind, account_id AS accountId, device_id AS deviceId,
  message_id AS messageId, accepted_at_ms AS acceptedAtMs, epoch, bucket_start AS bucketStart,
  sealed_bucket_hash AS sealedBucketHash, message, record, receipt, lookup`;

const texts = {
  accepted: `SELECT conversation_id AS conversationId, sequence, receipt FROM items
    WHERE account_id = ? AND device_id = ? AND message_id = ?`,
  behind: `SELECT ${ITEM} FROM items WHERE conversation_id = ? AND sequence > ? AND sequence <= ?
    ORDER BY sequence LIMIT ?`,
  ofSealedBucket: `SELECT ${ITEM} FROM items WHERE sealed_bucket_hash = ? ORDER BY sequence`,
  sealedBucket: `INSERT INTO sealed_buckets
    (sealed_bucket_hash, conversation_id, epoch, bucket_start, account_id, device_id, sealed_bucket)
    VALUES (?, ?, ?, ?, ?, ?, ?)`,
  item: `INSERT INTO items (conversation_id, sequence, kind, account_id, device_id, message_id, accepted_at_ms, epoch,
    bucket_start, sealed_bucket_hash, message, record, receipt, lookup)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  roster: `INSERT INTO rosters (conversation_id, epoch, start_bucket, started_at_ms, root, roster)
    VALUES (?, ?, ?, ?, ?, ?)`,
  epoch: `UPDATE conversations SET epoch = ?, start_bucket = ?, epoch_started_at_ms = ? WHERE conversation_id = ?`,
  leave: `UPDATE members SET left_sequence = ? WHERE conversation_id = ? AND account_id = ? AND device_id = ?`,
  join: `INSERT INTO members (conversation_id, account_id, device_id, joined_sequence, left_sequence, cursor)
    VALUES (?1, ?2, ?3, ?4, NULL, ?4)
    ON CONFLICT DO UPDATE SET joined_sequence = ?4, left_sequence = NULL, cursor = ?4`,
  welcome: `INSERT INTO welcomes (account_id, device_id, conversation_id, sequence, welcome, roster)
    VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET sequence = excluded.sequence, welcome = excluded.welcome, roster = excluded.roster`,
  joined: `DELETE FROM join_requests WHERE conversation_id = ? AND account_id = ?`,
  cursor: `UPDATE members SET cursor = max(cursor, ?) WHERE conversation_id = ? AND account_id = ? AND device_id = ?`,
  welcomed: `DELETE FROM welcomes WHERE account_id = ? AND device_id = ? AND conversation_id = ? AND sequence <= ?`,
};

type Statements = { readonly [Name in keyof typeof texts]: StatementSync };

function prepareAll(database: DatabaseSync): Statements {
  const entries = Object.entries(texts).map(([name, sql]) => [name, database.prepare(sql)]);
  return Object.fromEntries(entries) as Statements;
}

/** The hot path on node:sqlite: prepared statements, one transaction per group, no await inside it. */
export class SqliteItems implements Items {
  readonly #database: DatabaseSync;
  readonly #connection: Connection;
  readonly #statements: Statements;

  constructor(database: DatabaseSync, connection: Connection) {
    this.#database = database;
    this.#connection = connection;
    this.#statements = prepareAll(database);
  }

  async accepted(
    accountId: AccountId,
    deviceId: DeviceId,
    messageId: MessageId,
  ): Promise<Accepted | undefined> {
    return this.#statements.accepted.get(accountId, deviceId, messageId) as Accepted | undefined;
  }

  async append(group: Group): Promise<void> {
    await this.#connection.exclusively("append", () => {
      this.#database.exec("BEGIN IMMEDIATE");
      try {
        this.#write(group);
        this.#database.exec("COMMIT");
      } catch (error) {
        if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
        throw error;
      }
    });
  }

  #write(group: Group): void {
    const { sealedBucket, item, cursor, welcomed } = this.#statements;
    for (const bucket of group.sealedBuckets) {
      const { sealedBucketHash, conversationId, epoch, bucketStart, accountId, deviceId } = bucket;
      sealedBucket.run(
        sealedBucketHash,
        conversationId,
        epoch,
        bucketStart,
        accountId,
        deviceId,
        bucket.sealedBucket,
      );
    }
    for (const row of group.items) item.run(...itemValues(row));
    for (const change of group.epochs) this.#writeEpoch(change);
    for (const { conversationId, accountId, deviceId, sequence } of group.cursors) {
      cursor.run(sequence, conversationId, accountId, deviceId);
      welcomed.run(accountId, deviceId, conversationId, sequence);
    }
  }

  #writeEpoch({ sequence, roster, added, removed }: EpochChange): void {
    const statements = this.#statements;
    const { conversationId, epoch, startBucket, startedAtMs } = roster;
    statements.roster.run(conversationId, epoch, startBucket, startedAtMs, roster.root, roster.roster);
    statements.epoch.run(epoch, startBucket, startedAtMs, conversationId);
    for (const { accountId, deviceId } of removed)
      statements.leave.run(sequence, conversationId, accountId, deviceId);
    for (const { accountId, deviceId, welcome } of added) {
      statements.join.run(conversationId, accountId, deviceId, sequence);
      statements.welcome.run(accountId, deviceId, conversationId, sequence, welcome, roster.roster);
      statements.joined.run(conversationId, accountId);
    }
  }

  async behind(
    conversationId: ConversationId,
    after: number,
    upTo: number,
    limit: number,
  ): Promise<StoredItem[]> {
    return this.#statements.behind.all(conversationId, after, upTo, limit) as unknown as StoredItem[];
  }

  async ofSealedBucket(sealedBucketHash: Uint8Array): Promise<StoredItem[]> {
    return this.#statements.ofSealedBucket.all(sealedBucketHash) as unknown as StoredItem[];
  }
}

function itemValues(item: StoredItem): SQLInputValue[] {
  return [
    item.conversationId,
    item.sequence,
    item.kind,
    item.accountId,
    item.deviceId,
    item.messageId,
    item.acceptedAtMs,
    item.epoch,
    item.bucketStart,
    item.sealedBucketHash,
    item.message,
    item.record,
    item.receipt,
    item.lookup,
  ];
}
