import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { PortcullisClient } from "@portcullis/client";
import { accountUri, equalBytes, utf8, type ConversationId } from "@portcullis/protocol";
import { FixedClock, temporaryDirectory } from "@portcullis/testkit";
import { level, nextEvent, openProviderRoom, type ProviderRoom } from "./provider-room.ts";

const clock = new FixedClock("1970-04-14T03:00:00Z");
const directory = temporaryDirectory();
let room: ProviderRoom;
let ann: PortcullisClient;
let bob: PortcullisClient;

before(async () => {
  room = await openProviderRoom(directory, clock);
  [ann, bob] = [await room.join("ann", { receipts: true }), await room.join("bob", { receipts: true })];
});
after(async () => room.close());

async function begin(conversationClass: "sealed" | "recorded" = "sealed"): Promise<ConversationId> {
  const id = await ann.createConversation({ class: conversationClass, members: [bob.accountId] });
  await bob.waitForConversation(id);
  return id;
}

const newest = async (client: PortcullisClient, id: ConversationId) =>
  (await client.messages.history(id, { limit: 1 }))[0];

/** Ann is told that Bob has got or read something there. */
function receiptIn(id: ConversationId): Promise<void> {
  const told = Promise.withResolvers<void>();
  const stop = ann.on("receipt", ({ conversationId }) => {
    if (!equalBytes(conversationId, id)) return;
    stop();
    told.resolve();
  });
  return told.promise;
}

for (const conversationClass of ["sealed", "recorded"] as const)
  test(`in a ${conversationClass} conversation both see a message, its answer, edit, reactions, pin and deletion alike`, async () => {
    const id = await begin(conversationClass);
    const { sequence } = await ann.messages.send(id, {
      text: `*look* [@bob](${accountUri("chat.example", bob.accountId)})`,
      format: "markdown",
    });
    await bob.caughtUp(id, sequence);
    const answer = await bob.messages.send(id, { text: "where?", inReplyTo: sequence });
    await bob.messages.react(id, sequence, "👀");
    await bob.messages.react(id, sequence, "👍");
    await bob.messages.unreact(id, sequence, "👍");
    assert.equal(await bob.messages.unreact(id, sequence, "👍"), undefined, "there is none any more");
    await bob.messages.pin(id, sequence);
    await ann.messages.edit(id, sequence, { text: "look there" });
    await level(id, ann, bob);
    for (const client of [ann, bob]) {
      const [asked, answered] = await client.messages.history(id);
      assert.equal(asked?.text, "look there");
      assert.equal(asked.editedAtMs, clock.now());
      assert.deepEqual(asked.reactions, [{ emoji: "👀", accounts: [bob.accountId] }]);
      assert.deepEqual(asked.pinned?.by, bob.accountId);
      assert.equal(answered?.sequence, answer.sequence);
      assert.deepEqual(answered.inReplyTo, asked.contentId);
      assert.equal((await client.messages.find(id, asked.contentId))?.sequence, sequence);
    }
    const forwarded = await bob.messages.forward({ conversationId: id, sequence: answer.sequence }, id);
    await bob.messages.delete(id, answer.sequence);
    await level(id, ann, bob);
    for (const client of [ann, bob]) {
      assert.equal((await client.messages.get(id, answer.sequence)).body, undefined);
      const passedOn = await client.messages.get(id, forwarded.sequence);
      assert.deepEqual([passedOn.text, passedOn.isForwarded], ["where?", true]);
    }
  });

test("a mention is known until the text is changed", async () => {
  const id = await begin();
  const text = `[@bob](${accountUri("chat.example", bob.accountId)}), look`;
  const { sequence } = await ann.messages.send(id, { text, format: "markdown" });
  await ann.idle();
  assert.deepEqual((await ann.messages.get(id, sequence)).mentions, [bob.accountId]);
  await ann.messages.send(id, { text });
  await ann.idle();
  assert.deepEqual((await newest(ann, id))?.mentions, [], "plain text mentions nobody");
});

test("what cannot be said is refused with its reason, and nothing of it is sent", async () => {
  const id = await begin();
  const { sequence } = await ann.messages.send(id, { text: "mine" });
  await bob.caughtUp(id, sequence);
  const refusals: [() => Promise<unknown>, string][] = [
    [() => ann.messages.send(id, { text: "" }), "CLIENT_MESSAGE_EMPTY"],
    [() => ann.messages.send(id, { text: "x".repeat(60_000) }), "CLIENT_MESSAGE_SIZE"],
    [() => ann.messages.send(id, { text: "to what?", inReplyTo: 999 }), "CLIENT_MESSAGE_UNKNOWN"],
    [() => bob.messages.edit(id, sequence, { text: "yours" }), "CLIENT_MESSAGE_OTHERS"],
    [() => bob.messages.delete(id, sequence), "CLIENT_MESSAGE_OTHERS"],
    [() => ann.messages.react(id, sequence, "no emoji"), "CLIENT_REACTION"],
    [() => ann.messages.react(id, sequence, "👍👍"), "CLIENT_REACTION"],
    [() => ann.messages.react(id, 999, "👍"), "CLIENT_MESSAGE_UNKNOWN"],
  ];
  for (const [attempt, code] of refusals) await assert.rejects(attempt, { code });
  await ann.messages.delete(id, sequence);
  await ann.idle();
  await assert.rejects(ann.messages.edit(id, sequence, { text: "again" }), {
    code: "CLIENT_MESSAGE_DELETED",
  });
  assert.equal((await ann.messages.history(id)).length, 1);
});

