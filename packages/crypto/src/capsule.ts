import { concatBytes, encodeCbor, equalBytes, type CborValue } from "@portcullis/protocol";
import { CryptoError, requireLength } from "./errors.ts";
import {
  hashToScalar,
  isElement,
  isScalar,
  multiply,
  multiplyBase,
  scalarMultiplyAdd,
  secretScalar,
  subtract,
} from "./group.ts";
import { hkdfSha256, wipe } from "./hash.ts";
import { MAX_QUORUMS, secondGenerator, type QuorumKey } from "./quorum.ts";

const SEED_BYTES = 32;
const KEY_BYTES = 32;
export const CAPSULE_BYTES = 128;

declare const brand: unique symbol;

/** A capsule that is known to be made for this label, place and keyset. Only `verifyCapsule` makes one. */
export interface VerifiedCapsule {
  readonly label: Uint8Array;
  /** Place in the policy's order, from 0. */
  readonly quorumIndex: number;
  readonly quorum: QuorumKey;
  /** `U`, 32 bytes. */
  readonly ephemeral: Uint8Array;
  readonly [brand]: "VerifiedCapsule";
}

/** What a capsule stands for: every hash about it begins with these. */
export function capsuleStatement(label: Uint8Array, quorumIndex: number, quorum: QuorumKey): CborValue[] {
  return [label, quorumIndex, quorum.keysetId, quorum.groupKey];
}

/**
 * A bucket's key and one capsule per quorum, both determined by the arguments alone, so that every member can make
 * them again and compare. `seed`: 32 secret bytes of this bucket and no other, as secret as the key. spec/threshold.md
 * @throws CryptoError CRYPTO_LENGTH, QUORUM_KEY
 */
export function encapsulate(input: {
  readonly seed: Uint8Array;
  readonly label: Uint8Array;
  /** In the policy's order. */
  readonly quorums: readonly QuorumKey[];
}): { capsules: Uint8Array[]; key: Uint8Array } {
  const { seed, label, quorums } = input;
  requireLength(seed, SEED_BYTES, "bucket seed");
  requireQuorumCount(quorums.length);
  const sealed = quorums.map((quorum, index) => encapsulateTo(seed, label, index, quorum));
  const key = bucketKey(
    label,
    quorums.map((quorum, j) => ({ quorum, ephemeral: (sealed[j] as Sealed).capsule.subarray(0, 32) })),
    sealed.map(({ sharedElement }) => sharedElement),
  );
  for (const { sharedElement } of sealed) wipe(sharedElement);
  return { capsules: sealed.map(({ capsule }) => capsule), key };
}

interface Sealed {
  readonly capsule: Uint8Array;
  /** `rY`, secret. */
  readonly sharedElement: Uint8Array;
}

function encapsulateTo(seed: Uint8Array, label: Uint8Array, quorumIndex: number, quorum: QuorumKey): Sealed {
  const generator = secondGenerator(quorum);
  const statement = capsuleStatement(label, quorumIndex, quorum);
  // Two capsules with the same r and s and different labels give r away, hence the label under the derivation. KEM-03.
  const r = secretScalar(seed, "portcullis/kem/v1/r", statement);
  const s = secretScalar(seed, "portcullis/kem/v1/s", statement);
  const [u, uBar] = [multiplyBase(r), multiply(r, generator)];
  const e = challenge(statement, u, uBar, multiplyBase(s), multiply(s, generator));
  const f = scalarMultiplyAdd(s, r, e);
  const sharedElement = multiply(r, quorum.groupKey);
  wipe(r, s);
  return { capsule: concatBytes(u, uBar, e, f), sharedElement };
}

function challenge(
  statement: readonly CborValue[],
  u: Uint8Array,
  uBar: Uint8Array,
  w: Uint8Array,
  wBar: Uint8Array,
): Uint8Array {
  return hashToScalar("portcullis/kem/v1/capsule", [...statement, u, uBar, w, wBar]);
}

/**
 * Anyone can tell that a capsule was made for this label, place and keyset by somebody who knows its secret. A
 * custodian that skipped this would raise any element that it is given to its secret. KEM-05.
 * @throws CryptoError CAPSULE_INVALID, QUORUM_KEY
 */
export function verifyCapsule(input: {
  readonly label: Uint8Array;
  readonly quorumIndex: number;
  readonly quorum: QuorumKey;
  readonly capsule: Uint8Array;
}): VerifiedCapsule {
  const { label, quorumIndex, quorum, capsule } = input;
  const generator = secondGenerator(quorum);
  if (capsule.length !== CAPSULE_BYTES)
    throw new CryptoError("CAPSULE_INVALID", { quorumIndex, reason: "length" });
  const [u, uBar, e, f] = [0, 32, 64, 96].map((at) => capsule.slice(at, at + 32)) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  if (!isElement(u) || !isElement(uBar) || !isScalar(e) || !isScalar(f))
    throw new CryptoError("CAPSULE_INVALID", { quorumIndex, reason: "encoding" });
  const w = subtract(multiplyBase(f), multiply(e, u));
  const wBar = subtract(multiply(f, generator), multiply(e, uBar));
  if (!equalBytes(challenge(capsuleStatement(label, quorumIndex, quorum), u, uBar, w, wBar), e))
    throw new CryptoError("CAPSULE_INVALID", { quorumIndex, reason: "proof" });
  const own = { keysetId: quorum.keysetId.slice(), groupKey: quorum.groupKey.slice() };
  return { label: label.slice(), quorumIndex, quorum: own, ephemeral: u } as VerifiedCapsule;
}

/**
 * The bucket's key from what each quorum's custodians gave together (`combineShares`), in the policy's order. KEM-04.
 * @throws CryptoError CAPSULE_MISMATCH, QUORUM_KEY, CRYPTO_LENGTH
 */
export function deriveBucketKey(input: {
  readonly label: Uint8Array;
  readonly quorums: readonly {
    readonly quorum: QuorumKey;
    readonly capsule: VerifiedCapsule;
    /** `rY`, 32 bytes. */
    readonly rY: Uint8Array;
  }[];
}): Uint8Array {
  const { label, quorums } = input;
  requireQuorumCount(quorums.length);
  for (const [place, { quorum, capsule, rY }] of quorums.entries()) {
    requireLength(rY, 32, "combined element");
    const fits =
      capsule.quorumIndex === place &&
      equalBytes(capsule.label, label) &&
      equalBytes(capsule.quorum.keysetId, quorum.keysetId) &&
      equalBytes(capsule.quorum.groupKey, quorum.groupKey);
    if (!fits) throw new CryptoError("CAPSULE_MISMATCH", { place });
  }
  return bucketKey(
    label,
    quorums.map(({ quorum, capsule }) => ({ quorum, ephemeral: capsule.ephemeral })),
    quorums.map(({ rY }) => rY),
  );
}

function bucketKey(
  label: Uint8Array,
  quorums: readonly { quorum: QuorumKey; ephemeral: Uint8Array }[],
  sharedElements: readonly Uint8Array[],
): Uint8Array {
  const bound = quorums.map(({ quorum, ephemeral }) => [quorum.keysetId, quorum.groupKey, ephemeral]);
  const ikm = concatBytes(...sharedElements);
  const key = hkdfSha256({ ikm, info: encodeCbor(["portcullis/kem/v1", label, bound]), length: KEY_BYTES });
  wipe(ikm);
  return key;
}

function requireQuorumCount(count: number): void {
  if (count < 1 || count > MAX_QUORUMS) throw new CryptoError("QUORUM_KEY", { reason: "count", count });
}
