import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { PortcullisClient } from "@portcullis/client";
import { FixedClock, temporaryDirectory } from "@portcullis/testkit";
import { devicesIn, idsOf } from "./linking-room.ts";
import { openProviderRoom, type ProviderRoom } from "./provider-room.ts";

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
