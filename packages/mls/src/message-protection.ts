import { concatBytes, type Random } from "@portcullis/protocol";
import { MlsError } from "./errors.ts";
import { expandWithLabel, signContent } from "./labels.ts";
import {
  AEAD_KEY_BYTES,
  AEAD_NONCE_BYTES,
  HASH_BYTES,
  type Eventually,
  type Primitives,
} from "./provider.ts";
import { advanceRatchet, turnRatchet, type Ratchet } from "./secret-tree.ts";
import { opaque, TlsReader, uint16, uint32, uint64, uint8 } from "./tls.ts";

const MLS10 = 1;
export const PRIVATE_MESSAGE = 2;
const MEMBER = 1;
const REUSE_GUARD_BYTES = 4;
const SIGNATURE_BYTES = 64;
const NOTHING = new Uint8Array();
const HEADER = concatBytes(uint16(MLS10), uint16(PRIVATE_MESSAGE));

/** ContentType. RFC 9420 section 6. */
export const contentTypes = { application: 1, proposal: 2, commit: 3 } as const;
export type ContentType = (typeof contentTypes)[keyof typeof contentTypes];

/** What of an epoch it takes to protect and open messages. */
export interface EpochKeys {
  readonly groupId: Uint8Array;
  readonly epoch: number;
  /** The GroupContext as RFC 9420 section 8.1 encodes it. */
  readonly groupContext: Uint8Array;
  readonly senderDataSecret: Uint8Array;
}

/** A PrivateMessage as it arrived: views of its bytes. RFC 9420 section 6.3. */
export interface SealedMessage {
  readonly groupId: Uint8Array;
  readonly epoch: number;
  readonly contentType: number;
  readonly authenticatedData: Uint8Array;
  readonly senderData: Uint8Array;
  readonly ciphertext: Uint8Array;
}

export interface SenderData {
  readonly leafIndex: number;
  readonly generation: number;
  readonly reuseGuard: Uint8Array;
}

/** Who sent the message and with which key, not yet authenticated. */
export interface AddressedMessage extends SealedMessage, SenderData {}

/** Decrypted, and its signature not yet verified. */
interface DecryptedMessage {
  readonly message: AddressedMessage;
  /** The content and what follows it: signature, for Commits the confirmation tag, padding. */
  readonly contentAndAuth: Uint8Array;
  readonly next: Ratchet;
}

/** Decrypted, and its signature verified. */
export interface OpenedContent {
  /** Still encoded. */
  readonly content: Uint8Array;
  /** FramedContent, as it was signed. */
  readonly framed: Uint8Array;
  readonly signature: Uint8Array;
  /** Of Commits; empty otherwise. To be verified with the keys of the epoch that it begins. */
  readonly confirmationTag: Uint8Array;
  /** The ratchet to keep. */
  readonly next: Ratchet;
}

/** @throws MlsError MLS_WIRE_FORMAT, MLS_MALFORMED */
export function decodePrivateMessage(message: Uint8Array): SealedMessage {
  const reader = new TlsReader(message, "PrivateMessage");
  const version = reader.uint16();
  const wireFormat = reader.uint16();
  if (version !== MLS10 || wireFormat !== PRIVATE_MESSAGE)
    throw new MlsError("MLS_WIRE_FORMAT", { version, wireFormat });
  const sealed = {
    groupId: reader.opaque(),
    epoch: reader.uint64(),
    contentType: reader.uint8(),
    authenticatedData: reader.opaque(),
    senderData: reader.opaque(),
    ciphertext: reader.opaque(),
  };
  reader.end();
  return sealed;
}

/** One application message under the ratchet's current key. The caller pads. RFC 9420 sections 6.1, 6.3. */
export async function protectApplication(
  primitives: Primitives,
  keys: EpochKeys,
  sender: { readonly leafIndex: number; readonly seed: Uint8Array; readonly ratchet: Ratchet },
  content: { readonly plaintext: Uint8Array; readonly authenticatedData: Uint8Array },
  random: Random,
): Promise<{ message: Uint8Array; next: Ratchet }> {
  const { authenticatedData } = content;
  const type = contentTypes.application;
  const applicationData = opaque(content.plaintext);
  const framed = framedContent(keys, sender.leafIndex, authenticatedData, type, applicationData);
  const signature = await signFramed(primitives, keys, framed, sender.seed);
  const contentAndAuth = concatBytes(applicationData, opaque(signature));
  return protectContent(primitives, keys, sender, { type, authenticatedData, contentAndAuth }, random);
}

