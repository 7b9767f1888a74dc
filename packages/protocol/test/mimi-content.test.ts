import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { encodeCbor, toHex, utf8, type CborKey, type CborValue } from "@portcullis/protocol";
import {
  decodeDerivedValues,
  decodeMimiContent,
  dispositions,
  encodeDerivedValues,
  encodeMimiContent,
  mimiMessageId,
  mimiMessageIdInput,
  textMessage,
  textOf,
  type MimiContent,
  type NestedPart,
} from "@portcullis/protocol/content";
import { assertDecoder, samplesDirectory, skipWithoutSamples } from "@portcullis/testkit";

const own = join(import.meta.dirname, "../../../vectors/mimi-content-own");
const samples = samplesDirectory();
const drafts = samples === undefined ? undefined : join(samples, "vectors/mimi-content");
const vectors = (folder: string): string[] =>
  readdirSync(folder)
    .filter((file) => file.endsWith(".cbor"))
    .sort();
const bytesOf = (folder: string, file: string): Uint8Array =>
  new Uint8Array(readFileSync(join(folder, file)));
const idOf = (content: MimiContent): string =>
  toHex(
    mimiMessageId(
      createHash("sha256")
        .update(
          mimiMessageIdInput({
            senderUri: content.extensions.senderUri ?? "",
            roomUri: content.extensions.roomUri ?? "",
            content: encodeMimiContent(content),
            salt: content.salt,
          }),
        )
        .digest(),
    ),
  );

test("CON-01: our vectors decode and encode again to the same bytes", () => {
  const files = vectors(own);
  assert.ok(files.length >= 6);
  for (const file of files) {
    const bytes = bytesOf(own, file);
    const content = decodeMimiContent(bytes);
    assertDecoder(bytes, decodeMimiContent, encodeMimiContent);
    const expected = JSON.parse(readFileSync(join(own, file.replace(".cbor", ".json")), "utf8")) as unknown;
    assert.deepEqual(JSON.parse(JSON.stringify(content, readable)), expected, file);
  }
});

function readable(_key: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return toHex(value);
  return value instanceof Map ? [...(value as ReadonlyMap<CborKey, CborValue>)] : value;
}

if (drafts === undefined) test("CON-01: the draft's examples", { skip: skipWithoutSamples() }, () => {});
else {
  for (const file of vectors(drafts)) {
    test(`CON-01: the draft's ${file} decodes and encodes again to the same bytes`, () => {
      const bytes = bytesOf(drafts, file);
      if (file === "implied-original.cbor") assertDecoder(bytes, decodeDerivedValues, encodeDerivedValues);
      else assertDecoder(bytes, decodeMimiContent, encodeMimiContent);
    });
  }
  for (const file of vectors(drafts).filter((name) => name !== "implied-original.cbor")) {
    test(`CON-02: the message id of the draft's ${file} is the one it states`, () => {
      const notation = readFileSync(join(drafts, file.replace(".cbor", ".edn")), "utf8");
      const stated = /message ID = h'([0-9a-f]+)\s*#\s*([0-9a-f]+)'/.exec(notation);
      assert.equal(idOf(decodeMimiContent(bytesOf(drafts, file))), `${stated?.[1]}${stated?.[2]}`);
    });
  }
}

const text = fc.string({ unit: "grapheme", maxLength: 12 });
const bytes = fc.uint8Array({ maxLength: 12 });
const uint32 = fc.nat(0xffff_ffff);
const plain = { noNullPrototype: true } as const;
const partFields = { disposition: fc.nat(255), language: text };
const { part } = fc.letrec<{ part: NestedPart }>((tie) => ({
  part: fc.oneof(
    { maxDepth: 2 },
    fc.record({ ...partFields, cardinality: fc.constant("null" as const) }, plain),
    fc.record(
      { ...partFields, cardinality: fc.constant("single" as const), contentType: text, content: bytes },
      plain,
    ),
    fc.record(
      {
        ...partFields,
        cardinality: fc.constant("external" as const),
        contentType: text,
        url: text,
        expires: uint32,
        size: fc.maxSafeNat(),
        encAlg: fc.nat(0xffff),
        key: bytes,
        nonce: bytes,
        aad: bytes,
        hashAlg: fc.nat(255),
        contentHash: bytes,
        description: text,
        filename: text,
      },
      plain,
    ),
    fc.record(
      {
        ...partFields,
        cardinality: fc.constant("multi" as const),
        partSemantics: fc.constantFrom("chooseOne", "singleUnit", "processAll"),
        parts: fc.array(tie("part"), { minLength: 2, maxLength: 3 }),
      },
      plain,
    ),
  ),
}));
const other = fc
  .array(
    fc.tuple(fc.oneof(fc.integer({ min: 3 }), fc.integer({ max: -1 }), fc.string({ minLength: 1 })), text),
  )
  .map((entries) => new Map<CborKey, CborValue>(entries));
