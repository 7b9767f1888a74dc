import { aeadOpenPrefixed, aeadSealAtRandom, hmacSha256, sha256, verifyWithLabel } from "@portcullis/crypto";
import {
  asMessageId,
  decodeCbor,
  encodeCbor,
  equalBytes,
  FieldReader,
  padme,
  PortcullisError,
  unpadme,
  type MessageId,
  type Random,
} from "@portcullis/protocol";
import { AccessError } from "./errors.ts";

const VERSION = "portcullis/record/v1";
const WHAT = "record";

/** The label under which a device signs a record. RFC 9420 section 5.1.2. */
export const RECORD_SIGNATURE_LABEL = "Portcullis Record 1";

/** Where a leaf's next record belongs: its number in the epoch, and the hash of the one before (zeros before the first). */
export interface RecordChain {
  readonly index: number;
  readonly previous: Uint8Array;
}

/** Before a leaf's first record of an epoch. */
export const recordChainStart: RecordChain = { index: 0, previous: new Uint8Array(32) };

/** What a record says, signed by the device that sent it. */
export interface RecordContent {
  readonly messageId: MessageId;
  /** 32 bytes. */
  readonly frankingTag: Uint8Array;
  readonly index: number;
  /** 32 bytes: recordHash of the leaf's previous record in the epoch. */
  readonly previous: Uint8Array;
  readonly applicationData: Uint8Array;
}

declare const verified: unique symbol;

/** A record that opened under its label and carries its device's signature. */
export interface OpenedRecord extends RecordContent {
  readonly [verified]: true;
  readonly signature: Uint8Array;
  readonly recordHash: Uint8Array;
}

/** What the device signs: SignWithLabel(., "Portcullis Record 1", these bytes). */
export function recordSignatureContent(labelHash: Uint8Array, content: RecordContent): Uint8Array {
  const { messageId, frankingTag, index, previous, applicationData } = content;
  return encodeCbor([labelHash, messageId, frankingTag, index, previous, applicationData]);
}

/**
 * The record of one message: nonce || XChaCha20-Poly1305 under the bucket's key, with the label's hash as associated
 * data. `sign` makes the device's signature over the bytes that it is given, with the label above.
 */
export function sealRecord(
  input: RecordContent & {
    key: Uint8Array;
    labelHash: Uint8Array;
    sign: (content: Uint8Array) => Uint8Array;
    random: Random;
  },
): { record: Uint8Array; recordHash: Uint8Array; next: RecordChain } {
  const { messageId, frankingTag, index, previous, applicationData } = input;
  const signature = input.sign(recordSignatureContent(input.labelHash, input));
  const plaintext = encodeCbor([
    VERSION,
    messageId,
    frankingTag,
    index,
    previous,
    applicationData,
    signature,
  ]);
  const record = aeadSealAtRandom(input.key, padme(plaintext), input.labelHash, input.random);
  const recordHash = sha256(record);
  return { record, recordHash, next: { index: index + 1, previous: recordHash } };
}

/**
 * What a record says, after its seal, its padding and its device's signature were checked; rules ACC-50 to ACC-52.
 * `signatureKey`: the device's MLS signature key, 32 bytes.
 * @throws AccessError RECORD_OPEN, RECORD_SIGNATURE, RECORD_CHAIN, or ProtocolError for a malformed plaintext
 */
export function openRecord(input: {
  key: Uint8Array;
  labelHash: Uint8Array;
  record: Uint8Array;
  signatureKey: Uint8Array;
}): OpenedRecord {
  const plaintext = orElse("RECORD_OPEN", () => aeadOpenPrefixed(input.key, input.record, input.labelHash));
  const { content, signature } = decodePlaintext(unpadme(plaintext));
  orElse("RECORD_SIGNATURE", () =>
    verifyWithLabel(
      input.signatureKey,
      RECORD_SIGNATURE_LABEL,
      recordSignatureContent(input.labelHash, content),
      signature,
    ),
  );
  if (content.index === 0 && !equalBytes(content.previous, recordChainStart.previous))
    throw new AccessError("RECORD_CHAIN", { index: 0 });
  return { ...content, signature, recordHash: sha256(input.record) } as OpenedRecord;
}

function decodePlaintext(bytes: Uint8Array): { content: RecordContent; signature: Uint8Array } {
  const reader = new FieldReader(decodeCbor(bytes, WHAT), WHAT, 7);
  reader.constant(VERSION);
  const content = {
    messageId: asMessageId(reader.bytes(16)),
    frankingTag: reader.bytes(32),
    index: reader.integer(),
    previous: reader.bytes(32),
    applicationData: reader.bytes(),
  };
  return { content, signature: reader.bytes(64) };
}

function orElse<T>(code: "RECORD_OPEN" | "RECORD_SIGNATURE", action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof PortcullisError) throw new AccessError(code);
    throw error;
  }
}

/** The chain after this record, which must be its next; rule ACC-53. @throws AccessError RECORD_CHAIN */
export function followRecord(chain: RecordChain, record: OpenedRecord): RecordChain {
  if (record.index !== chain.index || !equalBytes(record.previous, chain.previous))
    throw new AccessError("RECORD_CHAIN", { expected: chain.index, actual: record.index });
  return { index: record.index + 1, previous: record.recordHash };
}

/** HMAC-SHA256 over the content, keyed with the salt that stands inside it (MIMI content, 16 bytes). */
export function frankingTag(salt: Uint8Array, applicationData: Uint8Array): Uint8Array {
  return hmacSha256(salt, applicationData);
}

/** Returns when the tag is that of the content; rule ACC-54. @throws AccessError RECORD_FRANKING_TAG */
export function verifyFrankingTag(tag: Uint8Array, salt: Uint8Array, applicationData: Uint8Array): void {
  if (!equalBytes(frankingTag(salt, applicationData), tag)) throw new AccessError("RECORD_FRANKING_TAG");
}
