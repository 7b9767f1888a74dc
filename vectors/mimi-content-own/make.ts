/** Writes the vectors of this folder: each content as CBOR and, to read, as JSON with bytes in hex. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { toHex, utf8, type CborKey, type CborValue } from "../../packages/protocol/src/index.ts";
import {
  dispositions,
  encodeMimiContent,
  textMessage,
  type ExternalPart,
  type MimiContent,
} from "../../packages/protocol/src/content/index.ts";

const filled = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte);
const senderUri = "mimi://provider.example/u/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const roomUri = "mimi://provider.example/r/AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
const text = textMessage({ salt: filled(16, 1), text: "We have had a problem here.", senderUri, roomUri });
const single = text.nestedPart;
const reaction = { disposition: dispositions.reaction, language: "" } as const;
const heart = { ...reaction, cardinality: "single", contentType: "text/plain;charset=utf-8", content: utf8("❤") } as const;
const file: ExternalPart = {
  disposition: dispositions.attachment,
  language: "en",
  cardinality: "external",
  contentType: "image/png",
  url: "https://provider.example/blobs/1",
  expires: 4_294_967_295,
  size: Number.MAX_SAFE_INTEGER,
  encAlg: 1,
  key: filled(16, 2),
  nonce: filled(12, 3),
  aad: new Uint8Array(0),
  hashAlg: 1,
  contentHash: filled(32, 4),
  description: "a picture",
  filename: "picture.png",
};
const other = new Map<CborKey, CborValue>([
  [3, ["nested", new Map<CborKey, CborValue>([["a", true]])]],
  [-1, null],
  ["private", 7],
]);

const contents: Record<string, MimiContent> = {
  text,
  "text-empty": textMessage({ salt: filled(16, 1), text: "", senderUri, roomUri }),
  reply: { ...text, inReplyTo: filled(32, 5), topicId: utf8("topic") },
  edit: { ...text, replaces: filled(32, 6), expires: { relative: false, time: 4_294_967_295 } },
  delete: {
    ...text,
    replaces: filled(32, 6),
    nestedPart: { disposition: dispositions.render, language: "", cardinality: "null" },
  },
  reaction: { ...text, inReplyTo: filled(32, 5), nestedPart: heart },
  attachment: { ...text, nestedPart: file },
  "parts-nested": {
    ...text,
    expires: { relative: true, time: 60 },
    nestedPart: {
      disposition: 255,
      language: "de,en",
      cardinality: "multi",
      partSemantics: "singleUnit",
      parts: [single, { ...reaction, cardinality: "multi", partSemantics: "processAll", parts: [heart, heart] }],
    },
  },
  "extensions-unknown": { ...text, extensions: { ...text.extensions, other } },
};

const readable = (_key: string, value: unknown): unknown => {
  if (value instanceof Uint8Array) return toHex(value);
  return value instanceof Map ? [...(value as Map<unknown, unknown>)] : value;
};

for (const [name, content] of Object.entries(contents)) {
  writeFileSync(join(import.meta.dirname, `${name}.cbor`), encodeMimiContent(content));
  writeFileSync(join(import.meta.dirname, `${name}.json`), `${JSON.stringify(content, readable, 2)}\n`);
}
