import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { concatBytes, padme, padmeLength, unpadme } from "@portcullis/protocol";
import { assertDecoder } from "@portcullis/testkit";

test("CON-07: padded content survives the round trip, for at most 12 % and three bytes more", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 3000 }), (plain) => {
      const padded = padme(plain);
      assert.deepEqual(unpadme(padded), plain);
      assert.ok(padded.length <= 1.12 * (plain.length + 4) + 3);
    }),
    { numRuns: 80 },
  );
  assertDecoder(padme(new Uint8Array(30).fill(1)), unpadme, padme);
  assertDecoder(padme(new Uint8Array(0)), unpadme, padme);
});

test("CON-07: the lengths are those of the PURBs paper's rule", () => {
  const lengths = [0, 1, 2, 8, 9, 10, 100, 1000, 65_536, 1_000_000].map((length) => padmeLength(length));
  assert.deepEqual(lengths, [0, 1, 2, 8, 10, 10, 104, 1024, 65_536, 1_015_808]);
  for (let length = 0; length < 5000; length++) {
    assert.equal(padmeLength(padmeLength(length)), padmeLength(length), "a padded length stays as it is");
    assert.ok(padmeLength(length) <= padmeLength(length + 1), "and they grow");
  }
});

test("CON-08: a padding byte that is not zero, or a padded length that is not Padme's, is refused", () => {
  const padded = padme(new Uint8Array(101).fill(1));
  assert.ok(padded.length > 105);
  for (let at = 105; at < padded.length; at++) {
    const marked = padded.slice();
    marked[at] = 1;
    assert.throws(() => unpadme(marked), { code: "DECODE_PADDING" });
  }
  assert.throws(() => unpadme(concatBytes(padded, new Uint8Array(8))), { code: "DECODE_PADDING" });
  assert.throws(() => unpadme(padded.subarray(0, 106)), { code: "DECODE_PADDING" });
});
