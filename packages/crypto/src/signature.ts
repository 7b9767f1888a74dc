import { concatBytes, utf8, type Random } from "@portcullis/protocol";
import { CryptoError, requireLength } from "./errors.ts";
import { sodium } from "./sodium.ts";

const SEED_BYTES = 32;
const PUBLIC_KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;

declare const brand: unique symbol;

/**
 * An Ed25519 key pair. Branded, since signing under a public key that is not the seed's gives the seed away: only
 * `signingKeyFromSeed` makes one.
 */
export interface SigningKey {
  /** 32 bytes, secret. */
  readonly seed: Uint8Array;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly [brand]: "SigningKey";
}

/** @throws CryptoError CRYPTO_LENGTH */
export function signingKeyFromSeed(seed: Uint8Array): SigningKey {
  requireLength(seed, SEED_BYTES, "signing seed");
  const { publicKey } = sodium.crypto_sign_seed_keypair(seed);
  return { seed: seed.slice(), publicKey } as SigningKey;
}

export function generateSigningKey(random: Random): SigningKey {
  return signingKeyFromSeed(random(SEED_BYTES));
}

/** Ed25519, 64 bytes, deterministic. RFC 8032. */
export function sign(key: SigningKey, message: Uint8Array): Uint8Array {
  const expanded = concatBytes(key.seed, key.publicKey);
  const signature = sodium.crypto_sign_detached(message, expanded);
  expanded.fill(0);
  return signature;
}

/**
 * Strict Ed25519, the same on every platform: the cofactorless equation, s below the group order, no public key or
 * R of small order, canonical encodings. RFC 8032 section 5.1.7.
 * @throws CryptoError SIGNATURE_INVALID, also for a key or signature of the wrong length
 */
export function verifySignature(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): void {
  if (
    publicKey.length !== PUBLIC_KEY_BYTES ||
    signature.length !== SIGNATURE_BYTES ||
    !sodium.crypto_sign_verify_detached(signature, message, publicKey)
  )
    throw new CryptoError("SIGNATURE_INVALID");
}

/** `sign` over the label and the content, kept apart from every other label. RFC 9420 section 5.1.2. */
export function signWithLabel(key: SigningKey, label: string, content: Uint8Array): Uint8Array {
  return sign(key, encodeSignContent(label, content));
}

/** @throws CryptoError SIGNATURE_INVALID */
export function verifyWithLabel(
  publicKey: Uint8Array,
  label: string,
  content: Uint8Array,
  signature: Uint8Array,
): void {
  verifySignature(publicKey, encodeSignContent(label, content), signature);
}

/** struct { opaque label<V>; opaque content<V>; } SignContent */
function encodeSignContent(label: string, content: Uint8Array): Uint8Array {
  const prefixed = utf8(`MLS 1.0 ${label}`);
  return concatBytes(
    encodeVectorLength(prefixed.length),
    prefixed,
    encodeVectorLength(content.length),
    content,
  );
}

/** Variable-size vector length. RFC 9420 section 2.1.2. */
function encodeVectorLength(length: number): Uint8Array {
  if (length < 0x40) return Uint8Array.of(length);
  if (length < 0x4000) return Uint8Array.of(0x40 | (length >> 8), length & 0xff);
  if (length < 0x4000_0000)
    return Uint8Array.of(0x80 | (length >> 24), (length >> 16) & 0xff, (length >> 8) & 0xff, length & 0xff);
  throw new CryptoError("CRYPTO_LENGTH", { what: "labelled content", actual: length });
}
