import assert from "node:assert/strict";
import { test } from "node:test";
import { toBase64Url } from "@portcullis/protocol";
import { seededRandom } from "@portcullis/testkit";
import { CustodianState, type CustodianEffect } from "../src/custodian.ts";
import { decodeOpening, entryOf } from "../src/entry.ts";
import { openNotice } from "../src/notice.ts";
import { decodeNoticeEntry } from "../src/order-entry.ts";
import { openShareBatch } from "../src/sealed-batch.ts";
import { custodianKeys } from "./foundation.ts";
import {
  callOf,
  carryOut,
  custodianOf,
  everyCustodian,
  forkWorld,
  honestTargets,
  logOrder,
  makeWorld,
  NOW,
  releaseAll,
  type CustodianId,
  type World,
} from "./world.ts";

const home = await makeWorld();
const DAY = 86_400_000;
const code = (expected: string) => (error: Error & { code?: string }) => error.code === expected;

function rewritten(world: World): World {
  const fork = forkWorld(world);
  fork.ledger.add("dummy", seededRandom("another history")(32));
  return fork;
}

test("CUS-01: a ledger that does not continue what the custodian saw freezes it", async () => {
  const world = forkWorld(home);
  const logged = await logOrder(world);
  const custodian = await custodianOf(world, "bar");
  const fork = rewritten(home);
  await logOrder(fork, { instrument: "Another act" });
  await logOrder(fork);
  await custodian.sync(fork.ledger.update(custodian.size));
  assert.equal(custodian.frozen?.code, "LEDGER_FORKED");
  await assert.rejects(custodian.approve(callOf(world, "bar", logged)), code("LEDGER_FORKED"));
  world.ledger.add("dummy", seededRandom("dummy")(32));
  await custodian.sync(world.ledger.update(custodian.size));
  assert.equal(custodian.frozen, undefined);
  await custodian.approve(callOf(world, "bar", logged));
});

test("CUS-01: a ledger that became shorter, or changed without growing, freezes the custodian", async () => {
  const world = forkWorld(home);
  await logOrder(world);
  const custodian = await custodianOf(world, "bar");
  await custodian.sync({ openings: [], checkpoint: home.ledger.checkpoint() });
  assert.equal(custodian.frozen?.code, "LEDGER_FORKED");
  const fork = rewritten(home);
  const again = await custodianOf(world, "bar");
  await again.sync({ openings: [], checkpoint: fork.ledger.checkpoint() });
  assert.equal(again.frozen?.code, "LEDGER_FORKED");
});

test("CUS-01: the custodian's root is the log's at every size, however it reads", async () => {
  const world = forkWorld(home);
  const custodian = await CustodianState.begin({ policyJws: world.policy.jws, custodian: "bar" });
  for (let i = 0; i < 21; i++) {
    world.ledger.add("dummy", seededRandom(i)(32));
    if (i % 3 !== 0) continue;
    await custodian.sync(world.ledger.update(custodian.size));
    assert.equal(custodian.frozen, undefined);
    assert.equal(custodian.size, world.ledger.entries.length);
  }
});

test("CUS-02: custodians' own cosignatures are none of the quorum's", async () => {
  const world = forkWorld(home);
  world.ledger.witnesses = ["witness.one", "court", "ministry", "press"];
  const custodian = await CustodianState.begin({ policyJws: world.policy.jws, custodian: "bar" });
  await custodian.sync(world.ledger.update(0));
  assert.equal(custodian.frozen?.code, "ORDER_WITNESS_QUORUM");
  assert.equal(custodian.size, 0);
});

