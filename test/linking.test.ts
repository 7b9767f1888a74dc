import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import type { ClientError, Platform, PortcullisClient, ShownCode } from "@portcullis/client";
import { SqliteStore } from "@portcullis/client/node";
import { generateSigningKey } from "@portcullis/crypto";
import { generateHpkeKey } from "@portcullis/crypto/hpke";
import { asDeviceId, fromBase64Url, toBase64Url, toHex } from "@portcullis/protocol";
import { FixedClock, temporaryDirectory } from "@portcullis/testkit";
import { decodeAccountRecord, type AccountRecord } from "../packages/client/src/account/account-record.ts";
import { sealLinkAnswer } from "../packages/client/src/linking/link-answer.ts";
import { decodeLinkOffer, encodeLinkOffer } from "../packages/client/src/linking/link-code.ts";
import { FailingStore } from "./failing-store.ts";
import { flipped, meddle, type Meddler } from "./meddling.ts";
import { nextEvent, openProviderRoom, type ClientSetting, type ProviderRoom } from "./provider-room.ts";

const clock = new FixedClock("1970-04-14T03:00:00Z");
const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
const directory = temporaryDirectory();
let room: ProviderRoom;

before(async () => {
  room = await openProviderRoom(directory, clock);
});
after(async () => room.close());

interface Showing {
  readonly code: ShownCode;
  readonly linked: Promise<PortcullisClient>;
  /** Nobody is going to read it. */
  readonly stop: () => Promise<void>;
}

/** A new device that shows its code. */
async function showing(storeName: string, changes: Partial<ClientSetting> = {}): Promise<Showing> {
  const shown = Promise.withResolvers<ShownCode>();
  const stopped = new AbortController();
  const { signal } = stopped;
  const linked = room.link(shown.resolve, { storeName, signal, ...changes });
  linked.catch((error: unknown) => shown.reject(error));
  const stop = async (): Promise<void> => {
    stopped.abort();
    await assert.rejects(linked, { name: "AbortError" });
  };
  return { code: await shown.promise, linked, stop };
}

/** A second device of the account. */
async function link(
  old: PortcullisClient,
  storeName: string,
  changes: Partial<ClientSetting> = {},
): Promise<PortcullisClient> {
  const { code, linked } = await showing(storeName, changes);
  await old.approveLink(code.uri);
  return linked;
}

const idsOf = async (client: PortcullisClient): Promise<string[]> =>
  (await client.devices()).map(({ deviceId }) => toHex(deviceId)).toSorted();

function alarmsOf(client: PortcullisClient): unknown[] {
  const alarms: unknown[] = [];
  client.on("identity-alarm", (alarm) => alarms.push(alarm));
  return alarms;
}

/** Resolves when the client has looked accounts up so many times more. */
function lookUps(meddler: Meddler, count: number): Promise<void> {
  const outcome = Promise.withResolvers<void>();
  let left = count;
  meddler.answer = async (path, response) => {
    if (path === "/v1/lookups" && --left === 0) outcome.resolve();
    return response;
  };
  return outcome.promise;
}

test("LNK-05: one code, read once, makes a device the account's; the one that read it raises no alarm", async () => {
  const meddler = meddle();
  const { platform } = meddler;
  const ann = await room.join("ann", { ownEntryMs: 20, platform });
  const alarms = alarmsOf(ann);
  const other = await link(ann, "ann's telephone");
  assert.deepEqual(other.accountId, ann.accountId);
  assert.equal(other.handle, "ann");
  assert.notDeepEqual(other.deviceId, ann.deviceId);
  const both = [ann, other].map(({ deviceId }) => toHex(deviceId)).toSorted();
  assert.deepEqual(await idsOf(ann), both);
  assert.deepEqual(await idsOf(other), both);
  await lookUps(meddler, 3);
  await ann.close();
  const again = await room.reopen("ann", { ownEntryMs: 20, platform });
  again.on("identity-alarm", (alarm) => alarms.push(alarm));
  await again.connect();
  await lookUps(meddler, 3);
  assert.deepEqual(alarms, [], "it is known over a restart too");
  const alarm = nextEvent(again, "identity-alarm");
  const third = await link(other, "ann's tablet");
  assert.equal((await idsOf(third)).length, 3, "the new device is a device like any other");
  assert.equal((await alarm).reason, "version", "and those that had no part in it say so");
});

