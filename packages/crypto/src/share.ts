import { concatBytes, equalBytes, type CborValue, type Random } from "@portcullis/protocol";
import { capsuleStatement, type VerifiedCapsule } from "./capsule.ts";
import { CryptoError } from "./errors.ts";
import {
  add,
  hashToScalar,
  isElement,
  isScalar,
  lagrangeCoefficient,
  multiply,
  multiplyBase,
  scalarMultiplyAdd,
  secretScalar,
  subtract,
} from "./group.ts";
import { wipe } from "./hash.ts";
import type { KeysetPublic } from "./quorum.ts";

export const SHARE_BYTES = 98;
const MAX_INDEX = 65_535;
const FRESH_BYTES = 32;
const REMEMBERED_SETS = 64;

declare const brand: unique symbol;

/** One custodian's part of a keyset's secret. */
export interface SecretShare {
  /** From 1 to n. */
  readonly index: number;
  /** `x_i`: 32 bytes, a scalar. */
  readonly secret: Uint8Array;
}

/** The 98 bytes of a share whose proof holds. */
export type VerifiedShare = Uint8Array & { readonly [brand]: "VerifiedShare" };

/** `Y_i` of the shares in use: public, and the same for every capsule. */
const verificationShares = new WeakMap<SecretShare, Uint8Array>();

function verificationShareOf(share: SecretShare): Uint8Array {
  const known = verificationShares.get(share);
  if (known !== undefined) return known;
  if (!isIndex(share.index) || !isScalar(share.secret))
    throw new CryptoError("SHARE_SECRET", { index: share.index });
  const computed = multiplyBase(share.secret);
  verificationShares.set(share, computed);
  return computed;
}

function isIndex(index: number): boolean {
  return Number.isInteger(index) && index >= 1 && index <= MAX_INDEX;
}

/**
 * A custodian's share of the bucket's key, 98 bytes: index (u16, big endian), `U_i`, `e_i`, `f_i`. It is as sensitive
 * as the key: seal it to its recipient. `binding` says what it is released for (order, recipient); the proof holds
 * for that alone.
 * @throws CryptoError SHARE_SECRET
 */
export function createShare(input: {
  readonly capsule: VerifiedCapsule;
  readonly share: SecretShare;
  readonly binding: Uint8Array;
  readonly random: Random;
}): Uint8Array {
  const { capsule, share, binding, random } = input;
  const verificationShare = verificationShareOf(share);
  const u = capsule.ephemeral;
  const part = multiply(share.secret, u);
  const statement = shareStatement(capsule, share.index, verificationShare, part, binding);
  // Hedged: fresh when the generator works, still different for every statement when it is stuck. KEM-08.
  const k = secretScalar(share.secret, "portcullis/kem/v1/k", [...statement, random(FRESH_BYTES)]);
  const e = shareChallenge(statement, multiply(k, u), multiplyBase(k));
  const f = scalarMultiplyAdd(k, share.secret, e);
  wipe(k);
  return concatBytes(Uint8Array.of(share.index >> 8, share.index & 0xff), part, e, f);
}

function shareStatement(
  capsule: VerifiedCapsule,
  index: number,
  verificationShare: Uint8Array,
  part: Uint8Array,
  binding: Uint8Array,
): CborValue[] {
  return [
    ...capsuleStatement(capsule.label, capsule.quorumIndex, capsule.quorum),
    capsule.ephemeral,
    index,
    verificationShare,
    part,
    binding,
  ];
}

function shareChallenge(statement: readonly CborValue[], a: Uint8Array, b: Uint8Array): Uint8Array {
  return hashToScalar("portcullis/kem/v1/share", [...statement, a, b]);
}

interface DecodedShare {
  readonly index: number;
  readonly part: Uint8Array;
  readonly e: Uint8Array;
  readonly f: Uint8Array;
}

