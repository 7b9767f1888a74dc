import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { asAccountId, compareBytes, encodeCbor } from "@portcullis/protocol";
import { assertDecoder, seededRandom } from "@portcullis/testkit";
import fc from "fast-check";
import {
  compareSafetyCodes,
  decodeSafetyCode,
  encodeSafetyCode,
  safetyNumberOf,
} from "../src/identity/safety-number.ts";

const random = seededRandom("safety number");
const ann = asAccountId(random(32));
const bob = asAccountId(random(32));
const eve = asAccountId(random(32));

/** Rule IDN-14, word for word, on another SHA-256. */
function digits(accountId: Uint8Array): string {
  const hash = (...parts: (Uint8Array | string)[]): Buffer =>
    parts
      .reduce<ReturnType<typeof createHash>>((sum, part) => sum.update(part), createHash("sha256"))
      .digest();
  let h = hash("portcullis/safety-number/v1", accountId);
  for (let i = 0; i < 5200; i++) h = hash(h, accountId);
  return [0, 5, 10, 15, 20, 25].map((at) => `${h.readUIntBE(at, 5) % 100_000}`.padStart(5, "0")).join(" ");
}

test("IDN-14: a safety number is 12 groups of 5 digits, the same for both and another for anybody else", () => {
  const number = safetyNumberOf(ann, bob);
  assert.match(number, /^(?:\d{5} ){11}\d{5}$/);
  assert.equal(safetyNumberOf(bob, ann), number);
  const [first, second] = [ann, bob].toSorted(compareBytes);
  assert.equal(number, `${digits(first!)} ${digits(second!)}`);
  for (const other of [safetyNumberOf(ann, eve), safetyNumberOf(eve, bob)]) assert.notEqual(other, number);
});

test("IDN-15: a scanned code counts only from the one who is meant, to the one who scans", () => {
  compareSafetyCodes(encodeSafetyCode({ own: bob, other: ann }), ann, bob);
  for (const [code, expected] of [
    [encodeSafetyCode({ own: eve, other: ann }), "CLIENT_SAFETY_CODE_OTHER"],
    [encodeSafetyCode({ own: ann, other: bob }), "CLIENT_SAFETY_CODE_OTHER"],
    [encodeSafetyCode({ own: bob, other: eve }), "CLIENT_SAFETY_CODE_OWN"],
    [encodeCbor(["portcullis/safety-code/v2", bob, ann]), "CLIENT_SAFETY_CODE"],
    [new Uint8Array(0), "CLIENT_SAFETY_CODE"],
    [encodeCbor(["portcullis/safety-code/v1", bob.slice(1), ann]), "CLIENT_SAFETY_CODE"],
  ] as const)
    assert.throws(() => compareSafetyCodes(code, ann, bob), { code: expected });
});

test("IDN-15: a safety code has one encoding, and whatever else is scanned is no crash", () => {
  assertDecoder(encodeSafetyCode({ own: ann, other: bob }), decodeSafetyCode, encodeSafetyCode);
  const noise = fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
    assert.throws(() => decodeSafetyCode(bytes), { code: "CLIENT_SAFETY_CODE" });
  });
  fc.assert(noise, { numRuns: 50 });
});