test("LNK-01: a code is typed as well as scanned, and a typing error asks nobody", async () => {
  const bea = await room.join("bea");
  const { code, linked } = await showing("bea's telephone");
  assert.match(code.text, /^([0-9A-HJKMNP-TV-Z]{4}-){9}[0-9A-HJKMNP-TV-Z]{4}$/);
  assert.equal(code.uri, `${room.server.url}/link#portcullis-link.1.${code.text}`);
  await assert.rejects(bea.approveLink(code.text.slice(1)), { code: "CLIENT_LINK_CODE" });
  const wrong = (code.text.startsWith("7") ? "8" : "7") + code.text.slice(1);
  await assert.rejects(bea.approveLink(wrong), { code: "CLIENT_LINK_CODE" });
  await bea.approveLink(code.text.toLowerCase().replaceAll("-", " "));
  await linked;
});

/** A new device's offer that a server would put in its place. */
async function strangersOffer(): Promise<string> {
  const { publicKey } = await generateHpkeKey();
  const signatureKey = generateSigningKey(random).publicKey;
  return toBase64Url(encodeLinkOffer({ publicKey, deviceId: asDeviceId(random(16)), signatureKey }));
}

test("LNK-04: a server that swaps the key or the device in an offer gets nothing signed and nothing sealed", async () => {
  const meddler = meddle();
  const cleo = await room.join("cleo", { platform: meddler.platform });
  const asked: string[] = [];
  const changes: Record<string, (offer: string) => Promise<string>> = {
    "the whole device": strangersOffer,
    "the HPKE key": async (offer) => {
      const { publicKey } = await generateHpkeKey();
      return toBase64Url(encodeLinkOffer({ ...decodeLinkOffer(fromBase64Url(offer)), publicKey }));
    },
    "the signature key": async (offer) => {
      const signatureKey = generateSigningKey(random).publicKey;
      return toBase64Url(encodeLinkOffer({ ...decodeLinkOffer(fromBase64Url(offer)), signatureKey }));
    },
    "one bit": async (offer) => toBase64Url(flipped(fromBase64Url(offer), 40)),
    "its end": async (offer) => toBase64Url(fromBase64Url(offer).subarray(0, -1)),
  };
  for (const [what, change] of Object.entries(changes)) {
    meddler.answer = async (path, response) => {
      asked.push(path);
      if (!path.endsWith("/claim")) return response;
      const { offer } = (await response.json()) as { offer: string };
      return Response.json({ offer: await change(offer) });
    };
    const { code, stop } = await showing(`cleo ${what}`);
    asked.length = 0;
    await assert.rejects(cleo.approveLink(code.uri), { code: "CLIENT_LINK_OFFER" }, what);
    assert.ok(!asked.some((path) => path.endsWith("/answer") || path.endsWith("/devices")), what);
    await stop();
  }
  assert.equal((await idsOf(cleo)).length, 1);
});

/** A new device that is told that its answer is what `change` makes of it. */
function answering(change: (answer: string) => string): Platform {
  const meddler = meddle();
  meddler.answer = async (path, response) => {
    if (!path.endsWith("/answer")) return response;
    const { answer } = (await response.json()) as { answer?: string };
    return Response.json(answer === undefined ? {} : { answer: change(answer) });
  };
  return meddler.platform;
}

test("LNK-07: an answer that was changed, cut or is another's is refused, and the code is worth nothing then", async () => {
  const dan = await room.join("dan");
  let before = "";
  await link(dan, "dan 0", { platform: answering((answer) => (before = answer)) });
  const changes: [string, (answer: string) => string][] = [
    ["flipped", (answer) => toBase64Url(flipped(fromBase64Url(answer), 100))],
    ["cut", (answer) => toBase64Url(fromBase64Url(answer).subarray(0, -1))],
    ["of another code", () => before],
  ];
  for (const [what, change] of changes) {
    const { code, linked } = await showing(`dan ${what}`, { platform: answering(change) });
    const refused = assert.rejects(linked, { code: "CLIENT_LINK_ANSWER" }, what);
    await dan.approveLink(code.uri);
    await refused;
    const again = await showing(`dan ${what}`);
    assert.notEqual(again.code.text, code.text, what);
    await again.stop();
  }
});

test("LNK-06, LNK-07: a server that plays the old device cannot link the new one to an account of its own", async () => {
  const eve = await room.join("eve");
  const account = await storedAccount("eve");
  const meddler = meddle();
  let offer: Uint8Array | undefined;
  const watching: Platform = {
    ...meddler.platform,
    fetch: async (input, init) => {
      const body = JSON.parse((init?.body as string | undefined) ?? "{}") as { offer?: string };
      if (body.offer !== undefined) offer = fromBase64Url(body.offer);
      return meddler.platform.fetch(input, init);
    },
  };
  meddler.answer = async (path, response) => {
    if (!path.endsWith("/answer") || offer === undefined) return response;
    const { publicKey } = decodeLinkOffer(offer);
    const secret = new Uint8Array(7);
    const answer = { ...account, trust: room.trust, historyKey: random(32) };
    const sealed = await sealLinkAnswer(answer, { offer, publicKey, secret });
    return Response.json({ answer: toBase64Url(sealed) });
  };
  const { linked } = await showing("guess", { platform: watching });
  await assert.rejects(linked, { code: "CLIENT_LINK_ANSWER" });
  assert.equal((await idsOf(eve)).length, 1);
});

