import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { SqliteStore } from "@portcullis/client/node";
import { asAccountId, asConversationId, asDeviceId, asMessageId, utf8 } from "@portcullis/protocol";
import { contentOf, encodeMimiContent, plainText } from "@portcullis/protocol/content";
import { seededRandom, temporaryDirectory } from "@portcullis/testkit";
import { SearchIndex, type SearchReach } from "../src/search/search-index.ts";
import { parseQuery } from "../src/search/words.ts";
import type { ClientStore, StoredMessage } from "../src/store.ts";

const SIZE = 8;
const directory = temporaryDirectory();
const random = seededRandom("search index");
const conversationId = asConversationId(random(32));
let files = 0;

function messageAt(sequence: number, text = `word ${sequence}x`): StoredMessage {
  const frame = { salt: random(16), senderUri: "mimi://a/u/b", roomUri: "mimi://a/r/c" };
  return {
    conversationId,
    sequence,
    senderAccountId: asAccountId(random(32)),
    senderDeviceId: asDeviceId(random(16)),
    messageId: asMessageId(random(16)),
    acceptedAtMs: sequence * 1000,
    applicationData: encodeMimiContent(contentOf({ kind: "message", body: plainText(text) }, frame)),
    receipt: random(20),
    contentId: random(32),
    anchor: sequence,
  };
}

async function storeOf(messages: number): Promise<SqliteStore & { readonly path: string }> {
  const path = join(directory, `${files++}.sqlite`);
  const store = new SqliteStore(path);
  await add(store, 1, messages);
  return Object.assign(store, { path });
}

async function add(store: ClientStore, from: number, to: number): Promise<void> {
  const sequences = Array.from({ length: to - from + 1 }, (_, i) => from + i);
  await store.write(sequences.map((sequence) => ({ put: "message", message: messageAt(sequence) })));
}

function indexOf(store: ClientStore, told: SearchReach[] = []): SearchIndex {
  const write = (changes: Parameters<ClientStore["write"]>[0]) => store.write(changes);
  return new SearchIndex({ store, write, size: SIZE, tell: (reach) => told.push(reach) });
}

const found = (index: SearchIndex, query = "word"): number[] =>
  [...index.candidates(parseQuery(query))].map(({ sequence }) => sequence);
const partsOf = async (store: ClientStore): Promise<number[]> =>
  (await store.searchParts()).parts.map(({ after }) => after).toSorted((a, b) => a - b);
const downFrom = (sequence: number): number[] => Array.from({ length: sequence }, (_, i) => sequence - i);

test("SRC-04, SRC-06: the newest part comes first, older ones follow, and the full ones are kept", async () => {
  const store = await storeOf(20);
  const told: SearchReach[] = [];
  const index = indexOf(store, told);
  await index.fresh();
  assert.deepEqual(found(index), [20, 19, 18, 17]);
  assert.deepEqual(index.reach, { isComplete: false, backToMs: 17_000, share: 1 / 3 });
  assert.deepEqual(await partsOf(store), []);
  await index.whole();
  assert.deepEqual(found(index), downFrom(20));
  assert.deepEqual(index.reach, { isComplete: true, backToMs: 1000, share: 1 });
  assert.deepEqual(told, [{ isComplete: false, backToMs: 9000, share: 2 / 3 }, index.reach]);
  assert.deepEqual(await partsOf(store), [0, 8]);
  await store.close();
});

test("SRC-04: what comes later is found, over the ends of parts too, and nothing that is kept is read again", async () => {
  const store = await storeOf(5);
  const index = indexOf(store);
  await index.whole();
  for (const to of [6, 8, 9, 30]) {
    await add(store, index.reach.isComplete ? found(index).length + 1 : 0, to);
    await index.fresh();
    assert.deepEqual(found(index), downFrom(to));
  }
  await index.whole();
  assert.deepEqual(await partsOf(store), [0, 8, 16]);
  const asked: number[] = [];
  const watched = Object.assign(Object.create(store) as SqliteStore, {
    searchParts: () => store.searchParts(),
    searchPart: (after: number) => store.searchPart(after),
    arrived: (range: Parameters<ClientStore["arrived"]>[0]) => {
      asked.push(range.after);
      return store.arrived(range);
    },
  });
  const again = indexOf(watched);
  await again.whole();
  assert.deepEqual(found(again), downFrom(30));
  assert.deepEqual(new Set(asked), new Set([24, 30]));
  await store.close();
});