/** What is signed already, under the ratchet's current key. RFC 9420 section 6.3. */
export async function protectContent(
  primitives: Primitives,
  keys: EpochKeys,
  sender: { readonly leafIndex: number; readonly ratchet: Ratchet },
  content: {
    readonly type: ContentType;
    readonly authenticatedData: Uint8Array;
    /** The content and what follows it: signature, for Commits the confirmation tag, padding. */
    readonly contentAndAuth: Uint8Array;
  },
  random: Random,
): Promise<{ message: Uint8Array; next: Ratchet }> {
  const { type } = content;
  const { messageKey, next } = await turnRatchet(primitives, sender.ratchet);
  const reuseGuard = random(REUSE_GUARD_BYTES);
  const ciphertext = await primitives.seal(
    messageKey.key,
    guardedNonce(messageKey.nonce, reuseGuard),
    contentAad(keys, type, content.authenticatedData),
    content.contentAndAuth,
  );
  messageKey.key.fill(0);

  const senderData = concatBytes(uint32(sender.leafIndex), uint32(messageKey.generation), reuseGuard);
  const { key, nonce } = await senderDataKey(primitives, keys.senderDataSecret, ciphertext);
  const sealedSenderData = await primitives.seal(key, nonce, senderDataAad(keys, type), senderData);
  return {
    message: concatBytes(
      HEADER,
      contentAad(keys, type, content.authenticatedData),
      opaque(sealedSenderData),
      opaque(ciphertext),
    ),
    next,
  };
}

/** Reads who sent a message. RFC 9420 section 6.3.2. @throws MlsError MLS_UNDECRYPTABLE, MLS_MALFORMED */
export async function openSenderData(
  primitives: Primitives,
  keys: EpochKeys,
  sealed: SealedMessage,
): Promise<AddressedMessage> {
  const { key, nonce } = await senderDataKey(primitives, keys.senderDataSecret, sealed.ciphertext);
  const aad = senderDataAad(keys, sealed.contentType);
  const reader = new TlsReader(
    await openOrRefuse(primitives, key, nonce, aad, sealed.senderData),
    "SenderData",
  );
  const senderData = {
    leafIndex: reader.uint32(),
    generation: reader.uint32(),
    reuseGuard: reader.take(REUSE_GUARD_BYTES),
  };
  reader.end();
  return { ...sealed, ...senderData };
}

/** RFC 9420 section 6.3.1. @throws MlsError MLS_GENERATION_USED, MLS_GENERATION_TOO_FAR, MLS_UNDECRYPTABLE */
async function decryptContent(
  primitives: Primitives,
  keys: EpochKeys,
  message: AddressedMessage,
  ratchet: Ratchet,
): Promise<DecryptedMessage> {
  const current = await advanceRatchet(primitives, ratchet, message.generation);
  const { messageKey, next } = await turnRatchet(primitives, current);
  const contentAndAuth = await openOrRefuse(
    primitives,
    messageKey.key,
    guardedNonce(messageKey.nonce, message.reuseGuard),
    contentAad(keys, message.contentType, message.authenticatedData),
    message.ciphertext,
  );
  messageKey.key.fill(0);
  return { message, contentAndAuth, next };
}

/**
 * Decrypts a message under its sender's ratchet and verifies who signed it. `contentLength` finds where the content
 * ends in what was decrypted.
 * @throws MlsError MLS_GENERATION_USED, MLS_GENERATION_TOO_FAR, MLS_UNDECRYPTABLE, MLS_SIGNATURE, MLS_PADDING, MLS_MALFORMED
 */
