import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { assertDecoder } from "@portcullis/testkit";
import { decodeCbor, encodeCbor, type CborValue } from "@portcullis/protocol";

const { value } = fc.letrec<{ value: CborValue; list: CborValue[] }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.maxSafeInteger(),
    fc.string(),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array(),
    tie("list"),
  ),
  list: fc.array(tie("value"), { maxLength: 5 }),
}));

test("any value survives the round trip", () => {
  fc.assert(fc.property(value, (v) => assert.deepEqual(decodeCbor(encodeCbor(v), "test"), v)));
});

test("truncated and trailing bytes are refused", () => {
  assertDecoder(
    encodeCbor([1, "two", new Uint8Array([3, 3, 3]), [true, null, -70_000]]),
    (b) => decodeCbor(b, "test"),
    encodeCbor,
  );
});

test("encodings that are not the deterministic one are refused", () => {
  for (const bytes of [
    [0x18, 0x01],
    [0x9f, 0x01, 0xff],
    [0x58, 0x01, 0x00],
    [0xfb, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0],
    [0xf7],
  ]) {
    assert.throws(() => decodeCbor(Uint8Array.from(bytes), "test"), { code: "DECODE_NOT_CANONICAL" });
  }
});
