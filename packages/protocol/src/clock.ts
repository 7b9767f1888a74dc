/** Where the time comes from. Milliseconds since 1970-01-01T00:00:00Z, whole. */
export interface Clock {
  now(): number;
}

/** Where randomness comes from: `length` fresh bytes of a cryptographic generator. */
export type Random = (length: number) => Uint8Array;
