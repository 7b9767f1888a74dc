import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { ristretto255 } from "@noble/curves/ed25519.js";
import fc from "fast-check";
import { concatBytes, fromHex, toHex, utf8 } from "@portcullis/protocol";
import { seededRandom } from "@portcullis/testkit";
import {
  CryptoError,
  generateVrfKey,
  proveVrf,
  verifyVrf,
  VRF_PROOF_BYTES,
  vrfKeyFromScalar,
  vrfKeyFromSeed,
} from "../src/index.ts";
import * as noble from "./second-implementation.ts";

const { Fn } = ristretto255.Point;
const file = new URL("../../../vectors/vrf/c2sp.json", import.meta.url);
const vector = JSON.parse(readFileSync(file, "utf8")) as Record<string, string>;
const [secret, alpha, pi] = ["SK", "alpha", "pi"].map((name) => fromHex(vector[name]!)) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
];
const key = vrfKeyFromScalar(secret);

const refused = (proof: Uint8Array, input = alpha, publicKey = key.publicKey) =>
  assert.throws(() => verifyVrf(publicKey, input, proof), { name: CryptoError.name, code: "VRF_PROOF" });
const replaced = (at: number, part: Uint8Array) =>
  concatBytes(pi.slice(0, at), part, pi.slice(at + part.length));

test("vectors/vrf/c2sp.json: key, proof and output", () => {
  assert.equal(toHex(key.publicKey), vector["PK"]);
  const { proof, output } = proveVrf(key, alpha);
  assert.equal(toHex(proof), vector["pi"]);
  assert.equal(toHex(output), vector["beta"]);
  assert.equal(toHex(verifyVrf(key.publicKey, alpha, pi)), vector["beta"]);
});

test("vectors/vrf/c2sp.json: the second implementation agrees on everything in between", () => {
  const { publicKey, h, k, u, v, proof, output } = noble.vrf(secret, alpha);
  const all = { PK: publicKey, H: h, k, U: u, V: v, pi: proof, beta: output };
  for (const [name, bytes] of Object.entries(all)) assert.equal(toHex(bytes), vector[name], name);
});

test("libsodium and noble give the same proof and output for any key and input", () => {
  const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 });
  const inputs = fc.uint8Array({ maxLength: 100 });
  const agree = fc.property(bytes, inputs, (seed, input) => {
    const made = vrfKeyFromSeed(seed);
    const { proof, output } = proveVrf(made, input);
    const second = noble.vrf(made.secret, input);
    assert.equal(toHex(proof), toHex(second.proof));
    assert.equal(toHex(output), toHex(second.output));
    assert.deepEqual(verifyVrf(made.publicKey, input, proof), output);
  });
  fc.assert(agree, { numRuns: 25 });
});

test("a proof serves for one key and one input", () => {
  const other = generateVrfKey(seededRandom("another key"));
  refused(pi, utf8("another input"));
  refused(pi, alpha, other.publicKey);
  refused(proveVrf(other, alpha).proof);
});

test("a proof with any byte changed, one missing or one more is refused", () => {
  for (let at = 0; at < VRF_PROOF_BYTES; at++) refused(pi.map((byte, i) => (i === at ? byte ^ 1 : byte)));
  for (let length = 0; length < VRF_PROOF_BYTES; length++) refused(pi.slice(0, length));
  refused(concatBytes(pi, Uint8Array.of(0)));
});

test("no element, the identity, and zero or non-canonical numbers are refused in a proof", () => {
  const order = Uint8Array.from({ length: 32 }, (_, i) => Number((Fn.ORDER >> BigInt(8 * i)) & 255n));
  const response = Fn.fromBytes(pi.slice(48)) + Fn.ORDER;
  const unreduced = Uint8Array.from({ length: 32 }, (_, i) => Number((response >> BigInt(8 * i)) & 255n));
  refused(replaced(0, new Uint8Array(32)));
  refused(replaced(0, new Uint8Array(32).fill(0xff)));
  refused(replaced(32, new Uint8Array(16)));
  refused(replaced(48, new Uint8Array(32)));
  refused(replaced(48, order));
  refused(replaced(48, unreduced));
});

test("a public key that is no element or the identity, and a secret that is no scalar, are refused", () => {
  for (const bad of [new Uint8Array(32), new Uint8Array(32).fill(0xff), key.publicKey.slice(1)]) {
    assert.throws(() => verifyVrf(bad, alpha, pi), { code: "VRF_KEY" });
    assert.throws(() => vrfKeyFromScalar(bad), { code: "VRF_KEY" });
  }
  assert.throws(() => vrfKeyFromSeed(new Uint8Array(31)), { code: "CRYPTO_LENGTH" });
});
