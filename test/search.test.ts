import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { ConversationMessage, PortcullisClient } from "@portcullis/client";
import type { ConversationId } from "@portcullis/protocol";
import { FixedClock, temporaryDirectory } from "@portcullis/testkit";
import { level, openProviderRoom, type ProviderRoom } from "./provider-room.ts";

const PART = 8;
const clock = new FixedClock("1970-04-14T03:00:00Z");
const directory = temporaryDirectory();
let room: ProviderRoom;
let ann: PortcullisClient;
let bob: PortcullisClient;

before(async () => {
  room = await openProviderRoom(directory, clock);
  [ann, bob] = [await room.join("ann", { searchPart: PART }), await room.join("bob", { searchPart: PART })];
});
after(async () => room.close());

async function begin(): Promise<ConversationId> {
  const id = await ann.createConversation({ class: "sealed", members: [bob.accountId] });
  await bob.waitForConversation(id);
  return id;
}

async function say(id: ConversationId, ...texts: string[]): Promise<number[]> {
  const sequences: number[] = [];
  for (const text of texts) {
    clock.advance(1000);
    sequences.push((await ann.messages.send(id, { text })).sequence);
  }
  await level(id, ann, bob);
  return sequences;
}

const textsOf = (messages: readonly ConversationMessage[]) => messages.map(({ text }) => text);

/** Whether a word is found once everything on a device can be. */
async function isFound(client: PortcullisClient, word: string): Promise<boolean> {
  await client.search.ready();
  const { messages } = await client.search.find(word);
  return messages.length > 0;
}

test("SRC-02, SRC-03: both find what was said, by its beginning and as a phrase, newest first, in one conversation or all", async () => {
  const [first, second] = [await begin(), await begin()];
  await say(first, "the oxygen tank two", "main bus B undervolt");
  await say(second, "tank two, oxygen again", "nothing of it");
  for (const client of [ann, bob]) {
    await client.search.ready();
    const find = async (query: string, conversationId?: ConversationId) =>
      textsOf((await client.search.find(query, conversationId && { conversationId })).messages);
    assert.deepEqual(await find("oxy ta"), ["tank two, oxygen again", "the oxygen tank two"]);
    assert.deepEqual(await find('"oxygen tank"'), ["the oxygen tank two"]);
    assert.deepEqual(await find("tank", first), ["the oxygen tank two"]);
    const { messages, isMore, reach } = await client.search.find("t", { limit: 1 });
    assert.deepEqual(textsOf(messages), ["tank two, oxygen again"]);
    assert.ok(isMore);
    assert.ok(reach.isComplete);
    assert.equal((await client.search.find("t", { limit: 2 })).isMore, false);
  }
});

test("SRC-02: an edited message is found by what it says now, and a deleted one is not", async () => {
  const id = await begin();
  const [edited, deleted] = await say(id, "a quince tree", "a quince jam");
  assert.equal((await bob.search.find("quince")).messages.length, 2);
  await ann.messages.edit(id, edited!, { text: "a medlar tree" });
  await ann.messages.delete(id, deleted!);
  await level(id, ann, bob);
  for (const client of [ann, bob]) {
    assert.deepEqual((await client.search.find("quince")).messages, []);
    const { messages } = await client.search.find("tree medlar");
    assert.deepEqual(
      messages.map(({ sequence, text }) => [sequence, text]),
      [[edited, "a medlar tree"]],
    );
  }
  await ann.messages.edit(id, edited!, { text: "a medlar tree in bloom" });
  await level(id, ann, bob);
  assert.deepEqual(textsOf((await bob.search.find("medlar")).messages), ["a medlar tree in bloom"]);
});

test("SRC-05, TML-09: of a message that is deleted or has expired nothing is left in the index, nor in any file", async () => {
  const id = await begin();
  const [deleted] = await say(id, "persimmon one");
  await ann.messages.send(id, { text: "tamarillo two", expiresInSeconds: 60 });
  await say(id, ...Array.from({ length: 2 * PART }, (_, i) => `filling ${i}`));
  for (const client of [ann, bob]) {
    assert.ok(await isFound(client, "persimmon"));
    assert.ok(await isFound(client, "tamarillo"));
  }
  await ann.messages.delete(id, deleted!);
  await level(id, ann, bob);
  clock.advance(61_000);
  for (const handle of ["ann", "bob"]) {
    const client = handle === "ann" ? ann : bob;
    await client.close();
    const again = await room.reopen(handle, { searchPart: PART });
    const gone = new Promise<void>((resolve) => void again.on("messages-gone", () => resolve()));
    await again.connect();
    await gone;
    await again.search.ready();
    for (const word of ["persimmon", "tamarillo"]) assert.ok(!(await isFound(again, word)), word);
    assert.ok(await isFound(again, "filling"));
    await again.settled();
    const files = readdirSync(directory).filter((file) => file.startsWith(`${handle}.sqlite`));
    assert.ok(files.length > 0);
    for (const file of files)
      for (const word of ["persimmon", "tamarillo", "filling"])
        assert.ok(!readFileSync(join(directory, file)).includes(word), `${word} in ${file}`);
    if (handle === "ann") ann = again;
    else bob = again;
  }
});

test("SRC-06: the first search after a start answers with the newest, says how far back, and tells when it is everything", async () => {
  const id = await begin();
  await say(id, "the oldest loquat");
  await say(id, ...Array.from({ length: 3 * PART }, (_, i) => `loquat ${i}`));
  await ann.search.ready();
  await ann.close();
  ann = await room.reopen("ann", { searchPart: PART });
  const complete = new Promise<void>((resolve) => {
    ann.on("search-reach", ({ isComplete }) => isComplete && resolve());
  });
  const { messages, reach } = await ann.search.find("loquat");
  assert.ok(!reach.isComplete && reach.share < 1);
  assert.ok(messages.length > 0 && messages.length < 3 * PART);
  assert.ok(messages.every(({ acceptedAtMs }) => acceptedAtMs >= reach.backToMs!));
  await complete;
  const all = await ann.search.find("loquat");
  assert.equal(all.messages.length, 3 * PART + 1);
  assert.ok(all.reach.isComplete);
  await ann.connect();
});

test("a search is refused with its reason when there is no word in it, or the client is closed", async () => {
  await assert.rejects(bob.search.find(" … "), { code: "CLIENT_SEARCH" });
  await bob.close();
  await assert.rejects(bob.search.find("word"), { code: "CLIENT_CLOSED" });
});
