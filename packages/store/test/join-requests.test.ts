import assert from "node:assert/strict";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { asAccountId, asConversationId, asDeviceId, type AccountId } from "@portcullis/protocol";
import { seededRandom, temporaryDirectory } from "@portcullis/testkit";
import { openStore, type NewJoinRequest, type Store } from "../src/index.ts";

const random = seededRandom("join requests");
const MOST = { perAccount: 2, perConversation: 2 };

async function open(t: TestContext, path = join(temporaryDirectory(), "portcullis.sqlite")): Promise<Store> {
  const store = openStore(path);
  t.after(() => store.close());
  return store;
}

async function account(store: Store, handle: string): Promise<AccountId> {
  const accountId = asAccountId(random(32));
  const entries = { entry: random(32), opening: random(40) };
  const devices = [{ deviceId: asDeviceId(random(16)), signatureKey: random(32) }];
  const list = { accountId, version: 1, signedList: random(9), salt: random(32), ...entries, devices };
  assert.equal(await store.accounts.create({ handle, createdAtMs: 0 }, list), "created");
  return accountId;
}

async function conversation(store: Store) {
  const conversationId = asConversationId(random(32));
  const terms = { class: "sealed" as const, policyId: null, epoch: 0, startBucket: 0, epochStartedAtMs: 0 };
  const creator = { accountId: asAccountId(random(32)), deviceId: asDeviceId(random(16)) };
  await store.conversations.create({ conversationId, ...terms }, creator);
  return { conversationId, creator };
}

const request = (place: Pick<NewJoinRequest, "conversationId" | "accountId">): NewJoinRequest => ({
  ...place,
  linkId: random(16),
  askedAtMs: 5,
  signature: random(64),
  expiresAtMs: 100,
});

test("DEL-62: a full conversation answers like one that does not exist, until somebody is answered or time is up", async (t) => {
  const store = await open(t);
  const { conversationId } = await conversation(store);
  const people = [];
  for (const handle of ["a", "b", "c"]) people.push(await account(store, handle));
  const requests = people.map((accountId) => request({ conversationId, accountId }));
  const ask = async (i: number, nowMs = 0): Promise<string> =>
    (await store.joinRequests.ask(requests[i]!, nowMs, MOST)).kind;
  const nowhere = { ...requests[2]!, conversationId: asConversationId(random(32)) };
  assert.deepEqual([await ask(0), await ask(1), await ask(2)], ["waiting", "waiting", "not-taken"]);
  assert.deepEqual(await store.joinRequests.ask(nowhere, 0, MOST), { kind: "not-taken" });
  assert.equal(await ask(1), "waiting", "again is the same as once");
  assert.ok(await store.joinRequests.refuse(requests[0]!, "expired"));
  assert.equal(await store.joinRequests.refuse(requests[0]!, "full"), false, "the first answer stands");
  assert.deepEqual([await ask(2), await ask(0)], ["waiting", "refused"]);
  assert.equal((await store.joinRequests.waitingIn(conversationId, 99)).length, 2);
  assert.equal((await store.joinRequests.waitingIn(conversationId, 100)).length, 0);
  assert.deepEqual(
    [await ask(0, 99), await ask(0, 100)],
    ["refused", "waiting"],
    "a request ends with its time",
  );
});

test("DEL-63: an account has a limited number of requests, those that were refused among them", async (t) => {
  const store = await open(t);
  const accountId = await account(store, "a");
  const requests: NewJoinRequest[] = [];
  for (let i = 0; i < 3; i++) {
    const { conversationId } = await conversation(store);
    requests.push(request({ conversationId, accountId }));
  }
  const ask = async (i: number): Promise<string> =>
    (await store.joinRequests.ask(requests[i]!, 0, MOST)).kind;
  assert.deepEqual([await ask(0), await ask(1), await ask(2)], ["waiting", "waiting", "too-many"]);
  await store.joinRequests.refuse(requests[0]!, "expired");
  assert.equal(await ask(2), "too-many");
  await store.joinRequests.withdraw(requests[0]!.conversationId, accountId);
  assert.equal(await ask(2), "waiting");
});

for (const [name, write] of [
  ["join-request", (store: Store, one: NewJoinRequest) => store.joinRequests.ask(one, 0, MOST)],
  ["join-refusal", (store: Store, one: NewJoinRequest) => store.joinRequests.refuse(one, "full")],
  [
    "join-withdrawal",
    (store: Store, one: NewJoinRequest) => store.joinRequests.withdraw(one.conversationId, one.accountId),
  ],
] as const)
  for (const when of ["before", "after"])
    test(`STO-04: a crash ${when} a ${name} leaves the old state or the new one`, async (t) => {
      const path = join(temporaryDirectory(), "portcullis.sqlite");
      let armed = false;
      const store = openStore(path, (point) => {
        if (armed && point === `${name}.${when}`) throw new Error("crash");
      });
      const { conversationId } = await conversation(store);
      const one = request({ conversationId, accountId: await account(store, "a") });
      if (name !== "join-request") await store.joinRequests.ask(one, 0, MOST);
      armed = true;
      await assert.rejects(write(store, one), /crash/);
      await store.close();
      const again = await open(t, path);
      const { length } = await again.joinRequests.waitingIn(conversationId, 0);
      assert.equal(length, (name === "join-request") === (when === "after") ? 1 : 0);
    });
