import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createMlsEngine } from "@portcullis/mls";
import { generateSigningKey } from "@portcullis/crypto";
import type { PortcullisClient } from "@portcullis/client";
import { nodePlatform } from "@portcullis/client/node";
import {
  asDeviceId,
  asMessageId,
  fromBase64Url,
  toBase64Url,
  type AccountId,
  type ConversationId,
  type Item,
} from "@portcullis/protocol";
import { FixedClock, seededRandom, temporaryDirectory } from "@portcullis/testkit";
import { flipped, meddle } from "./meddling.ts";
import { nextEvent, openProviderRoom, type ProviderRoom } from "./provider-room.ts";

const clock = new FixedClock("1970-04-14T03:00:00Z");
const directory = temporaryDirectory();
const random = seededRandom("dishonest server");
const meddler = meddle();
let room: ProviderRoom;
let ann: PortcullisClient;
let bob: PortcullisClient;
let talk: ConversationId;

before(async () => {
  room = await openProviderRoom(directory, clock);
  ann = await room.join("ann");
  bob = await room.join("bob", { platform: meddler.platform });
  talk = await begin();
});
after(async () => room.close());

async function begin(): Promise<ConversationId> {
  const id = await ann.createConversation({ class: "recorded", members: [bob.accountId] });
  await bob.waitForConversation(id);
  return id;
}

/** From here on Bob may add others. */
async function promoteBob(id: ConversationId): Promise<void> {
  await ann.setRole(id, bob.accountId, "admin");
  await bob.caughtUp(id, ann.state(id).sequence);
}

function without(item: Item, field: "receipt" | "record" | "lookup"): Item {
  const rest = { ...item };
  delete rest[field];
  return rest;
}

const items: { name: string; change: (item: Item) => Item; code: string }[] = [
  {
    name: "CLT-20: another sender than the leaf's is refused",
    change: (item) => ({ ...item, senderDeviceId: asDeviceId(random(16)) }),
    code: "CLIENT_ITEM_SENDER",
  },
  {
    name: "CLT-21: another message id than the one in authenticated data is refused",
    change: (item) => ({ ...item, messageId: asMessageId(random(16)) }),
    code: "CLIENT_ITEM_MALFORMED",
  },
  {
    name: "CLT-22: a time at which the bucket was over is refused",
    change: (item) => ({ ...item, acceptedAtMs: item.acceptedAtMs + 960_001 }),
    code: "CLIENT_ITEM_BUCKET",
  },
  {
    name: "CLT-23: a message without a receipt is refused",
    change: (item) => without(item, "receipt"),
    code: "CLIENT_RECEIPT",
  },
  {
    name: "CLT-23: a receipt for another time is refused",
    change: (item) => ({ ...item, acceptedAtMs: item.acceptedAtMs + 1 }),
    code: "CLIENT_RECEIPT",
  },
  {
    name: "CLT-23: a receipt that the franking key did not sign is refused",
    change: (item) => ({
      ...item,
      receipt: { ...item.receipt!, rootSignature: flipped(item.receipt!.rootSignature, 3) },
    }),
    code: "CLIENT_RECEIPT",
  },
  {
    name: "CLT-26: a changed record is refused",
    change: (item) => ({ ...item, record: flipped(item.record!, -1) }),
    code: "CLIENT_RECORD_HASH",
  },
  {
    name: "CLT-26: a recorded conversation's message without a record is refused",
    change: (item) => without(item, "record"),
    code: "CLIENT_ITEM_MALFORMED",
  },
  {
    name: "a changed ciphertext is refused",
    change: (item) => ({ ...item, message: flipped(item.message!, -1) }),
    code: "MLS_UNDECRYPTABLE",
  },
  {
    name: "changed authenticated data are refused",
    // The last byte of the CBOR of the message data, which is that of the record's hash.
    change: (item) => ({ ...item, message: withChangedData(item.message!) }),
    code: "MLS_UNDECRYPTABLE",
  },
];

/** PrivateMessage: version, wire format, group id (33), epoch (8), content type, authenticated data. */
function withChangedData(message: Uint8Array): Uint8Array {
  return flipped(message, 2 + 2 + 33 + 8 + 1 + 2 + 100);
}

for (const { name, change, code } of items)
  test(name, async () => {
    meddler.nextItem(change);
    const rejected = nextEvent(bob, "rejected");
    const { sequence } = await ann.messages.send(talk, { text: name });
    assert.deepEqual(await rejected, {
      conversationId: talk,
      sequence,
      senderAccountId: ann.accountId,
      code,
    });
    const next = await ann.messages.send(talk, { text: "and on it goes" });
    await bob.caughtUp(talk, next.sequence);
    const seen = new Set((await bob.messages.history(talk)).map((message) => message.sequence));
    assert.ok(seen.has(next.sequence) && !seen.has(sequence));
  });

