import assert from "node:assert/strict";
import { test } from "node:test";
import { createShare, type SecretShare } from "@portcullis/crypto";
import { accountUri, conversationUri } from "@portcullis/protocol";
import { seededRandom } from "@portcullis/testkit";
import { openBuckets, summarizeOpening } from "../src/opening.ts";
import type { OrderItem } from "../src/items.ts";
import { makeRelease } from "../src/share-release.ts";
import { shareBinding } from "../src/release.ts";
import { openOrder } from "../src/order-opening.ts";
import { encodeShareBatch, type ShareBatch } from "../src/share-batch.ts";
import { verifyShareCheat } from "../src/share-cheat.ts";
import { BUCKET, custodianKeys } from "./foundation.ts";
import { openingInput, openSent, receivedBatches } from "./opening-room.ts";
import {
  forkWorld,
  honestTargets,
  logOrder,
  makeWorld,
  newConversation,
  releaseAll,
  type CustodianId,
  type World,
} from "./world.ts";

const code = (expected: string) => (error: Error & { code?: string }) => error.code === expected;
const home = await makeWorld();
const logged = await logOrder(home);
const sent = await releaseAll(home, logged);
const input = await openingInput(home, logged);
const { policy, order, targets } = input;
const binding = shareBinding(order.hash, order.recipient.hpkeKey);

type Edit = (share: Uint8Array) => Uint8Array;
const asMade: Edit = (share) => share;

/** A custodian's batch as it would be, or with something done to each share. */
function batchOf(id: CustodianId, edit: Edit = asMade, bound = binding, of = input): ShareBatch {
  return batchWith(id, home.shares.get(id)![0]!.share, edit, bound, of);
}

function batchWith(
  id: CustodianId,
  share: SecretShare,
  edit: Edit = asMade,
  bound = binding,
  of = input,
): ShareBatch {
  const quorumIndex = id === "court" || id === "ministry" ? 0 : 1;
  const random = seededRandom(id);
  const shares = of.targets.buckets.map(({ capsules, label }) => {
    const made = createShare({ capsule: capsules[quorumIndex]!, share, binding: bound, random });
    return { labelHash: label.hash, share: edit(made) };
  });
  return { orderHash: of.order.hash, custodian: id, shares };
}

const flipped = (share: Uint8Array): Uint8Array => {
  const copy = share.slice();
  copy.set(batchOf("union").shares[0]!.share.subarray(2, 34), 2);
  return copy;
};

test("an order opens what the named account wrote in its half hour, and nothing else", async () => {
  const opened = await openSent(home, logged, sent);
  assert.deepEqual(
    opened.messages.map(({ handle, text }) => `${handle}: ${text}`),
    [
      "jim: Okay, Houston, we've had a problem here.",
      "jim: We are venting something out into space.",
      "jim: It's a gas of some sort.",
    ],
  );
  assert.deepEqual([opened.rejected, opened.gaps, opened.cheats], [[], [], []]);
  assert.deepEqual(opened.items, input.items);
  const summary = summarizeOpening(opened, order);
  assert.equal(summary.messagesOutsideScope, 0);
  assert.deepEqual(summary.senders, [{ handle: "jim", messages: 3 }]);
});

test("a whole conversation opens everybody's words in the period", async () => {
  const world = forkWorld(home);
  const changes = { scope: "conversation", scopeReason: "They were all there." } as const;
  const id = "6f1d1c2e-7f53-4d0a-9b1e-0a6f4f6f9c02";
  const whole = await logOrder(world, { ...changes, id });
  const opened = await openSent(
    world,
    whole,
    await releaseAll(world, whole),
    await openingInput(world, whole),
  );
  assert.deepEqual(
    opened.messages.map(({ handle }) => handle),
    ["jim", "jack", "jim", "jim", "jack"],
  );
});

test("EVD-20: a threshold of every quorum opens; one share short of one quorum opens nothing", () => {
  const enough = [batchOf("court"), batchOf("ministry"), batchOf("bar"), batchOf("union")];
  assert.equal(openBuckets({ ...input, batches: enough }).messages.length, 3);
  assert.throws(() => openBuckets({ ...input, batches: enough.slice(0, 3) }), code("OPENING_SHARES_SHORT"));
  assert.throws(() => openBuckets({ ...input, batches: enough.slice(1) }), code("OPENING_SHARES_SHORT"));
  const forged = batchOf("press", flipped);
  const withForged = [...enough.slice(0, 3), forged];
  assert.throws(() => openBuckets({ ...input, batches: withForged }), code("OPENING_SHARES_SHORT"));
});

