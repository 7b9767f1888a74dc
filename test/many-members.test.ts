import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { ClientStore, PortcullisClient } from "@portcullis/client";
import { createMlsEngine } from "@portcullis/mls";
import { nodeProvider } from "@portcullis/mls/node";
import { asAccountId, limits, type AccountId } from "@portcullis/protocol";
import { FixedClock, seededRandom, temporaryDirectory } from "@portcullis/testkit";
import { registerAccount } from "../packages/client/src/account/create-account.ts";
import { ServerApi } from "../packages/client/src/server/server-api.ts";
import { openProviderRoom, type ProviderRoom } from "./provider-room.ts";

const clock = new FixedClock("1970-04-14T03:00:00Z");
const random = seededRandom("many members");
const directory = temporaryDirectory();
/** The tree stays as it is: epochs are counted here. */
const cold = { warming: { fromDevices: limits.devicesPerConversation, turnMs: 0 } };
let room: ProviderRoom;
let ann: PortcullisClient;

before(async () => {
  room = await openProviderRoom(directory, clock);
  ann = await room.join("ann", cold);
});
after(async () => room.close());

/** An account whose device left a KeyPackage and went away. */
async function register(handle: string): Promise<AccountId> {
  const api = new ServerApi(room.server.url, fetch, () => Date.now());
  const { registrationToken } = room.server;
  const store = { load: async () => ({}), write: async () => undefined } as unknown as ClientStore;
  const account = await registerAccount({ api, store, random, admission: { registrationToken }, handle });
  const { accountId, deviceId, deviceKey: signingKey } = account;
  const engine = createMlsEngine({
    provider: nodeProvider,
    clock: { now: () => Date.now() },
    random,
    device: { signingKey, accountId, deviceId },
    validateMember: async () => undefined,
  });
  const { keyPackage } = await engine.createKeyPackage();
  await api.publishKeyPackages(account, { keyPackages: [keyPackage] });
  return accountId;
}

test("CLT-64, CLT-65: a conversation begins with more accounts than one Commit adds, and whoever comes last sees them all", async () => {
  const members: AccountId[] = [];
  for (let i = 0; i < limits.accountsPerClaim + 6; i++) members.push(await register(`member ${i}`));
  const bob = await room.join("bob", cold);
  const id = await ann.createConversation({ class: "sealed", members: [...members, bob.accountId] });
  await bob.waitForConversation(id);
  assert.equal(ann.state(id).epoch, 2);
  assert.equal(bob.state(id).members.length, members.length + 2);
  const { sequence } = await bob.messages.send(id, { text: "hello, all of you" });
  await ann.caughtUp(id, sequence);
});

test("CLT-64: more devices than a conversation has are refused before anybody is asked for them", async () => {
  const crowd = Array.from({ length: limits.devicesPerConversation }, () => asAccountId(random(32)));
  const begun = ann.createConversation({ class: "sealed", members: crowd });
  await assert.rejects(begun, { code: "CLIENT_CONVERSATION_FULL" });
});
