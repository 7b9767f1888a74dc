import assert from "node:assert/strict";
import { test } from "node:test";
import { generateSigningKey, sha256 } from "@portcullis/crypto";
import { asAccountId, asConversationId, toBase64Url, utf8 } from "@portcullis/protocol";
import { seededRandom } from "@portcullis/testkit";
import { signAuthority, type Authority } from "../src/authority.ts";
import { composeOrder, type OrderDraft } from "../src/order-draft.ts";
import { countersignOrder, decodeOrder, signOrder, type Order } from "../src/order.ts";
import { encodeTargets } from "../src/targets.ts";
import { formatUtcTime } from "../src/utc-time.ts";
import { BUCKET, PERIOD, registrar } from "./foundation.ts";
import {
  callOf,
  custodianOf,
  exampleDraft,
  forkWorld,
  honestTargets,
  issuerKey,
  judgeKey,
  logOrder,
  logSigned,
  makeWorld,
  MINUTE,
  NOW,
  type LoggedExample,
  type World,
} from "./world.ts";

const home = await makeWorld({ ordersPer30Days: 2, labelsPerOrder: 3 });
const DAY = 86_400_000;

/** Why a custodian refuses an order: the code, or "acceptable". Targets are those of the example order unless given. */
async function refusal(
  world: World,
  logged: LoggedExample,
  changes: { nowMs?: number; targets?: Uint8Array } = {},
) {
  const custodian = await custodianOf(world, "court");
  const review = await custodian.review({
    orderHash: logged.hash,
    targets: changes.targets ?? encodeTargets({ orderHash: logged.hash, conversations: [] }),
    nowMs: changes.nowMs ?? NOW,
  });
  return review.decision === "refused" ? review.code : "acceptable";
}

/** The refusal of the example order with one thing changed before it was signed. */
async function refusalOf(draft: Partial<OrderDraft>, edit?: (order: Order) => Order): Promise<string> {
  const world = forkWorld(home);
  return refusal(world, await logOrder(world, draft, edit));
}

test("the example order is acceptable", async () => {
  const world = forkWorld(home);
  const logged = await logOrder(world);
  assert.equal(await refusal(world, logged, callOf(world, "court", logged)), "acceptable");
});

test("CUS-05: an order that does not stand in the ledger is refused", async () => {
  const elsewhere = await logOrder(forkWorld(home));
  assert.equal(await refusal(home, elsewhere), "ORDER_NOT_IN_LEDGER");
});

test("CUS-06: an order id serves once, for the same order and for another", async () => {
  const world = forkWorld(home);
  const first = await logOrder(world);
  assert.equal(await refusal(world, logSigned(world, first.jws, first.sealedNotices)), "ORDER_REPLAYED");
  const again = await logOrder(forkWorld(home), { instrument: "Another act" });
  const second = forkWorld(home);
  logSigned(second, first.jws, first.sealedNotices);
  assert.equal(await refusal(second, logSigned(second, again.jws, again.sealedNotices)), "ORDER_REPLAYED");
});

test("CUS-10: an order names somebody and something, by ids and each once", async () => {
  const wild = { id: "*", handle: "everybody" };
  assert.equal(await refusalOf({}, (order) => ({ ...order, conversations: ["*"] })), "ORDER_WILDCARD");
  assert.equal(await refusalOf({ conversations: [] }), "ORDER_WILDCARD");
  assert.equal(await refusalOf({ accounts: [] }), "ORDER_WILDCARD");
  assert.equal(await refusalOf({}, (order) => ({ ...order, accounts: [wild] })), "ORDER_WILDCARD");
  const { conversationId } = home.crew;
  assert.equal(await refusalOf({ conversations: [conversationId, conversationId] }), "ORDER_SHAPE");
  assert.equal(await refusalOf({}, (order) => ({ ...order, conversations: ["crew"] })), "ORDER_SHAPE");
});

test("CUS-11: the period is whole buckets, and forward", async () => {
  assert.equal(await refusalOf({ from: BUCKET + 1 }), "ORDER_SCOPE_UNALIGNED");
  assert.equal(await refusalOf({ to: BUCKET + 899 }), "ORDER_SCOPE_UNALIGNED");
  assert.equal(await refusalOf({ from: BUCKET + 1800, to: BUCKET }), "ORDER_SCOPE_REVERSED");
  assert.equal(await refusalOf({ to: BUCKET }), "ORDER_SCOPE_REVERSED");
});

test("CUS-12: a whole conversation is asked for with a reason", async () => {
  assert.equal(await refusalOf({ scope: "conversation" }), "ORDER_SCOPE_REASON");
});