test("EVD-20: with enough honest custodians a cheat changes nothing and is named", () => {
  const batches = [
    batchOf("court"),
    batchOf("ministry"),
    batchOf("press", flipped),
    batchOf("bar"),
    batchOf("union"),
  ];
  const opened = openBuckets({ ...input, batches });
  assert.equal(opened.messages.length, 3);
  assert.deepEqual([...new Set(opened.unsound.map(({ custodian }) => custodian))], ["press"]);
});

test("EVD-20: shares of others' index, of another binding, another keyset, or missing are named as unsound", () => {
  const others = [batchOf("court"), batchOf("ministry"), batchOf("bar"), batchOf("union")];
  const { secret } = home.shares.get("press")![0]!.share;
  const wrong: ShareBatch[] = [
    batchWith("press", { index: 2, secret }),
    batchWith("press", { index: 4, secret }),
    batchWith("press", home.shares.get("court")![0]!.share),
    batchOf("press", (share) => Uint8Array.from([0, 0, ...share.subarray(2)])),
    { ...batchOf("press"), shares: [] },
  ];
  for (const batch of wrong) {
    const unsound = openBuckets({ ...input, batches: [batch, ...others] }).unsound;
    assert.deepEqual([...new Set(unsound.map(({ custodian }) => custodian))], ["press"]);
  }
});

test("CUS-33: a share for another order or another recipient has no proof for this one", () => {
  const otherKey = shareBinding(order.hash, home.people.eve.notice.publicKey);
  const batches = [
    batchOf("court"),
    batchOf("ministry"),
    batchOf("bar"),
    batchOf("press", undefined, otherKey),
  ];
  // Without a record to confirm the key, every proof is checked.
  assert.throws(() => openBuckets({ ...input, items: [], batches }), code("OPENING_SHARES_SHORT"));
});

test("EVD-21: a cheat is proven to a third party, and an honest custodian cannot be framed", async () => {
  const world = forkWorld(home);
  const { keysetId } = home.shares.get("press")![0]!;
  const { secret } = home.shares.get("court")![0]!.share;
  const made = await makeRelease({
    policy,
    custodian: "press",
    order,
    targets,
    key: custodianKeys.press,
    shares: [{ keysetId, share: { index: 1, secret } }],
    random: seededRandom("cheat"),
  });
  world.ledger.append(made.opening);
  const honest = (await receivedBatches(world, logged, sent)).filter(
    ({ custodian }) => custodian !== "press",
  );
  const all = await receivedBatches(world, logged, new Map(sent).set("press", made.batch));
  const cheating = all.findLast(({ custodian }) => custodian === "press")!;
  const opened = await openOrder({ ...input, batches: [cheating, ...honest], recipient: world.recipient });
  assert.equal(opened.messages.length, 3);
  assert.equal(
    opened.batches.some(({ custodian }) => custodian === "press"),
    false,
  );
  assert.equal(opened.cheats.length, 2);
  for (const cheat of opened.cheats) await verifyShareCheat(cheat, { policy, order, targets });
  const [cheat] = opened.cheats;
  const framed = { ...cheat!, custodian: "bar", release: honest[0]!.releaseJws };
  await assert.rejects(verifyShareCheat(framed, { policy, order, targets }), code("SHARE_PROOF"));
  const sound = encodeShareBatch(batchOf("press"));
  await assert.rejects(
    verifyShareCheat({ ...cheat!, batch: sound }, { policy, order, targets }),
    code("SHARE_PROOF"),
  );
});

const everyBatch = [batchOf("court"), batchOf("ministry"), batchOf("bar"), batchOf("union")];
const rejectedCodes = (items: readonly OrderItem[], changes: Partial<typeof input> = {}): string[] =>
  openBuckets({ ...input, ...changes, items, batches: everyBatch }).rejected.map((it) => it.code);
const [first, ...rest] = input.items;

test("EVD-22: a record counts for the account of its label, by a device that the identity log proves", () => {
  const other = home.people.jack;
  const byOther = { ...first!, senderAccountId: other.accountId };
  assert.deepEqual(rejectedCodes([byOther, ...rest]), ["OPENING_DEVICE"]);
  const unknown = { ...first!, senderDeviceId: other.deviceId };
  assert.deepEqual(rejectedCodes([unknown, ...rest]), ["OPENING_DEVICE"]);
  assert.deepEqual(rejectedCodes([first!], { accounts: [] }), ["OPENING_DEVICE"]);
});

test("EVD-23: a record that is changed, or that its device did not sign, does not count", () => {
  const record = first!.record.slice();
  record[record.length - 1]! ^= 1;
  assert.deepEqual(rejectedCodes([{ ...first!, record }, ...rest]), ["RECORD_OPEN"]);
  const swapped = input.accounts.map((account) => ({
    ...account,
    lists: account.lists.map((list) => ({
      ...list,
      devices: list.devices.map((device) => ({ ...device, signatureKey: custodianKeys.press.publicKey })),
    })),
  }));
  assert.deepEqual(rejectedCodes([first!], { accounts: swapped }), ["RECORD_SIGNATURE"]);
});

