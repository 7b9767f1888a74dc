import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createSecretTree } from "ts-mls/secretTree.js";
import { expandWithLabel as tsMlsExpand } from "ts-mls/crypto/kdf.js";
import { decodeVarLenData, varLenDataEncoder } from "ts-mls/codec/variableLength.js";
import { encode } from "ts-mls/codec/tlsEncoder.js";
import { utf8 } from "@portcullis/protocol";
import { webCryptoProvider } from "@portcullis/mls";
import { nodeProvider } from "@portcullis/mls/node";
import { expandWithLabel } from "../src/labels.ts";
import { advanceRatchet, deriveLeafRatchets, FORWARD_LIMIT, turnRatchet } from "../src/secret-tree.ts";
import { opaque, TlsReader, uint64 } from "../src/tls.ts";
import { cipherSuite, coded } from "./forger.ts";
import { random } from "./people.ts";

const { primitives } = nodeProvider;

test("MLS-26: the ratchets of every leaf are those of ts-mls", async () => {
  for (const leafCount of [1, 2, 8]) {
    const encryptionSecret = random(32);
    const theirs = await createSecretTree(leafCount, encryptionSecret.slice(), cipherSuite.kdf);
    const ours = await deriveLeafRatchets(primitives, encryptionSecret, leafCount);
    assert.equal(ours.length, leafCount);
    for (const [leafIndex, { handshake, application }] of ours.entries()) {
      assert.deepEqual(handshake.secret, theirs[2 * leafIndex]?.handshake.secret);
      assert.deepEqual(application.secret, theirs[2 * leafIndex]?.application.secret);
    }
  }
});

test("MLS-21: a ratchet goes forward, as far as the limit, and never back", async () => {
  const start = { generation: 5, secret: random(32) };
  let step = start;
  for (let i = 0; i < 3; i++) step = (await turnRatchet(primitives, step)).next;
  assert.deepEqual(await advanceRatchet(primitives, start, 8), step);
  await assert.rejects(advanceRatchet(primitives, start, 4), coded("MLS_GENERATION_USED"));
  await advanceRatchet(primitives, start, 5 + FORWARD_LIMIT);
  await assert.rejects(advanceRatchet(primitives, start, 6 + FORWARD_LIMIT), coded("MLS_GENERATION_TOO_FAR"));
  const last = { generation: 0xffff_ffff, secret: random(32) };
  await assert.rejects(turnRatchet(primitives, last), coded("MLS_GENERATION_TOO_FAR"));
});

test("MLS-43: both providers compute the same", async () => {
  const [key, data] = [random(32), random(100)];
  for (const { primitives: p } of [nodeProvider, webCryptoProvider]) {
    assert.deepEqual(await p.hash(data), primitives.hash(data));
    assert.deepEqual(await p.expand(key, data, 80), primitives.expand(key, data, 80));
    const sealed = await p.seal(key.subarray(0, 16), key.subarray(0, 12), data, data);
    assert.deepEqual(primitives.open(key.subarray(0, 16), key.subarray(0, 12), data, sealed), data);
    assert.deepEqual(await p.sign(key, data), primitives.sign(key, data));
    assert.throws(() =>
      primitives.open(key.subarray(0, 16), key.subarray(0, 12), data, sealed.subarray(0, 9)),
    );
    assert.deepEqual(
      await expandWithLabel(p, key, "some label", data, 48),
      await tsMlsExpand(key, "some label", data, 48, cipherSuite.kdf),
    );
  }
});

test("MLS-43: HPKE of each provider is opened by the other", async () => {
  const suites = [nodeProvider.cipherSuite(random), webCryptoProvider.cipherSuite(random)];
  for (const [index, { hpke }] of suites.entries()) {
    const other = suites[1 - index]!.hpke;
    const { privateKey, publicKey } = await hpke.deriveKeyPair(utf8("thirty-two bytes of key material"));
    const rawPublic = await hpke.exportPublicKey(publicKey);
    const theirs = await other.deriveKeyPair(utf8("thirty-two bytes of key material"));
    assert.deepEqual(await other.exportPublicKey(theirs.publicKey), rawPublic);
    assert.deepEqual(
      await other.exportPrivateKey(theirs.privateKey),
      await hpke.exportPrivateKey(privateKey),
    );
    const [info, aad, plaintext] = [utf8("info"), utf8("aad"), utf8("text")];
    const { enc, ct } = await other.seal(await other.importPublicKey(rawPublic), plaintext, info, aad);
    assert.deepEqual(await hpke.open(privateKey, enc, ct, info, aad), plaintext);
    await assert.rejects(hpke.open(privateKey, enc, ct, utf8("other"), aad));
    const exported = await other.exportSecret(await other.importPublicKey(rawPublic), aad, 40, info);
    assert.deepEqual(await hpke.importSecret(privateKey, aad, exported.enc, 40, info), exported.secret);
  }
});

test("MLS-27: lengths are written in the fewest bytes, and read in no others", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 20_000 }), (length) => {
      const bytes = new Uint8Array(length);
      const encoded = opaque(bytes);
      assert.deepEqual(encoded, encode(varLenDataEncoder)(bytes));
      const reader = new TlsReader(encoded, "test");
      assert.equal(reader.opaque().length, length);
      reader.end();
    }),
    { numRuns: 50 },
  );
  for (const long of [[0x40, 5], [0x80, 0, 0, 5], [0x80, 0, 0x3f, 0xff], [0xc0]])
    assert.throws(
      () => new TlsReader(Uint8Array.from([...long, ...new Uint8Array(5)]), "test").opaque(),
      coded("MLS_MALFORMED"),
    );
  assert.notEqual(decodeVarLenData(Uint8Array.of(0x40, 0), 0), undefined);
  const big = new TlsReader(new Uint8Array(8).fill(0xff), "test");
  assert.throws(() => big.uint64(), coded("MLS_MALFORMED"));
  assert.equal(new TlsReader(uint64(2 ** 40 + 3), "test").uint64(), 2 ** 40 + 3);
});
