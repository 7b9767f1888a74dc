import {
  asOrderHash,
  decodeCbor,
  encodeCbor,
  FieldReader,
  type CborValue,
  type OrderHash,
} from "@portcullis/protocol";

const LONGEST_JWS = 1 << 20;

/** Body of an `order` entry: the document, and the notices that it commits to, so that every custodian keeps a copy. */
export interface OrderEntry {
  readonly jws: string;
  readonly sealedNotices: readonly Uint8Array[];
}

export function encodeOrderEntry(entry: OrderEntry): Uint8Array {
  return encodeCbor([entry.jws, entry.sealedNotices]);
}

/** @throws ProtocolError DECODE_* */
export function decodeOrderEntry(body: Uint8Array): OrderEntry {
  const reader = new FieldReader(decodeCbor(body, "order entry"), "order entry", 2);
  return { jws: reader.text(LONGEST_JWS), sealedNotices: reader.list(readNotice) };
}

/** Body of a `notice` entry: its opening is public, and clients try each sealed notice. */
export interface NoticeEntry {
  readonly orderHash: OrderHash;
  readonly sealedNotices: readonly Uint8Array[];
}

export function encodeNoticeEntry(entry: NoticeEntry): Uint8Array {
  return encodeCbor([entry.orderHash, entry.sealedNotices]);
}

/** @throws ProtocolError DECODE_* */
export function decodeNoticeEntry(body: Uint8Array): NoticeEntry {
  const reader = new FieldReader(decodeCbor(body, "notice entry"), "notice entry", 2);
  return { orderHash: asOrderHash(reader.bytes(32)), sealedNotices: reader.list(readNotice) };
}

function readNotice(value: CborValue): Uint8Array {
  return new FieldReader([value], "sealed notice", 1).bytes();
}
