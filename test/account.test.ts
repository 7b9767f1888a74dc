import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { randomBytes } from "node:crypto";
import { acceptInvite, createOperatorInvite, type Platform, type PortcullisClient } from "@portcullis/client";
import { nodePlatform, SqliteStore } from "@portcullis/client/node";
import { toBase64Url } from "@portcullis/protocol";
import { FixedClock, temporaryDirectory } from "@portcullis/testkit";
import { decodeAccountRecord, type AccountRecord } from "../packages/client/src/account/account-record.ts";
import { meddle } from "./meddling.ts";
import { FailingStore } from "./failing-store.ts";
import { openProviderRoom, type ProviderRoom } from "./provider-room.ts";

const clock = new FixedClock("1970-04-14T03:00:00Z");
const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
const directory = temporaryDirectory();
let room: ProviderRoom;

before(async () => {
  room = await openProviderRoom(directory, clock);
  await room.restartServer({ membersInvite: true });
});
after(async () => room.close());

function operatorInvite(): Promise<string> {
  const { url: server, operatorToken } = room.server;
  return createOperatorInvite({ server, operatorToken, fetch, random });
}

test("ACN-13: an invitation is all that a guest needs; a member's leads to the same trust", async () => {
  const accepted = await acceptInvite(await operatorInvite(), fetch);
  assert.deepEqual(accepted.trust, room.trust);
  const ann = await room.join("ann", { ...accepted });
  const bob = await room.join("bob", { ...(await acceptInvite(await ann.createInvite(), fetch)) });
  assert.deepEqual(await bob.findAccount("ann"), ann.accountId);
  const twice = room.join("carol", { invite: accepted.invite });
  await assert.rejects(twice, {
    code: "CLIENT_SERVER_REFUSED",
    facts: { path: "/v1/accounts", status: 403, refusal: "INVITE_USED_UP" },
  });
});

test("ACN-13: a server that shows other trust anchors than the link's is refused, and never gets the secret", async () => {
  const link = await operatorInvite();
  const asked: string[] = [];
  const changes: [string, (body: Record<string, unknown>) => object][] = [
    ["the identity log", (body) => ({ ...body, identityLog: body["accessLog"] })],
    ["the key of the index", (body) => ({ ...body, vrfKey: toBase64Url(new Uint8Array(32)) })],
    ["a witness", (body) => ({ ...body, witnesses: (body["witnesses"] as string[]).slice(1) })],
    ["the threshold", (body) => ({ ...body, witnessThreshold: 1 })],
    ["the policy", ({ policyId, ...body }) => ({ ...body, was: policyId })],
  ];
  for (const [what, change] of changes) {
    const meddling: typeof fetch = async (input, init) => {
      asked.push(`${JSON.stringify(input)} ${JSON.stringify(init)}`);
      const response = await fetch(input, init);
      return Response.json(change((await response.json()) as Record<string, unknown>));
    };
    await assert.rejects(acceptInvite(link, meddling), { code: "CLIENT_TRUST" }, what);
  }
  const secret = link.split(".").at(-2) as string;
  assert.ok(asked.every((request) => !request.includes(secret)));
});

async function joinWithCode(handle: string): Promise<{ lost: PortcullisClient; code: string }> {
  const lost = await room.join(handle);
  return { lost, code: await lost.setRecoveryCode() };
}

test("ACN-26: with its recovery code the account comes back on a new device, and the lost one is out", async () => {
  const { lost, code } = await joinWithCode("dora");
  const day = new Date().toISOString().slice(0, 10);
  const [first, ...others] = await lost.devices();
  assert.deepEqual([first?.deviceId, first?.current, others], [lost.deviceId, true, []]);
  assert.ok((first?.lastSeen ?? "") >= day);
  const dora = await room.recover("dora", code, { storeName: "dora's new telephone" });
  assert.deepEqual(dora.accountId, lost.accountId);
  assert.notDeepEqual(dora.deviceId, lost.deviceId);
  assert.deepEqual(
    (await dora.devices()).map(({ deviceId }) => deviceId),
    [dora.deviceId],
  );
  await assert.rejects(lost.createInvite(), { code: "CLIENT_SERVER_UNREACHABLE" }, "its session is over");
  const eve = await room.join("eve");
  const talk = await eve.createConversation({ class: "recorded", members: [dora.accountId] });
  await dora.waitForConversation(talk);
  assert.deepEqual(
    eve.state(talk).members.map(({ deviceId }) => deviceId),
    [eve.deviceId, dora.deviceId],
  );
  const { sequence } = await dora.messages.send(talk, { text: "it is me again" });
  await eve.caughtUp(talk, sequence);
  assert.equal((await eve.messages.history(talk)).at(-1)?.text, "it is me again");
  await lost.close();
});

