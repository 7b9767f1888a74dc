import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { asAccountId, asConversationId, asDeviceId, asMessageId, utf8 } from "@portcullis/protocol";
import { encodeMimiContent, textMessage } from "@portcullis/protocol/content";
import { seededRandom, temporaryDirectory } from "@portcullis/testkit";
import { SqliteStore } from "@portcullis/client/node";
import { HIDDEN, WAITING, type StoreChange, type StoredMessage } from "../src/store.ts";

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
    contentId: random(32),
    anchor: sequence,
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

/** As the first version of the client wrote it. */
const FIRST_SCHEMA = `
  CREATE TABLE account (only INTEGER PRIMARY KEY CHECK (only = 1), value BLOB NOT NULL) STRICT;
  CREATE TABLE conversations (id BLOB PRIMARY KEY, cursor INTEGER NOT NULL, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE messages (
    conversation BLOB NOT NULL, sequence INTEGER NOT NULL, sender_account BLOB NOT NULL, sender_device BLOB NOT NULL,
    message_id BLOB NOT NULL, accepted_at_ms INTEGER NOT NULL, application_data BLOB NOT NULL, receipt BLOB NOT NULL,
    PRIMARY KEY (conversation, sequence)) STRICT, WITHOUT ROWID;
  CREATE TABLE outbox (place INTEGER PRIMARY KEY, value BLOB NOT NULL) STRICT;
  CREATE TABLE secrets (slot INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
  CREATE TABLE secret_owners (slot INTEGER PRIMARY KEY, name TEXT NOT NULL, part INTEGER NOT NULL) STRICT;
  PRAGMA user_version = 1;
`;

test("a store of the first version keeps what it has: messages get an order of arrival and a place, and are sealed", async () => {
  const path = freshPath();
  const texts = ["the first words", "the second words"];
  const messages = texts.map((text, i) => {
    const frame = { salt: random(16), senderUri: "mimi://a/u/b", roomUri: "mimi://a/r/c" };
    const applicationData = encodeMimiContent(textMessage({ ...frame, text }));
    return { ...messageAt(i + 1), applicationData };
  });
  const database = new DatabaseSync(path);
  database.exec(FIRST_SCHEMA);
  const insert = database.prepare("INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
  for (const { sequence, messageId, acceptedAtMs, applicationData, receipt, ...one } of messages) {
    const { senderAccountId, senderDeviceId } = one;
    const values = [senderAccountId, senderDeviceId, messageId, acceptedAtMs, applicationData, receipt];
    insert.run(conversationId, sequence, ...values);
  }
  database.prepare("INSERT INTO account VALUES (1, ?)").run(Uint8Array.of(1));
  database.prepare("INSERT INTO outbox VALUES (5, ?)").run(utf8("unsent words"));
  database.close();
  for (const value of [undefined, Uint8Array.of(3)]) {
    const again = new SqliteStore(path);
    const { account, facts, outbox } = await again.load();
    assert.deepEqual([account, facts.get("x")], [Uint8Array.of(1), value]);
    assert.deepEqual(outbox, [{ order: 5, value: utf8("unsent words") }]);
    await again.write([{ put: "fact", name: "x", value: Uint8Array.of(3) }]);
    const timeline = await again.timeline(conversationId, { limit: 9, beforeSequence: 9 });
    assert.deepEqual(
      timeline.map(({ sequence, anchor, applicationData, contentId }) => [
        sequence,
        anchor,
        applicationData,
        contentId.length,
      ]),
      messages.map(({ sequence, applicationData }) => [sequence, sequence, applicationData, 32]),
    );
    const arrivals = (await again.arrived({ after: 0, limit: 9 })).map(({ arrival }) => arrival);
    assert.deepEqual(arrivals, [1, 2]);
    await again.close();
  }
  for (const text of [...texts, "unsent words"]) assert.ok(!isInFiles(path, utf8(text)), text);
  const newer = new SqliteStore(path);
  await newer.write([{ put: "message", message: messageAt(3) }]);
  assert.equal((await newer.arrived({ after: 2, limit: 9 }))[0]?.arrival, 3);
  await newer.close();
});

test("TML-11: the newest messages of a timeline come with what belongs to them, in one range", async () => {
  const store = new SqliteStore(freshPath());
  const belonging = (sequence: number, anchor: number) => ({ ...messageAt(sequence), anchor });
  const messages = [
    messageAt(1),
    messageAt(2),
    belonging(3, 1),
    messageAt(4),
    belonging(5, 2),
    belonging(6, WAITING),
    belonging(7, HIDDEN),
    belonging(8, 2),
  ];
  await store.write(messages.map((message) => ({ put: "message", message })));
  const sequences = async (limit: number, beforeSequence: number) =>
    (await store.timeline(conversationId, { limit, beforeSequence })).map(({ sequence }) => sequence);
  assert.deepEqual(await sequences(2, 99), [2, 5, 8, 4]);
  assert.deepEqual(await sequences(9, 4), [1, 3, 2, 5, 8]);
  assert.deepEqual(await sequences(1, 2), [1, 3]);
  assert.deepEqual(await sequences(0, 99), []);
  await store.close();
});

test("TML-12: what is blanked or erased is in no file, however the tables have grown, and its arrival is not given again", async () => {
  const path = freshPath();
  const store = new SqliteStore(path);
  const all: StoredMessage[] = [];
  // Rows of many sizes, in an order that makes pages split and move what they hold.
  for (const sequence of [9, 3, 27, 1, 14, 2, 30, 8, 21, 5, 11, 29, 17, 4, 25]) {
    const applicationData = random(40 + ((sequence * 331) % 1500));
    const message = { ...messageAt(sequence), applicationData, expiresAtMs: sequence };
    all.push(message);
    await store.write([
      { put: "message", message },
      { put: "outbox", order: sequence, value: applicationData },
    ]);
  }
  const erased = [...all.filter(({ sequence }) => sequence % 2 === 0), all[14] as StoredMessage];
  const blanked = all.filter(({ sequence }) => sequence % 3 === 0 && sequence % 2 === 1);
  const changes: StoreChange[] = [
    ...erased.map(({ sequence }) => ({ erase: "message", conversationId, sequence }) as const),
    ...blanked.map(({ sequence: anchor }) => ({ blank: "messages", conversationId, anchor }) as const),
    ...all.map(({ sequence: order }) => ({ erase: "outbox", order }) as const),
  ];
  assert.deepEqual(
    (await store.expiring(2)).map(({ sequence }) => sequence),
    [1, 2],
  );
  await store.write(changes);
  await store.forget();
  const left = await store.history(conversationId, { limit: 99, beforeSequence: 99 });
  assert.equal(left.length, all.length - erased.length);
  for (const { sequence } of blanked)
    assert.equal(left.find((message) => message.sequence === sequence)?.applicationData.length, 0);
  for (const { applicationData } of all) assert.ok(!isInFiles(path, applicationData.subarray(0, 24)));
  // The keys of what is gone are in no row any more: only as many are left as there are messages.
  const database = new DatabaseSync(path, { readOnly: true });
  const count = (sql: string): number => (database.prepare(sql).get() as { n: number }).n;
  const living = count("SELECT count(*) AS n FROM row_keys WHERE key != zeroblob(32)");
  assert.equal(living, all.length - erased.length - blanked.length);
  database.close();
  await store.write([{ put: "message", message: messageAt(40) }]);
  const newest = (await store.arrived({ after: 0, limit: 99 })).at(-1);
  assert.equal(newest?.arrival, all.length + 1);
  await store.close();
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