test("SRC-04: a part that is kept is sealed", async () => {
  const store = await storeOf(0);
  await store.write(
    downFrom(SIZE).map((sequence) => ({ put: "message", message: messageAt(sequence, "unmistakable") })),
  );
  await indexOf(store).whole();
  assert.deepEqual(await partsOf(store), [0]);
  assert.ok(Buffer.from((await store.searchPart(0))!).includes("unmistakable"));
  assert.ok(!isInFiles(store.path, utf8("unmistakable")));
  await store.forget();
  assert.ok(!isInFiles(store.path, utf8("unmistakable")));
  await store.close();
});

for (const how of ["erased", "blanked"] as const)
  test(`SRC-05: with a message that is ${how} goes the part over it, and it is made anew without it`, async () => {
    const store = await storeOf(24);
    const index = indexOf(store);
    await index.whole();
    await store.write([
      how === "erased"
        ? { erase: "message", conversationId, sequence: 11 }
        : { blank: "messages", conversationId, anchor: 11 },
    ]);
    assert.deepEqual(await partsOf(store), [0, 16]);
    await index.whole();
    assert.deepEqual(await partsOf(store), [0, 8, 16]);
    assert.deepEqual(
      found(index),
      downFrom(24).filter((sequence) => sequence !== 11),
    );
    assert.ok(!Buffer.from((await store.searchPart(8))!).includes("11x"));
    assert.ok(Buffer.from((await store.searchPart(8))!).includes("12x"));
    await store.close();
  });

test("SRC-05: a part of which a message was erased while it was made is not kept", async () => {
  const store = await storeOf(SIZE);
  const write: SqliteStore["write"] = async (changes) => {
    await store.write([{ erase: "message", conversationId, sequence: 3 }]);
    await store.write(changes);
  };
  const index = new SearchIndex({ store, write, size: SIZE, tell: () => {} });
  await index.fresh();
  assert.deepEqual(await partsOf(store), []);
  // The next look finds that it is not there.
  await index.whole();
  assert.deepEqual(await partsOf(store), [0]);
  assert.deepEqual(found(index), [8, 7, 6, 5, 4, 2, 1]);
  await store.close();
});

test("SRC-07: parts of another size, or that cannot be read, are made anew", async () => {
  const store = await storeOf(20);
  const write: SqliteStore["write"] = (changes) => store.write(changes);
  await new SearchIndex({ store, write, size: 5, tell: () => {} }).whole();
  assert.deepEqual(await partsOf(store), [0, 5, 10, 15]);
  await store.write([{ put: "search-part", after: 8, upTo: 16, messages: 8, value: random(40) }]);
  const index = indexOf(store);
  await index.whole();
  assert.deepEqual(found(index), downFrom(20));
  assert.deepEqual(await partsOf(store), [0, 8]);
  await store.close();
});

test("SRC-03: the newest come first whatever the order in which they came", async () => {
  const store = await storeOf(0);
  const order = [30, 31, 32, 33, 34, 35, 36, 37, 1, 2, 3, 4, 5, 6, 7, 38];
  await store.write(order.map((sequence) => ({ put: "message", message: messageAt(sequence) })));
  const index = indexOf(store);
  await index.whole();
  assert.deepEqual(
    found(index),
    order.toSorted((a, b) => b - a),
  );
  await store.close();
});

test("an index that is closed while it is made writes nothing more, and says so", async () => {
  const store = await storeOf(40);
  const index = indexOf(store);
  const making = index.whole();
  await index.close();
  await assert.rejects(making, { code: "CLIENT_CLOSED" });
  await assert.rejects(index.fresh(), { code: "CLIENT_CLOSED" });
  await store.close();
});

/** Whether the bytes stand in any file of the store. */
function isInFiles(path: string, needle: Uint8Array): boolean {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return readdirSync(directory)
    .filter((file) => file.startsWith(name))
    .some((file) => readFileSync(join(directory, file)).includes(needle));
}
