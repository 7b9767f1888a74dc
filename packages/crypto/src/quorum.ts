import { toHex } from "@portcullis/protocol";
import { CryptoError } from "./errors.ts";
import { ELEMENT_BYTES, hashToElement, isElement } from "./group.ts";

const KEYSET_ID_BYTES = 32;
const REMEMBERED_KEYSETS = 256;
export const MAX_QUORUMS = 16;

/** What encapsulation needs of a keyset. */
export interface QuorumKey {
  /** 32 bytes, `ksid`: the hash of the signed keyset, which contains the rest. */
  readonly keysetId: Uint8Array;
  /** 32 bytes, `Y`. */
  readonly groupKey: Uint8Array;
}

/** What checking a custodian needs besides. */
export interface KeysetPublic extends QuorumKey {
  readonly threshold: number;
  /** `Y_i` at index i - 1, 32 bytes each. */
  readonly verificationShares: readonly Uint8Array[];
}

/** Second generators of the keysets in use. Public values; the oldest goes when there are too many. */
const generators = new Map<string, Uint8Array>();

/** `Gbar` of a keyset, once its group key is known to be a valid element. KEM-01. @throws CryptoError QUORUM_KEY */
export function secondGenerator(quorum: QuorumKey): Uint8Array {
  const name = toHex(quorum.keysetId) + toHex(quorum.groupKey);
  const known = generators.get(name);
  if (known !== undefined) return known;
  if (quorum.keysetId.length !== KEYSET_ID_BYTES || quorum.groupKey.length !== ELEMENT_BYTES)
    throw new CryptoError("QUORUM_KEY", { reason: "length" });
  if (!isElement(quorum.groupKey)) throw new CryptoError("QUORUM_KEY", { reason: "group key" });
  const generator = hashToElement("portcullis/kem/v1/generator", [quorum.keysetId]);
  if (generators.size >= REMEMBERED_KEYSETS) generators.delete(generators.keys().next().value as string);
  generators.set(name, generator);
  return generator;
}