export async function openContent(
  primitives: Primitives,
  keys: EpochKeys,
  message: AddressedMessage,
  sender: { readonly signatureKey: Uint8Array; readonly ratchet: Ratchet },
  contentLength: (contentAndAuth: Uint8Array) => number,
): Promise<OpenedContent> {
  const { contentAndAuth, next } = await decryptContent(primitives, keys, message, sender.ratchet);
  const reader = new TlsReader(contentAndAuth, "PrivateMessageContent");
  const content = reader.take(contentLength(contentAndAuth));
  const signature = reader.opaque();
  const confirmationTag = message.contentType === contentTypes.commit ? reader.opaque() : NOTHING;
  if (reader.rest().some((byte) => byte !== 0)) throw new MlsError("MLS_PADDING");

  const { leafIndex, authenticatedData, contentType } = message;
  const framed = framedContent(keys, leafIndex, authenticatedData, contentType, content);
  const signed = signContent("FramedContentTBS", toBeSigned(keys, framed));
  if (
    signature.length !== SIGNATURE_BYTES ||
    !(await isSignature(primitives, sender.signatureKey, signed, signature))
  )
    throw new MlsError("MLS_SIGNATURE", { leafIndex });
  return { content, framed, signature, confirmationTag, next };
}

/** opaque application_data<V>: its whole length, that of the length included. */
export function applicationDataLength(contentAndAuth: Uint8Array): number {
  const reader = new TlsReader(contentAndAuth, "application data");
  reader.opaque();
  return contentAndAuth.length - reader.rest().length;
}

async function isSignature(
  primitives: Primitives,
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  try {
    return await primitives.isSignature(publicKey, message, signature);
  } catch {
    return false;
  }
}

async function openOrRefuse(
  primitives: Primitives,
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  sealed: Uint8Array,
): Promise<Uint8Array> {
  try {
    return await primitives.open(key, nonce, aad, sealed);
  } catch {
    throw new MlsError("MLS_UNDECRYPTABLE");
  }
}

/** The signature over a member's FramedContent. RFC 9420 section 6.1. */
export function signFramed(
  primitives: Primitives,
  keys: EpochKeys,
  framed: Uint8Array,
  seed: Uint8Array,
): Eventually<Uint8Array> {
  return primitives.sign(seed, signContent("FramedContentTBS", toBeSigned(keys, framed)));
}

/** FramedContentTBS of a PrivateMessage. RFC 9420 section 6.1. */
function toBeSigned({ groupContext }: EpochKeys, framed: Uint8Array): Uint8Array {
  return concatBytes(HEADER, framed, groupContext);
}

/** A member's FramedContent. RFC 9420 section 6. */
export function framedContent(
  keys: EpochKeys,
  leafIndex: number,
  authenticatedData: Uint8Array,
  contentType: number,
  content: Uint8Array,
): Uint8Array {
  return concatBytes(
    opaque(keys.groupId),
    uint64(keys.epoch),
    uint8(MEMBER),
    uint32(leafIndex),
    opaque(authenticatedData),
    uint8(contentType),
    content,
  );
}

/** PrivateContentAAD, which is also how a PrivateMessage begins. RFC 9420 section 6.3.1. */
function contentAad(keys: EpochKeys, contentType: number, authenticatedData: Uint8Array): Uint8Array {
  return concatBytes(senderDataAad(keys, contentType), opaque(authenticatedData));
}

function senderDataAad(keys: EpochKeys, contentType: number): Uint8Array {
  return concatBytes(opaque(keys.groupId), uint64(keys.epoch), uint8(contentType));
}

/** RFC 9420 section 6.3.2. */
export async function senderDataKey(
  primitives: Primitives,
  senderDataSecret: Uint8Array,
  ciphertext: Uint8Array,
): Promise<{ key: Uint8Array; nonce: Uint8Array }> {
  const sample = ciphertext.subarray(0, HASH_BYTES);
  return {
    key: await expandWithLabel(primitives, senderDataSecret, "key", sample, AEAD_KEY_BYTES),
    nonce: await expandWithLabel(primitives, senderDataSecret, "nonce", sample, AEAD_NONCE_BYTES),
  };
}

function guardedNonce(nonce: Uint8Array, reuseGuard: Uint8Array): Uint8Array {
  return nonce.map((byte, index) => byte ^ (reuseGuard[index] ?? 0));
}
