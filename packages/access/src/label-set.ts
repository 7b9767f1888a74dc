import { merkleRoot, sha256 } from "@portcullis/crypto";
import { compareBytes } from "@portcullis/protocol";

/** The exact set that custodians approve: nothing can be added to it, taken from it or exchanged in it afterwards. */
export interface LabelSet {
  /** RFC 6962 root over the sorted hashes of the sealed buckets, so over every label and every capsule. */
  readonly root: Uint8Array;
  readonly count: number;
}

/** `sealedBuckets` in any order. */
export function labelSet(sealedBuckets: readonly Uint8Array[]): LabelSet {
  const leaves = sealedBuckets.map((bucket) => sha256(bucket)).sort(compareBytes);
  return { root: merkleRoot(leaves), count: leaves.length };
}
