import { encapsulate, sha256, verifyCapsule, type VerifiedCapsule } from "@portcullis/crypto";
import { decodeSealedBucket, encodeSealedBucket, equalBytes } from "@portcullis/protocol";
import { AccessError } from "./errors.ts";
import { encodeLabel, labelHash, verifyLabel, type Label, type VerifiedLabel } from "./label.ts";
import { keysetsFor, type VerifiedKeyset } from "./keyset.ts";
import type { VerifiedPolicy } from "./policy.ts";

/** What a member makes of a bucket's seed: the public part, its hash, and the key of the bucket's records. */
export interface BucketSeal {
  readonly sealedBucket: Uint8Array;
  readonly sealedBucketHash: Uint8Array;
  readonly labelHash: Uint8Array;
  /** 32 bytes, secret. */
  readonly key: Uint8Array;
}

/**
 * Label and one capsule for each quorum, the same bytes for every member who computes them.
 * `keysets`: as keysetsFor gives them, in policy order.
 */
export function sealBucket(input: {
  label: Label;
  seed: Uint8Array;
  keysets: readonly VerifiedKeyset[];
}): BucketSeal {
  const label = encodeLabel(input.label);
  const quorums = input.keysets.map((keyset) => keyset.public);
  const { capsules, key } = encapsulate({ seed: input.seed, label, quorums });
  const sealedBucket = encodeSealedBucket({ label, capsules });
  return { sealedBucket, sealedBucketHash: sha256(sealedBucket), labelHash: labelHash(label), key };
}

/**
 * The seal that a recipient computes for itself, once it equals what the sender declared by hash; rule ACC-42.
 * @throws AccessError CAPSULE_DIFFERS
 */
export function recomputeBucket(
  input: { label: Label; seed: Uint8Array; keysets: readonly VerifiedKeyset[] },
  sealedBucketHash: Uint8Array,
): BucketSeal {
  const seal = sealBucket(input);
  if (!equalBytes(seal.sealedBucketHash, sealedBucketHash)) throw new AccessError("CAPSULE_DIFFERS");
  return seal;
}

/** A sealed bucket whose capsules were checked against its label and the keysets in force. Same order as the policy's quorums. */
export interface VerifiedSealedBucket {
  readonly label: VerifiedLabel;
  readonly keysets: readonly VerifiedKeyset[];
  readonly capsules: readonly VerifiedCapsule[];
  readonly sealedBucketHash: Uint8Array;
}

/**
 * What anyone can check of a sealed bucket without a secret; rules ACC-31, ACC-40, ACC-41. `expected`: the label that
 * it must carry, when the caller knows it.
 * @throws ProtocolError, CryptoError, AccessError LABEL_…, KEYSET_…, CAPSULE_COUNT, CAPSULE_LABEL
 */
export function verifySealedBucket(
  bytes: Uint8Array,
  context: { policy: VerifiedPolicy; keysets: readonly VerifiedKeyset[]; expected?: Label },
): VerifiedSealedBucket {
  const { label: encoded, capsules } = decodeSealedBucket(bytes);
  if (context.expected !== undefined && !equalBytes(encodeLabel(context.expected), encoded))
    throw new AccessError("CAPSULE_LABEL");
  const label = verifyLabel(encoded, context.policy);
  const keysets = keysetsFor(context.policy, context.keysets, label.bucketStart);
  if (capsules.length !== keysets.length)
    throw new AccessError("CAPSULE_COUNT", { expected: keysets.length, actual: capsules.length });
  const checked = keysets.map((keyset, quorumIndex) =>
    verifyCapsule({
      label: encoded,
      quorumIndex,
      quorum: keyset.public,
      capsule: capsules[quorumIndex] as Uint8Array,
    }),
  );
  return { label, keysets, capsules: checked, sealedBucketHash: sha256(bytes) };
}
