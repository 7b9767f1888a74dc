import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { asAccountId, asConversationId, asDeviceId, asMessageId } from "@portcullis/protocol";
import { seededRandom, temporaryDirectory } from "@portcullis/testkit";
import { SqliteStore } from "@portcullis/client/node";
import type { StoreChange, StoredMessage } from "../src/store.ts";

const directory = temporaryDirectory();
const random = seededRandom("sqlite store");
const conversationId = asConversationId(random(32));

let files = 0;
const freshPath = (): string => join(directory, `${files++}.sqlite`);

function messageAt(sequence: number): StoredMessage {
  return {
    conversationId,
    sequence,
    senderAccountId: asAccountId(random(32)),
    senderDeviceId: asDeviceId(random(16)),
    messageId: asMessageId(random(16)),
    acceptedAtMs: sequence,
    applicationData: random(20),
    receipt: random(20),
  };
}

/** Whether the bytes stand in any file of the store. */
function isInFiles(path: string, needle: Uint8Array): boolean {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return readdirSync(directory)
    .filter((file) => file.startsWith(name))
    .some((file) => readFileSync(join(directory, file)).includes(needle));
}

test("what was written is there after the store is opened again", async () => {
  const path = freshPath();
  const store = new SqliteStore(path);
  const long = random(1000);
  await store.write([
    { put: "account", value: random(10) },
    { put: "conversation", conversationId, value: Uint8Array.of(1) },
    { put: "cursor", conversationId, sequence: 9 },
    { put: "fact", name: "one", value: Uint8Array.of(7) },
    { put: "fact", name: "one", value: Uint8Array.of(8) },
    { put: "secret", name: "a/short", value: Uint8Array.of(2) },
    { put: "secret", name: "a/long", value: long },
    { put: "outbox", order: 2, value: Uint8Array.of(3) },
    { put: "outbox", order: 1, value: Uint8Array.of(4) },
  ]);
  const before = await store.load();
  await store.close();
  const again = new SqliteStore(path);
  const after = await again.load();
  await again.close();
  assert.deepEqual(after, before);
  assert.deepEqual(
    after.outbox.map(({ order }) => order),
    [1, 2],
  );
  assert.deepEqual(after.secrets.get("a/long"), long);
  assert.equal(after.conversations[0]?.cursor, 9);
  assert.deepEqual([...after.facts], [["one", Uint8Array.of(8)]]);
});

test("history gives the newest messages before a sequence, oldest first", async () => {
  const store = new SqliteStore(freshPath());
  const messages = [1, 2, 3, 4, 5].map((sequence) => messageAt(sequence));
  await store.write(messages.map((message) => ({ put: "message", message })));
  assert.deepEqual(
    await store.history(conversationId, { limit: 2, beforeSequence: 5 }),
    messages.slice(2, 4),
  );
  await store.close();
});

test("messages are read in the order in which they came, whatever their place in a conversation", async () => {
  const path = freshPath();
  const store = new SqliteStore(path);
  const [first, second, third] = [messageAt(7), messageAt(3), messageAt(5)];
  await store.write([
    { put: "message", message: first },
    { put: "message", message: second },
  ]);
  const again = { ...first, receipt: random(4) };
  await store.write([
    { put: "message", message: again, unlessThere: true },
    { put: "message", message: third, unlessThere: true },
  ]);
  const all = [first, second, third].map((message, i) => ({ arrival: i + 1, message }));
  assert.deepEqual(await store.arrived({ after: 0, limit: 9 }), all);
  assert.deepEqual(await store.arrived({ after: 1, limit: 1 }), all.slice(1, 2));
  await store.close();
});

test("a store from before messages had an order of arrival gives them one", async () => {
  const path = freshPath();
  const store = new SqliteStore(path);
  const messages = [messageAt(1), messageAt(2)];
  await store.write(messages.map((message) => ({ put: "message", message })));
  await store.close();
  const database = new DatabaseSync(path);
  database.exec(
    "DROP INDEX messages_arrived; ALTER TABLE messages DROP COLUMN arrival; PRAGMA user_version = 2",
  );
  database.close();
  const newer = new SqliteStore(path);
  const expected = messages.map((message, i) => ({ arrival: i + 1, message }));
  assert.deepEqual(await newer.arrived({ after: 0, limit: 9 }), expected);
  await newer.write([{ put: "message", message: messageAt(3) }]);
  assert.equal((await newer.arrived({ after: 2, limit: 9 }))[0]?.arrival, 3);
  await newer.close();
});

