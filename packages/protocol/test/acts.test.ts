import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { assertDecoder } from "@portcullis/testkit";
import { limits, utf8 } from "../src/index.ts";
import {
  actOf,
  bodyOf,
  contentOf,
  decodeMimiContent,
  decodeStatuses,
  dispositions,
  encodeMimiContent,
  encodeStatuses,
  partOf,
  plainText,
  type Act,
  type ExternalPart,
  type MessageBody,
  type NestedPart,
} from "../src/content/index.ts";

const id = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const frame = { salt: new Uint8Array(16), senderUri: "mimi://a/u/b", roomUri: "mimi://a/r/c" };
const file: ExternalPart = {
  disposition: dispositions.attachment,
  language: "",
  cardinality: "external",
  contentType: "image/png",
  url: "https://a.example/1",
  expires: 0,
  size: 3,
  encAlg: 1,
  key: new Uint8Array(16),
  nonce: new Uint8Array(0),
  aad: new Uint8Array(0),
  hashAlg: 1,
  contentHash: id(9),
  description: "",
  filename: "a.png",
};
const body: MessageBody = {
  text: "*look*",
  format: "markdown",
  attachments: [
    { part: file },
    { part: file, thumbnail: { contentType: "image/png", bytes: Uint8Array.of(1) } },
    { part: file, voice: { milliseconds: 1200, waveform: Uint8Array.of(1, 2, 3) } },
  ],
  preview: {
    url: "https://a.example/",
    title: "A",
    description: "",
    picture: { contentType: "image/png", bytes: Uint8Array.of(2) },
  },
};
const acts: Act[] = [
  { kind: "message", body: plainText("hello") },
  { kind: "message", body: plainText(""), inReplyTo: id(1), expires: { relative: false, time: 5 } },
  { kind: "message", body, isForwarded: true },
  { kind: "reaction", target: id(1), emoji: "❤" },
  { kind: "edit", target: id(1), body },
  { kind: "edit", target: id(1), body, expires: { relative: true, time: 5 } },
  { kind: "retract", target: id(1) },
  { kind: "retract", target: id(2), of: id(1) },
  { kind: "pin", target: id(1), isPinned: true },
  { kind: "pin", target: id(1), isPinned: false },
  {
    kind: "status",
    statuses: [
      { target: id(1), status: "read" },
      { target: id(2), status: "delivered" },
    ],
  },
  { kind: "state", state: { version: 0, name: "Talk", roles: [], leaving: [] } },
];

test("each act is understood as it was meant", () => {
  for (const act of acts)
    assert.deepEqual(actOf(decodeMimiContent(encodeMimiContent(contentOf(act, frame)))), act, act.kind);
});

test("a list of statuses has one encoding, and no more than its limit", () => {
  const statuses = [
    { target: id(1), status: "read" },
    { target: id(2), status: "error" },
  ] as const;
  assertDecoder(encodeStatuses(statuses), decodeStatuses, encodeStatuses);
  const many = Array.from({ length: limits.statusesPerMessage + 1 }, () => statuses[0]);
  assert.throws(() => decodeStatuses(encodeStatuses(many)), { code: "DECODE_LENGTH" });
});

const single = (contentType: string, content: Uint8Array, disposition = 1): NestedPart => ({
  disposition,
  language: "",
  cardinality: "single",
  contentType,
  content,
});
const several = (
  partSemantics: "chooseOne" | "processAll" | "singleUnit",
  ...parts: NestedPart[]
): NestedPart => ({
  disposition: 1,
  language: "",
  cardinality: "multi",
  partSemantics,
  parts,
});
const words = single("text/plain", utf8("hello"));
const unknown = single("application/x-unknown", utf8("?"));
const broken = single("text/plain", Uint8Array.of(0xff));

test("TML-06: what is broken or not understood takes nothing with it, and the first understood alternative counts", () => {
  assert.equal(bodyOf(several("processAll", unknown, broken, words))?.text, "hello");
  assert.equal(bodyOf(several("chooseOne", unknown, words, single("text/plain", utf8("no"))))?.text, "hello");
  assert.equal(bodyOf(several("processAll", unknown, broken)), undefined);
  assert.equal(bodyOf(unknown), undefined);
  assert.equal(bodyOf(single("text/plain", utf8("hidden"), dispositions.preview)), undefined);
  const link = single("application/portcullis-link-preview", Uint8Array.of(0x80), dispositions.preview);
  assert.deepEqual(bodyOf(several("processAll", words, link)), plainText("hello"));
  const unit = several("singleUnit", file, single("application/portcullis-voice-note", Uint8Array.of(1), 8));
  assert.deepEqual(bodyOf(unit)?.attachments, [{ part: file }]);
});

test("TML-06: a preview leads nowhere but to the web, and small pictures are small and pictures", () => {
  const preview = { url: "javascript:alert(1)", title: "", description: "" };
  assert.equal(bodyOf(partOf({ ...plainText("x"), preview }))?.preview, undefined);
  const bytes = new Uint8Array(limits.thumbnailBytes + 1);
  for (const picture of [
    { contentType: "image/png", bytes },
    { contentType: "text/html", bytes: Uint8Array.of(1) },
  ]) {
    const linked = partOf({ ...plainText("x"), preview: { ...preview, url: "https://a.example/", picture } });
    assert.equal(bodyOf(linked)?.preview?.picture, undefined);
    const attached = partOf({ ...plainText(""), attachments: [{ part: file, thumbnail: picture }] });
    assert.equal(bodyOf(attached)?.attachments[0]?.thumbnail, undefined);
  }
});

test("a reaction is a short text to a message, and a content that is neither is no act", () => {
  const { nestedPart: heart } = contentOf({ kind: "reaction", target: id(1), emoji: "❤" }, frame);
  const plain = contentOf({ kind: "message", body: plainText("x") }, frame);
  assert.equal(actOf({ ...plain, nestedPart: heart }), undefined, "to nothing");
  const long = contentOf({ kind: "reaction", target: id(1), emoji: "x".repeat(65) }, frame);
  assert.equal(actOf(long), undefined);
  assert.equal(actOf({ ...plain, nestedPart: unknown }), undefined);
  assert.equal(actOf({ ...plain, replaces: id(1), nestedPart: heart }), undefined);
});

const leaf = fc.oneof(
  fc.record({
    disposition: fc.nat(255),
    language: fc.constant(""),
    cardinality: fc.constant("single" as const),
    contentType: fc.constantFrom(
      "text/plain",
      "text/markdown;variant=GFM-MIMI",
      "application/portcullis-link-preview",
      "application/portcullis-voice-note",
      "application/mimi-message-status",
      "image/png",
    ),
    content: fc.uint8Array({ maxLength: 20 }),
  }),
  fc.constant<NestedPart>(file),
  fc.record({
    disposition: fc.nat(255),
    language: fc.constant(""),
    cardinality: fc.constant("null" as const),
  }),
);

test("whatever parts a content has, a body comes out of it or none, and never an error", () => {
  fc.assert(
    fc.property(
      fc.array(leaf, { minLength: 2, maxLength: 5 }),
      fc.constantFrom("chooseOne" as const, "processAll" as const, "singleUnit" as const),
      (parts, semantics) => {
        const found = bodyOf(several(semantics, ...parts));
        if (found !== undefined) assert.equal(typeof found.text, "string");
      },
    ),
  );
});