test("CUS-13: the policy's limits hold, orders counted from the ledger", async () => {
  assert.equal(await refusalOf({ from: BUCKET - 7 * 86_400 - 900, to: BUCKET }), "ORDER_SCOPE_TOO_LONG");
  const many = Array.from({ length: 11 }, (_, i) => ({ id: seededRandom(i)(32), handle: `n${i}` }));
  const { noticeKey } = exampleDraft(home).accounts[0]!;
  const accounts = many.slice(0, 4).map(({ id, handle }) => ({ id: asAccountId(id), handle, noticeKey }));
  assert.equal(await refusalOf({ accounts }), "ORDER_QUOTA_ACCOUNTS");
  assert.equal(
    await refusalOf({ conversations: many.map(({ id }) => asConversationId(id)) }),
    "ORDER_QUOTA_CONVERSATIONS",
  );
});

test("CUS-13: an order too many in 30 days is refused, however it is dated back", async () => {
  const world = forkWorld(home);
  const id = (n: number): string => `00000000-0000-4000-8000-00000000000${n}`;
  await logOrder(world, { id: id(1) });
  await logOrder(world, { id: id(2), issuedAtMs: NOW - 31 * DAY });
  assert.equal(await refusal(world, await logOrder(world, { id: id(3) })), "ORDER_QUOTA_ORDERS");
});

test("CUS-13: more buckets than the policy allows are refused", async () => {
  const world = forkWorld(home);
  const logged = await logOrder(world, { scope: "conversation", scopeReason: "All of them took part." });
  assert.equal(await refusal(world, logged, callOf(world, "court", logged)), "ORDER_QUOTA_LABELS");
});

test("CUS-14: both authorities sign, and nobody else", async () => {
  const world = forkWorld(home);
  const { order, sealedNotices } = await composeOrder(exampleDraft(world));
  const stranger = generateSigningKey(seededRandom("stranger"));
  const signed = async (first: typeof issuerKey, second?: typeof issuerKey): Promise<string> => {
    const fork = forkWorld(home);
    const once = await signOrder(order, first);
    const jws = second === undefined ? once : await countersignOrder(once, second);
    return refusal(fork, logSigned(fork, jws, sealedNotices));
  };
  assert.equal(await signed(judgeKey), "ORDER_ISSUER_SIGNATURE");
  assert.equal(await signed(issuerKey), "ORDER_JUDGE_SIGNATURE");
  assert.equal(await signed(stranger, judgeKey), "ORDER_ISSUER_SIGNATURE");
  assert.equal(await signed(issuerKey, stranger), "ORDER_JUDGE_SIGNATURE");
  const both = await countersignOrder(await signOrder(order, issuerKey), judgeKey);
  const fork = forkWorld(home);
  const third = await countersignOrder(both, stranger);
  assert.equal(await refusal(fork, logSigned(fork, third, sealedNotices)), "DOCUMENT_SIGNER_UNKNOWN");
});

test("CUS-14: a signature over another order does not count", async () => {
  const world = forkWorld(home);
  const { order, sealedNotices } = await composeOrder(exampleDraft(world));
  const jws = await countersignOrder(await signOrder(order, issuerKey), judgeKey);
  const other = await countersignOrder(
    await signOrder({ ...order, to: formatUtcTime((BUCKET + 900) * 1000) }, issuerKey),
    judgeKey,
  );
  const graft = (text: string) => JSON.parse(text) as { payload: string; signatures: unknown[] };
  const mixed = JSON.stringify({ payload: graft(other).payload, signatures: graft(jws).signatures });
  assert.match(
    await refusal(world, logSigned(world, mixed, sealedNotices)),
    /^ORDER_(ISSUER|JUDGE)_SIGNATURE$/,
  );
});

test("CUS-14: authorities were listed before the order, and valid when it was issued", async () => {
  assert.equal(await refusalOf({ issuer: "nobody" }), "ORDER_ISSUER_AUTHORITY");
  assert.equal(await refusalOf({ judge: "prosecutor" }), "ORDER_JUDGE_AUTHORITY");
  const late = forkWorld(home);
  const clerk: Authority = {
    version: 1,
    policyId: toBase64Url(home.policy.id),
    role: "issuer",
    id: "clerk",
    name: "Clerk",
    key: toBase64Url(issuerKey.publicKey),
    validFrom: PERIOD.from,
    validTo: PERIOD.to,
  };
  const logged = await logOrder(late, { issuer: "clerk" });
  late.ledger.add("authority", utf8(await signAuthority(clerk, registrar)));
  assert.equal(await refusal(late, logged), "ORDER_ISSUER_AUTHORITY");
  const retired = forkWorld(home);
  const validTo = formatUtcTime(NOW - 20 * MINUTE);
  retired.ledger.add("authority", utf8(await signAuthority({ ...clerk, validTo }, registrar)));
  assert.equal(
    await refusal(retired, await logOrder(retired, { issuer: "clerk" })),
    "ORDER_ISSUER_AUTHORITY",
  );
});

