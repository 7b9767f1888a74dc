import { utf8 } from "../bytes.ts";
import { decodeCbor, FieldReader, type CborKey, type CborValue } from "../cbor.ts";
import { ProtocolError } from "../errors.ts";
import type { Expiration, Extensions, ExternalPart, MimiContent, NestedPart } from "./mimi-content.ts";

const UINT32 = 0xffff_ffff;
const MAXIMUM_NESTING = 4;
const MAXIMUM_PARTS = 64;
const FIELD_COUNTS = [3, 5, 15, 5] as const;
const SEMANTICS = ["chooseOne", "singleUnit", "processAll"] as const;

/** @throws ProtocolError DECODE_* */
export function decodeMimiContent(bytes: Uint8Array): MimiContent {
  const what = "MIMI content";
  const reader = new FieldReader(decodeCbor(bytes, what), what, 7);
  const salt = reader.bytes(16);
  const replaces = reader.optionalBytes(32);
  const topicId = reader.bytes();
  const expires = readExpiration(reader.value());
  const inReplyTo = reader.optionalBytes(32);
  const extensions = readExtensions(reader.value());
  return {
    salt,
    ...(replaces && { replaces }),
    topicId,
    ...(expires && { expires }),
    ...(inReplyTo && { inReplyTo }),
    extensions,
    nestedPart: readPart(reader.value(), 1),
  };
}

function readExpiration(value: CborValue): Expiration | undefined {
  if (value === null) return undefined;
  const reader = new FieldReader(value, "MIMI expiration", 2);
  return { relative: reader.boolean(), time: reader.integer(0, UINT32) };
}

function readExtensions(value: CborValue): Extensions {
  if (!(value instanceof Map)) throw new ProtocolError("DECODE_SHAPE", { what: "MIMI extensions" });
  const other = new Map(value as ReadonlyMap<CborKey, CborValue>);
  const senderUri = takeText(other, 1);
  const roomUri = takeText(other, 2);
  for (const key of other.keys()) {
    if (typeof key === "string" && (key === "" || utf8(key).length > 255))
      throw new ProtocolError("DECODE_LENGTH", { what: "MIMI extensions" });
  }
  return { ...(senderUri !== undefined && { senderUri }), ...(roomUri !== undefined && { roomUri }), other };
}

function takeText(extensions: Map<CborKey, CborValue>, key: number): string | undefined {
  const value = extensions.get(key);
  extensions.delete(key);
  if (value === undefined || typeof value === "string") return value;
  throw new ProtocolError("DECODE_SHAPE", { what: "MIMI extensions", field: key });
}

function readPart(value: CborValue, nesting: number): NestedPart {
  const what = "MIMI part";
  const cardinality = Array.isArray(value) ? (value as readonly CborValue[])[2] : undefined;
  const length = FIELD_COUNTS[cardinality as 0 | 1 | 2 | 3] as number | undefined;
  if (length === undefined || nesting > MAXIMUM_NESTING) throw new ProtocolError("DECODE_SHAPE", { what });
  const reader = new FieldReader(value, what, length);
  const fields = { disposition: reader.integer(0, 255), language: reader.text() };
  switch (reader.integer(0, 3)) {
    case 0:
      return { ...fields, cardinality: "null" };
    case 1:
      return { ...fields, cardinality: "single", contentType: reader.text(), content: reader.bytes() };
    case 2:
      return { ...fields, ...readExternal(reader) };
    default: {
      const partSemantics = SEMANTICS[reader.integer(0, 2)] as (typeof SEMANTICS)[number];
      const parts = reader.list((part) => readPart(part, nesting + 1), MAXIMUM_PARTS);
      if (parts.length < 2) throw new ProtocolError("DECODE_LENGTH", { what, field: "parts" });
      return { ...fields, cardinality: "multi", partSemantics, parts };
    }
  }
}

function readExternal(reader: FieldReader): Omit<ExternalPart, "disposition" | "language"> {
  return {
    cardinality: "external",
    contentType: reader.text(),
    url: reader.text(),
    expires: reader.integer(0, UINT32),
    size: reader.integer(),
    encAlg: reader.integer(0, 0xffff),
    key: reader.bytes(),
    nonce: reader.bytes(),
    aad: reader.bytes(),
    hashAlg: reader.integer(0, 0xff),
    contentHash: reader.bytes(),
    description: reader.text(),
    filename: reader.text(),
  };
}
