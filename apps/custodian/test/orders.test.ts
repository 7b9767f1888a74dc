import assert from "node:assert/strict";
import { test } from "node:test";
import { toBase64Url } from "@portcullis/protocol";
import { writeFileDurably } from "@portcullis/store/directory";
import type { OrdersView } from "../src/index.ts";
import { admin, ids, Scene } from "./scene.ts";

const scene = await Scene.open();
const policy = await scene.agreePolicy();
const keysets = await scene.makeKeysets(policy);
const hash = toBase64Url(await scene.placeOrder(policy, keysets));
const orders = async (id: string): Promise<OrdersView> =>
  (await admin(scene.of(id), "GET", "/v1/orders")).body as OrdersView;
const decide = (id: string, decision: "approve" | "refuse") =>
  admin(scene.of(id), "POST", `/v1/orders/${hash}/${decision}`);
const cut = (persisted: boolean) => (path: string, bytes: Uint8Array) => {
  if (persisted) writeFileDurably(path, bytes);
  throw new Error("power cut");
};
const sentBy = (): string[] => [...scene.server.batches.keys()].map((key) => key.split(" ")[1]!).toSorted();

test("a person sees what the order is, and what the checks found", async () => {
  const {
    orders: [order, ...rest],
    frozen,
  } = await orders("court");
  assert.equal(rest.length, 0);
  assert.equal(frozen, undefined);
  assert.equal(order?.stage, "new");
  assert.equal(order.order.accounts[0]?.handle, "lovell");
  assert.equal(order.review?.decision, "acceptable");
  assert.equal(order.review.buckets, 1);
});

test("what the server withholds freezes the custodian, and a sound answer frees it", async () => {
  const size = scene.server.openings.length;
  scene.server.log("dummy", new Uint8Array(8));
  scene.server.withheld = size;
  assert.equal((await orders("court")).frozen?.code, "CUSTODIAN_FROZEN");
  assert.equal((await decide("court", "approve")).body.code, "CUSTODIAN_FROZEN");
  await scene.restart("court");
  assert.equal((await orders("court")).frozen?.code, "CUSTODIAN_FROZEN", "after a restart too");
  scene.server.withheld = undefined;
  assert.equal((await orders("court")).frozen, undefined);
});

test("a refusal stands, also after a restart", async () => {
  assert.equal((await decide("union", "refuse")).body.stage, "refused");
  await scene.restart("union");
  assert.equal((await decide("union", "approve")).body.code, "CUSTODIAN_REFUSED");
  assert.equal((await orders("union")).orders[0]?.stage, "refused");
});

test("an approval that can not be written leaves no trace; one that was written leaves after the crash", async () => {
  const entries = scene.server.openings.length;
  await scene.restart("court", { write: cut(false) });
  assert.equal((await decide("court", "approve")).status, 500);
  await scene.of("court").round();
  assert.equal(scene.server.openings.length, entries, "nothing that is not on disk leaves");
  await scene.restart("court");
  assert.equal((await orders("court")).orders[0]?.stage, "new");

  await scene.restart("court", { write: cut(true) });
  assert.equal((await decide("court", "approve")).status, 500);
  await scene.restart("court");
  assert.equal((await orders("court")).orders[0]?.stage, "approved");
  await scene.of("court").round();
  assert.equal(scene.server.openings.length, entries + 1, "the approval of before the crash");
  await scene.of("court").round();
  assert.equal(scene.server.openings.length, entries + 1, "and only once");
});

test("an order that the ledger does not hold can be neither approved nor refused", async () => {
  const nothing = "A".repeat(43);
  for (const [decision, code] of [
    ["approve", "ORDER_NOT_IN_LEDGER"],
    ["refuse", "CUSTODIAN_ORDER_UNKNOWN"],
  ]) {
    const { body } = await admin(scene.of("press"), "POST", `/v1/orders/${nothing}/${decision}`);
    assert.equal(body.code, code);
  }
});

test("an approval can not be taken back by refusing", async () => {
  assert.equal((await decide("court", "refuse")).body.code, "CUSTODIAN_DECIDED");
});

test("one custodian of one quorum short, nobody releases", async () => {
  for (const id of ["ministry", "press"]) {
    assert.equal((await decide(id, "approve")).status, 200);
    await scene.of(id).round();
  }
  for (const id of ids) await scene.of(id).round();
  assert.deepEqual(sentBy(), []);
  const standing = (await orders("court")).orders[0]?.standing;
  assert.deepEqual(
    standing?.map(({ approved }) => approved.toSorted()),
    [["court", "ministry"], ["press"]],
  );
});

test("with every quorum, each who approved releases; after lost answers and crashes the same bytes go out", async () => {
  await decide("bar", "approve");
  await scene.of("bar").round();
  await orders("court");
  for (const persisted of [false, true]) {
    await scene.restart("court", { write: cut(persisted) });
    await assert.rejects(scene.of("court").round(), /power cut/);
    await scene.restart("court");
    assert.equal((await orders("court")).orders[0]?.stage, persisted ? "released" : "approved");
  }
  assert.deepEqual(sentBy(), ["bar"], "what was not on disk, or did not outlive the crash, did not leave");

  scene.server.dropAnswer = "POST /v1/orders/";
  await assert.rejects(scene.of("court").round(), "the batch arrived, the answer did not");
  const batch = scene.server.batches.get(`${hash} court`);
  const entries = scene.server.openings.length;
  await scene.restart("court");
  await scene.of("court").round();
  assert.deepEqual(scene.server.batches.get(`${hash} court`), batch);
  assert.equal(scene.server.openings.length, entries, "no second release");
  assert.equal((await orders("court")).orders[0]?.stage, "sent");

  scene.server.dropAnswer = "POST /v1/ledger/entries";
  await assert.rejects(scene.of("ministry").round(), "the release is logged, the answer is lost");
  scene.server.restart();
  for (const id of ids) await scene.of(id).round();
  assert.deepEqual(sentBy(), ["bar", "court", "ministry", "press"]);
  const sends = scene.server.calls.filter((call) => call === `POST /v1/orders/${hash}/batches`);
  assert.equal(sends.length, 5, "once each, and once again for the lost answer");
});

test("a due notice is published by the first custodian, and by nobody again", async () => {
  const entries = scene.server.openings.length;
  scene.clock.set(scene.clock.now() + 86_400_000);
  for (const id of ids) await scene.of(id).round();
  assert.equal(scene.server.openings.length, entries + 1);
  for (const id of ids) await scene.of(id).round();
  assert.equal(scene.server.openings.length, entries + 1);
});

test("a checkpoint with one witness too few moves nothing and freezes", async () => {
  scene.server.log("dummy", new Uint8Array(8));
  scene.server.cosigners = 1;
  assert.equal((await orders("press")).frozen?.code, "ORDER_WITNESS_QUORUM");
  scene.server.cosigners = 2;
  assert.equal((await orders("press")).frozen, undefined);
});