const content: fc.Arbitrary<MimiContent> = fc.record(
  {
    salt: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    replaces: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    topicId: bytes,
    expires: fc.record({ relative: fc.boolean(), time: uint32 }, plain),
    extensions: fc.record({ senderUri: text, roomUri: text, other }, plain),
    nestedPart: part,
  },
  plain,
);

test("CON-01: any content survives the round trip", () => {
  fc.assert(
    fc.property(content, (value) => {
      const encoded = encodeMimiContent(value);
      const decoded = decodeMimiContent(encoded);
      assert.deepEqual(encodeMimiContent(decoded), encoded);
      assert.deepEqual(decoded.nestedPart, value.nestedPart);
      assert.equal(decoded.extensions.other.size, value.extensions.other.size);
    }),
    { numRuns: 80 },
  );
});

const render = [1, "", 1, "text/plain;charset=utf-8", utf8("hello")];
const salt = new Uint8Array(16);
const none = new Uint8Array(0);
const encodeWith = (extensions: CborValue, body: CborValue): Uint8Array =>
  encodeCbor([salt, null, none, null, null, extensions, body]);

test("CON-03: extensions stand in bytewise order of their keys, each once", () => {
  const encoded = encodeWith(
    new Map<CborKey, CborValue>([
      [1, "a"],
      [2, "b"],
    ]),
    render,
  );
  decodeMimiContent(encoded);
  const swapped = encoded.slice();
  const first = encoded.indexOf(0xa2) + 1;
  swapped.set(encoded.subarray(first + 3, first + 6), first);
  swapped.set(encoded.subarray(first, first + 3), first + 3);
  assert.throws(() => decodeMimiContent(swapped), { code: "DECODE_NOT_CANONICAL" });
  swapped.set(encoded.subarray(first, first + 3), first);
  swapped.set(encoded.subarray(first, first + 3), first + 3);
  assert.throws(() => decodeMimiContent(swapped), { code: "DECODE_NOT_CANONICAL" });
});

test("CON-04: extensions of another shape are refused", () => {
  const refused: [CborValue, string][] = [
    [[], "DECODE_SHAPE"],
    [new Map([[1, 7]]), "DECODE_SHAPE"],
    [new Map([[2, none]]), "DECODE_SHAPE"],
    [new Map([["", 7]]), "DECODE_LENGTH"],
    [new Map([["x".repeat(256), 7]]), "DECODE_LENGTH"],
  ];
  for (const [extensions, code] of refused)
    assert.throws(() => decodeMimiContent(encodeWith(extensions, render)), { code });
});

test("CON-05: a part of another shape is refused", () => {
  const nested = (depth: number): CborValue =>
    depth === 0 ? render : [1, "", 3, 0, [render, nested(depth - 1)]];
  decodeMimiContent(encodeWith(new Map(), nested(3)));
  const refused: CborValue[] = [
    nested(4),
    [1, "", 3, 0, [render]],
    [1, "", 3, 3, [render, render]],
    [1, "", 3, 0, Array.from({ length: 65 }, () => render)],
    [1, "", 4, "text/plain", none],
    [256, "", 0],
    [1, "", 0, 0],
    [1, "", 1, "text/plain", "text"],
    7,
  ];
  for (const body of refused)
    assert.throws(() => decodeMimiContent(encodeWith(new Map(), body)), { name: "ProtocolError" });
});

test("CON-06: salt and message ids have their exact lengths", () => {
  const content = (saltLength: number, replacesLength: number): Uint8Array =>
    encodeCbor([
      new Uint8Array(saltLength),
      new Uint8Array(replacesLength),
      none,
      null,
      null,
      new Map(),
      render,
    ]);
  decodeMimiContent(content(16, 32));
  for (const [a, b] of [
    [15, 32],
    [17, 32],
    [16, 31],
  ] as const)
    assert.throws(() => decodeMimiContent(content(a, b)), { code: "DECODE_LENGTH" });
});

test("a text message says its text, and content of another kind says none", () => {
  const message = textMessage({
    salt,
    text: "Houston ❤",
    senderUri: "mimi://a/u/b",
    roomUri: "mimi://a/r/c",
  });
  assert.equal(textOf(decodeMimiContent(encodeMimiContent(message))), "Houston ❤");
  const gone: MimiContent = {
    ...message,
    nestedPart: { disposition: dispositions.render, language: "", cardinality: "null" },
  };
  assert.equal(textOf(gone), undefined);
});
