import {
  asConversationId,
  asDeviceId,
  decodeCbor,
  encodeCbor,
  FieldReader,
  type ConversationId,
  type DeviceId,
} from "@portcullis/protocol";

const SENDING = "portcullis/client-history-sending/v2";
const RECEIVING = "portcullis/client-history-receiving/v2";
/** Without what is done and without what has come: still read, and then all is sent again and the count begins anew. */
const SENDING_V1 = "portcullis/client-history-sending/v1";
const RECEIVING_V1 = "portcullis/client-history-receiving/v1";

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
  const { reader, isFirst } = open(bytes, what, { current: SENDING, first: SENDING_V1, fields: 8 });
  const record = {
    linkId: reader.bytes(32),
    key: reader.bytes(32),
    to: asDeviceId(reader.bytes()),
    index: reader.integer(),
  };
  const conversationId = reader.optionalBytes(32);
  const beforeSequence = reader.integer();
  const done = isFirst
    ? []
    : reader.list((value) => asConversationId(new FieldReader([value], what, 1).bytes()));
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
  const { reader, isFirst } = open(bytes, what, { current: RECEIVING, first: RECEIVING_V1, fields: 6 });
  return {
    linkId: reader.bytes(32),
    key: reader.bytes(32),
    token: reader.text(),
    index: reader.integer(),
    messages: isFirst ? 0 : reader.integer(),
  };
}

/** The record's reader behind its name; that of the first form has one field less. */
function open(
  bytes: Uint8Array,
  what: string,
  { current, first, fields }: { current: string; first: string; fields: number },
): { reader: FieldReader; isFirst: boolean } {
  const value = decodeCbor(bytes, what);
  const isFirst = Array.isArray(value) && value[0] === first;
  const reader = new FieldReader(value, what, isFirst ? fields - 1 : fields);
  reader.constant(isFirst ? first : current);
  return { reader, isFirst };
}
