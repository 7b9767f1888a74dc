import type { Random } from "@portcullis/protocol";
import type { CiphersuiteImpl } from "ts-mls";

/** The one cipher suite, 0x0001. RFC 9420 section 17.1. */
export const CIPHER_SUITE = "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519";
export const HASH_BYTES = 32;
export const AEAD_KEY_BYTES = 16;
export const AEAD_NONCE_BYTES = 12;
export const AEAD_TAG_BYTES = 16;

/** A value, or the promise of one: Node computes at once, WebCrypto later. */
export type Eventually<T> = T | Promise<T>;

/** What message protection needs of suite 0x0001. Keys are raw: 16 bytes AES, 32 bytes HMAC, seed and point of Ed25519. */
export interface Primitives {
  hash(data: Uint8Array): Eventually<Uint8Array>;
  /** HKDF-Expand with SHA-256. RFC 5869 section 2.3. */
  expand(key: Uint8Array, info: Uint8Array, length: number): Eventually<Uint8Array>;
  /** AES-128-GCM; the tag stands behind the ciphertext. */
  seal(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Eventually<Uint8Array>;
  /** Throws anything when the tag is wrong. */
  open(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Eventually<Uint8Array>;
  sign(seed: Uint8Array, message: Uint8Array): Eventually<Uint8Array>;
  /** False, or throws anything, when the signature is wrong. */
  isSignature(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Eventually<boolean>;
}

/** Suite 0x0001 on one cryptographic library: for us, and in the shape that ts-mls takes. */
export interface CryptoProvider {
  readonly primitives: Primitives;
  cipherSuite(random: Random): CiphersuiteImpl;
}
