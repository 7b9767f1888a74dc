/** A bucket's start, in whole seconds since 1970-01-01T00:00:00Z, a multiple of the bucket length. */
export type BucketStart = number;

/** The bucket that holds an instant. `nowMs` in milliseconds, `bucketSeconds` the policy's bucket length. */
export function bucketStartAt(nowMs: number, bucketSeconds: number): BucketStart {
  return Math.floor(nowMs / 1000 / bucketSeconds) * bucketSeconds;
}
