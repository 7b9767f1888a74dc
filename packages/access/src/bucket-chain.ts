import { hmacSha256, wipe } from "@portcullis/crypto";
import { decodeCbor, encodeCbor, FieldReader, utf8, type BucketStart } from "@portcullis/protocol";
import { AccessError } from "./errors.ts";

const VERSION = "portcullis/bucket-chain/v1";
const WHAT = "bucket chain";
const SEED = utf8("portcullis/bucket-seed/v1");
const NEXT = utf8("portcullis/bucket-next/v1");

/** An epoch lasts seven days at most, and so does the longest walk along its chain. */
const LONGEST_EPOCH_SECONDS = 7 * 86_400;

/**
 * The secret of one leaf in one epoch, standing at `bucketStart`: it yields the seeds of that bucket and of later
 * ones, never of an earlier one. `secret` (32 bytes) is the caller's to erase.
 */
export interface BucketChain {
  readonly bucketStart: BucketStart;
  readonly bucketSeconds: number;
  readonly secret: Uint8Array;
}

/** The chain of a leaf at the start of its epoch. `secret`: MLS-Exporter("portcullis bucket", …, 32). */
export function startChain(secret: Uint8Array, bucketStart: BucketStart, bucketSeconds: number): BucketChain {
  return { bucketStart, bucketSeconds, secret: secret.slice() };
}

/** How many steps lead from where the chain stands to a bucket. */
function stepsTo(chain: BucketChain, bucketStart: BucketStart): number {
  const distance = bucketStart - chain.bucketStart;
  if (distance < 0) throw new AccessError("BUCKET_ERASED", { bucketStart, oldest: chain.bucketStart });
  if (distance > LONGEST_EPOCH_SECONDS)
    throw new AccessError("BUCKET_TOO_FAR", { bucketStart, oldest: chain.bucketStart });
  if (distance % chain.bucketSeconds !== 0) throw new AccessError("LABEL_BUCKET", { bucketStart });
  return distance / chain.bucketSeconds;
}

/**
 * The chain at a later bucket (or the same), as a new value. What lies behind is gone once the caller has stored the
 * new one and wiped the old. Rule ACC-35.
 * @throws AccessError BUCKET_ERASED, BUCKET_TOO_FAR, LABEL_BUCKET (between two buckets)
 */
export function advanceChain(chain: BucketChain, bucketStart: BucketStart): BucketChain {
  let secret: Uint8Array = chain.secret.slice();
  for (let steps = stepsTo(chain, bucketStart); steps > 0; steps--) {
    const next = hmacSha256(secret, NEXT);
    wipe(secret);
    secret = next;
  }
  return { bucketStart, bucketSeconds: chain.bucketSeconds, secret };
}

/** The seed of one bucket, 32 bytes, from which its capsules and its key come; the chain stays where it is. @throws as advanceChain */
export function chainSeed(chain: BucketChain, bucketStart: BucketStart): Uint8Array {
  const at = advanceChain(chain, bucketStart);
  const seed = hmacSha256(at.secret, SEED);
  wipe(at.secret);
  return seed;
}

export function encodeChain(chain: BucketChain): Uint8Array {
  return encodeCbor([VERSION, chain.bucketStart, chain.bucketSeconds, chain.secret]);
}

/** @throws ProtocolError */
export function decodeChain(bytes: Uint8Array): BucketChain {
  const reader = new FieldReader(decodeCbor(bytes, WHAT), WHAT, 4);
  reader.constant(VERSION);
  return {
    bucketStart: reader.integer(),
    bucketSeconds: reader.integer(1, 86_400),
    secret: reader.bytes(32),
  };
}
