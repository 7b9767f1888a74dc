import { decodeCbor, FieldReader, type CborValue } from "./cbor.ts";
import { encodeCbor } from "./cbor-encoder.ts";
import { ProtocolError } from "./errors.ts";
import { limits } from "./limits.ts";

const CAPSULE_BYTES = 128;

/** What a sender uploads once per (conversation, epoch, leaf, bucket): the label and one capsule per quorum. */
export interface SealedBucket {
  /** The encoded label (access), as the capsules bind it. */
  readonly label: Uint8Array;
  /** 128 bytes each, in policy order. */
  readonly capsules: readonly Uint8Array[];
}

/** The bytes whose SHA-256 is the `sealedBucketHash` of authenticated data. */
export function encodeSealedBucket(bucket: SealedBucket): Uint8Array {
  return encodeCbor([bucket.label, bucket.capsules]);
}

/** @throws ProtocolError DECODE_* */
export function decodeSealedBucket(bytes: Uint8Array): SealedBucket {
  const what = "sealed bucket";
  const reader = new FieldReader(decodeCbor(bytes, what), what, 2);
  const label = reader.bytes();
  const capsules = reader.list(readCapsule, limits.capsulesPerBucket);
  if (capsules.length === 0) throw new ProtocolError("DECODE_LENGTH", { what, field: "capsules" });
  return { label, capsules };
}

function readCapsule(value: CborValue): Uint8Array {
  if (!(value instanceof Uint8Array) || value.length !== CAPSULE_BYTES)
    throw new ProtocolError("DECODE_LENGTH", { what: "sealed bucket", field: "capsules" });
  return value;
}