test("CLT-23: a wrong receipt for one's own message is told, and the message kept", async () => {
  meddler.frame = (frame) => {
    if (frame.type !== "items") return frame;
    const items = frame.items.map((item) =>
      item.receipt === undefined
        ? item
        : Object.assign(item, {
            receipt: { ...item.receipt, rootSignature: flipped(item.receipt.rootSignature, 3) },
          }),
    );
    return { ...frame, items };
  };
  const rejected = nextEvent(bob, "rejected");
  const { sequence } = await bob.messages.send(talk, { text: "for the record" });
  const told = await rejected;
  meddler.frame = (frame) => frame;
  assert.deepEqual([told.sequence, told.code], [sequence, "CLIENT_RECEIPT"]);
  assert.equal((await bob.messages.history(talk)).at(-1)?.sequence, sequence);
});

test("an item that is left out is asked for again", async () => {
  meddler.frame = (frame) => {
    if (frame.type !== "items" || frame.items.length === 0) return frame;
    meddler.frame = (other) => other;
    return undefined;
  };
  const first = await ann.messages.send(talk, { text: "lost on the way" });
  await new Promise((resolve) => setTimeout(resolve, 100));
  const second = await ann.messages.send(talk, { text: "shows that one is missing" });
  await bob.caughtUp(talk, second.sequence);
  const seen = (await bob.messages.history(talk)).map(({ sequence }) => sequence);
  assert.ok(seen.includes(first.sequence));
});

test("CLT-11, CLT-14: a Commit whose start bucket was not current freezes, and stays frozen over a restart", async () => {
  const id = await begin();
  const cem = await room.join("cem");
  meddler.nextItem((item) => ({ ...item, acceptedAtMs: item.acceptedAtMs + 900_000 }));
  const frozen = nextEvent(bob, "frozen");
  await ann.addMembers(id, [cem.accountId]);
  const { code, committer, sequence } = await frozen;
  assert.deepEqual(
    { code, committer, sequence },
    {
      code: "CLIENT_COMMIT_START_BUCKET",
      committer: { accountId: ann.accountId, deviceId: ann.deviceId },
      sequence: 2,
    },
  );
  await ann.messages.send(id, { text: "bob takes nothing more" });
  await assert.rejects(bob.messages.send(id, { text: "and says nothing more" }), {
    code: "CLIENT_CONVERSATION_FROZEN",
  });
  await bob.close();
  bob = await room.reopen("bob", { platform: meddler.platform });
  await bob.connect();
  assert.equal(bob.state(id).condition, "frozen");
  assert.deepEqual(bob.state(id).freeze, { code, committer, sequence });
  assert.equal(bob.state(id).sequence, 1);
});

test("CLT-13: a Commit in another sender's name freezes", async () => {
  const id = await begin();
  meddler.nextItem((item) => ({ ...item, senderDeviceId: asDeviceId(random(16)) }));
  const frozen = nextEvent(bob, "frozen");
  const dee = await room.join("dee");
  await ann.addMembers(id, [dee.accountId]);
  assert.equal((await frozen).code, "CLIENT_ITEM_SENDER");
});

test("CLT-04, CLT-18: a KeyPackage with a key that is not in the device list is not added", async () => {
  const id = await begin();
  await promoteBob(id);
  const eve = await room.join("eve");
  const rogue = createMlsEngine({
    provider: nodePlatform.cryptoProvider,
    clock: { now: () => Date.now() },
    random,
    device: { signingKey: generateSigningKey(random), accountId: eve.accountId, deviceId: eve.deviceId },
    validateMember: () => Promise.resolve(),
  });
  const { keyPackage } = await rogue.createKeyPackage();
  meddler.answer = async (path, response) => {
    if (path !== "/v1/key-packages/claim") return response;
    const { devices } = (await response.json()) as { devices: object[] };
    return Response.json({
      devices: devices.map((device) => Object.assign(device, { keyPackage: toBase64Url(keyPackage) })),
    });
  };
  await assert.rejects(bob.addMembers(id, [eve.accountId]), { code: "CLIENT_DEVICE_UNKNOWN" });
  meddler.answer = (_, response) => Promise.resolve(response);
  const { sequence } = await bob.messages.send(id, { text: "nobody came" });
  await ann.caughtUp(id, sequence);
  assert.equal(ann.state(id).members.length, 2);
});

interface Claimed {
  readonly accountId: string;
  readonly deviceId: string;
  readonly keyPackage: string;
}

/** Bob asks for one account's KeyPackages and the server answers with others. */
async function claimLie(
  wanted: PortcullisClient,
  lie: (honest: Claimed[]) => Promise<Claimed[]>,
): Promise<void> {
  const id = await begin();
  await promoteBob(id);
  meddler.answer = async (path, response) => {
    if (path !== "/v1/key-packages/claim") return response;
    const { devices } = (await response.json()) as { devices: Claimed[] };
    return Response.json({ devices: await lie(devices) });
  };
  try {
    await assert.rejects(bob.addMembers(id, [wanted.accountId]), { code: "CLIENT_KEY_PACKAGE" });
  } finally {
    meddler.answer = (_, response) => Promise.resolve(response);
  }
  const { sequence } = await bob.messages.send(id, { text: "nobody came, nobody froze" });
  await ann.caughtUp(id, sequence);
  assert.deepEqual([ann.state(id).members.length, ann.state(id).condition], [2, "open"]);
}

