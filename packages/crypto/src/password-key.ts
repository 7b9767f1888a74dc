import { requireLength } from "./errors.ts";
import { sodium } from "./sodium.ts";

const KEY_BYTES = 32;
const SALT_BYTES = 16;

/** What Argon2id costs here: RFC 9106 section 4, the second recommended option, with one lane. */
export const PASSWORD_KEY_COST = { passes: 3, memoryKiB: 64 * 1024 } as const;

/**
 * A key from something that a person types, as slow to guess as `PASSWORD_KEY_COST` makes it. Argon2id v1.3, one lane.
 * 32 bytes; `salt`: 16. Takes a good part of a second.
 * @throws CryptoError CRYPTO_LENGTH
 */
export function passwordKey(password: Uint8Array, salt: Uint8Array): Uint8Array {
  requireLength(salt, SALT_BYTES, "password salt");
  const { passes, memoryKiB } = PASSWORD_KEY_COST;
  const algorithm = sodium.crypto_pwhash_ALG_ARGON2ID13;
  return sodium.crypto_pwhash(KEY_BYTES, password, salt, passes, memoryKiB * 1024, algorithm);
}
