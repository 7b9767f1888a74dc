import assert from "node:assert/strict";
import { createHash, createHmac, hkdfSync } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { toHex, utf8 } from "@portcullis/protocol";
import { constantTimeEqual, hkdfSha256, hmacSha256, sha256, wipe } from "../src/index.ts";

test("SHA-256 gives the FIPS 180-4 examples", () => {
  assert.equal(
    toHex(sha256(utf8("abc"))),
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  );
  assert.equal(toHex(sha256()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
});

test("HMAC-SHA256 gives the RFC 4231 examples for short and long keys", () => {
  const cases = [
    [
      new Uint8Array(20).fill(0x0b),
      "Hi There",
      "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
    ],
    [
      utf8("Jefe"),
      "what do ya want for nothing?",
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ],
    [
      new Uint8Array(131).fill(0xaa),
      "Test Using Larger Than Block-Size Key - Hash Key First",
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ],
  ] as const;
  for (const [key, message, expected] of cases) assert.equal(toHex(hmacSha256(key, utf8(message))), expected);
});

test("HKDF-SHA256 gives the RFC 5869 examples", () => {
  const range = (from: number, to: number) => Uint8Array.from({ length: to - from }, (_, i) => from + i);
  assert.equal(
    toHex(
      hkdfSha256({
        ikm: new Uint8Array(22).fill(0x0b),
        salt: range(0x00, 0x0d),
        info: range(0xf0, 0xfa),
        length: 42,
      }),
    ),
    "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
  );
  assert.equal(
    toHex(hkdfSha256({ ikm: new Uint8Array(22).fill(0x0b), info: new Uint8Array(0), length: 42 })),
    "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
  );
  assert.throws(() => hkdfSha256({ ikm: new Uint8Array(1), info: new Uint8Array(0), length: 0 }), {
    code: "CRYPTO_LENGTH",
  });
  assert.throws(() => hkdfSha256({ ikm: new Uint8Array(1), info: new Uint8Array(0), length: 8161 }), {
    code: "CRYPTO_LENGTH",
  });
});

test("hash, HMAC and HKDF agree with Node's on any input, in any parts", () => {
  const bytes = fc.uint8Array({ maxLength: 200 });
  fc.assert(
    fc.property(bytes, bytes, bytes, fc.integer({ min: 1, max: 100 }), (key, a, b, length) => {
      assert.deepEqual(sha256(a, b), new Uint8Array(createHash("sha256").update(a).update(b).digest()));
      const hmac = createHmac("sha256", key).update(a).update(b).digest();
      assert.deepEqual(hmacSha256(key, a, b), new Uint8Array(hmac));
      assert.deepEqual(
        hkdfSha256({ ikm: a, salt: key, info: b, length }),
        new Uint8Array(hkdfSync("sha256", a, key, b, length)),
      );
    }),
    { numRuns: 60 },
  );
});

test("equality holds for equal bytes only, and wiping leaves zeros", () => {
  assert.equal(constantTimeEqual(utf8("same"), utf8("same")), true);
  assert.equal(constantTimeEqual(utf8("same"), utf8("some")), false);
  assert.equal(constantTimeEqual(utf8("same"), utf8("same!")), false);
  const secret = utf8("secret");
  wipe(secret);
  assert.deepEqual(secret, new Uint8Array(6));
});
