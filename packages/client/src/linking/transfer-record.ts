import {
  asConversationId,
  asDeviceId,
  decodeCbor,
  encodeCbor,
  FieldReader,
  type ConversationId,
  type DeviceId,
} from "@portcullis/protocol";

const SENDING = "portcullis/client-history-sending/v1";
const RECEIVING = "portcullis/client-history-receiving/v1";

/** How far this device has sent its history to one that it linked. Secret. */
export interface SendingRecord {
  readonly linkId: Uint8Array;
  readonly key: Uint8Array;
  /** The new device. */
  readonly to: DeviceId;
  /** Of the next chunk. */
  readonly index: number;
  /** The conversation that is being sent, down to this place in it. Absent before the first. */
  readonly at?: { readonly conversationId: ConversationId; readonly beforeSequence: number };
}

/** How far a new device has got the history. Secret. */
export interface ReceivingRecord {
  readonly linkId: Uint8Array;
  readonly key: Uint8Array;
  /** The mailbox's. */
  readonly token: string;
  readonly index: number;
}

export function encodeSendingRecord({ linkId, key, to, index, at }: SendingRecord): Uint8Array {
  return encodeCbor([SENDING, linkId, key, to, index, at?.conversationId ?? null, at?.beforeSequence ?? 0]);
}

/** @throws ProtocolError DECODE_* */
export function decodeSendingRecord(bytes: Uint8Array): SendingRecord {
  const what = "record of a history that is sent";
  const reader = new FieldReader(decodeCbor(bytes, what), what, 7);
  reader.constant(SENDING);
  const record = {
    linkId: reader.bytes(32),
    key: reader.bytes(32),
    to: asDeviceId(reader.bytes()),
    index: reader.integer(),
  };
  const conversationId = reader.optionalBytes(32);
  const beforeSequence = reader.integer();
  return {
    ...record,
    ...(conversationId && { at: { conversationId: asConversationId(conversationId), beforeSequence } }),
  };
}

export function encodeReceivingRecord({ linkId, key, token, index }: ReceivingRecord): Uint8Array {
  return encodeCbor([RECEIVING, linkId, key, token, index]);
}

/** @throws ProtocolError DECODE_* */
export function decodeReceivingRecord(bytes: Uint8Array): ReceivingRecord {
  const what = "record of a history that comes";
  const reader = new FieldReader(decodeCbor(bytes, what), what, 5);
  reader.constant(RECEIVING);
  return { linkId: reader.bytes(32), key: reader.bytes(32), token: reader.text(), index: reader.integer() };
}
