import { concatBytes } from "@portcullis/protocol";
import { CryptoError } from "./errors.ts";
import { sodium } from "./sodium.ts";

const HASH_BYTES = 32;
const EMPTY = new Uint8Array(0);

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return parts.length === 1 ? (parts[0] as Uint8Array) : concatBytes(...parts);
}

/** SHA-256 of the parts, one after the other with nothing between them. FIPS 180-4. */
export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  return sodium.crypto_hash_sha256(joined(parts));
}

/** HMAC-SHA256 of the parts, one after the other. `key`: any length. RFC 2104. */
export function hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  // HMAC pads a key with zeros to the hash's block, so a short key and its zero-padded form are one key.
  if (key.length === HASH_BYTES) return sodium.crypto_auth_hmacsha256(joined(parts), key);
  if (key.length < HASH_BYTES) {
    const padded = new Uint8Array(HASH_BYTES);
    padded.set(key);
    return sodium.crypto_auth_hmacsha256(joined(parts), padded);
  }
  const state = sodium.crypto_auth_hmacsha256_init(key);
  for (const part of parts) sodium.crypto_auth_hmacsha256_update(state, part);
  return sodium.crypto_auth_hmacsha256_final(state);
}

/**
 * HKDF-SHA256, extract and expand. `salt`: none is 32 zeros. `length`: 1 to 8160 bytes. RFC 5869.
 * @throws CryptoError CRYPTO_LENGTH
 */
export function hkdfSha256(input: {
  readonly ikm: Uint8Array;
  readonly salt?: Uint8Array;
  readonly info: Uint8Array;
  readonly length: number;
}): Uint8Array {
  const { ikm, salt = EMPTY, info, length } = input;
  if (!Number.isInteger(length) || length < 1 || length > 255 * HASH_BYTES)
    throw new CryptoError("CRYPTO_LENGTH", { what: "HKDF output", actual: length });
  const pseudorandomKey = hmacSha256(salt, ikm);
  const out = new Uint8Array(length);
  let block: Uint8Array = EMPTY;
  for (let counter = 1, offset = 0; offset < length; counter++, offset += HASH_BYTES) {
    block = hmacSha256(pseudorandomKey, block, info, Uint8Array.of(counter));
    out.set(block.subarray(0, Math.min(HASH_BYTES, length - offset)), offset);
  }
  wipe(pseudorandomKey, block);
  return out;
}

/** Takes the same time wherever the first difference is; only the lengths show. */
export function constantTimeEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && sodium.memcmp(a, b);
}

/** Best effort: the engine may hold copies that no program can reach. */
export function wipe(...secrets: readonly Uint8Array[]): void {
  for (const secret of secrets) secret.fill(0);
}

/** SHA-256 of what comes in pieces; `digest` ends it. */
export function sha256Stream(): { update(bytes: Uint8Array): void; digest(): Uint8Array } {
  const state = sodium.crypto_hash_sha256_init();
  return {
    update: (bytes) => sodium.crypto_hash_sha256_update(state, bytes),
    digest: () => sodium.crypto_hash_sha256_final(state),
  };
}