test("CUS-03: an entry without a readable opening freezes the custodian, and it stays frozen over a restart", async () => {
  const world = forkWorld(home);
  const logged = await logOrder(world);
  const custodian = await custodianOf(world, "union");
  await custodian.approve(callOf(world, "union", logged));
  world.ledger.appendEntry(entryOf(seededRandom("secret opening")(80)));
  await custodian.sync(world.ledger.update(custodian.size));
  const restarted = await CustodianState.restore(custodian.encode());
  for (const state of [custodian, restarted]) {
    assert.deepEqual(state.frozen, {
      code: "CUSTODIAN_FROZEN",
      facts: { index: world.ledger.entries.length - 1 },
    });
    assert.deepEqual(state.effects(), []);
    await assert.rejects(state.prepareRelease(callOf(world, "union", logged)), code("CUSTODIAN_FROZEN"));
  }
  world.ledger.openings[world.ledger.entries.length - 1] = seededRandom("secret opening")(80);
  await custodian.sync(world.ledger.update(custodian.size));
  assert.equal(custodian.frozen?.code, "CUSTODIAN_FROZEN");
});

test("CUS-30: nobody releases anything while one quorum is one custodian short", async () => {
  const world = forkWorld(home);
  const logged = await logOrder(world);
  const custodians = await everyCustodian(world, ["court", "ministry", "press"]);
  for (const [id, state] of custodians) await state.approve(callOf(world, id, logged));
  await carryOut(world, custodians);
  for (const [id, state] of custodians) {
    await assert.rejects(state.prepareRelease(callOf(world, id, logged)), code("ORDER_QUORUM_SHORT"));
    assert.deepEqual(state.effects(), []);
    assert.deepEqual(
      state.standing(logged.hash).map(({ quorum, approved }) => `${quorum} ${approved.length}`),
      ["state 2", "civic 1"],
    );
  }
});

test("CUS-30: approvals of other buckets do not count", async () => {
  const world = forkWorld(home);
  const logged = await logOrder(world);
  const honest = honestTargets(world, logged);
  const fewer = {
    ...honest,
    conversations: honest.conversations.map((it) => ({ ...it, sealedBuckets: it.sealedBuckets.slice(1) })),
  };
  const custodians = await everyCustodian(world, ["court", "ministry", "press", "bar"]);
  for (const [id, state] of custodians)
    await state.approve(callOf(world, id, logged, id === "bar" ? fewer : honest));
  await carryOut(world, custodians);
  for (const [id, state] of custodians) {
    const call = callOf(world, id, logged, id === "bar" ? fewer : honest);
    await assert.rejects(state.prepareRelease(call), code("ORDER_QUORUM_SHORT"));
  }
});

test("CUS-30: an approval counts when it stands in the ledger, once, and only under its custodian's key", async () => {
  const world = forkWorld(home);
  const logged = await logOrder(world);
  const custodians = await everyCustodian(world, ["court", "ministry", "press"]);
  for (const [id, state] of custodians) await state.approve(callOf(world, id, logged));
  const press = custodians.get("press")!;
  const [effect] = press.effects();
  assert.equal(effect?.type, "submit");
  world.ledger.append((effect as { opening: Uint8Array }).opening);
  await carryOut(world, custodians);
  assert.equal(press.standing(logged.hash)[1]?.approved.length, 1);
  const bar = await custodianOf(world, "bar");
  const wrongKey = { ...callOf(world, "bar", logged), key: custodianKeys.press };
  await assert.rejects(bar.approve(wrongKey), code("CUSTODIAN_UNKNOWN"));
});

test("CUS-31: everything is checked again before a release, over the buckets that were approved", async () => {
  const world = forkWorld(home);
  const logged = await logOrder(world);
  const custodians = await everyCustodian(world);
  for (const [id, state] of custodians) await state.approve(callOf(world, id, logged));
  await carryOut(world, custodians);
  const court = custodians.get("court")!;
  const call = callOf(world, "court", logged);
  world.ledger.cosignedAtMs = NOW + 2 * DAY;
  await court.sync(world.ledger.update(court.size));
  await assert.rejects(court.prepareRelease({ ...call, nowMs: NOW + 2 * DAY }), code("ORDER_EXPIRED"));
  const honest = honestTargets(world, logged);
  const fewer = honest.conversations.map((it) => ({ ...it, sealedBuckets: it.sealedBuckets.slice(1) }));
  const changed = callOf(world, "court", logged, { ...honest, conversations: fewer });
  const ministry = custodians.get("ministry")!;
  await assert.rejects(ministry.prepareRelease(changed), code("ORDER_TARGETS"));
});

