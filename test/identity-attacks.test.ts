import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { ClientEvents, PortcullisClient } from "@portcullis/client";
import { SqliteStore } from "@portcullis/client/node";
import { generateSigningKey } from "@portcullis/crypto";
import { signDeviceList, verifyDeviceList, type VerifiedDeviceList } from "@portcullis/ledger/identity";
import { asDeviceId, toBase64Url, type AccountId } from "@portcullis/protocol";
import { FixedClock, seededRandom, temporaryDirectory } from "@portcullis/testkit";
import { decodeAccountRecord, type AccountRecord } from "../packages/client/src/account/account-record.ts";
import { FailingStore } from "./failing-store.ts";
import { meddle } from "./meddling.ts";
import { nextEvent, openProviderRoom, type ProviderRoom } from "./provider-room.ts";

const clock = new FixedClock("1970-04-14T03:00:00Z");
const directory = temporaryDirectory();
const random = seededRandom("identity attacks");
const meddler = meddle();
let room: ProviderRoom;

before(async () => {
  room = await openProviderRoom(directory, clock);
});
after(async () => room.close());

/** Someone with the account key, of which the owner's device does not know: a thief, or whoever stole a recovery. */
class Thief {
  readonly #account: AccountRecord;
  #list: VerifiedDeviceList;

  private constructor(account: AccountRecord) {
    this.#account = account;
    this.#list = verifyDeviceList(account.signedDeviceList);
  }

  static async of(handle: string): Promise<Thief> {
    const store = new SqliteStore(room.storePath(handle));
    const { account } = await store.load();
    await store.close();
    return new Thief(decodeAccountRecord(account!));
  }

  /** The next version in the log, with the owner's devices and these. */
  async log(ghosts: number, without?: "owner"): Promise<void> {
    const { accountId, accountKey, signedDeviceList } = this.#account;
    const owner = without === "owner" ? [] : verifyDeviceList(signedDeviceList).devices;
    const devices = Array.from({ length: ghosts }, () => ({
      deviceId: asDeviceId(random(16)),
      signatureKey: generateSigningKey(random).publicKey,
    }));
    const signed = signDeviceList(accountKey, {
      ...this.#list,
      version: this.#list.version + 1,
      previous: this.#list.hash,
      devices: [...owner, ...devices],
    });
    const response = await fetch(`${room.server.url}/v1/accounts/${toBase64Url(accountId)}/devices`, {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ deviceList: toBase64Url(signed) }),
    });
    assert.equal(response.status, 200);
    this.#list = verifyDeviceList(signed);
  }
}

type Alarm = ClientEvents["identity-alarm"];

/** Connects and tells what the client makes of its own entry, if it makes anything of it before the next check. */
async function alarmOf(client: PortcullisClient): Promise<Alarm> {
  const alarm = nextEvent(client, "identity-alarm");
  await client.connect();
  return alarm;
}

test("E1, E6, CLT-05: a device that somebody adds with the account's key alarms the owner's device at its next connection", async () => {
  await (await room.join("ann")).close();
  await (await Thief.of("ann")).log(1);
  const ann = await room.reopen("ann");
  const { reason, knownVersion, list } = await alarmOf(ann);
  assert.deepEqual([reason, knownVersion, list?.version, list?.devices.length], ["version", 1, 2, 2]);
});

test("E2, CLT-05: a device that was added and removed between two looks alarms all the same", async () => {
  await (await room.join("bob")).close();
  const thief = await Thief.of("bob");
  await thief.log(1);
  await thief.log(0);
  const { reason, list } = await alarmOf(await room.reopen("bob"));
  assert.deepEqual([reason, list?.version, list?.devices.length], ["version", 3, 1]);
});

test("E6, CLT-05: a list of the thief's devices alone cannot be kept from the owner's device while it is connected", async () => {
  const cem = await room.join("cem", { ownEntryMs: 20 });
  const alarm = nextEvent(cem, "identity-alarm");
  await (await Thief.of("cem")).log(1, "owner");
  const { reason, list } = await alarm;
  assert.deepEqual([reason, list?.version], ["version", 2]);
});

test("E3, E4, CLT-05: a server that shows the owner an old entry, or one without proof, alarms too", async () => {
  await (await room.join("dee")).close();
  const stale = await lookUp((await accountOf("dee")).accountId);
  clock.advance(2 * 900_000);
  const answers = { LEDGER_STALE: stale, VRF_PROOF: await lookUp((await accountOf("ann")).accountId) };
  for (const [code, answer] of Object.entries(answers)) {
    meddler.answer = (path, response) =>
      Promise.resolve(path === "/v1/lookups" ? Response.json({ lookup: answer }) : response);
    const dee = await room.reopen("dee", { platform: meddler.platform });
    assert.deepEqual(await alarmOf(dee), { reason: "unproven", knownVersion: 1, code });
    await dee.close();
  }
});

test("CLT-05: an owner whose list is the one that everybody sees is left in peace", async () => {
  const fay = await room.join("fay", { ownEntryMs: 5, platform: meddler.platform });
  let looks = 0;
  const looked = Promise.withResolvers<void>();
  meddler.answer = (path, response) => {
    if (path === "/v1/lookups" && ++looks === 3) looked.resolve();
    return Promise.resolve(response);
  };
  const alarms: Alarm[] = [];
  fay.on("identity-alarm", (alarm) => alarms.push(alarm));
  await looked.promise;
  assert.deepEqual(alarms, []);
});

test("IDN-15, IDN-16: two people compare what they see, and a verified account is shown as such, also after a restart", async () => {
  const gus = await room.join("gus");
  const hal = await room.join("hal");
  assert.equal(gus.safetyNumber(hal.accountId), hal.safetyNumber(gus.accountId));
  gus.compareSafetyCode(hal.accountId, hal.safetyCode(gus.accountId));
  assert.throws(() => gus.compareSafetyCode(hal.accountId, gus.safetyCode(hal.accountId)), {
    code: "CLIENT_SAFETY_CODE_OTHER",
  });
  const id = await gus.createConversation({ class: "sealed", members: [hal.accountId] });
  const verified = (client: PortcullisClient): boolean[] =>
    client.state(id).members.map((member) => member.verified);
  assert.deepEqual(verified(gus), [false, false]);
  await gus.close();
  for (const when of ["before", "after"] as const) {
    const store = new FailingStore(new SqliteStore(room.storePath("gus")), when, 0);
    const failing = await room.reopen("gus", { store });
    await assert.rejects(failing.markVerified(hal.accountId), { code: "CLIENT_STORE_FAILED" });
    assert.deepEqual(verified(failing), [false, false]);
    await failing.close();
    const again = await room.reopen("gus");
    await again.idle();
    assert.deepEqual(verified(again), [false, when === "after"]);
    await again.close();
  }
  const last = await room.reopen("gus");
  await last.markVerified(hal.accountId, false);
  assert.deepEqual(verified(last), [false, false]);
  await last.markVerified(hal.accountId);
  assert.deepEqual(
    last
      .state(id)
      .members.filter((member) => member.verified)
      .map(({ accountId }) => accountId),
    [hal.accountId],
  );
});

async function accountOf(handle: string): Promise<{ accountId: AccountId }> {
  const store = new SqliteStore(room.storePath(handle));
  const { account } = await store.load();
  await store.close();
  return decodeAccountRecord(account!);
}

async function lookUp(accountId: AccountId): Promise<string> {
  const response = await fetch(`${room.server.url}/v1/lookups`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ accounts: [toBase64Url(accountId)] }),
  });
  return ((await response.json()) as { lookup: string }).lookup;
}
