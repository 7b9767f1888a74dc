import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeSealedBucket, encodeSealedBucket, toBase64Url } from "@portcullis/protocol";
import { assertDecoder, seededRandom } from "@portcullis/testkit";
import fc from "fast-check";
import { decodeItems, encodeItems } from "../src/items.ts";
import { labelSet } from "../src/label-set.ts";
import { rosterPath } from "../src/roster.ts";
import { decodeTargets, encodeTargets, type Targets } from "../src/targets.ts";
import { BUCKET } from "./foundation.ts";
import {
  custodianOf,
  forkWorld,
  honestItems,
  honestTargets,
  logOrder,
  makeWorld,
  NOW,
  type LoggedExample,
  type World,
} from "./world.ts";

const home = await makeWorld();
const world = forkWorld(home);
const logged = await logOrder(world);

async function refusal(
  targets: Targets,
  order: LoggedExample = logged,
  place: World = world,
): Promise<string> {
  const custodian = await custodianOf(place, "press");
  const review = await custodian.review({
    orderHash: order.hash,
    targets: encodeTargets(targets),
    nowMs: NOW,
  });
  return review.decision === "refused" ? review.code : "acceptable";
}

type Conversation = Targets["conversations"][number];

/** The honest targets with the crew's part changed. */
function changed(edit: (crew: Conversation) => Conversation, order = logged, place: World = world): Targets {
  const honest = honestTargets(place, order);
  return { ...honest, conversations: honest.conversations.map((it) => edit(it)) };
}

test("targets and items decode to what was encoded, and refuse everything else", () => {
  const targets = honestTargets(world, logged);
  assertDecoder(
    encodeTargets(changed((crew) => ({ ...crew, sealedBuckets: [] }))),
    decodeTargets,
    encodeTargets,
  );
  assert.deepEqual(decodeTargets(encodeTargets(targets)), targets);
  const items = { orderHash: logged.hash, items: honestItems(world, targets).slice(0, 1) };
  assertDecoder(encodeItems(items), decodeItems, encodeItems);
});

test("the label set is the same in any order, and another for any other set", () => {
  const bucket = fc.uint8Array({ minLength: 1, maxLength: 8 });
  const sets = fc.uniqueArray(bucket, { minLength: 2, maxLength: 6, selector: (it) => it.join() });
  fc.assert(
    fc.property(sets, (buckets) => {
      const set = labelSet(buckets);
      assert.deepEqual(labelSet(buckets.toReversed()), set);
      assert.notDeepEqual(labelSet(buckets.slice(1)).root, set.root);
    }),
    { numRuns: 30 },
  );
});

test("CUS-20: the server offers exactly the conversations of the order", async () => {
  const honest = honestTargets(world, logged);
  assert.equal(await refusal({ ...honest, conversations: [] }), "ORDER_TARGETS");
  const twice = { ...honest, conversations: [...honest.conversations, ...honest.conversations] };
  assert.equal(await refusal(twice), "ORDER_TARGETS");
  const { conversationId } = world.innocent;
  assert.equal(await refusal(changed((crew) => ({ ...crew, conversationId }))), "ORDER_TARGETS");
  const other = await logOrder(forkWorld(home), { instrument: "Another act" });
  assert.equal(await refusal({ ...honest, orderHash: other.hash }), "ORDER_TARGETS");
});

test("CUS-20: a sealed conversation is refused as such", async () => {
  const sealed = changed((crew) => ({ ...crew, class: "sealed", sealedBuckets: [] }));
  assert.equal(await refusal(sealed), "ORDER_CONVERSATION_SEALED");
});

test("CUS-21: an account that is no member of the conversation is refused", async () => {
  const place = forkWorld(home);
  const { eve } = place.people;
  const account = { id: eve.accountId, handle: eve.handle, noticeKey: eve.notice.publicKey };
  const order = await logOrder(place, { accounts: [account] });
  assert.equal(await refusal(honestTargets(place, order), order, place), "ORDER_ACCOUNT_NOT_MEMBER");
});

test("CUS-21: a roster proof that does not lead to its root is refused", async () => {
  const forged = changed((crew) => ({
    ...crew,
    rosters: crew.rosters.map((roster) => ({
      ...roster,
      members: roster.members.map((it) => ({ ...it, proof: { ...it.proof, salt: seededRandom("x")(32) } })),
    })),
  }));
  assert.equal(await refusal(forged), "ORDER_ACCOUNT_NOT_MEMBER");
});

test("CUS-22: a bucket before, after, or of another sender is out of scope", async () => {
  const { jim, jack } = world.people;
  const offering = (person: typeof jim, start: number): Targets =>
    changed((crew) => ({ ...crew, sealedBuckets: [world.crew.bucketOf(person, start).seal.sealedBucket] }));
  assert.equal(await refusal(offering(jim, BUCKET)), "acceptable");
  assert.equal(await refusal(offering(jim, BUCKET - 900)), "ORDER_LABEL_OUT_OF_SCOPE");
  assert.equal(await refusal(offering(jim, BUCKET + 1800)), "ORDER_LABEL_OUT_OF_SCOPE");
  assert.equal(await refusal(offering(jack, BUCKET)), "ORDER_LABEL_OUT_OF_SCOPE");
});

