import { PortcullisError } from "@portcullis/protocol";

/** What `crypto` throws, with the sentence that docs/errors.md and the message share. */
export const cryptoErrors = {
  CRYPTO_LENGTH: "A key, nonce, seed or other input does not have the length that its algorithm demands.",
  AEAD_OPEN: "The ciphertext does not open under this key, nonce and associated data.",
  SIGNATURE_INVALID: "The signature is not the key's signature over these bytes.",
  MERKLE_PATH: "The path does not lead from this leaf to a root of a tree of this size.",
  MERKLE_INDEX: "There is no leaf with this index.",
} as const;

export type CryptoErrorCode = keyof typeof cryptoErrors;

/** A cryptographic check that failed. The facts are public values only. */
export class CryptoError extends PortcullisError<CryptoErrorCode> {
  constructor(code: CryptoErrorCode, facts: Readonly<Record<string, unknown>> = {}) {
    super(code, cryptoErrors[code], facts);
  }
}

/** @throws CryptoError CRYPTO_LENGTH */
export function requireLength(bytes: Uint8Array, expected: number, what: string): void {
  if (bytes.length !== expected)
    throw new CryptoError("CRYPTO_LENGTH", { what, expected, actual: bytes.length });
}