test("TML-07, TML-08: what was delivered and what was read is told, once, and is no message", async () => {
  const id = await begin();
  const delivered = receiptIn(id);
  const { sequence } = await ann.messages.send(id, { text: "are you there?" });
  await delivered;
  assert.deepEqual(ann.messages.seenBy(id, sequence), { delivered: [bob.accountId], read: [] });
  assert.equal(await bob.messages.unread(id), 1);
  const read = receiptIn(id);
  await bob.messages.markRead(id, sequence);
  assert.equal(await bob.messages.unread(id), 0);
  await read;
  assert.deepEqual(ann.messages.seenBy(id, sequence).read, [bob.accountId]);
  await level(id, ann, bob);
  const { sequence: cursor } = ann.state(id);
  await bob.messages.markRead(id, sequence);
  await level(id, ann, bob);
  assert.equal(ann.state(id).sequence, cursor, "it is not said twice");
  assert.equal((await ann.messages.history(id)).length, 1);
  await ann.close();
  ann = await room.reopen("ann", { receipts: true });
  await ann.connect();
  assert.deepEqual(ann.messages.seenBy(id, sequence).read, [bob.accountId], "it outlives the client");
});

test("TML-08: each of the two receipts is switched off by itself", async () => {
  const id = await begin();
  await bob.settings.set("receipts.read", "off");
  const delivered = receiptIn(id);
  const first = await ann.messages.send(id, { text: "one" });
  await delivered;
  await bob.messages.markRead(id, first.sequence);
  assert.equal(await bob.messages.unread(id), 0, "this device knows it all the same");
  await bob.settings.set("receipts.delivered", "off");
  await bob.settings.set("receipts.read", undefined);
  const read = receiptIn(id);
  const second = await ann.messages.send(id, { text: "two" });
  await bob.caughtUp(id, second.sequence);
  assert.deepEqual(ann.messages.seenBy(id, first.sequence).read, []);
  await bob.messages.markRead(id, second.sequence);
  await read;
  assert.deepEqual(ann.messages.seenBy(id, second.sequence).read, [bob.accountId]);
  await bob.settings.set("receipts.delivered", undefined);
});

const inFiles = (words: string): string[] =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile() && readFileSync(join(file.parentPath, file.name)).includes(utf8(words)))
    .map(({ name }) => name);

test("TML-09: a message that expires is gone from both sides at its time, with all that belongs to it, and comes back from no device", async () => {
  const id = await begin();
  const words = "the code is 12-34-56";
  const source = {
    size: 4,
    content: async function* () {
      yield utf8("file");
    },
  };
  const part = await ann.attachments.upload(source, { contentType: "image/png", fileName: "code-name.png" });
  const thumbnail = { contentType: "image/png", bytes: utf8("the thumbnail of the code") };
  const attachments = [{ part, thumbnail }];
  const { sequence } = await ann.messages.send(id, { text: words, attachments, expiresInSeconds: 60 });
  await bob.caughtUp(id, sequence);
  await bob.messages.react(id, sequence, "👍");
  await ann.messages.edit(id, sequence, { text: `${words}!` });
  await ann.messages.send(id, { text: "this stays" });
  await level(id, ann, bob);
  assert.equal((await bob.messages.get(id, sequence)).expiresAtMs, clock.now() + 60_000);
  clock.advance(61_000);
  assert.deepEqual(
    (await bob.messages.history(id)).map(({ text }) => text),
    ["this stays"],
    "it is not shown, whenever it is taken away",
  );
  for (const handle of ["ann", "bob"]) {
    const client = handle === "ann" ? ann : bob;
    await client.close();
    const again = await room.reopen(handle, { receipts: true });
    const gone = nextEvent(again, "messages-gone");
    await again.connect();
    assert.deepEqual((await gone).sequences.includes(sequence), true);
    if (handle === "ann") ann = again;
    else bob = again;
  }
  await assert.rejects(ann.messages.get(id, sequence), { code: "CLIENT_MESSAGE_UNKNOWN" });
  await Promise.all([ann.settled(), bob.settled()]);
  for (const gone of [words, "the thumbnail of the code", "code-name"]) assert.deepEqual(inFiles(gone), []);
  for (const format of ["json", "html", "text"] as const)
    for await (const piece of ann.export(id, { format, withExpiring: true }))
      assert.ok(!piece.includes(words));
  const late = nextEvent(bob, "message");
  await ann.messages.send(id, { text: "too late", expiresInSeconds: -1 });
  await ann.messages.send(id, { text: "in time" });
  assert.equal((await late).text, "in time");
});

test("a draft is kept on this device until it is sent or cleared", async () => {
  const id = await begin();
  await ann.messages.drafts.set(id, { text: "I was about to", inReplyTo: 3 });
  await ann.close();
  ann = await room.reopen("ann", { receipts: true });
  assert.deepEqual(ann.messages.drafts.get(id), { text: "I was about to", inReplyTo: 3 });
  await ann.messages.drafts.set(id, { text: "" });
  assert.equal(ann.messages.drafts.get(id), undefined);
  await ann.connect();
  await ann.settled();
  assert.deepEqual(inFiles("I was about to"), []);
});