test("CUS-14: a judge who signs with the issuing authority's key is no judge", async () => {
  const world = forkWorld(home);
  const judge: Authority = {
    version: 1,
    policyId: toBase64Url(home.policy.id),
    role: "judge",
    id: "friend",
    name: "Friend",
    key: toBase64Url(issuerKey.publicKey),
    validFrom: PERIOD.from,
    validTo: PERIOD.to,
  };
  world.ledger.add("authority", utf8(await signAuthority(judge, registrar)));
  const { order, sealedNotices } = await composeOrder(exampleDraft(world, { judge: "friend" }));
  const jws = await signOrder(order, issuerKey);
  assert.equal(await refusal(world, logSigned(world, jws, sealedNotices)), "ORDER_JUDGE_NOT_INDEPENDENT");
});

test("CUS-15: the recipient's keys can be used", async () => {
  const { recipient } = exampleDraft(home);
  const zero = new Uint8Array(32);
  assert.equal(await refusalOf({ recipient: { ...recipient, hpkeKey: zero } }), "ORDER_RECIPIENT_KEY");
  assert.equal(
    await refusalOf({ recipient: { ...recipient, hpkeKey: recipient.hpkeKey.slice(1) } }),
    "ORDER_RECIPIENT_KEY",
  );
  assert.equal(
    await refusalOf({ recipient: { ...recipient, signingKey: recipient.hpkeKey } }),
    "ORDER_RECIPIENT_KEY",
  );
});

test("CUS-16: an order is neither expired nor from the future, and its buckets are closed", async () => {
  assert.equal(await refusalOf({ expiresAtMs: NOW }), "ORDER_EXPIRED");
  assert.equal(await refusalOf({ expiresAtMs: NOW - DAY }), "ORDER_EXPIRED");
  assert.equal(await refusalOf({ issuedAtMs: NOW + 2 * MINUTE }), "ORDER_FROM_FUTURE");
  assert.equal(await refusalOf({ to: BUCKET + 4500 }), "ORDER_SCOPE_NOT_CLOSED");
});

test("CUS-17: a notice for each account, the one that was committed to, in time", async () => {
  const world = forkWorld(home);
  const { order, sealedNotices } = await composeOrder(exampleDraft(world));
  const jws = await countersignOrder(await signOrder(order, issuerKey), judgeKey);
  assert.equal(await refusal(world, logSigned(world, jws, [])), "ORDER_NOTICE_MISSING");
  const other = forkWorld(home);
  const swapped = sealedNotices.map((sealed) => sha256(sealed));
  assert.equal(await refusal(other, logSigned(other, jws, swapped)), "ORDER_NOTICE_HASH");
  assert.equal(await refusalOf({ noticeDueMs: NOW + 181 * DAY }), "ORDER_NOTICE_LATE");
});

test("an order under another policy is refused", async () => {
  const policyId = toBase64Url(sha256(utf8("another policy")));
  assert.equal(await refusalOf({}, (order) => ({ ...order, policyId })), "ORDER_POLICY");
});

test("the hash of an order is that of what was signed, not of who signed", async () => {
  const { order } = await composeOrder(exampleDraft(home));
  const once = await signOrder(order, issuerKey);
  const twice = await countersignOrder(once, judgeKey);
  assert.deepEqual(decodeOrder(once).hash, decodeOrder(twice).hash);
  assert.deepEqual(decodeOrder(twice).order, order);
});

test("CUS-02: an order in a ledger that one witness cosigned is refused", async () => {
  const world = forkWorld(home);
  const logged = await logOrder(world);
  world.ledger.witnesses = ["witness.one"];
  assert.equal(await refusal(world, logged, callOf(world, "court", logged)), "ORDER_WITNESS_QUORUM");
});

test("CUS-04: cosignatures from long ago or from the future do not count", async () => {
  const world = forkWorld(home);
  const logged = await logOrder(world);
  const targets = encodeTargets(honestTargets(world, logged));
  world.ledger.cosignedAtMs = NOW - DAY - 1000;
  assert.equal(await refusal(world, logged, { targets }), "ORDER_COSIGNATURE_AGE");
  world.ledger.cosignedAtMs = NOW + 2 * MINUTE;
  assert.equal(await refusal(world, logged, { targets }), "ORDER_COSIGNATURE_AGE");
});
