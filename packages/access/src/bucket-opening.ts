import { combineShares, deriveBucketKey, verifyShare } from "@portcullis/crypto";
import { equalBytes, PortcullisError } from "@portcullis/protocol";
import { custodianOf } from "./approval.ts";
import type { VerifiedSealedBucket } from "./capsule.ts";
import { AccessError } from "./errors.ts";
import type { VerifiedPolicy } from "./policy.ts";
import type { ShareBatch } from "./share-batch.ts";

/** What one custodian gave for one bucket; `share` is undefined when its batch leaves the bucket out. */
export interface GivenShare {
  readonly custodian: string;
  readonly share: Uint8Array | undefined;
}

export interface OpenedBucket {
  /** 32 bytes, secret but to the order's recipient. */
  readonly key: Uint8Array;
  /** Custodians whose share of this bucket is missing or not sound, as far as it was checked. */
  readonly cheats: readonly string[];
}

interface BucketInput {
  readonly policy: VerifiedPolicy;
  readonly bucket: VerifiedSealedBucket;
  readonly batches: readonly ShareBatch[];
  /** shareBinding(order, recipient). */
  readonly binding: Uint8Array;
}

/**
 * The key of a bucket. Shares are combined as they come, which is five times faster; their proofs are checked only
 * when the key does not open what it should, and then the cheats are named and left out. Rule EVD-20.
 * `confirms`: whether a key opens a record of the bucket; undefined when the bucket has none, and then every share is checked.
 * @throws AccessError OPENING_SHARES_SHORT
 */
export function openBucket(
  input: BucketInput,
  confirms: ((key: Uint8Array) => boolean) | undefined,
): OpenedBucket {
  const given = input.bucket.keysets.map((_, quorumIndex) => givenShares(input, quorumIndex));
  const formed = given.map((shares) => shares.filter((share) => hasForm(input, share)));
  if (confirms !== undefined) {
    const key = optimisticKey(input, formed);
    if (key !== undefined && confirms(key)) return { key, cheats: missingFrom(formed, given) };
  }
  const sound = formed.map((shares, quorumIndex) =>
    shares.filter((share) => isSound(input, quorumIndex, share)),
  );
  return { key: combine(input, sound), cheats: missingFrom(sound, given) };
}

type SharesByQuorum = readonly (readonly GivenShare[])[];

function missingFrom(some: SharesByQuorum, all: SharesByQuorum): string[] {
  const present = new Set(some.flat().map(({ custodian }) => custodian));
  return all
    .flat()
    .map(({ custodian }) => custodian)
    .filter((custodian) => !present.has(custodian));
}

/** A share there is, under the custodian's own index. */
function hasForm({ policy }: Pick<BucketInput, "policy">, { custodian, share }: GivenShare): boolean {
  return share !== undefined && readIndex(share) === custodianOf(policy, custodian).shareIndex;
}

function readIndex(share: Uint8Array): number {
  return new DataView(share.buffer, share.byteOffset, share.byteLength).getUint16(0);
}

/** One for each custodian of the quorum that sent a batch. */
function givenShares({ policy, batches, bucket }: BucketInput, quorumIndex: number): GivenShare[] {
  return batches
    .filter(({ custodian }) => custodianOf(policy, custodian).quorumIndex === quorumIndex)
    .map(({ custodian, shares }) => ({
      custodian,
      share: shares.find(({ labelHash }) => equalBytes(labelHash, bucket.label.hash))?.share,
    }));
}

function optimisticKey(input: BucketInput, formed: SharesByQuorum): Uint8Array | undefined {
  try {
    return combine(input, formed);
  } catch (error) {
    if (error instanceof PortcullisError) return undefined;
    throw error;
  }
}

function combine({ bucket }: BucketInput, chosen: SharesByQuorum): Uint8Array {
  const quorums = bucket.keysets.map(({ public: quorum, keyset }, quorumIndex) => {
    const capsule = capsuleOf(bucket, quorumIndex);
    const shares = (chosen[quorumIndex] ?? []).flatMap(({ share }) => (share === undefined ? [] : [share]));
    const { threshold } = quorum;
    if (shares.length < threshold)
      throw new AccessError("OPENING_SHARES_SHORT", {
        quorum: keyset.quorum,
        needed: threshold,
        sound: shares.length,
      });
    const participants = quorum.verificationShares.length;
    return { quorum, capsule, rY: combineShares({ capsule, threshold, shares, participants }) };
  });
  return deriveBucketKey({ label: bucket.label.bytes, quorums });
}

function capsuleOf(
  bucket: VerifiedSealedBucket,
  quorumIndex: number,
): VerifiedSealedBucket["capsules"][number] {
  const capsule = bucket.capsules[quorumIndex];
  if (capsule === undefined) throw new AccessError("CAPSULE_COUNT");
  return capsule;
}

/** Whether the share is this custodian's own, of this bucket, for this order and recipient. */
export function isSound(
  input: Omit<BucketInput, "batches">,
  quorumIndex: number,
  given: GivenShare,
): boolean {
  const keyset = input.bucket.keysets[quorumIndex]?.public;
  if (keyset === undefined || given.share === undefined || !hasForm(input, given)) return false;
  const capsule = capsuleOf(input.bucket, quorumIndex);
  try {
    verifyShare({ capsule, keyset, share: given.share, binding: input.binding });
    return true;
  } catch (error) {
    if (error instanceof PortcullisError) return false;
    throw error;
  }
}
