import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { PortcullisClient } from "@portcullis/client";
import { equalBytes, type ConversationId } from "@portcullis/protocol";
import type { Role } from "@portcullis/protocol/content";
import { FixedClock, temporaryDirectory } from "@portcullis/testkit";
import { deaf, devicesIn, idsOf, link } from "./linking-room.ts";
import { openProviderRoom, type ClientSetting, type ProviderRoom } from "./provider-room.ts";

const clock = new FixedClock("1970-04-14T03:00:00Z");
const directory = temporaryDirectory();
let room: ProviderRoom;
let bob: PortcullisClient;

before(async () => {
  room = await openProviderRoom(directory, clock);
  bob = await room.join("bob");
});
after(async () => room.close());

test("CLT-18, ACN-26: whoever has just looked an account up adds its recovered device at once, in the same bucket", async () => {
  const lost = await room.join("ann");
  const code = await lost.setRecoveryCode();
  await bob.createConversation({ class: "recorded", members: [lost.accountId] });
  const ann = await room.recover("ann", code, { storeName: "ann again" });
  const id = await bob.createConversation({ class: "recorded", members: [ann.accountId] });
  await ann.waitForConversation(id);
  assert.deepEqual(devicesIn(bob, id), idsOf(ann, bob));
});

/** Looks at others all the time. */
const watchful = { ownEntryMs: 100, joinTurnMs: 1 };

/** Somebody loses their only device, and has the account on another one. */
async function recovered(
  handle: string,
  lost: PortcullisClient,
  code: string,
  changes: Partial<ClientSetting> = {},
): Promise<PortcullisClient> {
  await lost.close();
  return room.recover(handle, code, { storeName: `${handle} again`, ...changes });
}

const roleIn = (client: PortcullisClient, id: ConversationId): Role | undefined =>
  client.state(id).members.find(({ accountId }) => equalBytes(accountId, client.accountId))?.role;

/** The same, and nothing more is heard of the new one. */
async function recoveredSilent(
  handle: string,
  lost: PortcullisClient,
  code: string,
): Promise<PortcullisClient> {
  const opened = Promise.withResolvers<PortcullisClient>();
  recovered(handle, lost, code, { platform: deaf, listen: opened.resolve }).catch(opened.reject);
  return opened.promise;
}

async function untilDevices(
  client: PortcullisClient,
  id: ConversationId,
  ...devices: PortcullisClient[]
): Promise<void> {
  const expected = idsOf(...devices);
  const isSo = (): boolean => devicesIn(client, id).join() === expected.join();
  const reached = Promise.withResolvers<void>();
  client.on("epoch", () => isSo() && reached.resolve());
  if (!isSo()) await reached.promise;
}

test("GRP-14: a member who lost the only device is back in its place, and still owns what they owned", async () => {
  const lost = await room.join("cem");
  const code = await lost.setRecoveryCode();
  const dan = await room.join("dan", watchful);
  const id = await lost.createConversation({ class: "recorded", members: [dan.accountId] });
  await dan.waitForConversation(id);
  const cem = await recovered("cem", lost, code);
  await cem.waitForConversation(id);
  assert.deepEqual(devicesIn(cem, id), idsOf(cem, dan));
  assert.equal(roleIn(cem, id), "owner");
  const { sequence } = await cem.messages.send(id, { text: "I am back" });
  await dan.caughtUp(id, sequence);
  const last = (await dan.messages.history(id, { limit: 1 })).at(-1);
  assert.equal(last?.text, "I am back");
});

test("GRP-14, CLT-04: whoever adds somebody removes what was lost before, so that they can join", async () => {
  const lost = await room.join("eve");
  const code = await lost.setRecoveryCode();
  const [fay, gus] = [await room.join("fay"), await room.join("gus")];
  const id = await bob.createConversation({ class: "sealed", members: [fay.accountId] });
  await fay.waitForConversation(id);
  // The lookup that Bob has of her is one that lists what she is going to lose.
  await bob.addMembers(id, [lost.accountId]);
  const eve = await recoveredSilent("eve", lost, code);
  await bob.addMembers(id, [gus.accountId]);
  await gus.waitForConversation(id);
  assert.deepEqual(devicesIn(gus, id), idsOf(bob, fay, gus), "of the new device there is nothing to add");
  await eve.close();
});

test("GRP-14, LNK-10: a device that is linked joins a group in which another member has lost one", async () => {
  const lost = await room.join("hal");
  const code = await lost.setRecoveryCode();
  const ivy = await room.join("ivy");
  const id = await ivy.createConversation({ class: "sealed", members: [lost.accountId] });
  await lost.waitForConversation(id);
  const hal = await recovered("hal", lost, code);
  const laptop = await link(room, ivy, "ivy's laptop");
  await laptop.waitForConversation(id);
  await untilDevices(ivy, id, ivy, hal, laptop);
});

test("GRP-14: the lost device of the only owner stays until the owner is back", async () => {
  const lost = await room.join("joe");
  const code = await lost.setRecoveryCode();
  const kim = await room.join("kim", watchful);
  const id = await lost.createConversation({ class: "sealed", members: [kim.accountId] });
  await kim.waitForConversation(id);
  await lost.setRole(id, kim.accountId, "admin");
  await kim.caughtUp(id, lost.state(id).sequence);
  const silent = await recoveredSilent("joe", lost, code);
  const laptop = await link(room, kim, "kim's laptop");
  await assert.rejects(kim.addMembers(id, [bob.accountId]), { code: "CLIENT_MEMBER_LOST" });
  assert.equal(kim.state(id).members.length, 2);
  await silent.close();
  const joe = await room.reopen("joe", { storeName: "joe again" });
  await joe.connect();
  await Promise.all([joe, laptop].map((client) => client.waitForConversation(id)));
  await untilDevices(kim, id, joe, kim, laptop);
  assert.equal(roleIn(joe, id), "owner");
  await joe.addMembers(id, [bob.accountId]);
});