function decodeShare(share: Uint8Array): DecodedShare {
  if (share.length !== SHARE_BYTES) throw new CryptoError("SHARE_INVALID", { reason: "length" });
  const index = ((share[0] as number) << 8) | (share[1] as number);
  const [part, e, f] = [2, 34, 66].map((at) => share.slice(at, at + 32)) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  if (index === 0 || !isElement(part) || !isScalar(e) || !isScalar(f))
    throw new CryptoError("SHARE_INVALID", { index, reason: "encoding" });
  return { index, part, e, f };
}

/**
 * The share is what the custodian that it names owes for this capsule and binding, and nobody else could have made
 * it: a share that fails here, signed by its custodian, is proof of a cheat. KEM-07.
 * @throws CryptoError SHARE_INVALID with the index
 */
export function verifyShare(input: {
  readonly capsule: VerifiedCapsule;
  readonly keyset: KeysetPublic;
  readonly share: Uint8Array;
  readonly binding: Uint8Array;
}): VerifiedShare {
  const { capsule, keyset, share, binding } = input;
  const { index, part, e, f } = decodeShare(share);
  const verificationShare = keyset.verificationShares[index - 1];
  if (verificationShare === undefined || !isElement(verificationShare))
    throw new CryptoError("SHARE_INVALID", { index, reason: "index" });
  const sameKeyset =
    equalBytes(keyset.keysetId, capsule.quorum.keysetId) &&
    equalBytes(keyset.groupKey, capsule.quorum.groupKey);
  if (!sameKeyset) throw new CryptoError("SHARE_INVALID", { index, reason: "keyset" });
  const a = subtract(multiply(f, capsule.ephemeral), multiply(e, part));
  const b = subtract(multiplyBase(f), multiply(e, verificationShare));
  const statement = shareStatement(capsule, index, verificationShare, part, binding);
  if (!equalBytes(shareChallenge(statement, a, b), e))
    throw new CryptoError("SHARE_INVALID", { index, reason: "proof" });
  return share.slice() as VerifiedShare;
}

/**
 * `rY` from the first `threshold` of the shares, whose form is checked and whose proofs are not: whether they were
 * right shows when the key opens something, and then `verifyShare` names who cheated. KEM-09.
 * @throws CryptoError SHARE_INVALID, SHARE_COUNT, SHARE_DUPLICATE
 */
export function combineShares(input: {
  readonly capsule: VerifiedCapsule;
  readonly threshold: number;
  readonly shares: readonly Uint8Array[];
  /** n, when known: an index beyond it is refused. */
  readonly participants?: number;
}): Uint8Array {
  const { capsule, threshold, participants = MAX_INDEX } = input;
  const shares = input.shares.map(decodeShare);
  const indexes = shares.map(({ index }) => index);
  const facts = { quorumIndex: capsule.quorumIndex, threshold, given: shares.length };
  if (!isIndex(threshold) || shares.length < threshold) throw new CryptoError("SHARE_COUNT", facts);
  if (new Set(indexes).size !== indexes.length)
    throw new CryptoError("SHARE_DUPLICATE", { ...facts, indexes });
  for (const index of indexes)
    if (index > participants) throw new CryptoError("SHARE_INVALID", { index, reason: "index" });
  const used = shares.slice(0, threshold);
  const weights = lagrangeWeights(indexes.slice(0, threshold));
  return used
    .map(({ part }, i) => multiply(weights[i] as Uint8Array, part))
    .reduce((sum, term) => add(sum, term));
}

/** Weights of the sets of custodians that answered lately. Public values. */
const weightsOfSets = new Map<string, readonly Uint8Array[]>();

function lagrangeWeights(indexes: readonly number[]): readonly Uint8Array[] {
  const name = indexes.join();
  const known = weightsOfSets.get(name);
  if (known !== undefined) return known;
  const weights = indexes.map((index) => lagrangeCoefficient(index, indexes));
  if (weightsOfSets.size >= REMEMBERED_SETS)
    weightsOfSets.delete(weightsOfSets.keys().next().value as string);
  weightsOfSets.set(name, weights);
  return weights;
}
