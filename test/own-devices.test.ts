import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { PortcullisClient, StoreChange } from "@portcullis/client";
import { SqliteStore } from "@portcullis/client/node";
import { toHex } from "@portcullis/protocol";
import { FixedClock, temporaryDirectory } from "@portcullis/testkit";
import { FailingStore } from "./failing-store.ts";
import { devicesIn, idsOf, link } from "./linking-room.ts";
import { meddle } from "./meddling.ts";
import { nextEvent, openProviderRoom, type ProviderRoom } from "./provider-room.ts";

const clock = new FixedClock("1970-04-14T03:00:00Z");
const directory = temporaryDirectory();
let room: ProviderRoom;
let bob: PortcullisClient;
const frozen: unknown[] = [];

before(async () => {
  room = await openProviderRoom(directory, clock);
  bob = await room.join("bob");
  bob.on("frozen", (freeze) => frozen.push(freeze));
});
after(async () => room.close());

const talkWith = (client: PortcullisClient, conversationClass: "sealed" | "recorded" = "sealed") =>
  client.createConversation({ class: conversationClass, members: [bob.accountId] });

/** Whether a Commit or a message goes into the outbox with these changes. */
const sendsSomething = (changes: readonly StoreChange[]): boolean =>
  changes.some((change) => "put" in change && change.put === "outbox");

test("LNK-10: a linked device is in all conversations, those that are there and those that begin later", async () => {
  const ann = await room.join("ann");
  const talks = [await talkWith(ann), await talkWith(ann, "recorded")];
  const other = await link(room, ann, "ann's telephone");
  for (const id of talks) {
    await other.waitForConversation(id);
    const { sequence } = await other.messages.send(id, { text: "from my telephone" });
    for (const client of [ann, bob]) {
      await client.caughtUp(id, sequence);
      assert.equal((await client.messages.history(id)).at(-1)?.text, "from my telephone");
      assert.deepEqual(devicesIn(client, id), idsOf(ann, other, bob));
    }
  }
  for (const id of [
    await talkWith(ann),
    await bob.createConversation({ class: "sealed", members: [ann.accountId] }),
  ]) {
    await other.waitForConversation(id);
    assert.deepEqual(devicesIn(other, id), idsOf(ann, other, bob));
  }
  assert.deepEqual(frozen, []);
});

test("LNK-10: of two devices that are linked one after the other the second is added too", async () => {
  const ivy = await room.join("ivy");
  const id = await talkWith(ivy);
  const telephone = await link(room, ivy, "ivy's telephone");
  await telephone.waitForConversation(id);
  // The proof with which the first was added does not show the second.
  const tablet = await link(room, ivy, "ivy's tablet");
  await tablet.waitForConversation(id);
  assert.deepEqual(devicesIn(tablet, id), idsOf(ivy, telephone, tablet, bob));
});

for (const when of ["before", "after"] as const)
  test(`LNK-10: an old device that crashed ${when} it stored the Commit adds the new one all the same`, async () => {
    const handle = `cleo ${when}`;
    const first = await room.join(handle);
    const id = await talkWith(first);
    await first.settled();
    await first.close();
    const store = new FailingStore(new SqliteStore(room.storePath(handle)), when, 0, sendsSomething);
    const crashing = await room.reopen(handle, { store });
    const crashed = nextEvent(crashing, "fault");
    await crashing.connect();
    const other = await link(room, crashing, `${handle}'s telephone`);
    await crashed;
    await crashing.close();
    const cleo = await room.reopen(handle);
    await cleo.connect();
    await other.waitForConversation(id);
    assert.deepEqual(devicesIn(other, id), idsOf(cleo, other, bob));
  });

test("LNK-12: an unlinked device is removed alone, reads nothing after, and says so", async () => {
  const dan = await room.join("dan");
  const other = await link(room, dan, "dan's telephone");
  const id = await talkWith(dan, "recorded");
  await other.waitForConversation(id);
  const { sequence } = await dan.messages.send(id, { text: "for both of us" });
  await other.caughtUp(id, sequence);
  const left = nextEvent(other, "left");
  await assert.rejects(dan.unlinkDevice(dan.deviceId), { code: "CLIENT_DEVICE_SELF" });
  await dan.unlinkDevice(other.deviceId);
  assert.deepEqual((await left).conversationId, id);
  const after = await bob.messages.send(id, { text: "without the telephone" });
  await dan.caughtUp(id, after.sequence);
  assert.deepEqual(devicesIn(dan, id), idsOf(dan, bob));
  assert.deepEqual(
    (await dan.devices()).map(({ deviceId }) => toHex(deviceId)),
    idsOf(dan),
  );
  assert.equal((await other.messages.history(id)).at(-1)?.text, "for both of us");
  await assert.rejects(other.messages.send(id, { text: "still there" }), {
    code: "CLIENT_CONVERSATION_LEFT",
  });
  await assert.rejects(dan.unlinkDevice(other.deviceId), { code: "CLIENT_DEVICE_UNKNOWN" });
  await other.close();
  const again = await room.reopen("dan", { storeName: "dan's telephone" });
  const unlinked = nextEvent(again, "unlinked");
  await assert.rejects(again.connect(), { code: "CLIENT_DEVICE_UNLINKED" });
  await unlinked;
});

test("LNK-12: an unlink that was cut off behind the list goes on at the next connection", async () => {
  const handle = "fay";
  const first = await room.join(handle);
  const other = await link(room, first, "fay's telephone");
  const id = await talkWith(first);
  await other.waitForConversation(id);
  await first.settled();
  await first.close();
  const store = new FailingStore(new SqliteStore(room.storePath(handle)), "before", 0, sendsSomething);
  const crashing = await room.reopen(handle, { store });
  await crashing.connect();
  const left = nextEvent(other, "left");
  await assert.rejects(crashing.unlinkDevice(other.deviceId), { code: "CLIENT_STORE_FAILED" });
  await crashing.close();
  const fay = await room.reopen(handle);
  const removed = nextEvent(fay, "epoch");
  await fay.connect();
  await Promise.all([left, removed]);
  assert.deepEqual(devicesIn(fay, id), idsOf(fay, bob));
});

test("LNK-11: a device that was linked behind another one's back is neither added nor removed by that one", async () => {
  const gus = await room.join("gus");
  const id = await talkWith(gus);
  const second = await link(room, gus, "gus 2");
  await second.waitForConversation(id);
  await gus.close();
  const third = await link(room, second, "gus 3");
  await third.waitForConversation(id);
  const back = await room.reopen("gus");
  const alarm = nextEvent(back, "identity-alarm");
  await back.connect();
  await alarm;
  const { sequence } = await third.messages.send(id, { text: "I am here to stay" });
  await back.caughtUp(id, sequence);
  await back.idle();
  assert.deepEqual(devicesIn(back, id), idsOf(back, second, third, bob));
});

test("LNK-13: a server that refuses a session of its own accord unlinks nobody", async () => {
  const meddler = meddle();
  const hal = await room.join("hal", { platform: meddler.platform });
  await hal.close();
  let refused = 0;
  const again = Promise.withResolvers<void>();
  meddler.answer = async (path, response) => {
    if (path !== "/v1/sessions") return response;
    if (++refused === 2) again.resolve();
    return Response.json({ code: "SESSION_REFUSED" }, { status: 401 });
  };
  const back = await room.reopen("hal", { platform: meddler.platform });
  back.on("unlinked", () => assert.fail("nobody has unlinked it"));
  const connected = back.connect();
  await again.promise;
  meddler.answer = (_, response) => Promise.resolve(response);
  await connected;
});
