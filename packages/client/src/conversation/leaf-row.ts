import { concatBytes, ProtocolError } from "@portcullis/protocol";
import type { RecordChain } from "@portcullis/access";

const HEAD_BYTES = 36;

/** What a device keeps of one leaf in one epoch: where its chain of records stands, and its ratchets (mls). Secret. */
export interface LeafRow {
  readonly records: RecordChain;
  readonly ratchet: Uint8Array;
}

/** u32 index, 32 bytes previous, the ratchets. By hand, since it is written once per batch and leaf. */
export function encodeLeafRow({ records, ratchet }: LeafRow): Uint8Array {
  const index = new Uint8Array(4);
  new DataView(index.buffer).setUint32(0, records.index);
  return concatBytes(index, records.previous, ratchet);
}

/** @throws ProtocolError DECODE_TRUNCATED */
export function decodeLeafRow(bytes: Uint8Array): LeafRow {
  if (bytes.length < HEAD_BYTES) throw new ProtocolError("DECODE_TRUNCATED", { what: "leaf row" });
  const index = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  return { records: { index, previous: bytes.slice(4, HEAD_BYTES) }, ratchet: bytes.slice(HEAD_BYTES) };
}