test("CUS-31: a custodian releases only what a person there approved, once that stands in the ledger", async () => {
  const world = forkWorld(home);
  const logged = await logOrder(world);
  const custodians = await everyCustodian(world, ["court", "ministry", "press", "bar"]);
  for (const [id, state] of custodians) await state.approve(callOf(world, id, logged));
  await carryOut(world, custodians);
  const union = await custodianOf(world, "union");
  await assert.rejects(union.prepareRelease(callOf(world, "union", logged)), code("ORDER_NOT_APPROVED"));
  await union.approve(callOf(world, "union", logged));
  await assert.rejects(union.prepareRelease(callOf(world, "union", logged)), code("ORDER_NOT_APPROVED"));
});

test("CUS-32: the batch goes out only after its release stands in the witnessed ledger, always the same bytes", async () => {
  const world = forkWorld(home);
  const logged = await logOrder(world);
  const custodians = await everyCustodian(world);
  for (const [id, state] of custodians) await state.approve(callOf(world, id, logged));
  await carryOut(world, custodians);
  const bar = custodians.get("bar")!;
  const other = { ...callOf(world, "bar", logged), random: seededRandom("other") };
  await Promise.all([bar.prepareRelease(callOf(world, "bar", logged)), bar.prepareRelease(other)]);
  const before = bar.effects();
  assert.deepEqual(
    before.map(({ type }) => type),
    ["submit"],
  );
  await bar.prepareRelease(other);
  assert.deepEqual(bar.effects(), before);
  await carryOut(world, new Map([["bar", bar]]));
  const [send] = bar.effects();
  assert.equal(send?.type, "send");
  assert.deepEqual((await CustodianState.restore(bar.encode())).effects(), [send]);
  bar.confirmSent(logged.hash);
  assert.deepEqual(bar.effects(), []);
});

test("CUS-33: a batch is sealed to the recipient that the order names, and to nobody else", async () => {
  const world = forkWorld(home);
  const logged = await logOrder(world);
  const sealed = (await releaseAll(world, logged)).get("press")!;
  const open = async (keys: { publicKey: Uint8Array; privateKey: Uint8Array }, custodian = "press") =>
    openShareBatch({ orderHash: logged.hash, custodian, ...keys, sealed });
  assert.equal((await open(world.recipient)).shares.length, 2);
  await assert.rejects(open(world.people.eve.notice), code("BATCH_UNREADABLE"));
  await assert.rejects(open(world.recipient, "bar"), code("BATCH_UNREADABLE"));
});

test("CUS-33: without its share of the keyset in force a custodian releases nothing", async () => {
  const world = forkWorld(home);
  const logged = await logOrder(world);
  const custodians = await everyCustodian(world);
  for (const [id, state] of custodians) await state.approve(callOf(world, id, logged));
  await carryOut(world, custodians);
  const bar = custodians.get("bar")!;
  const call = callOf(world, "bar", logged);
  await assert.rejects(bar.prepareRelease({ ...call, shares: [] }), code("CUSTODIAN_SHARE_MISSING"));
  const presss = { ...call, shares: world.shares.get("press")! };
  await assert.rejects(bar.prepareRelease(presss), code("CUSTODIAN_SHARE_MISSING"));
});

