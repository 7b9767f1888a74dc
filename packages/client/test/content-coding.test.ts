import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { webPlatform } from "@portcullis/client";
import { nodePlatform } from "@portcullis/client/node";
import { sha256 as sha256Of } from "@portcullis/crypto";
import { concatBytes, equalBytes, fromBase64Url, padmeLength, utf8 } from "@portcullis/protocol";
import { seededRandom } from "@portcullis/testkit";
import {
  HEADER_BYTES,
  openContent,
  RECORD_BYTES,
  sealContent,
  sealedLength,
} from "../src/attachments/content-coding.ts";

const aead = nodePlatform.records;
const random = seededRandom("content coding");
const secret = { key: random(16), salt: random(16) };

async function* inPieces(bytes: Uint8Array, length = 7777): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

async function all(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const list: Uint8Array[] = [];
  for await (const piece of pieces) list.push(piece);
  return concatBytes(...list);
}

const seal = (bytes: Uint8Array, size = bytes.length): Promise<Uint8Array> =>
  all(sealContent(aead, secret, { content: inPieces(bytes), size }));
const open = (body: Uint8Array, key = secret.key): Promise<Uint8Array> =>
  all(openContent(aead, key, inPieces(body, 9999)));

test("ATT-01: the example of RFC 8188 section 3.1 is opened", async () => {
  const body = fromBase64Url("I1BsxtFttlv3u_Oo94xnmwAAEAAA-NAVub2qFgBEuQKRapoZu-IxkIva3MEB1PD-ly8Thjg");
  assert.deepEqual(await open(body, fromBase64Url("yqdlZ-tYemfogSmv7Ws5PQ")), utf8("I am the walrus"));
});

const CONTENT = RECORD_BYTES - 17;
const sizes = [0, 1, 100, CONTENT - 1, CONTENT, CONTENT + 1, 2 * CONTENT, 3 * CONTENT + 5, 500_000];

test("ATT-02: content of any size comes back, from a body of a Padme length", async () => {
  for (const size of sizes) {
    const content = random(size);
    const body = await seal(content);
    assert.equal(body.length, sealedLength(size));
    assert.equal(padmeLength(body.length), body.length);
    assert.ok(equalBytes(await open(body), content), `${size}`);
  }
  const most = sealedLength(2 ** 31);
  assert.ok(most <= 2.25 * 2 ** 30 && padmeLength(most) === most);
});

test("ATT-02: of every size there is a body, whose last record is long enough", () => {
  fc.assert(
    fc.property(fc.oneof(fc.nat(300_000), fc.nat(2 ** 31 - 1)), (size) => {
      const length = sealedLength(size);
      const records = Math.ceil((length - HEADER_BYTES) / RECORD_BYTES);
      assert.ok(length - HEADER_BYTES - (records - 1) * RECORD_BYTES >= 17);
      assert.ok(length - HEADER_BYTES - 17 * records >= size, "it holds the content");
      assert.equal(padmeLength(length), length);
    }),
    { numRuns: 500 },
  );
});

test("ATT-01: a body that is cut off, goes on, is changed, or whose records are mixed up is broken", async () => {
  const content = random(3 * CONTENT);
  const body = await seal(content);
  const record = (i: number): Uint8Array =>
    body.subarray(HEADER_BYTES + i * RECORD_BYTES, HEADER_BYTES + (i + 1) * RECORD_BYTES);
  const rest = body.subarray(HEADER_BYTES + 2 * RECORD_BYTES);
  const header = body.subarray(0, HEADER_BYTES);
  const broken: Record<string, Uint8Array> = {
    nothing: new Uint8Array(0),
    "half a header": body.subarray(0, 10),
    "a header alone": header,
    "one record": body.subarray(0, HEADER_BYTES + RECORD_BYTES),
    "without the last byte": body.subarray(0, -1),
    "with one byte more": concatBytes(body, Uint8Array.of(0)),
    "with a record more": concatBytes(body, record(0)),
    "records exchanged": concatBytes(header, record(1), record(0), rest),
    "a record twice": concatBytes(header, record(0), record(0), rest),
    "a record left out": concatBytes(header, record(0), rest),
    "another salt": body.with(0, body[0]! ^ 1),
    "another record size": body.with(HEADER_BYTES - 2, 1),
    "a key id": body.with(HEADER_BYTES - 1, 1),
    "a flipped bit": body.with(HEADER_BYTES + 70_000, body[HEADER_BYTES + 70_000]! ^ 1),
  };
  for (const [what, bytes] of Object.entries(broken))
    await assert.rejects(open(bytes), { code: "CLIENT_ATTACHMENT_BROKEN" }, what);
  await assert.rejects(open(body, random(16)), { code: "CLIENT_ATTACHMENT_BROKEN" });
});

test("ATT-01: what a browser seals Node opens, and the other way round", async () => {
  const web = webPlatform.records;
  const content = random(2 * CONTENT + 9);
  const sealed = await all(sealContent(web, secret, { content: inPieces(content), size: content.length }));
  assert.deepEqual(sealed, await seal(content));
  assert.deepEqual(await all(openContent(web, secret.key, inPieces(sealed))), content);
  const flipped = sealed.with(500, sealed[500]! ^ 1);
  const opening = all(openContent(web, secret.key, inPieces(flipped)));
  await assert.rejects(opening, { code: "CLIENT_ATTACHMENT_BROKEN" });
  for (const { sha256 } of [webPlatform, nodePlatform]) {
    const hasher = sha256();
    for await (const piece of inPieces(content, 1000)) hasher.update(piece);
    assert.deepEqual(hasher.digest(), sha256Of(content));
  }
});

test("ATT-03: content that is shorter or longer than it was said to be is not sealed to its end", async () => {
  for (const [there, said] of [
    [100, 101],
    [100, 99],
    [CONTENT, CONTENT + 1],
    [2 * CONTENT + 1, 2 * CONTENT],
    [0, 1],
  ] as const)
    await assert.rejects(seal(random(there), said), { code: "CLIENT_ATTACHMENT_CHANGED" });
});