test("a fact that is erased is gone", async () => {
  const path = freshPath();
  const store = new SqliteStore(path);
  await store.write([{ put: "fact", name: "one", value: Uint8Array.of(7) }]);
  await store.write([{ erase: "fact", name: "one" }]);
  assert.equal((await store.load()).facts.size, 0);
  await store.close();
});

test("CLT-30: a write is all or nothing", async () => {
  const store = new SqliteStore(freshPath());
  const message = messageAt(1);
  await store.write([{ put: "message", message }]);
  const twice: StoreChange[] = [
    { put: "account", value: Uint8Array.of(1) },
    { put: "message", message },
  ];
  await assert.rejects(store.write(twice));
  assert.equal((await store.load()).account, undefined);
  await store.close();
});

test("CLT-31: an overwritten or erased secret is in no file after forget, however the tables grow", async () => {
  const path = freshPath();
  const store = new SqliteStore(path);
  const used: Uint8Array[] = [];
  const current = new Map<string, Uint8Array>();
  for (let round = 0; round < 30; round++) {
    const changes: StoreChange[] = [];
    for (let leaf = 0; leaf < 12; leaf++) {
      const name = `c/leaf/${(round * 5 + leaf) % 40}`;
      const before = current.get(name);
      if (before !== undefined) used.push(before);
      const value = random(leaf === 0 ? 700 : 120);
      current.set(name, value);
      changes.push({ put: "secret", name, value });
    }
    const erased = `c/leaf/${round}`;
    const gone = current.get(erased);
    if (gone !== undefined) {
      used.push(gone);
      current.delete(erased);
      changes.push({ erase: "secret", name: erased });
    }
    changes.push({ put: "message", message: messageAt(round) });
    await store.write(changes);
  }
  await store.forget();
  for (const secret of used) assert.ok(!isInFiles(path, secret.subarray(0, 32)));
  for (const secret of current.values()) assert.ok(isInFiles(path, secret.subarray(0, 32)));
  await store.close();
});

test("CLT-31: a log that a crash left behind is cut when the store is opened", async () => {
  const path = freshPath();
  const secret = random(64);
  const store = new SqliteStore(path);
  await store.write([{ put: "secret", name: "c/x", value: secret }]);
  await store.write([{ put: "secret", name: "c/x", value: random(64) }]);
  assert.ok(isInFiles(path, secret.subarray(0, 32)));
  // As after a crash: the first store is never closed.
  const again = new SqliteStore(path);
  assert.ok(!isInFiles(path, secret.subarray(0, 32)));
  await again.close();
  await store.close();
});

test("a store from before there were facts gets its table and keeps what it has", async () => {
  const path = freshPath();
  const store = new SqliteStore(path);
  await store.write([{ put: "account", value: Uint8Array.of(1) }]);
  await store.close();
  const database = new DatabaseSync(path);
  database.exec(
    "DROP TABLE facts; DROP INDEX messages_arrived; ALTER TABLE messages DROP COLUMN arrival; PRAGMA user_version = 1",
  );
  database.close();
  for (const value of [undefined, Uint8Array.of(3)]) {
    const again = new SqliteStore(path);
    const { account, facts } = await again.load();
    assert.deepEqual([account, facts.get("x")], [Uint8Array.of(1), value]);
    await again.write([{ put: "fact", name: "x", value: Uint8Array.of(3) }]);
    await again.close();
  }
});

test("a store of a newer version is refused", () => {
  const path = freshPath();
  const database = new DatabaseSync(path);
  database.exec("PRAGMA user_version = 99");
  database.close();
  assert.throws(() => new SqliteStore(path), { code: "CLIENT_STORE_VERSION" });
});

test("LNK-20: a message of another device's history does not take the place of one that is there", async () => {
  const store = new SqliteStore(freshPath());
  const [own, other] = [messageAt(3), messageAt(3)];
  await store.write([{ put: "message", message: own }]);
  await store.write([
    { put: "message", message: other, unlessThere: true },
    { put: "message", message: { ...other, sequence: 2 }, unlessThere: true },
  ]);
  const history = await store.history(conversationId, { limit: 9, beforeSequence: 9 });
  assert.deepEqual(history, [{ ...other, sequence: 2 }, own]);
  await store.close();
});