/** One custodian's program: reads on, works, keeps its state, acts; and dies when told, keeping only what was kept. */
async function live(
  world: World,
  id: CustodianId,
  logged: Awaited<ReturnType<typeof logOrder>>,
  dieAt: number,
) {
  let kept = (await CustodianState.begin({ policyJws: world.policy.jws, custodian: id })).encode();
  const received: Uint8Array[] = [];
  let moment = 0;
  const mayDie = (): void => {
    if (moment++ === dieAt) throw new Error("killed");
  };
  const act = (effect: CustodianEffect, state: CustodianState): void => {
    mayDie();
    if (effect.type === "submit") world.ledger.append(effect.opening);
    else received.push(effect.batch);
    mayDie();
    if (effect.type === "send") state.confirmSent(effect.orderHash);
  };
  const round = async (): Promise<boolean> => {
    const state = await CustodianState.restore(kept);
    await state.sync(world.ledger.update(state.size));
    const [own] = state.orders();
    const call = callOf(world, id, logged);
    if (own?.stage === "new") await state.approve(call);
    else if (state.standing(logged.hash).some(({ approved }) => approved.includes(id)))
      await state.prepareRelease({ ...call, random: seededRandom(moment) });
    mayDie();
    kept = state.encode();
    mayDie();
    for (const effect of state.effects()) act(effect, state);
    mayDie();
    kept = state.encode();
    mayDie();
    return state.orders()[0]?.stage === "sent";
  };
  for (let i = 0; i < 4; i++)
    try {
      if (await round()) break;
    } catch (error) {
      if (!(error instanceof Error) || error.message !== "killed") throw error;
    }
  return { received, moments: moment };
}

test("CUS-34: killed before or after any step, a custodian resumes: one approval, one release, one batch", async () => {
  const start = forkWorld(home);
  const logged = await logOrder(start);
  const others = await everyCustodian(start, ["court", "ministry", "press", "union"]);
  for (const [id, state] of others) await state.approve(callOf(start, id, logged));
  await carryOut(start, others);
  for (let dieAt = -1; dieAt < 18; dieAt++) {
    const world = forkWorld(start);
    const { received } = await live(world, "bar", logged, dieAt);
    const bar = await custodianOf(world, "bar");
    const own = (list: readonly { document: { custodian: string } }[]): number =>
      list.filter(({ document }) => document.custodian === "bar").length;
    assert.equal(own(bar.documents.approvals), 1, `approvals, killed at ${dieAt}`);
    assert.equal(own(bar.documents.releases), 1, `releases, killed at ${dieAt}`);
    assert.ok(received.length >= 1, `sent, killed at ${dieAt}`);
    assert.equal(new Set(received.map((batch) => toBase64Url(batch))).size, 1, `batches, killed at ${dieAt}`);
  }
});

test("CUS-34: a custodian's state encodes to itself, and what it knows comes back", async () => {
  const world = forkWorld(home);
  const logged = await logOrder(world);
  const custodian = await custodianOf(world, "court");
  await custodian.approve(callOf(world, "court", logged));
  const bytes = custodian.encode();
  const restored = await CustodianState.restore(bytes);
  assert.deepEqual(restored.encode(), bytes);
  assert.deepEqual(restored.orders(), custodian.orders());
  assert.equal(restored.orders()[0]?.stage, "approved");
  await assert.rejects(CustodianState.restore(bytes.slice(0, -1)));
});

test("CUS-40: the notice is published when due and not before, from any custodian's copy, and reaches its account", async () => {
  const world = forkWorld(home);
  const logged = await logOrder(world);
  await releaseAll(world, logged);
  const union = await custodianOf(world, "union");
  const publish = { orderHash: logged.hash, random: seededRandom("notice") };
  await assert.rejects(union.publishNotice({ ...publish, nowMs: NOW + 89 * DAY }), code("NOTICE_NOT_DUE"));
  assert.deepEqual(union.dueNotices(NOW + 89 * DAY), []);
  const nowMs = NOW + 91 * DAY;
  assert.deepEqual(union.dueNotices(nowMs), [logged.hash]);
  await union.publishNotice({ ...publish, nowMs });
  await carryOut(world, new Map([["union", union]]));
  assert.deepEqual(union.dueNotices(nowMs), []);
  const published = decodeOpening(world.ledger.openings.at(-1)!);
  const { sealedNotices } = decodeNoticeEntry(published.body);
  const { jim, eve } = world.people;
  const read = async ({ accountId, notice }: typeof jim) =>
    openNotice({ policyId: world.policy.id, accountId, ...notice, sealed: sealedNotices[0]! });
  assert.equal((await read(jim))?.orderId, logged.order.id);
  assert.equal(await read(eve), undefined);
});