test("CLT-19: another logged device's KeyPackage for the one that was asked for is not added", async () => {
  const [hal, ida] = [await room.join("hal"), await room.join("ida")];
  const other = await claimOf(ida);
  await claimLie(hal, async (honest) =>
    honest.map((device) => ({ ...device, keyPackage: other.keyPackage })),
  );
});

test("CLT-19: a device of an account that nobody asked for is not added", async () => {
  const [jan, kai] = [await room.join("jan"), await room.join("kai")];
  const uninvited = await claimOf(kai);
  await claimLie(jan, async (honest) => [...honest, uninvited]);
});

test("CLT-19: a device that is named twice is not added", async () => {
  const lea = await room.join("lea");
  const again = await claimOf(lea);
  await claimLie(lea, async (honest) => [...honest, again]);
});

/** What the server honestly answers for this account. */
async function claimOf(client: PortcullisClient): Promise<Claimed> {
  const seen = Promise.withResolvers<Claimed>();
  meddler.answer = async (path, response) => {
    if (path !== "/v1/key-packages/claim") return response;
    const { devices } = (await response.clone().json()) as { devices: Claimed[] };
    seen.resolve(devices[0]!);
    return response;
  };
  await bob.createConversation({ class: "sealed", members: [client.accountId] });
  meddler.answer = (_, response) => Promise.resolve(response);
  return seen.promise;
}

test("CLT-18: a Commit that adds a device and comes without its lookup, or with another, freezes", async () => {
  const [id, other] = [await begin(), await begin()];
  const fay = await room.join("fay");
  const lookupOfAnn = await lookUp(ann.accountId);
  for (const [conversationId, lookup] of [
    [id, undefined],
    [other, lookupOfAnn],
  ] as const) {
    meddler.nextItem((item) => (lookup === undefined ? without(item, "lookup") : { ...item, lookup }));
    const frozen = nextEvent(bob, "frozen");
    await ann.addMembers(conversationId, [fay.accountId]);
    assert.equal((await frozen).code, "CLIENT_COMMIT_LOOKUP");
  }
});

test("E3, CLT-18: a device is not added on the word of a lookup from before, nor of another account", async () => {
  const id = await begin();
  await letBobAdd(id);
  const max = await room.join("max");
  const old = await lookUp(max.accountId);
  clock.advance(2 * 900_000);
  const wrong = await lookUp(ann.accountId);
  for (const [lookup, code] of [
    [old, "LEDGER_STALE"],
    [wrong, "VRF_PROOF"],
  ] as const) {
    meddler.answer = (path, response) =>
      Promise.resolve(path === "/v1/lookups" ? Response.json({ lookup: toBase64Url(lookup) }) : response);
    await assert.rejects(bob.addMembers(id, [max.accountId]), { code });
  }
  meddler.answer = (_, response) => Promise.resolve(response);
  await bob.addMembers(id, [max.accountId]);
  await max.waitForConversation(id);
});

test("CLT-14: a server that cannot be asked for a lookup refuses nothing: it is asked again", async () => {
  let failures = 2;
  meddler.answer = (path, response) => {
    const fails = path === "/v1/lookups" && failures-- > 0;
    return Promise.resolve(fails ? new Response("busy", { status: 503 }) : response);
  };
  const id = await ann.createConversation({ class: "sealed", members: [bob.accountId] });
  await bob.waitForConversation(id);
  await letBobAdd(id);
  const gil = await room.join("gil");
  failures = 1;
  await bob.addMembers(id, [gil.accountId]).catch((error: { code?: string }) => {
    assert.equal(error.code, "CLIENT_SERVER_UNREACHABLE", "what is not begun yet is told at once");
    return bob.addMembers(id, [gil.accountId]);
  });
  meddler.answer = (_, response) => Promise.resolve(response);
  await gil.waitForConversation(id);
  await bob.idle();
  assert.equal(bob.state(id).members.length, 3);
});

async function letBobAdd(id: ConversationId): Promise<void> {
  await ann.setRole(id, bob.accountId, "admin");
  await bob.caughtUp(id, ann.state(id).sequence);
}

/** What the server says to anybody who asks. */
async function lookUp(accountId: AccountId): Promise<Uint8Array> {
  const response = await fetch(`${room.server.url}/v1/lookups`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ accounts: [toBase64Url(accountId)] }),
  });
  return fromBase64Url(((await response.json()) as { lookup: string }).lookup);
}

test("CLT-16: a Welcome with another roster than the group's members is refused, and taken once it is right", async () => {
  let once = true;
  meddler.frame = (frame) => {
    if (frame.type !== "welcome" || !once) return frame;
    once = false;
    return { ...frame, roster: frame.roster.map((entry) => ({ ...entry, salt: flipped(entry.salt, 0) })) };
  };
  const refused = nextEvent(bob, "refused");
  const id = await ann.createConversation({ class: "sealed", members: [bob.accountId] });
  assert.deepEqual(await refused, { conversationId: id, code: "CLIENT_WELCOME_ROSTER" });
  await bob.close();
  bob = await room.reopen("bob", { platform: meddler.platform });
  await bob.connect();
  await bob.waitForConversation(id);
});
