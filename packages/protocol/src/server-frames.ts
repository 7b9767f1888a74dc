import { concatBytes } from "./bytes.ts";
import { decodeCbor, encodeCborArrayHead, FieldReader, type CborValue } from "./cbor.ts";
import { encodeCbor } from "./cbor-encoder.ts";
import { ProtocolError } from "./errors.ts";
import type { AcceptedFrame, Item, ServerFrame } from "./frames.ts";
import { readReceipt, receiptFields } from "./frank.ts";
import {
  asAccountId,
  asConversationId,
  asDeviceId,
  asMessageId,
  type ConversationId,
} from "./identifiers.ts";
import { limits } from "./limits.ts";
import { readRosterSalt, rosterSaltFields } from "./roster-fields.ts";

const what = "server frame";

/** Binary WebSocket frame to a device. */
export function encodeServerFrame(frame: ServerFrame): Uint8Array {
  let value: CborValue;
  switch (frame.type) {
    case "ready":
      value = [frame.type];
      break;
    case "accepted":
      value = [
        frame.type,
        frame.requestId,
        frame.conversationId,
        frame.sequence,
        frame.receipt ? receiptFields(frame.receipt) : null,
      ];
      break;
    case "rejected":
      value = [frame.type, frame.requestId, frame.code];
      break;
    case "items":
      return encodeItemsFrame(frame.conversationId, frame.items.map(encodeItem));
    case "welcome":
      value = [
        frame.type,
        frame.conversationId,
        frame.sequence,
        frame.welcome,
        frame.roster.map(rosterSaltFields),
      ];
      break;
    case "join-requests":
      value = [frame.type, frame.conversationId];
      break;
    case "signal":
      value = [frame.type, frame.conversationId, frame.senderAccountId, frame.senderDeviceId, frame.payload];
      break;
    case "goodbye":
      value = [frame.type, frame.code];
      break;
  }
  return encodeCbor(value);
}

/** One item's bytes, which are the same for every recipient: encode once, send to all. */
export function encodeItem(item: Item): Uint8Array {
  return encodeCbor([
    item.sequence,
    item.kind,
    item.senderAccountId,
    item.senderDeviceId,
    item.messageId,
    item.acceptedAtMs,
    item.message ?? null,
    item.record ?? null,
    item.receipt ? receiptFields(item.receipt) : null,
    item.lookup ?? null,
  ]);
}

/** The frame of items that `encodeItem` encoded, byte for byte what `encodeServerFrame` makes of them. */
export function encodeItemsFrame(conversationId: ConversationId, items: readonly Uint8Array[]): Uint8Array {
  return concatBytes(
    encodeCborArrayHead(3),
    encodeCbor("items"),
    encodeCbor(conversationId),
    encodeCborArrayHead(items.length),
    ...items,
  );
}

/** @throws ProtocolError DECODE_* */
export function decodeServerFrame(bytes: Uint8Array): ServerFrame {
  if (bytes.length > limits.frameBytes) throw new ProtocolError("DECODE_LENGTH", { what });
  const value = decodeCbor(bytes, what);
  const type: unknown = Array.isArray(value) ? value[0] : undefined;
  switch (type) {
    case "ready":
      fields(value, 1);
      return { type };
    case "accepted":
      return readAccepted(fields(value, 5));
    case "rejected": {
      const reader = fields(value, 3);
      return { type, requestId: reader.integer(), code: reader.text(64) };
    }
    case "items": {
      const reader = fields(value, 3);
      const conversationId = asConversationId(reader.bytes());
      return { type, conversationId, items: reader.list(readItem, limits.itemsPerFrame) };
    }
    case "welcome": {
      const reader = fields(value, 5);
      return {
        type,
        conversationId: asConversationId(reader.bytes()),
        sequence: reader.integer(),
        welcome: reader.bytes(),
        roster: reader.list(readRosterSalt, limits.accountsPerConversation),
      };
    }
    case "join-requests":
      return { type, conversationId: asConversationId(fields(value, 2).bytes()) };
    case "signal": {
      const reader = fields(value, 5);
      const conversationId = asConversationId(reader.bytes());
      const senderAccountId = asAccountId(reader.bytes());
      const senderDeviceId = asDeviceId(reader.bytes());
      const payload = reader.bytes();
      if (payload.length > limits.signalBytes) throw new ProtocolError("DECODE_LENGTH", { what });
      return { type, conversationId, senderAccountId, senderDeviceId, payload };
    }
    case "goodbye": {
      const reader = fields(value, 2);
      return { type, code: reader.text(64) };
    }
    default:
      throw new ProtocolError("DECODE_SHAPE", { what, field: 0 });
  }
}

function fields(value: CborValue, length: number): FieldReader {
  const reader = new FieldReader(value, what, length);
  reader.value();
  return reader;
}

function readAccepted(reader: FieldReader): AcceptedFrame {
  const requestId = reader.integer();
  const conversationId = asConversationId(reader.bytes());
  const sequence = reader.integer();
  const receipt = reader.value();
  return {
    type: "accepted",
    requestId,
    conversationId,
    sequence,
    ...(receipt !== null && { receipt: readReceipt(receipt) }),
  };
}

function readItem(value: CborValue): Item {
  const reader = new FieldReader(value, "item", 10);
  const sequence = reader.integer();
  const kind = reader.oneOf(["message", "commit"]);
  const senderAccountId = asAccountId(reader.bytes());
  const senderDeviceId = asDeviceId(reader.bytes());
  const messageId = asMessageId(reader.bytes());
  const acceptedAtMs = reader.integer();
  const message = reader.optionalBytes();
  const record = reader.optionalBytes();
  const receipt = reader.value();
  const lookup = reader.optionalBytes();
  return {
    sequence,
    kind,
    senderAccountId,
    senderDeviceId,
    messageId,
    acceptedAtMs,
    ...(message && { message }),
    ...(record && { record }),
    ...(receipt !== null && { receipt: readReceipt(receipt) }),
    ...(lookup && { lookup }),
  };
}