test("ACN-30: a device that only the server knows of is not shown, and a list that is not in the log is refused", async () => {
  const meddler = meddle();
  const ivy = await room.join("ivy", { platform: meddler.platform });
  const stranger = { deviceId: "AAAAAAAAAAAAAAAAAAAAAA", lastSeenDay: 1 };
  meddler.answer = async (path, response) =>
    path === "/v1/devices" ? Response.json({ devices: [stranger] }) : response;
  assert.deepEqual(await ivy.devices(), [{ deviceId: ivy.deviceId, current: true, lastSeen: undefined }]);
  const annId = await ivy.findAccount("ann");
  const body = JSON.stringify({ accounts: [toBase64Url(annId!)] });
  const headers = { "content-type": "application/json" };
  meddler.answer = (path, response) =>
    path === "/v1/lookups"
      ? fetch(`${room.server.url}${path}`, { method: "POST", headers, body })
      : Promise.resolve(response);
  await assert.rejects(ivy.devices(), { code: "VRF_PROOF" });
});

test("ACN-23: a wrong code gives nothing away and leaves the account as it was", async () => {
  const { lost, code } = await joinWithCode("fay");
  const wrong = await lost.setRecoveryCode();
  const attempt = (code: string, handle = "fay") => room.recover(handle, code, { storeName: "a thief's" });
  await assert.rejects(attempt(code), { code: "CLIENT_SERVER_REFUSED" }, "the code before is worth nothing");
  await assert.rejects(attempt(wrong, "ann"), { code: "CLIENT_SERVER_REFUSED" });
  await assert.rejects(attempt(wrong, "nobody at all"), { code: "CLIENT_ACCOUNT_UNKNOWN" });
  await assert.rejects(attempt(wrong.slice(1)), { code: "CLIENT_RECOVERY_CODE" });
  await lost.createInvite();
});

test("ACN-25: a server that answers with an older blob, or another account's, is found out", async () => {
  const kept: string[] = [];
  const platform = (change: (body: string) => string): Platform => ({
    ...nodePlatform,
    fetch: async (input, init) => {
      const response = await fetch(input, init);
      if (!(input as string).endsWith("/recovery") || init?.method !== "POST") return response;
      return new Response(change(await response.text()), { status: response.status });
    },
  });
  const listening = platform((body) => (kept.push(body), body));
  const replaying = platform(() => kept[0] ?? "");
  const { lost, code } = await joinWithCode("gus");
  const gus = await room.recover("gus", code, { platform: listening, storeName: "gus 2" });
  const next = await gus.setRecoveryCode();
  const third = { platform: replaying, storeName: "gus 3" };
  await assert.rejects(room.recover("gus", next, third), { code: "CLIENT_RECOVERY_BLOB" });
  const other = await joinWithCode("hal");
  await assert.rejects(room.recover("hal", other.code, third), { code: "CLIENT_RECOVERY_BLOB" });
  await lost.close();
});

for (const when of ["before", "after"] as const)
  for (const writes of [0, 1])
    test(`ACN-26: recovery that crashed ${when} write ${writes} goes on with the same device`, async () => {
      const handle = `kim ${when} ${writes}`;
      const { lost, code } = await joinWithCode(handle);
      const storeName = `${handle} again`;
      const failing = new FailingStore(new SqliteStore(room.storePath(storeName)), when, writes);
      await assert.rejects(room.recover(handle, code, { store: failing }), /the power went/);
      await failing.close();
      const begun = await storedAccount(storeName);
      const kim = await room.recover(handle, code, { storeName }).catch(async (error: unknown) => {
        assert.equal((error as { code: string }).code, "CLIENT_ACCOUNT_EXISTS", "all of it was done");
        return room.reopen(handle, { storeName });
      });
      if (begun !== undefined) assert.deepEqual(kim.deviceId, begun.deviceId);
      await kim.connect();
      await kim.createInvite();
      await lost.close();
    });

async function storedAccount(storeName: string): Promise<AccountRecord | undefined> {
  const store = new SqliteStore(room.storePath(storeName));
  const { account } = await store.load();
  await store.close();
  return account && decodeAccountRecord(account);
}
