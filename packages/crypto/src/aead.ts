import { concatBytes, type Random } from "@portcullis/protocol";
import { CryptoError, requireLength } from "./errors.ts";
import { sodium } from "./sodium.ts";

const KEY_BYTES = 32;
const NONCE_BYTES = 24;
const TAG_BYTES = 16;

/**
 * XChaCha20-Poly1305: ciphertext || 16-byte tag. The 24-byte nonce is long enough to be drawn at random.
 * draft-irtf-cfrg-xchacha-03.
 * @throws CryptoError CRYPTO_LENGTH
 */
export function aeadSeal(
  key: Uint8Array,
  nonce: Uint8Array,
  plaintext: Uint8Array,
  associatedData: Uint8Array,
): Uint8Array {
  requireLength(key, KEY_BYTES, "AEAD key");
  requireLength(nonce, NONCE_BYTES, "AEAD nonce");
  return sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(plaintext, associatedData, null, nonce, key);
}

/** The plaintext. @throws CryptoError AEAD_OPEN, CRYPTO_LENGTH */
export function aeadOpen(
  key: Uint8Array,
  nonce: Uint8Array,
  ciphertext: Uint8Array,
  associatedData: Uint8Array,
): Uint8Array {
  requireLength(key, KEY_BYTES, "AEAD key");
  requireLength(nonce, NONCE_BYTES, "AEAD nonce");
  if (ciphertext.length < TAG_BYTES) throw new CryptoError("AEAD_OPEN");
  try {
    return sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(null, ciphertext, associatedData, nonce, key);
  } catch {
    throw new CryptoError("AEAD_OPEN");
  }
}

/** A nonce drawn at random || `aeadSeal` under it. @throws CryptoError CRYPTO_LENGTH */
export function aeadSealAtRandom(
  key: Uint8Array,
  plaintext: Uint8Array,
  associatedData: Uint8Array,
  random: Random,
): Uint8Array {
  const nonce = random(NONCE_BYTES);
  return concatBytes(nonce, aeadSeal(key, nonce, plaintext, associatedData));
}

/** The plaintext of what `aeadSealAtRandom` made. @throws CryptoError AEAD_OPEN, CRYPTO_LENGTH */
export function aeadOpenPrefixed(
  key: Uint8Array,
  sealed: Uint8Array,
  associatedData: Uint8Array,
): Uint8Array {
  if (sealed.length < NONCE_BYTES) throw new CryptoError("AEAD_OPEN");
  return aeadOpen(key, sealed.subarray(0, NONCE_BYTES), sealed.subarray(NONCE_BYTES), associatedData);
}
