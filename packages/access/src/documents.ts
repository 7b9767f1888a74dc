import { sha256, type SigningKey } from "@portcullis/crypto";
import { fromBase64Url, fromUtf8, toBase64Url, utf8 } from "@portcullis/protocol";
import { flattenedVerify, FlattenedSign, importJWK } from "jose";
import { Type, type TProperties, type TSchema } from "typebox";
import { Value } from "typebox/value";
import { canonicalJson, parseCanonicalJson } from "./canonical-json.ts";
import { AccessError } from "./errors.ts";
import { UTC_TIME_PATTERN } from "./utc-time.ts";

const ALGORITHM = "Ed25519";

/** A kind of signed document: its `typ` header, and what a value must be to be a `T`. */
export interface DocumentType<T> {
  readonly typ: string;
  readonly schema: TSchema;
  /** Never set: it ties the schema to `T`, without the checker having to derive `T` from a schema in every generic. */
  readonly value?: T;
}

const conforms = Value.Check as (schema: TSchema, value: unknown) => boolean;
const problems = Value.Errors as (
  schema: TSchema,
  value: unknown,
) => readonly { readonly instancePath: string }[];

/** One signature of a document, as on the wire; `signer` is the public key from its `kid`. */
export interface DocumentSignature {
  readonly signer: Uint8Array;
  readonly protected: string;
  readonly signature: string;
}

/** Well-formed and canonical; who signed it is still a claim. `id`: SHA-256 of the payload. */
export interface UnverifiedDocument<T> {
  readonly typ: string;
  readonly value: T;
  readonly payload: Uint8Array;
  readonly id: Uint8Array;
  readonly signatures: readonly DocumentSignature[];
  readonly jws: string;
}

declare const verified: unique symbol;

/** Signed by exactly those who had to sign. Made by verifyDocument alone. */
export type VerifiedDocument<T> = UnverifiedDocument<T> & { readonly [verified]: true };

/** An object with exactly these fields. For schemas. */
export function strictObject<P extends TProperties>(properties: P) {
  return Type.Object(properties, { additionalProperties: false });
}

/** Text of 1 to `longest` characters. For schemas. */
export function boundedText(longest: number) {
  return Type.String({ minLength: 1, maxLength: longest });
}

/** 32 bytes (a key, a hash) as base64url. For schemas. */
export const Bytes32 = Type.String({ pattern: "^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$" });
/** A short name that people and programs use: lower-case letters, digits and hyphens. For schemas. */
export const Handle = Type.String({ pattern: "^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$" });
/** A UTC time in whole seconds. For schemas. */
export const UtcTime = Type.String({ pattern: UTC_TIME_PATTERN });

const envelopeType: DocumentType<{
  payload: string;
  signatures: { protected: string; signature: string }[];
}> = {
  typ: "jws",
  schema: strictObject({
    payload: Type.String(),
    signatures: Type.Array(strictObject({ protected: Type.String(), signature: Type.String() }), {
      minItems: 1,
      maxItems: 256,
    }),
  }),
};

function protectedHeader(typ: string, signer: Uint8Array) {
  return { alg: ALGORITHM, kid: toBase64Url(signer), typ };
}

/** @throws AccessError DOCUMENT_SHAPE when the value is not of the document's schema */
function checkShape<T>(type: DocumentType<T>, value: unknown): T {
  if (!conforms(type.schema, value)) {
    const first = problems(type.schema, value)[0];
    throw new AccessError("DOCUMENT_SHAPE", { typ: type.typ, at: first?.instancePath ?? "" });
  }
  return value as T;
}

/** The bytes that are signed and hashed. @throws AccessError DOCUMENT_SHAPE, DOCUMENT_NOT_CANONICAL */
export function documentPayload<T>(type: DocumentType<T>, value: T): Uint8Array {
  return utf8(canonicalJson(checkShape(type, value)));
}

/**
 * A JWS in the general JSON serialisation (RFC 7515 section 7.2.1) with one signature for each key, in its one form.
 * @throws AccessError DOCUMENT_SHAPE, DOCUMENT_NOT_CANONICAL, DOCUMENT_SIGNERS_UNORDERED
 */
export async function signDocument<T>(
  type: DocumentType<T>,
  value: T,
  signers: readonly SigningKey[],
): Promise<string> {
  const payload = documentPayload(type, value);
  const signatures = await Promise.all(
    signers.map(async (key) => {
      const jwk = {
        kty: "OKP",
        crv: "Ed25519",
        x: toBase64Url(key.publicKey),
        d: toBase64Url(key.seed),
      };
      const signed = await new FlattenedSign(payload)
        .setProtectedHeader(protectedHeader(type.typ, key.publicKey))
        .sign(await importJWK(jwk, ALGORITHM));
      return {
        signer: key.publicKey,
        protected: signed.protected as string,
        signature: signed.signature,
      };
    }),
  );
  return assemble(payload, signatures);
}

