import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { PortcullisClient, ShownCode, StoreChange } from "@portcullis/client";
import { SqliteStore } from "@portcullis/client/node";
import { FixedClock, temporaryDirectory } from "@portcullis/testkit";
import { FailingStore } from "./failing-store.ts";
import { devicesIn, idsOf, link, linkSilent } from "./linking-room.ts";
import { meddle } from "./meddling.ts";
import { nextEvent, openProviderRoom, type ProviderRoom } from "./provider-room.ts";

const clock = new FixedClock("1970-04-14T03:00:00Z");
const directory = temporaryDirectory();
let room: ProviderRoom;

before(async () => {
  room = await openProviderRoom(directory, clock);
});
after(async () => room.close());

/** Connects and looks at its own entry three times over: what that alarms it about. */
async function alarmsOf(handle: string): Promise<number[]> {
  const meddler = meddle();
  const client = await room.reopen(handle, { ownEntryMs: 5, platform: meddler.platform });
  const alarms: number[] = [];
  client.on("identity-alarm", ({ list }) => alarms.push(list?.version ?? 0));
  let looks = 0;
  const looked = Promise.withResolvers<void>();
  meddler.answer = (path, response) => {
    if (path === "/v1/lookups" && ++looks === 4) looked.resolve();
    return Promise.resolve(response);
  };
  await client.connect();
  await looked.promise;
  await client.close();
  return [...new Set(alarms)];
}

/** An account whose second device links a third one, of which the first, which is closed, hears when it is back. */
async function behindTheBackOf(handle: string): Promise<PortcullisClient> {
  const first = await room.join(handle);
  const second = await link(room, first, `${handle} 2`);
  await first.close();
  return second;
}

test("LNK-14: what the person says was theirs alarms no more, over restarts too, and the device goes by it", async () => {
  const second = await behindTheBackOf("ann");
  const bob = await room.join("bob");
  const id = await second.createConversation({ class: "sealed", members: [bob.accountId] });
  const third = await linkSilent(room, second, "ann 3");
  await second.close();
  await third.close();
  const ann = await room.reopen("ann");
  const alarm = nextEvent(ann, "identity-alarm");
  await ann.connect();
  await ann.waitForConversation(id);
  const { version } = (await alarm).list!;
  assert.equal(version, 3);
  for (const wrong of [version - 1, version + 1])
    await assert.rejects(ann.acknowledgeDevices(wrong), { code: "CLIENT_DEVICES_VERSION" });
  const tablet = await room.reopen("ann", { storeName: "ann 3" });
  await tablet.connect();
  await ann.acknowledgeDevices(version);
  await ann.acknowledgeDevices(version);
  await tablet.waitForConversation(id);
  assert.deepEqual(devicesIn(ann, id), idsOf(ann, second, tablet, bob));
  await ann.settled();
  await ann.close();
  assert.deepEqual(await alarmsOf("ann"), []);
  const back = await room.reopen("ann 2", { storeName: "ann 2" });
  await back.connect();
  await link(room, back, "ann 4");
  assert.deepEqual(await alarmsOf("ann"), [4], "a later one is another");
});

for (const [when, alarms] of [
  ["before", [3]],
  ["after", []],
] as const)
  test(`LNK-14: a crash ${when} it is kept leaves ${alarms.length === 0 ? "no alarm" : "the alarm"}`, async () => {
    const handle = `cleo ${when}`;
    const second = await behindTheBackOf(handle);
    await link(room, second, `${handle} 3`);
    const isAccount = (changes: readonly StoreChange[]): boolean =>
      changes.some((change) => "put" in change && change.put === "account");
    const store = new FailingStore(new SqliteStore(room.storePath(handle)), when, 0, isAccount);
    const crashing = await room.reopen(handle, { store });
    await assert.rejects(crashing.acknowledgeDevices(3), { code: "CLIENT_STORE_FAILED" });
    await crashing.close();
    assert.deepEqual(await alarmsOf(handle), alarms);
  });

test("LNK-14: a list that does not name this device is not taken, whoever says it was theirs", async () => {
  const second = await behindTheBackOf("dan");
  const dan = (await second.devices()).find(({ current }) => !current);
  await second.unlinkDevice(dan!.deviceId);
  const unlinked = await room.reopen("dan");
  await assert.rejects(unlinked.acknowledgeDevices(3), { code: "CLIENT_DEVICE_UNLINKED" });
});

test("LNK-15: two devices that one device links at once are both listed, and it is not alarmed by itself", async () => {
  const eve = await room.join("eve");
  const alarms: unknown[] = [];
  eve.on("identity-alarm", (alarm) => alarms.push(alarm));
  const codes = Array.from({ length: 2 }, () => Promise.withResolvers<ShownCode>());
  const linked = codes.map(({ resolve }, i) => room.link(resolve, { storeName: `eve ${i + 2}` }));
  const shown = await Promise.all(codes.map(({ promise }) => promise));
  await Promise.all(shown.map(({ uri }) => eve.approveLink(uri)));
  const others = await Promise.all(linked);
  assert.deepEqual(idsOf(...(await eve.devices())), idsOf(eve, ...others));
  assert.deepEqual(alarms, []);
});
