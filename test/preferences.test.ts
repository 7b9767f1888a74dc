import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { PortcullisClient } from "@portcullis/client";
import { equalBytes, toBase64Url, type ConversationId } from "@portcullis/protocol";
import { FixedClock, temporaryDirectory } from "@portcullis/testkit";
import { link } from "./linking-room.ts";
import { Network } from "./network.ts";
import { level, nextEvent, openProviderRoom, type ProviderRoom } from "./provider-room.ts";

const clock = new FixedClock("1970-04-14T03:00:00Z");
const directory = temporaryDirectory();
const networks = { one: new Network(), two: new Network() };
let room: ProviderRoom;
let ann: PortcullisClient;
let annTwo: PortcullisClient;
let bob: PortcullisClient;
let id: ConversationId;
const seen: unknown[] = [];

before(async () => {
  room = await openProviderRoom(directory, clock);
  ann = await room.join("ann", { platform: networks.one.platform, receipts: true });
  bob = await room.join("bob", { receipts: true });
  annTwo = await link(room, ann, "ann-two", { platform: networks.two.platform, receipts: true });
  id = await ann.createConversation({ class: "recorded", members: [bob.accountId] });
  await Promise.all([annTwo, bob].map((client) => client.waitForConversation(id)));
  for (const client of [ann, annTwo])
    for (const event of ["conversation", "message", "state", "epoch"] as const)
      client.on(event, (told) => equalBytes(told.conversationId, id) || seen.push(told));
});
after(async () => room.close());

const all = (client: PortcullisClient) => ({
  ...client.preferences.of(id),
  blocked: client.preferences.blocked().map(toBase64Url),
});

/** What another device has set has come. */
async function until(client: PortcullisClient, isSo: () => boolean): Promise<void> {
  while (!isSo()) await nextEvent(client, "preferences");
}

test("PRF-01: what is set on one device is set on the other, in a conversation that nobody is shown", async () => {
  await ann.preferences.mute(id, "always");
  await ann.preferences.archive(id);
  await ann.preferences.pin(id);
  await ann.preferences.block(bob.accountId);
  const set = {
    mutedUntilMs: Infinity,
    isArchived: true,
    isPinned: true,
    blocked: [toBase64Url(bob.accountId)],
  };
  assert.deepEqual(all(ann), set);
  await until(annTwo, () => annTwo.preferences.blocked().length > 0);
  assert.deepEqual(all(annTwo), set);
  await annTwo.preferences.archive(id, false);
  await annTwo.preferences.block(bob.accountId, false);
  await until(ann, () => ann.preferences.blocked().length === 0);
  const changed = { ...set, isArchived: false, blocked: [] };
  assert.deepEqual(all(ann), changed);
  for (const client of [ann, annTwo]) {
    assert.deepEqual(
      client.conversations().map(({ conversationId }) => toBase64Url(conversationId)),
      [toBase64Url(id)],
    );
    assert.deepEqual(all(client), changed);
  }
  assert.deepEqual(seen, []);
  await ann.idle();
  await ann.close();
  ann = await room.reopen("ann", { platform: networks.one.platform, receipts: true });
  assert.deepEqual(all(ann), changed);
  await ann.connect();
});

test("PRF-01, PRF-02: what is set without the server counts at once, and both devices end alike", async () => {
  for (const network of Object.values(networks)) network.down();
  await ann.preferences.mute(id, undefined);
  await ann.preferences.pin(id, false);
  await annTwo.preferences.mute(id, clock.now() + 60_000);
  await annTwo.preferences.archive(id);
  assert.equal(ann.preferences.of(id).mutedUntilMs, undefined);
  assert.equal(annTwo.preferences.of(id).mutedUntilMs, clock.now() + 60_000);
  // What is not on its way yet outlives a restart.
  await ann.close();
  ann = await room.reopen("ann", { platform: networks.one.platform, receipts: true });
  networks.two.up();
  await until(annTwo, () => true);
  await annTwo.idle();
  networks.one.up();
  await ann.connect();
  await until(annTwo, () => annTwo.preferences.of(id).mutedUntilMs === undefined);
  await until(ann, () => ann.preferences.of(id).isArchived);
  const ended = { mutedUntilMs: undefined, isArchived: true, isPinned: false, blocked: [] };
  assert.deepEqual(all(ann), ended);
  assert.deepEqual(all(annTwo), ended);
});

