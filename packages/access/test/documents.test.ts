import assert from "node:assert/strict";
import { test } from "node:test";
import { PortcullisError, toBase64Url, utf8 } from "@portcullis/protocol";
import fc from "fast-check";
import { Type, type Static } from "typebox";
import { canonicalJson, parseCanonicalJson } from "../src/canonical-json.ts";
import {
  decodeDocument,
  mergeSignatures,
  signDocument,
  strictObject,
  UtcTime,
  verifyDocument,
  type DocumentType,
} from "../src/documents.ts";
import { formatUtcTime, parseUtcTime } from "../src/utc-time.ts";
import { keyNamed } from "./foundation.ts";

const schema = strictObject({ subject: Type.String(), amount: Type.Integer(), at: UtcTime });
const note: DocumentType<Static<typeof schema>> = { typ: "note+jws", schema };
const value = { subject: "é", amount: 3, at: "1970-04-14T03:00:00Z" };
const [anna, boris, clara] = ["anna", "boris", "clara"].map((name) => keyNamed(name)) as [
  ReturnType<typeof keyNamed>,
  ReturnType<typeof keyNamed>,
  ReturnType<typeof keyNamed>,
];

interface Envelope {
  payload: string;
  signatures: { protected: string; signature: string }[];
}

async function envelope(): Promise<Envelope> {
  return JSON.parse(await signDocument(note, value, [anna, boris])) as Envelope;
}

const decode = (jws: unknown) => decodeDocument(note, canonicalJson(jws));

test("RFC 8785: names are sorted by UTF-16 code units, strings escaped as ECMAScript does", () => {
  const input = {
    "\u20ac": 1,
    "\r": 2,
    "\ufb33": 3,
    "1": 4,
    "\ud83d\ude00": 5,
    "\u0080": 6,
    "\u00f6": 7,
    text: '\u20ac$\u000f\nA\'B"\\\\"/',
  };
  assert.equal(
    canonicalJson(input),
    '{"\\r":2,"1":4,"text":"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/","\u0080":6,"\u00f6":7,"\u20ac":1,"\ud83d\ude00":5,"\ufb33":3}',
  );
});

test("ACC-01: floats, null, lone surrogates and deep nesting have no canonical form", () => {
  let deep: unknown = 1;
  for (let i = 0; i < 20_000; i++) deep = [deep];
  for (const bad of [0.5, -0, 2 ** 53, null, undefined, "\ud800", deep, [undefined], { a: null }])
    assert.throws(() => canonicalJson(bad), { code: "DOCUMENT_NOT_CANONICAL" });
});

test("ACC-01: a text is accepted only in its canonical form", () => {
  assert.deepEqual(parseCanonicalJson('{"a":[1,"x"],"b":true}'), { a: [1, "x"], b: true });
  for (const text of ['{"b":1,"a":2}', '{"a":1, "b":2}', '{"a":1,"a":1}', '"\\u0041"', "1.0", "1e2", "", "{"])
    assert.throws(() => parseCanonicalJson(text), { code: "DOCUMENT_NOT_CANONICAL" }, text);
});

test("ACC-01: canonical JSON and back is the same value, for any value", () => {
  const json = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.string({ unit: "grapheme" }).filter((text) => text.isWellFormed()),
      fc.maxSafeInteger().map((n) => (n === 0 ? 0 : n)),
      fc.boolean(),
      fc.array(tie("value"), { maxLength: 4 }),
      fc.dictionary(fc.string({ maxLength: 5 }), tie("value"), { maxKeys: 4, noNullPrototype: true }),
    ),
  })).value;
  fc.assert(
    fc.property(json, (value) => {
      assert.deepEqual(parseCanonicalJson(canonicalJson(value)), value);
    }),
    { numRuns: 100 },
  );
});

test("ACC-04: a document signed by exactly the required signers is verified", async () => {
  const jws = await signDocument(note, value, [boris, anna]);
  const document = decodeDocument(note, jws);
  assert.deepEqual(document.value, value);
  assert.deepEqual(
    (await verifyDocument(document, [anna.publicKey, boris.publicKey])).payload,
    utf8('{"amount":3,"at":"1970-04-14T03:00:00Z","subject":"é"}'),
  );
  await assert.rejects(verifyDocument(document, [anna.publicKey, boris.publicKey, clara.publicKey]), {
    code: "DOCUMENT_SIGNER_MISSING",
    facts: { typ: "note+jws", signer: toBase64Url(clara.publicKey) },
  });
  await assert.rejects(verifyDocument(document, [anna.publicKey]), {
    code: "DOCUMENT_SIGNER_UNKNOWN",
    facts: { typ: "note+jws", signer: toBase64Url(boris.publicKey) },
  });
});