/** Signatures stand in ascending order of the base64url of their signer, so that a document has one form. */
function assemble(payload: Uint8Array, signatures: readonly DocumentSignature[]): string {
  const sorted = signatures.toSorted((a, b) => (toBase64Url(a.signer) < toBase64Url(b.signer) ? -1 : 1));
  checkSigners(sorted);
  return canonicalJson({
    payload: toBase64Url(payload),
    signatures: sorted.map(({ protected: header, signature }) => ({ protected: header, signature })),
  });
}

function checkSigners(signatures: readonly DocumentSignature[]): void {
  const names = signatures.map(({ signer }) => toBase64Url(signer));
  if (names.some((name, i) => i > 0 && name <= (names[i - 1] as string)))
    throw new AccessError("DOCUMENT_SIGNERS_UNORDERED");
}

/**
 * A document from the text of its JWS: of this kind, canonical through and through, no field too many.
 * @throws AccessError DOCUMENT_NOT_CANONICAL, DOCUMENT_SHAPE, DOCUMENT_TYPE, DOCUMENT_SIGNERS_UNORDERED, or a
 *   ProtocolError for what is not base64url or UTF-8
 */
export function decodeDocument<T>(type: DocumentType<T>, jws: string): UnverifiedDocument<T> {
  const envelope = checkShape(envelopeType, parseCanonicalJson(jws));
  const payload = fromBase64Url(envelope.payload);
  const signatures = envelope.signatures.map(({ protected: header, signature }) => ({
    signer: readSigner(type.typ, header),
    protected: header,
    signature,
  }));
  checkSigners(signatures);
  const value = checkShape(type, parseCanonicalJson(fromUtf8(payload)));
  return { typ: type.typ, value, payload, id: sha256(payload), signatures, jws };
}

const headerType: DocumentType<{ kid: string; typ: string }> = {
  typ: "jws header",
  schema: strictObject({ alg: Type.Literal(ALGORITHM), kid: Bytes32, typ: Type.String() }),
};

function readSigner(typ: string, header: string): Uint8Array {
  const value = checkShape(headerType, parseCanonicalJson(fromUtf8(fromBase64Url(header))));
  if (value.typ !== typ) throw new AccessError("DOCUMENT_TYPE", { expected: typ, actual: value.typ });
  return fromBase64Url(value.kid);
}

/**
 * The document, now known to be signed by every key in `required` and by nobody else.
 * @throws AccessError DOCUMENT_SIGNER_MISSING, DOCUMENT_SIGNER_UNKNOWN, DOCUMENT_SIGNATURE_INVALID; `facts.signer` is
 *   the key as base64url
 */
export async function verifyDocument<T>(
  document: UnverifiedDocument<T>,
  required: readonly Uint8Array[],
): Promise<VerifiedDocument<T>> {
  const wanted = new Set(required.map((key) => toBase64Url(key)));
  const present = new Set(document.signatures.map(({ signer }) => toBase64Url(signer)));
  for (const signer of wanted)
    if (!present.has(signer)) throw new AccessError("DOCUMENT_SIGNER_MISSING", { typ: document.typ, signer });
  for (const signer of present)
    if (!wanted.has(signer)) throw new AccessError("DOCUMENT_SIGNER_UNKNOWN", { typ: document.typ, signer });
  await Promise.all(document.signatures.map((entry) => verifySignature(document, entry)));
  return document as VerifiedDocument<T>;
}

async function verifySignature<T>(document: UnverifiedDocument<T>, entry: DocumentSignature): Promise<void> {
  const signer = toBase64Url(entry.signer);
  try {
    const key = await importJWK({ kty: "OKP", crv: "Ed25519", x: signer }, ALGORITHM);
    const jws = {
      payload: toBase64Url(document.payload),
      protected: entry.protected,
      signature: entry.signature,
    };
    await flattenedVerify(jws, key, { algorithms: [ALGORITHM] });
  } catch {
    throw new AccessError("DOCUMENT_SIGNATURE_INVALID", { typ: document.typ, signer });
  }
}

/**
 * One document with the signatures of all the given ones, each signed apart by somebody else.
 * @throws AccessError DOCUMENT_PAYLOADS_DIFFER, DOCUMENT_SIGNERS_UNORDERED (one signed in two of them), or as decodeDocument
 */
export function mergeSignatures<T>(type: DocumentType<T>, parts: readonly string[]): string {
  const documents = parts.map((jws) => decodeDocument(type, jws));
  const first = documents[0];
  if (first === undefined) throw new AccessError("DOCUMENT_SIGNER_MISSING", { typ: type.typ });
  const id = toBase64Url(first.id);
  if (documents.some((document) => toBase64Url(document.id) !== id))
    throw new AccessError("DOCUMENT_PAYLOADS_DIFFER", { typ: type.typ });
  return assemble(
    first.payload,
    documents.flatMap((document) => document.signatures),
  );
}