test("CUS-22: a bucket of another conversation, policy or length is out of scope", async () => {
  const { jim, eve } = world.people;
  const offering = (bucket: Uint8Array): Targets => changed((crew) => ({ ...crew, sealedBuckets: [bucket] }));
  const innocent = world.innocent.bucketOf(eve, BUCKET).seal.sealedBucket;
  assert.equal(await refusal(offering(innocent)), "ORDER_LABEL_OUT_OF_SCOPE");
  const label = world.crew.label(jim, BUCKET);
  const policyId = seededRandom("other policy")(32) as typeof label.policyId;
  assert.equal(
    await refusal(offering(world.crew.seal({ ...label, policyId }).seal.sealedBucket)),
    "LABEL_POLICY",
  );
  const long = world.crew.seal({ ...label, bucketSeconds: 1800 }).seal.sealedBucket;
  assert.equal(await refusal(offering(long)), "LABEL_BUCKET");
});

test("CUS-23: an innocent group under a true order is refused, whatever roster is shown with it", async () => {
  const place = forkWorld(home);
  const { jim } = place.people;
  // The order names Jim. The provider offers Eve's group as if it were his.
  const order = await logOrder(place, {
    conversations: [place.innocent.conversationId],
    scope: "conversation",
    scopeReason: "They were all there.",
  });
  const honest = honestTargets(place, order);
  const [innocent] = honest.conversations;
  assert.equal(await refusal(honest, order, place), "ORDER_ACCOUNT_NOT_MEMBER");
  const members = [...place.crew.roster.members];
  const root = place.crew.roster.root;
  const crews = {
    epoch: 1,
    startBucket: BUCKET - 900,
    members: [{ accountId: jim.accountId, proof: rosterPath(members, jim.accountId) }],
  };
  const borrowed = [{ ...innocent!, rosters: [{ ...crews, root }] }];
  assert.equal(
    await refusal({ ...honest, conversations: borrowed }, order, place),
    "ORDER_ACCOUNT_NOT_MEMBER",
  );
  const renamed = [{ ...innocent!, rosters: [{ ...crews, root: place.innocent.roster.root }] }];
  assert.equal(
    await refusal({ ...honest, conversations: renamed }, order, place),
    "ORDER_ACCOUNT_NOT_MEMBER",
  );
});

test("CUS-23: a label whose own roster root is not the proven one is refused", async () => {
  const { jim } = world.people;
  const label = { ...world.crew.label(jim, BUCKET), rosterRoot: world.innocent.roster.root };
  const bucket = world.crew.seal(label).seal.sealedBucket;
  const offered = changed((crew) => ({ ...crew, sealedBuckets: [bucket] }));
  assert.equal(await refusal(offered), "ORDER_ACCOUNT_NOT_MEMBER");
});

test("CUS-23: that somebody else who is named is a member does not do for the sender", async () => {
  const place = forkWorld(home);
  const { jim, eve } = place.people;
  const accounts = [jim, eve].map((it) => ({
    id: it.accountId,
    handle: it.handle,
    noticeKey: it.notice.publicKey,
  }));
  const conversations = [place.crew.conversationId, place.innocent.conversationId];
  const order = await logOrder(place, { accounts, conversations });
  const honest = honestTargets(place, order);
  assert.equal(await refusal(honest, order, place), "acceptable");
  const label = { ...place.crew.label(jim, BUCKET), accountId: eve.accountId };
  const [crew, innocent] = honest.conversations;
  const forged = { ...crew!, sealedBuckets: [place.crew.seal(label).seal.sealedBucket] };
  const offered = { ...honest, conversations: [forged, innocent!] };
  assert.equal(await refusal(offered, order, place), "ORDER_ACCOUNT_NOT_MEMBER");
});

test("CUS-24: a capsule that is not its label's is refused before any secret touches it", async () => {
  const { jim } = world.people;
  const first = decodeSealedBucket(world.crew.bucketOf(jim, BUCKET).seal.sealedBucket);
  const second = decodeSealedBucket(world.crew.bucketOf(jim, BUCKET + 900).seal.sealedBucket);
  const offering = (capsules: readonly Uint8Array[]): Targets =>
    changed((crew) => ({ ...crew, sealedBuckets: [encodeSealedBucket({ label: first.label, capsules })] }));
  assert.equal(await refusal(offering(second.capsules)), "CAPSULE_INVALID");
  assert.equal(await refusal(offering(first.capsules.slice(1))), "CAPSULE_COUNT");
  assert.equal(await refusal(offering(first.capsules.toReversed())), "CAPSULE_INVALID");
});

test("CUS-25: a label comes once", async () => {
  const doubled = changed((crew) => ({
    ...crew,
    sealedBuckets: [...crew.sealedBuckets, ...crew.sealedBuckets],
  }));
  assert.equal(await refusal(doubled), "ORDER_TARGETS");
});

test("CUS-26: an order that finds nothing is refused", async () => {
  assert.equal(await refusal(changed((crew) => ({ ...crew, sealedBuckets: [] }))), "ORDER_NOTHING_TO_OPEN");
});

test("a whole conversation covers everybody's buckets", async () => {
  const place = forkWorld(home);
  const order = await logOrder(place, { scope: "conversation", scopeReason: "They were all there." });
  const targets = honestTargets(place, order);
  assert.equal(targets.conversations[0]?.sealedBuckets.length, 4);
  assert.equal(await refusal(targets, order, place), "acceptable");
  assert.deepEqual(order.order.conversations, [toBase64Url(place.crew.conversationId)]);
});
