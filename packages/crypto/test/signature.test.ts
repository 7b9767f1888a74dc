import assert from "node:assert/strict";
import { test } from "node:test";
import { fromHex, toHex, utf8 } from "@portcullis/protocol";
import { seededRandom } from "@portcullis/testkit";
import {
  generateSigningKey,
  sign,
  signingKeyFromSeed,
  signWithLabel,
  verifySignature,
  verifyWithLabel,
} from "../src/index.ts";

const examples = [
  {
    seed: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    publicKey: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    message: "",
    signature:
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
  },
  {
    seed: "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
    publicKey: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
    message: "72",
    signature:
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
  },
  {
    seed: "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
    publicKey: "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
    message: "af82",
    signature:
      "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
  },
];

for (const [i, example] of examples.entries()) {
  test(`Ed25519 gives RFC 8032 section 7.1 TEST ${i + 1}`, () => {
    const key = signingKeyFromSeed(fromHex(example.seed));
    assert.equal(toHex(key.publicKey), example.publicKey);
    const signature = sign(key, fromHex(example.message));
    assert.equal(toHex(signature), example.signature);
    verifySignature(key.publicKey, fromHex(example.message), signature);
  });
}

test("a changed message, signature or key does not verify", () => {
  const key = generateSigningKey(seededRandom("signature"));
  const message = utf8("message");
  const signature = sign(key, message);
  const changed = (bytes: Uint8Array, at: number) => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));
  const attempts = [
    () => verifySignature(key.publicKey, utf8("massage"), signature),
    () => verifySignature(key.publicKey, message, changed(signature, 0)),
    () => verifySignature(key.publicKey, message, changed(signature, 40)),
    () => verifySignature(changed(key.publicKey, 5), message, signature),
    () => verifySignature(key.publicKey.subarray(1), message, signature),
    () => verifySignature(key.publicKey, message, signature.subarray(0, 63)),
    () => verifySignature(key.publicKey, message, new Uint8Array(64)),
    () => verifySignature(new Uint8Array(32), message, signature),
  ];
  for (const attempt of attempts) assert.throws(attempt, { code: "SIGNATURE_INVALID" });
});

test("a signature with the group order added to s is refused, so none can be made from another", () => {
  const key = signingKeyFromSeed(new Uint8Array(32).fill(5));
  const signature = sign(key, utf8("message"));
  const order = fromHex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  const malleable = signature.slice();
  let carry = 0;
  for (let i = 0; i < 32; i++) {
    carry += signature[32 + i]! + order[i]!;
    malleable[32 + i] = carry & 0xff;
    carry >>= 8;
  }
  assert.throws(() => verifySignature(key.publicKey, utf8("message"), malleable), {
    code: "SIGNATURE_INVALID",
  });
});

test("a key of small order verifies nothing", () => {
  // The neutral element as key and R with s = 0 satisfies the bare equation for every message.
  const neutral = Uint8Array.of(1, ...new Uint8Array(31));
  const signature = Uint8Array.of(...neutral, ...new Uint8Array(32));
  assert.throws(() => verifySignature(neutral, utf8("anything"), signature), { code: "SIGNATURE_INVALID" });
});

test("SignWithLabel signs RFC 9420's SignContent, at every size of the length prefix", () => {
  const key = signingKeyFromSeed(new Uint8Array(32).fill(9));
  for (const [size, prefix] of [
    [5, "05"],
    [63, "3f"],
    [64, "4040"],
    [16_383, "7fff"],
    [16_384, "80004000"],
  ] as const) {
    const content = new Uint8Array(size).fill(0xab);
    const signature = signWithLabel(key, "Test", content);
    const signed = Uint8Array.of(12, ...utf8("MLS 1.0 Test"), ...fromHex(prefix), ...content);
    verifySignature(key.publicKey, signed, signature);
    verifyWithLabel(key.publicKey, "Test", content, signature);
  }
});

test("a signature under one label is none under another", () => {
  const key = signingKeyFromSeed(new Uint8Array(32).fill(9));
  const signature = signWithLabel(key, "One", utf8("content"));
  assert.throws(() => verifyWithLabel(key.publicKey, "Two", utf8("content"), signature), {
    code: "SIGNATURE_INVALID",
  });
  assert.throws(() => verifySignature(key.publicKey, utf8("content"), signature), {
    code: "SIGNATURE_INVALID",
  });
});

test("a seed of another length is refused", () => {
  assert.throws(() => signingKeyFromSeed(new Uint8Array(31)), { code: "CRYPTO_LENGTH" });
});
