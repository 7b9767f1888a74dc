import assert from "node:assert/strict";
import { test } from "node:test";
import { encode as encodeWithCborg, rfc8949EncodeOptions } from "cborg";
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

test("the bytes are those of a second implementation", () => {
  fc.assert(
    fc.property(value, (v) => {
      assert.deepEqual(encodeCbor(v), Uint8Array.from(encodeWithCborg(v, rfc8949EncodeOptions)));
    }),
  );
  for (const edge of [23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
    for (const v of [edge, -edge, BigInt(edge) + 1n, -1n - BigInt(edge)])
      assert.deepEqual(encodeCbor(v), Uint8Array.from(encodeWithCborg(v, rfc8949EncodeOptions)), `${v}`);
  }
  for (const v of [2n ** 64n - 1n, -(2n ** 64n)]) {
    assert.deepEqual(encodeCbor(v), Uint8Array.from(encodeWithCborg(v, rfc8949EncodeOptions)));
    assert.equal(decodeCbor(encodeCbor(v), "test"), v);
  }
});

test("what has no deterministic encoding of ours is not encoded", () => {
  for (const v of [0.5, Number.NaN, 2 ** 53, 2n ** 64n, -(2n ** 64n) - 1n])
    assert.throws(() => encodeCbor(v), { code: "DECODE_RANGE" });
  assert.throws(() => encodeCbor("\ud800"), { code: "DECODE_SHAPE" });
});

test("a long value and a short one after it do not mix", () => {
  const long = new Uint8Array(700_000).fill(7);
  assert.deepEqual(decodeCbor(encodeCbor([long, "end"]), "test"), [long, "end"]);
  assert.deepEqual(decodeCbor(encodeCbor(["short"]), "test"), ["short"]);
});

test("nesting is bounded, and no length makes room for what is not there", () => {
  const nested = (depth: number): CborValue => (depth === 0 ? [] : [nested(depth - 1)]);
  decodeCbor(encodeCbor(nested(15)), "test");
  assert.throws(() => decodeCbor(encodeCbor(nested(16)), "test"), { code: "DECODE_SHAPE" });
  for (const head of [0x5a, 0x7a, 0x9a, 0xba])
    assert.throws(() => decodeCbor(Uint8Array.of(head, 0xff, 0xff, 0xff, 0xff), "test"), {
      code: "DECODE_TRUNCATED",
    });
});

test("text that is not UTF-8 and keys that are not integer or text are refused", () => {
  assert.throws(() => decodeCbor(Uint8Array.of(0x61, 0xff), "test"), { code: "DECODE_SHAPE" });
  assert.throws(() => decodeCbor(Uint8Array.of(0xa1, 0x41, 0x00, 0x00), "test"), { code: "DECODE_SHAPE" });
});
