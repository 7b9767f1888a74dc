import {
  decodeReceipt,
  encodeItem,
  encodeItemsFrame,
  limits,
  type ConversationId,
  type DeviceReference,
  type Receipt,
} from "@portcullis/protocol";
import type { StoredItem } from "@portcullis/store";
import { deviceKey } from "./keys.ts";

/** Room in a frame for what stands around the items. */
const FRAME_HEAD_BYTES = 64;

/** An item's bytes for everybody but its sender's device. */
export function encodeForOthers(item: StoredItem, receipt = storedReceipt(item)): Uint8Array {
  return encodeItem({
    ...common(item, receipt),
    message: item.message,
    ...(item.record && { record: item.record }),
    ...(item.lookup && { lookup: item.lookup }),
  });
}

/** An item's bytes for the device that sent it, which cannot decrypt its own message and need only know its place. */
export function encodeForSender(item: StoredItem, receipt = storedReceipt(item)): Uint8Array {
  return encodeItem(common(item, receipt));
}

function common(item: StoredItem, receipt: Receipt | undefined) {
  const { sequence, kind, accountId, deviceId, messageId, acceptedAtMs } = item;
  return {
    sequence,
    kind,
    senderAccountId: accountId,
    senderDeviceId: deviceId,
    messageId,
    acceptedAtMs,
    ...(receipt && { receipt }),
  };
}

function storedReceipt(item: StoredItem): Receipt | undefined {
  return item.receipt === null ? undefined : decodeReceipt(item.receipt);
}

/** Encoded items as frames within the limits, in order. */
export function framesOf(conversationId: ConversationId, items: readonly Uint8Array[]): Uint8Array[] {
  const frames: Uint8Array[] = [];
  let first = 0;
  let bytes = FRAME_HEAD_BYTES;
  for (const [index, item] of items.entries()) {
    if (
      index - first === limits.itemsPerFrame ||
      (index > first && bytes + item.length > limits.frameBytes)
    ) {
      frames.push(encodeItemsFrame(conversationId, items.slice(first, index)));
      first = index;
      bytes = FRAME_HEAD_BYTES;
    }
    bytes += item.length;
  }
  if (first < items.length) frames.push(encodeItemsFrame(conversationId, items.slice(first)));
  return frames;
}

/** Stored items as one device gets them. */
export function framesForDevice(
  conversationId: ConversationId,
  items: readonly StoredItem[],
  device: DeviceReference,
): Uint8Array[] {
  const own = deviceKey(device);
  const encoded = items.map((item) =>
    deviceKey(item) === own ? encodeForSender(item) : encodeForOthers(item),
  );
  return framesOf(conversationId, encoded);
}