test("LNK-03: a code is used once: whoever reads it second learns nothing, whoever read it first may go on", async () => {
  const fay = await room.join("fay");
  const gus = await room.join("gus");
  const { code, linked } = await showing("fay's telephone");
  await fay.approveLink(code.uri);
  await assert.rejects(gus.approveLink(code.uri), (error: ClientError) => {
    assert.equal(error.facts["refusal"], "LINK_TAKEN");
    return true;
  });
  assert.deepEqual((await linked).accountId, fay.accountId);
});

for (const when of ["before", "after"] as const)
  for (const writes of [0, 1])
    test(`LNK-08: a new device that crashed ${when} write ${writes} goes on as the same device`, async () => {
      const handle = `hal ${when} ${writes}`;
      const hal = await room.join(handle);
      const storeName = `${handle}'s telephone`;
      const failing = new FailingStore(new SqliteStore(room.storePath(storeName)), when, writes);
      const crashed = await showing(storeName, { store: failing }).catch(() => undefined);
      if (crashed !== undefined) {
        const broken = assert.rejects(crashed.linked, /the power went/);
        await hal.approveLink(crashed.code.uri);
        await broken;
      }
      await failing.close();
      const begun = crashed?.code.text;
      const approved: Promise<unknown>[] = [];
      const again = await room.link(
        ({ text }) => {
          if (text !== begun) approved.push(hal.approveLink(text));
        },
        { storeName },
      );
      await Promise.all(approved);
      const ids = [hal, again].map(({ deviceId }) => toHex(deviceId)).toSorted();
      assert.deepEqual(await idsOf(hal), ids, "one device, listed once");
    });

for (const when of ["before", "after"] as const)
  test(`LNK-05: an old device that crashed ${when} it kept the list links the same device with the same code`, async () => {
    const handle = `ida ${when}`;
    await (await room.join(handle)).close();
    const failing = new FailingStore(new SqliteStore(room.storePath(handle)), when, 0);
    const crashing = await room.reopen(handle, { store: failing });
    const { code, linked } = await showing(`${handle}'s telephone`);
    await assert.rejects(crashing.approveLink(code.uri), { code: "CLIENT_STORE_FAILED" });
    await crashing.close();
    const ida = await room.reopen(handle);
    const alarms = alarmsOf(ida);
    await ida.connect();
    await ida.approveLink(code.uri);
    await ida.approveLink(code.uri).catch((error: unknown) => {
      assert.equal((error as { code: string }).code, "CLIENT_SERVER_REFUSED", "the mailbox is closed by now");
    });
    const ids = [ida.deviceId, (await linked).deviceId].map((id) => toHex(id)).toSorted();
    assert.deepEqual(await idsOf(ida), ids);
    assert.deepEqual(alarms, []);
  });

test("LNK-05: of two links at once both succeed, one on top of the other", async () => {
  const jan = await room.join("jan");
  const other = await link(jan, "jan 2");
  const [one, two] = [await showing("jan 3"), await showing("jan 4")];
  await Promise.all([jan.approveLink(one.code.uri), other.approveLink(two.code.uri)]);
  const all = [jan, other, await one.linked, await two.linked].map(({ deviceId }) => toHex(deviceId));
  assert.deepEqual(await idsOf(jan), all.toSorted());
});

test("LNK-08: a new device that its account's logged list does not show is not one", async () => {
  const { platform } = meddle();
  const told: typeof fetch = async (input, init) =>
    // The server says that it took the list, and did not.
    init?.method === "PUT" && (input as string).endsWith("/devices") ? Response.json({}) : fetch(input, init);
  const kim = await room.join("kim", { platform: { ...platform, fetch: told } });
  const { code, linked } = await showing("kim's telephone");
  const refused = assert.rejects(linked, { code: "CLIENT_DEVICE_UNKNOWN" });
  await kim.approveLink(code.uri);
  await refused;
});

async function storedAccount(storeName: string): Promise<AccountRecord> {
  const store = new SqliteStore(room.storePath(storeName));
  const { account } = await store.load();
  await store.close();
  return decodeAccountRecord(account!);
}
