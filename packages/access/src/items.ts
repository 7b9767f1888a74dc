import {
  asAccountId,
  asDeviceId,
  asOrderHash,
  decodeCbor,
  encodeCbor,
  FieldReader,
  type AccountId,
  type CborValue,
  type DeviceId,
  type OrderHash,
} from "@portcullis/protocol";

const VERSION = "portcullis/items/v1";

/** One stored record of a bucket that an order names, as the server hands it to the order's recipient. */
export interface OrderItem {
  /** Which sealed bucket: SHA-256 of its bytes. */
  readonly sealedBucketHash: Uint8Array;
  /** Its place in the conversation. */
  readonly sequence: number;
  readonly senderAccountId: AccountId;
  readonly senderDeviceId: DeviceId;
  readonly record: Uint8Array;
  /** The server's signed receipt (encodeReceipt); it carries the time of acceptance. */
  readonly receipt: Uint8Array;
}

export interface OrderItems {
  readonly orderHash: OrderHash;
  readonly items: readonly OrderItem[];
}

export function encodeItems(items: OrderItems): Uint8Array {
  return encodeCbor([
    VERSION,
    items.orderHash,
    items.items.map((item) => [
      item.sealedBucketHash,
      item.sequence,
      item.senderAccountId,
      item.senderDeviceId,
      item.record,
      item.receipt,
    ]),
  ]);
}

/** @throws ProtocolError DECODE_* */
export function decodeItems(bytes: Uint8Array): OrderItems {
  const reader = new FieldReader(decodeCbor(bytes, "items"), "items", 3);
  reader.constant(VERSION);
  return { orderHash: asOrderHash(reader.bytes(32)), items: reader.list(readItem, 1_000_000) };
}

function readItem(value: CborValue): OrderItem {
  const reader = new FieldReader(value, "item", 6);
  return {
    sealedBucketHash: reader.bytes(32),
    sequence: reader.integer(),
    senderAccountId: asAccountId(reader.bytes(32)),
    senderDeviceId: asDeviceId(reader.bytes(16)),
    record: reader.bytes(),
    receipt: reader.bytes(),
  };
}
