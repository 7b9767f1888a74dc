import type { SecretShare } from "@portcullis/crypto";
import { asKeysetId, decodeCbor, encodeCbor, FieldReader, type KeysetId } from "@portcullis/protocol";

const VERSION = "portcullis/held-share/v1";
const WHAT = "held share";

/** What a custodian keeps of a ceremony: its share, and the keyset that it belongs to. Secret. */
export interface HeldShare {
  readonly keysetId: KeysetId;
  readonly share: SecretShare;
}

/** Secret bytes: for a store that nobody else reads. */
export function encodeHeldShare({ keysetId, share }: HeldShare): Uint8Array {
  return encodeCbor([VERSION, keysetId, share.index, share.secret]);
}

/** @throws ProtocolError */
export function decodeHeldShare(bytes: Uint8Array): HeldShare {
  const reader = new FieldReader(decodeCbor(bytes, WHAT), WHAT, 4);
  reader.constant(VERSION);
  const keysetId = asKeysetId(reader.bytes(32));
  return { keysetId, share: { index: reader.integer(1, 32), secret: reader.bytes(32) } };
}
