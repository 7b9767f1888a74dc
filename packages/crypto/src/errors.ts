import { PortcullisError } from "@portcullis/protocol";

/** What `crypto` throws, with the sentence that docs/errors.md and the message share. */
export const cryptoErrors = {
  CRYPTO_LENGTH: "A key, nonce, seed or other input does not have the length that its algorithm demands.",
  AEAD_OPEN: "The ciphertext does not open under this key, nonce and associated data.",
  SIGNATURE_INVALID: "The signature is not the key's signature over these bytes.",
  MERKLE_PATH: "The path does not lead from this leaf to a root of a tree of this size.",
  MERKLE_INDEX: "There is no leaf with this index.",
  QUORUM_KEY: "A quorum's key is not a valid group element, or a list of quorums is empty or too long.",
  CAPSULE_INVALID: "The capsule was not made for this label, place, keyset and group key.",
  CAPSULE_MISMATCH: "The verified capsules are not those of this label and these quorums, in their order.",
  SHARE_INVALID: "The share is not what this custodian owes for this capsule and binding.",
  SHARE_COUNT: "There are fewer shares than the threshold.",
  SHARE_DUPLICATE: "Two shares carry the same index.",
  SHARE_SECRET: "The custodian's secret share is not a valid scalar or its index is not valid.",
  DKG_PARAMETERS: "The threshold, the participants or the own index of the key generation are not possible.",
  DKG_STATE: "The steps of the key generation were not called in their order, or more than once.",
  DKG_COMMITMENT: "A participant's first round is not the one that it committed to.",
  DKG_ROUND1:
    "A participant's first round is malformed, of another ceremony, or proves no knowledge of its secret.",
  DKG_TRANSCRIPT: "A participant saw other public messages than this one.",
  DKG_SHARE: "A participant's secret share does not fit its public commitments.",
  VRF_KEY: "The key of the verifiable random function is not a valid scalar or group element.",
  VRF_PROOF: "The proof does not show that this is the key's output for this input.",
  HPKE_KEY: "The HPKE key is not valid.",
  HPKE_OPEN: "The sealed bytes do not open under this key, info and associated data.",
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
