import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex, utf8 } from "@portcullis/protocol";
import { assertDecoder, seededRandom } from "@portcullis/testkit";
import fc from "fast-check";
import { decodeOpening, encodeOpening, entryOf, openEntry, openingKinds, sealOpening } from "../src/entry.ts";
import { checkQuota } from "../src/quota.ts";
import { examplePolicy } from "./foundation.ts";

const random = seededRandom("entry");

test("ACC-60: every entry is 32 bytes, whatever lies behind it, and the same body never makes the same entry", () => {
  fc.assert(
    fc.property(fc.constantFrom(...openingKinds), fc.uint8Array({ maxLength: 500 }), (kind, body) => {
      const first = sealOpening(kind, body, random);
      const second = sealOpening(kind, body, random);
      assert.equal(first.entry.length, 32);
      assert.notEqual(toHex(first.entry), toHex(second.entry));
      const opening = openEntry(first.entry, first.opening);
      assert.deepEqual({ kind: opening.kind, body: opening.body }, { kind, body });
    }),
    { numRuns: 100 },
  );
});

test("ACC-60: an opening has one encoding, and nothing else decodes", () => {
  const { opening } = sealOpening("policy", utf8("{}"), random);
  assertDecoder(opening, decodeOpening, encodeOpening);
  const salt = random(32);
  // @ts-expect-error no such kind
  assert.throws(() => decodeOpening(encodeOpening({ kind: "warrant", body: salt, salt })), {
    code: "DECODE_SHAPE",
  });
  assert.throws(() => decodeOpening(encodeOpening({ kind: "order", body: salt, salt: salt.slice(1) })), {
    code: "DECODE_LENGTH",
  });
});

test("ACC-61: an opening opens its own entry alone", () => {
  const order = sealOpening("order", utf8("a"), random);
  const dummy = sealOpening("dummy", random(32), random);
  assert.equal(openEntry(order.entry, order.opening).kind, "order");
  assert.throws(() => openEntry(order.entry, dummy.opening), { code: "ENTRY_DIFFERS" });
  assert.deepEqual(entryOf(order.opening), order.entry);
});

test("ACC-62: an order stays within each limit of the policy, and one more of anything exceeds it", () => {
  const policy = examplePolicy();
  const now = Date.parse("1970-04-14T00:00:00Z");
  const day = 86_400_000;
  const largest = { seconds: 604_800, accounts: 3, conversations: 10, labels: 1000 };
  const nineteen = Array.from({ length: 19 }, (_, i) => now - i * day);
  assert.deepEqual(checkQuota(policy, largest, nineteen, now), { decision: "within" });
  for (const [change, quota] of [
    [{ seconds: 605_700 }, "longestOrderSeconds"],
    [{ accounts: 4 }, "accountsPerOrder"],
    [{ conversations: 11 }, "conversationsPerOrder"],
    [{ labels: 1001 }, "labelsPerOrder"],
  ] as const) {
    const decision = checkQuota(policy, { ...largest, ...change }, nineteen, now);
    assert.equal(decision.decision === "exceeded" && decision.quota, quota);
  }
  assert.deepEqual(checkQuota(policy, largest, [...nineteen, now], now), {
    decision: "exceeded",
    quota: "ordersPer30Days",
    limit: 20,
    actual: 21,
  });
  assert.deepEqual(checkQuota(policy, largest, [...nineteen, now - 30 * day], now), { decision: "within" });
  assert.equal(checkQuota(policy, largest, [...nineteen, now + day], now).decision, "exceeded");
});
