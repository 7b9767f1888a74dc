import { aeadOpenPrefixed, aeadSealAtRandom, wipe } from "@portcullis/crypto";
import {
  asAccountId,
  asConversationId,
  asDeviceId,
  asMessageId,
  decodeCbor,
  encodeCbor,
  FieldReader,
  ProtocolError,
  type CborValue,
  type ConversationId,
  type Random,
} from "@portcullis/protocol";
import {
  decodeConversationRecord,
  encodeConversationRecord,
  type ConversationRecord,
} from "../conversation/conversation-record.ts";
import { ClientError } from "../errors.ts";
import type { ReceivedMessage } from "../messages/placement.ts";

const CHUNK = "portcullis/history-chunk/v1";
const HISTORY = "portcullis/history/v1";
/** With messages of which nothing is left but that they were deleted. */
const HISTORY_V2 = "portcullis/history/v2";

/** A part of the history of one conversation; the last one of all is of none. */
export interface HistoryChunk {
  readonly conversationId?: ConversationId;
  /** When the conversation is over for the device that sends it: the new one is not going to join. */
  readonly record?: ConversationRecord;
  /** Newest first. */
  readonly messages: readonly ReceivedMessage[];
}

/** Which chunk of which transfer: a server that mixes them up is found out. */
export interface ChunkPlace {
  /** 32 bytes, secret: of this transfer alone. */
  readonly key: Uint8Array;
  readonly linkId: Uint8Array;
  readonly index: number;
}

export function sealChunk(
  { key, linkId, index }: ChunkPlace,
  chunk: HistoryChunk,
  random: Random,
): Uint8Array {
  const plaintext = encodeHistoryChunk(chunk);
  const sealed = aeadSealAtRandom(key, plaintext, encodeCbor([CHUNK, linkId, index]), random);
  wipe(plaintext);
  return sealed;
}

/** @throws ClientError CLIENT_HISTORY_CHUNK */
export function openChunk({ key, linkId, index }: ChunkPlace, sealed: Uint8Array): HistoryChunk {
  try {
    return decodeHistoryChunk(aeadOpenPrefixed(key, sealed, encodeCbor([CHUNK, linkId, index])));
  } catch {
    throw new ClientError("CLIENT_HISTORY_CHUNK", { index });
  }
}

export function encodeHistoryChunk({ conversationId, record, messages }: HistoryChunk): Uint8Array {
  const hasDeleted = messages.some(({ applicationData }) => applicationData.length === 0);
  return encodeCbor([
    hasDeleted ? HISTORY_V2 : HISTORY,
    conversationId ?? null,
    record ? encodeConversationRecord(record) : null,
    messages.map((message) => [
      message.sequence,
      message.senderAccountId,
      message.senderDeviceId,
      message.messageId,
      message.acceptedAtMs,
      message.applicationData,
      message.receipt,
      ...(hasDeleted ? [message.applicationData.length === 0 ? (message.contentId ?? null) : null] : []),
    ]),
  ]);
}

/** @throws ProtocolError DECODE_* */
export function decodeHistoryChunk(bytes: Uint8Array): HistoryChunk {
  const what = "history chunk";
  const value = decodeCbor(bytes, what);
  const hasDeleted = Array.isArray(value) && value[0] === HISTORY_V2;
  const reader = new FieldReader(value, what, 4);
  reader.constant(hasDeleted ? HISTORY_V2 : HISTORY);
  const id = reader.optionalBytes(32);
  const encoded = reader.optionalBytes();
  const record = encoded && decodeConversationRecord(encoded);
  const conversationId = asConversationId(id ?? new Uint8Array(32));
  const messages = reader.list((message) => readMessage(conversationId, message, hasDeleted));
  if (hasDeleted && !messages.some(({ contentId }) => contentId))
    throw new ProtocolError("DECODE_NOT_CANONICAL", { what });
  return { ...(id && { conversationId }), ...(record && { record }), messages };
}

function readMessage(conversationId: ConversationId, value: CborValue, hasDeleted: boolean): ReceivedMessage {
  const what = "message of the history";
  const reader = new FieldReader(value, what, hasDeleted ? 8 : 7);
  const message = {
    conversationId,
    sequence: reader.integer(),
    senderAccountId: asAccountId(reader.bytes()),
    senderDeviceId: asDeviceId(reader.bytes()),
    messageId: asMessageId(reader.bytes()),
    acceptedAtMs: reader.integer(),
    applicationData: reader.bytes(),
    receipt: reader.bytes(),
  };
  const contentId = hasDeleted ? reader.optionalBytes(32) : undefined;
  // What is left of a deleted message is the id by which others name it.
  if ((message.applicationData.length === 0) !== (contentId !== undefined))
    throw new ProtocolError("DECODE_SHAPE", { what });
  return { ...message, ...(contentId && { contentId }) };
}