test("ACC-05: signers stand in one order, so that nobody signs twice and a document has one form", async () => {
  const jws = await envelope();
  const [first, second] = jws.signatures as [Envelope["signatures"][0], Envelope["signatures"][0]];
  for (const signatures of [
    [second, first],
    [first, first],
    [first, second, second],
  ])
    assert.throws(() => decode({ ...jws, signatures }), { code: "DOCUMENT_SIGNERS_UNORDERED" });
  await assert.rejects(signDocument(note, value, [anna, anna]), { code: "DOCUMENT_SIGNERS_UNORDERED" });
});

test("ACC-06: a signature over another payload or by another key is refused, and its signer named", async () => {
  const jws = await envelope();
  const other = JSON.parse(await signDocument(note, { ...value, amount: 4 }, [anna, boris])) as Envelope;
  const signers = [anna.publicKey, boris.publicKey];
  await assert.rejects(verifyDocument(decode({ ...jws, payload: other.payload }), signers), {
    code: "DOCUMENT_SIGNATURE_INVALID",
  });
  const [first, second] = jws.signatures as [Envelope["signatures"][0], Envelope["signatures"][0]];
  const borrowed = [first, { ...second, signature: first.signature }];
  const victim = decode(jws).signatures[1]!.signer;
  await assert.rejects(verifyDocument(decode({ ...jws, signatures: borrowed }), signers), {
    code: "DOCUMENT_SIGNATURE_INVALID",
    facts: { typ: "note+jws", signer: toBase64Url(victim) },
  });
});

test("ACC-02: a field too many, too few or of another type is refused, in payload, envelope and header", async () => {
  const jws = await envelope();
  const payload = (changed: unknown) => ({ ...jws, payload: toBase64Url(utf8(canonicalJson(changed))) });
  const { amount: _, ...fewer } = value;
  for (const changed of [{ ...value, extra: 1 }, fewer, { ...value, amount: "3" }, [value]])
    assert.throws(() => decode(payload(changed)), { code: "DOCUMENT_SHAPE" });
  assert.throws(() => decode({ ...jws, header: {} }), { code: "DOCUMENT_SHAPE" });
  assert.throws(() => decode({ ...jws, signatures: [] }), { code: "DOCUMENT_SHAPE" });
  const kid = toBase64Url(anna.publicKey);
  for (const header of [
    { alg: "none", kid, typ: note.typ },
    { alg: "Ed25519", kid, typ: note.typ, crit: [] },
    { alg: "Ed25519", kid, typ: note.typ, jwk: {} },
    { alg: "Ed25519", typ: note.typ },
  ]) {
    const signatures = [{ ...jws.signatures[0], protected: toBase64Url(utf8(canonicalJson(header))) }];
    assert.throws(() => decode({ ...jws, signatures }), { code: "DOCUMENT_SHAPE" });
  }
  // @ts-expect-error what the type forbids, the signer refuses too
  await assert.rejects(signDocument(note, { ...value, amount: "3" }, [anna]), { code: "DOCUMENT_SHAPE" });
});

test("ACC-03: a document of one kind is never taken for another", async () => {
  const jws = await signDocument(note, value, [anna]);
  assert.throws(() => decodeDocument({ typ: "receipt+jws", schema }, jws), { code: "DOCUMENT_TYPE" });
});

test("ACC-01: every truncation, and every byte behind the end, is refused", async () => {
  const jws = await signDocument(note, value, [anna]);
  for (let length = 0; length < jws.length; length++)
    assert.throws(() => decodeDocument(note, jws.slice(0, length)), PortcullisError);
  assert.throws(() => decodeDocument(note, `${jws} `), PortcullisError);
});

test("signatures made apart join into the very document that all would have signed together", async () => {
  const parts = await Promise.all([clara, anna, boris].map((key) => signDocument(note, value, [key])));
  assert.equal(mergeSignatures(note, parts), await signDocument(note, value, [anna, boris, clara]));
  const other = await signDocument(note, { ...value, amount: 4 }, [boris]);
  assert.throws(() => mergeSignatures(note, [parts[0]!, other]), { code: "DOCUMENT_PAYLOADS_DIFFER" });
  assert.throws(() => mergeSignatures(note, [parts[0]!, parts[0]!]), { code: "DOCUMENT_SIGNERS_UNORDERED" });
  assert.throws(() => mergeSignatures(note, []), { code: "DOCUMENT_SIGNER_MISSING" });
});

test("ACC-07: a time is a UTC time in whole seconds that exists", () => {
  assert.equal(parseUtcTime("1970-04-14T03:00:00Z"), 8_910_000_000);
  assert.equal(formatUtcTime(8_910_000_999), "1970-04-14T03:00:00Z");
  for (const text of [
    "1970-02-30T00:00:00Z",
    "1970-04-14T24:00:00Z",
    "1970-04-14T03:00:00.000Z",
    "1970-04-14T03:00:00+00:00",
    "1970-04-14T03:00:00",
    "1970-04-14",
    "",
  ])
    assert.throws(() => parseUtcTime(text), { code: "DOCUMENT_TIME" }, text);
});
