import { decodeCbor, FieldReader, type CborValue } from "./cbor.ts";
import { encodeCbor } from "./cbor-encoder.ts";
import { ProtocolError } from "./errors.ts";
import type { AccountId, ConversationId, DeviceId, MessageId } from "./identifiers.ts";
import { limits } from "./limits.ts";

/**
 * Franking, after draft-ietf-mimi-protocol: a member can later prove one message to somebody who was no member.
 *
 * The sender commits: `frankingTag = HMAC-SHA256(key = the content's salt, applicationData)`, where applicationData is
 * the unpadded MIMI content, and sends it in authenticated data. The server, which cannot read the content, vouches
 * for who committed to it where and when: `serverFrank = HMAC-SHA256(its own key, encodeFrankContext(...))`. One
 * signature over a Merkle root of frank leaves covers all messages of one group commit.
 */
export interface FrankContext {
  /** 32 bytes. */
  readonly frankingTag: Uint8Array;
  readonly conversationId: ConversationId;
  readonly senderAccountId: AccountId;
  readonly senderDeviceId: DeviceId;
  readonly messageId: MessageId;
  readonly acceptedAtMs: number;
}

/** The server's answer to one message. */
export interface Receipt {
  readonly acceptedAtMs: number;
  /** 32 bytes. */
  readonly serverFrank: Uint8Array;
  readonly batchIndex: number;
  readonly batchSize: number;
  /** RFC 6962 audit path of the frank leaf, 32 bytes each. */
  readonly path: readonly Uint8Array[];
  /** 64 bytes, Ed25519 by the conversation's franking key over `encodeFrankRoot`. */
  readonly rootSignature: Uint8Array;
}

/** What the server's HMAC covers. */
export function encodeFrankContext(context: FrankContext): Uint8Array {
  return encodeCbor(["portcullis/frank-context/v1", ...contextFields(context)]);
}

/** The leaf data of the batch's tree. */
export function encodeFrankLeaf(context: FrankContext, serverFrank: Uint8Array): Uint8Array {
  return encodeCbor(["portcullis/frank/v1", ...contextFields(context), serverFrank]);
}

/** What the server signs once per batch. `root`: 32 bytes, RFC 6962 root over the frank leaves. */
export function encodeFrankRoot({ root, size }: { root: Uint8Array; size: number }): Uint8Array {
  return encodeCbor(["portcullis/frank-root/v1", size, root]);
}

function contextFields(context: FrankContext): CborValue[] {
  return [
    context.frankingTag,
    context.conversationId,
    context.senderAccountId,
    context.senderDeviceId,
    context.messageId,
    context.acceptedAtMs,
  ];
}

const SALT_BYTES = 16;

/**
 * The salt with which a content is franked, for a server that reads nothing else of it: the first field of MIMI content,
 * an array of seven. @throws ProtocolError DECODE_SHAPE
 */
export function frankingSalt(applicationData: Uint8Array): Uint8Array {
  const [array, bytes] = applicationData;
  if (array !== 0x87 || bytes !== 0x40 + SALT_BYTES || applicationData.length < 2 + SALT_BYTES)
    throw new ProtocolError("DECODE_SHAPE", { what: "MIMI content" });
  return applicationData.subarray(2, 2 + SALT_BYTES);
}

export function encodeReceipt(receipt: Receipt): Uint8Array {
  return encodeCbor(receiptFields(receipt));
}

/** @throws ProtocolError DECODE_* */
export function decodeReceipt(bytes: Uint8Array): Receipt {
  return readReceipt(decodeCbor(bytes, "receipt"));
}

/** A receipt as a field of a larger structure. */
export function receiptFields(receipt: Receipt): CborValue {
  return [
    receipt.acceptedAtMs,
    receipt.serverFrank,
    receipt.batchIndex,
    receipt.batchSize,
    receipt.path,
    receipt.rootSignature,
  ];
}

/** @throws ProtocolError DECODE_* */
export function readReceipt(value: CborValue): Receipt {
  const what = "receipt";
  const reader = new FieldReader(value, what, 6);
  const acceptedAtMs = reader.integer();
  const serverFrank = reader.bytes(32);
  const batchIndex = reader.integer();
  const batchSize = reader.integer(1);
  if (batchIndex >= batchSize) throw new ProtocolError("DECODE_RANGE", { what, field: "batchIndex" });
  const path = reader.list((node) => readNode(node), limits.pathLength);
  return { acceptedAtMs, serverFrank, batchIndex, batchSize, path, rootSignature: reader.bytes(64) };
}

function readNode(value: CborValue): Uint8Array {
  if (!(value instanceof Uint8Array) || value.length !== 32)
    throw new ProtocolError("DECODE_LENGTH", { what: "receipt", field: "path" });
  return value;
}
