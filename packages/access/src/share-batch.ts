import { asOrderHash, decodeCbor, encodeCbor, FieldReader, type OrderHash } from "@portcullis/protocol";

const VERSION = "portcullis/shares/v1";

/** One custodian's share of the key of one bucket. */
export interface LabelShare {
  readonly labelHash: Uint8Array;
  /** 98 bytes: index, U_i and the DLEQ proof (crypto's createShare). */
  readonly share: Uint8Array;
}

/** All that one custodian releases for one order, in the order of the label set. */
export interface ShareBatch {
  readonly orderHash: OrderHash;
  readonly custodian: string;
  readonly shares: readonly LabelShare[];
}

/** What is sealed to the recipient, and what evidence carries opened. */
export function encodeShareBatch(batch: ShareBatch): Uint8Array {
  return encodeCbor([
    VERSION,
    batch.orderHash,
    batch.custodian,
    batch.shares.map(({ labelHash, share }) => [labelHash, share]),
  ]);
}

/** @throws ProtocolError DECODE_* */
export function decodeShareBatch(bytes: Uint8Array): ShareBatch {
  const reader = new FieldReader(decodeCbor(bytes, "share batch"), "share batch", 4);
  reader.constant(VERSION);
  return {
    orderHash: asOrderHash(reader.bytes(32)),
    custodian: reader.text(64),
    shares: reader.list((value) => {
      const pair = new FieldReader(value, "share", 2);
      return { labelHash: pair.bytes(32), share: pair.bytes(98) };
    }, 1_000_000),
  };
}
