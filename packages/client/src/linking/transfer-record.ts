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
  /** The conversation that is being sent, down to this place in it. Absent between two of them. */
  readonly at?: { readonly conversationId: ConversationId; readonly beforeSequence: number };
  /** Those of which everything was sent. */
  readonly done: readonly ConversationId[];
}

/** How far a new device has got the history. Secret. */
export interface ReceivingRecord {
  readonly linkId: Uint8Array;
  readonly key: Uint8Array;
  /** The mailbox's. */
  readonly token: string;
  readonly index: number;
  /** So many messages have come. */
  readonly messages: number;
}

export function encodeSendingRecord({ linkId, key, to, index, at, done }: SendingRecord): Uint8Array {
  const place = [at?.conversationId ?? null, at?.beforeSequence ?? 0];
  return encodeCbor([SENDING, linkId, key, to, index, ...place, [...done]]);
}

/** @throws ProtocolError DECODE_* */
export function decodeSendingRecord(bytes: Uint8Array): SendingRecord {
  const what = "record of a history that is sent";
  const reader = new FieldReader(decodeCbor(bytes, what), what, 8);
  reader.constant(SENDING);
  const record = {
    linkId: reader.bytes(32),
    key: reader.bytes(32),
    to: asDeviceId(reader.bytes()),
    index: reader.integer(),
  };
  const conversationId = reader.optionalBytes(32);
  const beforeSequence = reader.integer();
  const done = reader.list((value) => asConversationId(new FieldReader([value], what, 1).bytes()));
  return {
    ...record,
    ...(conversationId && { at: { conversationId: asConversationId(conversationId), beforeSequence } }),
    done,
  };
}

export function encodeReceivingRecord(record: ReceivingRecord): Uint8Array {
  const { linkId, key, token, index, messages } = record;
  return encodeCbor([RECEIVING, linkId, key, token, index, messages]);
}

/** @throws ProtocolError DECODE_* */
export function decodeReceivingRecord(bytes: Uint8Array): ReceivingRecord {
  const what = "record of a history that comes";
  const reader = new FieldReader(decodeCbor(bytes, what), what, 6);
  reader.constant(RECEIVING);
  return {
    linkId: reader.bytes(32),
    key: reader.bytes(32),
    token: reader.text(),
    index: reader.integer(),
    messages: reader.integer(),
  };
}
