import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { PortcullisClient } from "@portcullis/client";
import type { ConversationId } from "@portcullis/protocol";
import { FixedClock, temporaryDirectory } from "@portcullis/testkit";
import { nextEvent, openProviderRoom, type ProviderRoom } from "./provider-room.ts";

const clock = new FixedClock("1970-04-14T03:00:00Z");
const directory = temporaryDirectory();
let room: ProviderRoom;
let ann: PortcullisClient;
let bob: PortcullisClient;
let cem: PortcullisClient;

before(async () => {
  room = await openProviderRoom(directory, clock);
  ann = await room.join("ann");
  bob = await room.join("bob");
  cem = await room.join("cem");
});
after(async () => room.close());

async function begin(conversationClass: "sealed" | "recorded"): Promise<ConversationId> {
  const members = [bob.accountId, cem.accountId];
  const id = await ann.createConversation({ class: conversationClass, members });
  await Promise.all([bob, cem].map((client) => client.waitForConversation(id)));
  return id;
}

async function hears(id: ConversationId, text: string): Promise<void> {
  const { sequence } = await ann.messages.send(id, { text });
  await Promise.all([bob, cem].map((client) => client.caughtUp(id, sequence)));
}

const textsOf = async (client: PortcullisClient, id: ConversationId): Promise<string[]> =>
  (await client.messages.history(id)).flatMap(({ text }) => text ?? []);

for (const conversationClass of ["sealed", "recorded"] as const)
  test(`CLT-63: who was removed and is added again takes part again, and never reads what was said between: ${conversationClass}`, async () => {
    const id = await begin(conversationClass);
    await hears(id, "one");
    const left = nextEvent(bob, "left");
    await ann.removeMembers(id, [bob.accountId]);
    await left;
    await ann.messages.send(id, { text: "without you" });
    await ann.addMembers(id, [bob.accountId]);
    await bob.waitForConversation(id);
    await hears(id, "two");
    const { sequence } = await bob.messages.send(id, { text: "back" });
    await Promise.all([ann, bob].map((client) => client.caughtUp(id, sequence)));
    assert.deepEqual(await textsOf(bob, id), ["one", "two", "back"]);
    assert.deepEqual(await textsOf(ann, id), ["one", "without you", "two", "back"]);
    assert.equal(bob.state(id).members.length, 3);
  });

test("CLT-63: who was away while removed and added again takes part again", async () => {
  const id = await begin("recorded");
  await hears(id, "one");
  await bob.close();
  await ann.removeMembers(id, [bob.accountId]);
  await ann.messages.send(id, { text: "without you" });
  await ann.addMembers(id, [bob.accountId]);
  await ann.messages.send(id, { text: "two" });
  bob = await room.reopen("bob");
  await bob.connect();
  await hears(id, "three");
  assert.deepEqual(await textsOf(bob, id), ["one", "two", "three"]);
  const { sequence } = await bob.messages.send(id, { text: "back" });
  await cem.caughtUp(id, sequence);
  await bob.close();
  bob = await room.reopen("bob");
  await bob.connect();
  await hears(id, "four");
});

test("CLT-63: removed and added again at once, while connected", async () => {
  const id = await begin("sealed");
  await ann.removeMembers(id, [bob.accountId]);
  await ann.addMembers(id, [bob.accountId]);
  await hears(id, "still here");
  assert.deepEqual(await textsOf(bob, id), ["still here"]);
});