test("PRF-05: whoever is blocked is not told of, not told anything and not spoken to, until that is taken back", async () => {
  const direct = await bob.createConversation({ class: "sealed", members: [ann.accountId] });
  await ann.waitForConversation(direct);
  const receipts: unknown[] = [];
  bob.on("receipt", (receipt) => equalBytes(receipt.accountId, ann.accountId) && receipts.push(receipt));
  const told: string[] = [];
  ann.on("message", ({ text }) => told.push(text ?? ""));
  ann.on("typing", () => told.push("typing"));
  const { sequence: own } = await ann.messages.send(direct, { text: "mine" });
  await ann.preferences.block(bob.accountId);
  await until(annTwo, () => annTwo.preferences.blocked().length > 0);
  const changed = nextEvent(ann, "message-changed");
  bob.messages.setTyping(direct);
  const { sequence } = await bob.messages.send(direct, { text: "unwanted" });
  assert.deepEqual(await changed, { conversationId: direct, sequence });
  await ann.caughtUp(direct, sequence);
  assert.equal(await ann.messages.unread(direct), 0);
  const message = await ann.messages.get(direct, sequence);
  assert.deepEqual([message.isBlocked, message.text], [true, "unwanted"]);
  await ann.messages.markRead(direct, sequence);
  await assert.rejects(ann.messages.send(direct, { text: "no" }), { code: "CLIENT_BLOCKED" });
  await assert.rejects(ann.messages.react(direct, sequence, "👍"), { code: "CLIENT_BLOCKED" });
  await ann.messages.delete(direct, own);
  ann.messages.setTyping(direct);
  await assert.rejects(ann.messages.send(id, { text: "the other one of us two" }), {
    code: "CLIENT_BLOCKED",
  });
  await new Promise((resolve) => setTimeout(resolve, 700));
  await Promise.all([ann.idle(), bob.idle()]);
  assert.deepEqual(receipts, []);
  assert.deepEqual(told, ["mine"]);
  await ann.preferences.block(bob.accountId, false);
  const next = nextEvent(ann, "message");
  await bob.messages.send(direct, { text: "wanted" });
  assert.equal((await next).text, "wanted");
  assert.equal((await ann.messages.get(direct, sequence)).isBlocked, false);
  await ann.messages.send(direct, { text: "yes" });
});

test("PRF-05: in a group a blocked account reads on, and what it says is marked", async () => {
  const cem = await room.join("cem");
  const group = await ann.createConversation({ class: "sealed", members: [bob.accountId, cem.accountId] });
  await Promise.all([bob, cem].map((client) => client.waitForConversation(group)));
  await ann.preferences.block(bob.accountId);
  const told: string[] = [];
  const off = ann.on("message", ({ text }) => told.push(text ?? ""));
  const { sequence: own } = await ann.messages.send(group, { text: "to all" });
  await bob.caughtUp(group, own);
  assert.equal((await bob.messages.get(group, own)).text, "to all");
  const { sequence } = await bob.messages.send(group, { text: "from bob" });
  await cem.messages.send(group, { text: "from cem" });
  await level(group, ann, bob, cem);
  off();
  assert.deepEqual(told, ["to all", "from cem"]);
  assert.equal(await ann.messages.unread(group), 1);
  const shown = (await ann.messages.history(group)).map(({ text, isBlocked }) => [text, isBlocked]);
  assert.deepEqual(shown, [
    ["to all", false],
    ["from bob", true],
    ["from cem", false],
  ]);
  assert.equal((await cem.messages.get(group, sequence)).isBlocked, false);
  await ann.preferences.block(bob.accountId, false);
});

test("PRF-04: a device that is linked has them, and one that is recovered has them from the backup", async () => {
  await ann.preferences.block(bob.accountId);
  await until(annTwo, () => annTwo.preferences.blocked().length > 0);
  const annThree = await link(room, ann, "ann-three", {});
  await until(
    annThree,
    () => annThree.preferences.of(id).isArchived && annThree.preferences.blocked().length > 0,
  );
  assert.deepEqual(all(annThree), all(ann));
  const code = await ann.setRecoveryCode();
  await ann.turnOnBackup();
  await ann.backedUp();
  const recovered = await room.recover("ann", code, { storeName: "ann-four" });
  await until(recovered, () => recovered.preferences.blocked().length > 0);
  assert.deepEqual(all(recovered), all(ann));
});
