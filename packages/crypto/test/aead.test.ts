import assert from "node:assert/strict";
import { test } from "node:test";
import { concatBytes, fromHex, toHex, utf8 } from "@portcullis/protocol";
import { aeadOpen, aeadOpenPrefixed, aeadSeal, aeadSealAtRandom } from "../src/index.ts";

const key = fromHex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
const nonce = fromHex("404142434445464748494a4b4c4d4e4f5051525354555657");
const associatedData = fromHex("50515253c0c1c2c3c4c5c6c7");
const plaintext = utf8(
  "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
);

test("XChaCha20-Poly1305 gives the example of draft-irtf-cfrg-xchacha appendix A.3.1", () => {
  const sealed = aeadSeal(key, nonce, plaintext, associatedData);
  assert.equal(
    toHex(sealed),
    "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb" +
      "731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452" +
      "2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9" +
      "21f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49",
  );
  assert.deepEqual(aeadOpen(key, nonce, sealed, associatedData), plaintext);
});

test("nothing opens with a changed key, nonce, ciphertext or associated data", () => {
  const sealed = aeadSeal(key, nonce, plaintext, associatedData);
  const changed = (bytes: Uint8Array) => bytes.map((byte, i) => (i === 3 ? byte ^ 1 : byte));
  const attempts = [
    () => aeadOpen(changed(key), nonce, sealed, associatedData),
    () => aeadOpen(key, changed(nonce), sealed, associatedData),
    () => aeadOpen(key, nonce, changed(sealed), associatedData),
    () => aeadOpen(key, nonce, sealed, changed(associatedData)),
    () => aeadOpen(key, nonce, sealed.subarray(0, -1), associatedData),
    () => aeadOpen(key, nonce, sealed.subarray(0, 15), associatedData),
    () => aeadOpen(key, nonce, new Uint8Array(0), associatedData),
  ];
  for (const attempt of attempts) assert.throws(attempt, { code: "AEAD_OPEN" });
});

test("an empty plaintext is sealed and opened", () => {
  const sealed = aeadSeal(key, nonce, new Uint8Array(0), associatedData);
  assert.equal(sealed.length, 16);
  assert.deepEqual(aeadOpen(key, nonce, sealed, associatedData), new Uint8Array(0));
});

test("keys and nonces of another length are refused", () => {
  const attempts = [
    () => aeadSeal(key.subarray(1), nonce, plaintext, associatedData),
    () => aeadSeal(key, nonce.subarray(12), plaintext, associatedData),
    () => aeadOpen(key.subarray(1), nonce, plaintext, associatedData),
    () => aeadOpen(key, nonce.subarray(12), plaintext, associatedData),
  ];
  for (const attempt of attempts) assert.throws(attempt, { code: "CRYPTO_LENGTH" });
});

test("a nonce drawn at random travels before what was sealed under it", () => {
  const sealed = aeadSealAtRandom(key, plaintext, associatedData, () => nonce);
  assert.deepEqual(sealed, concatBytes(nonce, aeadSeal(key, nonce, plaintext, associatedData)));
  assert.deepEqual(aeadOpenPrefixed(key, sealed, associatedData), plaintext);
  for (let length = 0; length < sealed.length; length++) {
    const cut = sealed.subarray(0, length);
    assert.throws(() => aeadOpenPrefixed(key, cut, associatedData), { code: "AEAD_OPEN" });
  }
});
