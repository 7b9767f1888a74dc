import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { PortcullisClient } from "@portcullis/client";
import { toBase64Url } from "@portcullis/protocol";
import { FixedClock, temporaryDirectory } from "@portcullis/testkit";
import { devicesIn, idsOf, link, linkSilent } from "./linking-room.ts";
import { meddle } from "./meddling.ts";
import { openProviderRoom, type ProviderRoom } from "./provider-room.ts";

const clock = new FixedClock("1970-04-14T03:00:00Z");
const directory = temporaryDirectory();
const meddler = meddle();
let room: ProviderRoom;
let bob: PortcullisClient;

before(async () => {
  room = await openProviderRoom(directory, clock);
  bob = await room.join("bob", { platform: meddler.platform });
});
after(async () => room.close());

test("DEL-38, LNK-10: a linked device that never connects keeps its account out of nothing, and is added when it does", async () => {
  const ann = await room.join("ann");
  const silent = await linkSilent(room, ann, "ann's telephone");
  const id = await bob.createConversation({ class: "recorded", members: [ann.accountId] });
  await ann.waitForConversation(id);
  const { sequence } = await ann.messages.send(id, { text: "you can reach me" });
  await bob.caughtUp(id, sequence);
  assert.deepEqual(devicesIn(bob, id), idsOf(ann, bob));
  await silent.close();
  const telephone = await room.reopen("ann", { storeName: "ann's telephone" });
  await telephone.connect();
  await telephone.waitForConversation(id);
  assert.deepEqual(devicesIn(telephone, id), idsOf(ann, telephone, bob));
});

test("LNK-10: a linked device that never connects does not hold up the next one", async () => {
  const cleo = await room.join("cleo");
  const id = await cleo.createConversation({ class: "sealed", members: [bob.accountId] });
  await linkSilent(room, cleo, "cleo's telephone");
  const tablet = await link(room, cleo, "cleo's tablet");
  await tablet.waitForConversation(id);
  assert.deepEqual(devicesIn(tablet, id), idsOf(cleo, tablet, bob));
});

interface Claimed {
  readonly deviceId: string;
}

test("CLT-19, LNK-10: a device that the server says to have no KeyPackage is put off until another of its account adds it", async () => {
  const dan = await room.join("dan");
  const other = await link(room, dan, "dan's telephone");
  const others = toBase64Url(other.deviceId);
  meddler.answer = async (path, response) => {
    if (path !== "/v1/key-packages/claim") return response;
    const { devices } = (await response.json()) as { devices: Claimed[] };
    return Response.json({ devices: devices.filter(({ deviceId }) => deviceId !== others) });
  };
  const id = await bob.createConversation({ class: "sealed", members: [dan.accountId] });
  assert.deepEqual(devicesIn(bob, id), idsOf(dan, bob));
  await other.waitForConversation(id);
  assert.deepEqual(devicesIn(other, id), idsOf(dan, other, bob));
});

test("CLT-19: a server cannot put another device in the place of one that it leaves out", async () => {
  const eve = await room.join("eve");
  const fay = await room.join("fay");
  const other = await link(room, fay, "fay's telephone");
  const [left, swapped] = [toBase64Url(other.deviceId), toBase64Url(eve.deviceId)];
  const answers: ((devices: Claimed[], eves: Claimed) => Claimed[])[] = [
    (devices, eves) => [...devices.filter(({ deviceId }) => deviceId !== left), eves],
    (devices) =>
      devices.map((device) => (device.deviceId === left ? { ...device, deviceId: swapped } : device)),
  ];
  let eves: Claimed | undefined;
  meddler.answer = async (path, response) => {
    if (path !== "/v1/key-packages/claim") return response;
    [eves] = ((await response.clone().json()) as { devices: Claimed[] }).devices;
    return response;
  };
  await bob.createConversation({ class: "sealed", members: [eve.accountId] });
  for (const lie of answers) {
    meddler.answer = async (path, response) => {
      if (path !== "/v1/key-packages/claim") return response;
      const { devices } = (await response.json()) as { devices: Claimed[] };
      return Response.json({ devices: lie(devices, eves!) });
    };
    await assert.rejects(bob.createConversation({ class: "sealed", members: [fay.accountId] }), {
      code: "CLIENT_KEY_PACKAGE",
    });
  }
});
