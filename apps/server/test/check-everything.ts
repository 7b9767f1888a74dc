import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { merkleLeafHash, merkleRoot, rootFromPath, sha256, verifySignature } from "@portcullis/crypto";
import { openCheckpoint, parseVerifierKey, type VerifiedCheckpoint } from "@portcullis/ledger/verify";
import {
  asMessageId,
  decodeCommitData,
  decodeMessageData,
  decodeMlsOuter,
  decodeReceipt,
  encodeFrankLeaf,
  encodeFrankRoot,
  toHex,
} from "@portcullis/protocol";
import type { StoredItem } from "@portcullis/store";
import type { RunningServer } from "../src/index.ts";

/** What a device was told: this message id stands at this place. */
export type Acknowledged = ReadonlyMap<string, number>;

type Row = Record<string, unknown>;

/**
 * The oracle: everything that the server holds agrees with everything else, and nothing that was acknowledged is lost or
 * there twice. To be asked while the server runs.
 */
export function checkEverything(directory: string, server: RunningServer, acknowledged: Acknowledged): void {
  const checkpoints = publishedCheckpoints(directory, server);
  const database = new DatabaseSync(join(directory, "portcullis.sqlite"), { readOnly: true });
  try {
    const rows = (sql: string): Row[] =>
      database
        .prepare(sql)
        .all()
        .map((row) => Object.assign({}, row));
    assert.deepEqual(rows("PRAGMA integrity_check"), [{ integrity_check: "ok" }]);
    assert.deepEqual(rows("PRAGMA foreign_key_check"), []);
    checkSequences(rows);
    const items = rows(`SELECT conversation_id AS conversationId, sequence, kind, account_id AS accountId,
      device_id AS deviceId, message_id AS messageId, accepted_at_ms AS acceptedAtMs, epoch, bucket_start AS bucketStart,
      sealed_bucket_hash AS sealedBucketHash, message, record, receipt FROM items`) as unknown as StoredItem[];
    for (const item of items) checkItem(item, server);
    for (const [messageId, sequence] of acknowledged)
      assert.deepEqual(
        items.filter((item) => toHex(item.messageId) === messageId).map((item) => item.sequence),
        [sequence],
        "an acknowledged message is there, once, where it was said to be",
      );
    checkLogs(checkpoints, rows);
  } finally {
    database.close();
  }
}

function checkSequences(rows: (sql: string) => Row[]): void {
  for (const { count, last } of rows(
    "SELECT count(*) AS count, max(sequence) AS last FROM items GROUP BY conversation_id",
  ))
    assert.equal(count, last, "sequences have no gap");
  for (const { epoch, commits, rosters } of rows(`SELECT epoch,
      (SELECT count(*) FROM items i WHERE i.conversation_id = c.conversation_id AND kind = 'commit') AS commits,
      (SELECT count(*) FROM rosters r WHERE r.conversation_id = c.conversation_id) AS rosters FROM conversations c`)) {
    assert.equal(epoch, commits, "every Commit began an epoch");
    assert.equal(epoch, rosters, "every epoch but the first has a roster");
  }
  assert.deepEqual(
    rows(`SELECT * FROM members m WHERE cursor > (SELECT coalesce(max(sequence), 0) FROM items i
      WHERE i.conversation_id = m.conversation_id)`),
    [],
    "no cursor is beyond the end",
  );
}

function checkItem(item: StoredItem, server: RunningServer): void {
  const outer = decodeMlsOuter(item.message);
  assert.deepEqual(new Uint8Array(outer.groupId), new Uint8Array(item.conversationId));
  assert.equal(outer.epoch, item.epoch, "an item belongs to the epoch in which it was accepted");
  if (item.kind === "commit") {
    assert.equal(decodeCommitData(outer.authenticatedData).startBucket, item.bucketStart);
    return;
  }
  const data = decodeMessageData(outer.authenticatedData);
  if (data.recordHash) assert.deepEqual(sha256(item.record ?? new Uint8Array()), data.recordHash);
  const receipt = decodeReceipt(item.receipt ?? new Uint8Array());
  const context = {
    frankingTag: data.frankingTag,
    conversationId: item.conversationId,
    senderAccountId: item.accountId,
    senderDeviceId: item.deviceId,
    messageId: asMessageId(item.messageId),
    acceptedAtMs: item.acceptedAtMs,
  };
  const leafHash = merkleLeafHash(encodeFrankLeaf(context, receipt.serverFrank));
  const { batchIndex: index, batchSize: size, path } = receipt;
  const root = rootFromPath({ index, size, leafHash, path });
  verifySignature(server.frankingKey, encodeFrankRoot({ root, size }), receipt.rootSignature);
}

/** Both published logs against the openings, which the server has in its database before the log has them. */
function checkLogs(checkpoints: ReadonlyMap<string, VerifiedCheckpoint>, rows: (sql: string) => Row[]): void {
  for (const [origin, checkpoint] of checkpoints) {
    const openings = rows(`SELECT entry, opening, log_index FROM openings
      WHERE origin = '${origin}' AND log_index IS NOT NULL ORDER BY log_index`);
    assert.deepEqual(
      openings.map((opening) => opening["log_index"]),
      openings.map((_, index) => index),
      "indices have no gap",
    );
    for (const { entry, opening } of openings)
      if (opening !== null) assert.equal(toHex(sha256(opening as Uint8Array)), toHex(entry as Uint8Array));
    const entries = openings.slice(0, checkpoint.size).map(({ entry }) => entry as Uint8Array);
    assert.equal(entries.length, checkpoint.size, "no entry is published before its opening is stored");
    assert.equal(toHex(merkleRoot(entries)), toHex(checkpoint.root), "the log holds what the openings say");
  }
}

function publishedCheckpoints(directory: string, server: RunningServer): Map<string, VerifiedCheckpoint> {
  const checkpoints = new Map<string, VerifiedCheckpoint>();
  for (const [origin, vkey] of [
    ["access", server.accessLog],
    ["identity", server.identityLog],
  ] as const) {
    const path = join(directory, `${origin}-log`, "public", "checkpoint");
    if (!existsSync(path)) continue;
    const policy = { log: parseVerifierKey(vkey), witnesses: [], threshold: 0 };
    checkpoints.set(origin, openCheckpoint(readFileSync(path, "utf8"), policy));
  }
  return checkpoints;
}
