import { decodeCbor, FieldReader, type CborValue } from "./cbor.ts";
import { encodeCbor } from "./cbor-encoder.ts";
import { equalBytes } from "./bytes.ts";
import { ProtocolError } from "./errors.ts";
import type { ClientFrame, CommitFrame, DeviceWelcome, SendFrame } from "./frames.ts";
import { asAccountId, asConversationId, asDeviceId, asMessageId } from "./identifiers.ts";
import { limits } from "./limits.ts";
import { readRosterSalt, rosterSaltFields } from "./roster-fields.ts";

const what = "client frame";

/** Binary WebSocket frame from a device. */
export function encodeClientFrame(frame: ClientFrame): Uint8Array {
  let value: CborValue;
  switch (frame.type) {
    case "hello":
      value = [frame.type, frame.token];
      break;
    case "send":
      value = [
        frame.type,
        frame.requestId,
        frame.conversationId,
        frame.messageId,
        frame.message,
        frame.record ?? null,
        frame.sealedBucket ?? null,
      ];
      break;
    case "commit":
      value = [
        frame.type,
        frame.requestId,
        frame.conversationId,
        frame.messageId,
        frame.message,
        welcomeGroups(frame.welcomes),
        frame.roster.map(rosterSaltFields),
        frame.lookup ?? null,
      ];
      break;
    case "cursor":
      value = [frame.type, frame.conversationId, frame.sequence];
      break;
    case "signal":
      value = [frame.type, frame.conversationId, frame.payload];
      break;
  }
  return encodeCbor(value);
}

/** @throws ProtocolError DECODE_* */
export function decodeClientFrame(bytes: Uint8Array): ClientFrame {
  if (bytes.length > limits.frameBytes) throw new ProtocolError("DECODE_LENGTH", { what });
  const value = decodeCbor(bytes, what);
  const type: unknown = Array.isArray(value) ? value[0] : undefined;
  switch (type) {
    case "hello": {
      const reader = fields(value, 2);
      return { type, token: reader.text(1024) };
    }
    case "send":
      return readSend(fields(value, 7));
    case "commit":
      return readCommit(fields(value, 8));
    case "cursor": {
      const reader = fields(value, 3);
      return { type, conversationId: asConversationId(reader.bytes()), sequence: reader.integer() };
    }
    case "signal": {
      const reader = fields(value, 3);
      const conversationId = asConversationId(reader.bytes());
      return { type, conversationId, payload: atMost(reader.bytes(), limits.signalBytes) };
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

function readSend(reader: FieldReader): SendFrame {
  const requestId = reader.integer();
  const conversationId = asConversationId(reader.bytes());
  const messageId = asMessageId(reader.bytes());
  const message = atMost(reader.bytes(), limits.messageBytes);
  const record = reader.optionalBytes();
  const sealedBucket = reader.optionalBytes();
  return {
    type: "send",
    requestId,
    conversationId,
    messageId,
    message,
    ...(record && { record: atMost(record, limits.recordBytes) }),
    ...(sealedBucket && { sealedBucket: atMost(sealedBucket, limits.sealedBucketBytes) }),
  };
}

function readCommit(reader: FieldReader): CommitFrame {
  const frame = {
    type: "commit" as const,
    requestId: reader.integer(),
    conversationId: asConversationId(reader.bytes()),
    messageId: asMessageId(reader.bytes()),
    message: atMost(reader.bytes(), limits.commitBytes),
    welcomes: readWelcomeGroups(reader),
    roster: reader.list(readRosterSalt, limits.accountsPerConversation),
  };
  const lookup = reader.optionalBytes();
  return { ...frame, ...(lookup && { lookup: atMost(lookup, limits.lookupBytes) }) };
}

function atMost(bytes: Uint8Array, maximum: number): Uint8Array {
  if (bytes.length > maximum) throw new ProtocolError("DECODE_LENGTH", { what, maximum });
  return bytes;
}

/** One MLS Welcome serves all devices that a Commit adds, so on the wire its bytes stand once for a run of devices. */
function welcomeGroups(welcomes: readonly DeviceWelcome[]): CborValue {
  const groups: [welcome: Uint8Array, devices: CborValue[]][] = [];
  for (const { accountId, deviceId, welcome } of welcomes) {
    const last = groups.at(-1);
    if (last !== undefined && equalBytes(last[0], welcome)) last[1].push([accountId, deviceId]);
    else groups.push([welcome, [[accountId, deviceId]]]);
  }
  return groups;
}

function readWelcomeGroups(reader: FieldReader): DeviceWelcome[] {
  let previous: Uint8Array | undefined;
  const groups = reader.list((value) => {
    const group = new FieldReader(value, what, 2);
    const welcome = atMost(group.bytes(), limits.welcomeBytes);
    if (previous !== undefined && equalBytes(previous, welcome))
      throw new ProtocolError("DECODE_NOT_CANONICAL", { what, field: "welcomes" });
    previous = welcome;
    const devices = group.list((device) => {
      const pair = new FieldReader(device, what, 2);
      return { accountId: asAccountId(pair.bytes()), deviceId: asDeviceId(pair.bytes()), welcome };
    }, limits.devicesPerCommit);
    if (devices.length === 0) throw new ProtocolError("DECODE_LENGTH", { what, field: "welcomes" });
    return devices;
  }, limits.devicesPerCommit);
  return groups.flat();
}