/** The code with which one message is rejected that lies about something. */
async function rejectionOf(lies: Parameters<World["crew"]["send"]>[3]): Promise<string | undefined> {
  const { jim, eve } = home.people;
  const crew = newConversation(home, "liars", [jim, eve]);
  const world = { ...forkWorld(home), crew };
  crew.send(jim, BUCKET * 1000 + 1000, "Trust me.", lies);
  const conversations = [crew.conversationId];
  const order = await logOrder(world, { id: "6f1d1c2e-7f53-4d0a-9b1e-0a6f4f6f9c03", conversations });
  const lied = await openingInput(world, order);
  const bound = shareBinding(lied.order.hash, lied.order.recipient.hpkeKey);
  const batches = (["court", "ministry", "bar", "press"] as const).map((id) =>
    batchOf(id, undefined, bound, lied),
  );
  return openBuckets({ ...lied, batches }).rejected[0]?.code;
}

test("EVD-24: content is committed to by its tag, and names its sender and its conversation", async () => {
  assert.equal(await rejectionOf({}), undefined);
  assert.equal(await rejectionOf({ frankingTag: seededRandom("tag")(32) }), "RECORD_FRANKING_TAG");
  const senderUri = accountUri("chat.example", home.people.eve.accountId);
  assert.equal(await rejectionOf({ senderUri }), "OPENING_CONTENT");
  const roomUri = conversationUri("chat.example", home.crew.conversationId);
  assert.equal(await rejectionOf({ roomUri }), "OPENING_CONTENT");
});

test("EVD-26: a message that the server accepted outside its bucket does not count", async () => {
  const end = (BUCKET + 900) * 1000;
  assert.equal(await rejectionOf({ acceptedAtMs: end + 59_999 }), undefined);
  assert.equal(await rejectionOf({ acceptedAtMs: end + 60_000 }), "OPENING_TIME");
  assert.equal(await rejectionOf({ acceptedAtMs: BUCKET * 1000 - 1 }), "OPENING_TIME");
});

test("EVD-25: a receipt that is not the delivery service's for this message does not count", () => {
  const receipts = [rest[0]!.receipt, first!.receipt.slice(0, -1)];
  const [exchanged, cut] = receipts.map((receipt) => rejectedCodes([{ ...first!, receipt }, ...rest])[0]);
  assert.equal(exchanged, "OPENING_FRANK");
  assert.match(String(cut), /^DECODE_/);
  const stranger = { deliveryKeys: [custodianKeys.bar.publicKey] };
  assert.deepEqual(rejectedCodes([first!], stranger), ["OPENING_FRANK"]);
});

test("an item of another bucket, or of none, does not count", () => {
  const sealedBucketHash = seededRandom("nowhere")(32);
  assert.deepEqual(rejectedCodes([...input.items, { ...first!, sealedBucketHash }]), ["OPENING_ITEM"]);
});

test("EVD-27: records that the server withholds show as gaps", () => {
  const gapsOf = (items: readonly OrderItem[]) => {
    const found = openBuckets({ ...input, items, batches: everyBatch }).gaps;
    return found.map(({ kind, index, count }) => [kind, index, count]);
  };
  const [one, two, three] = input.items;
  assert.deepEqual(gapsOf([one!, two!, three!]), []);
  assert.deepEqual(gapsOf([one!, three!]), [["missing", 2, 1]]);
  assert.deepEqual(gapsOf([one!, two!]), [["empty", undefined, undefined]]);
  assert.deepEqual(gapsOf([one!, one!, two!, three!]), [["broken", 1, undefined]]);
  const [crew] = honestTargets(home, logged).conversations;
  const [roster] = crew!.rosters;
  const rosters = [{ ...roster!, startBucket: order.scope.from }];
  const conversations = [{ ...crew!, rosters }];
  const within = { ...targets, targets: { ...targets.targets, conversations } };
  const gaps = openBuckets({ ...input, targets: within, batches: everyBatch }).gaps;
  assert.deepEqual(
    gaps.map(({ kind, index, count }) => [kind, index, count]),
    [["missing", 0, 1]],
  );
});

test("CUS-32: a batch that is not the one of the logged release is not opened", async () => {
  const exchanged = new Map(sent).set("bar", sent.get("union")!);
  await assert.rejects(openSent(home, logged, exchanged), code("BATCH_NOT_RELEASED"));
});
