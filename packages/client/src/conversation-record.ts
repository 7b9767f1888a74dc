import {
  asAccountId,
  asDeviceId,
  decodeCbor,
  encodeCbor,
  FieldReader,
  type BucketStart,
  type CborValue,
  type ConversationClass,
  type DeviceReference,
} from "@portcullis/protocol";

const CONVERSATION = "portcullis/client-conversation/v1";
const CONDITIONS = ["creating", "open", "frozen", "left"] as const;

/** Why nothing more of a conversation is accepted, and whose Commit it was. */
export interface Freeze {
  readonly sequence: number;
  /** An error code, ours or of a package below. */
  readonly code: string;
  readonly committer: DeviceReference;
}

/** What a device keeps of a conversation that is no secret. */
export interface ConversationRecord {
  readonly condition: (typeof CONDITIONS)[number];
  readonly class: ConversationClass;
  readonly epoch: number;
  readonly startBucket: BucketStart;
  readonly epochStartedAtMs: number;
  /** 32 bytes. */
  readonly rosterRoot: Uint8Array;
  /** Present exactly when `frozen`. */
  readonly freeze?: Freeze;
}

export function encodeConversationRecord(record: ConversationRecord): Uint8Array {
  return encodeCbor([
    CONVERSATION,
    record.condition,
    record.class,
    record.epoch,
    record.startBucket,
    record.epochStartedAtMs,
    record.rosterRoot,
    record.freeze ? freezeFields(record.freeze) : null,
  ]);
}

/** @throws ProtocolError DECODE_* */
export function decodeConversationRecord(bytes: Uint8Array): ConversationRecord {
  const what = "conversation record";
  const reader = new FieldReader(decodeCbor(bytes, what), what, 8);
  reader.constant(CONVERSATION);
  const record = {
    condition: reader.oneOf(CONDITIONS),
    class: reader.oneOf(["sealed", "recorded"]),
    epoch: reader.integer(),
    startBucket: reader.integer(),
    epochStartedAtMs: reader.integer(),
    rosterRoot: reader.bytes(32),
  };
  const freeze = reader.value();
  return { ...record, ...(freeze !== null && { freeze: readFreeze(freeze) }) };
}

function freezeFields({ sequence, code, committer }: Freeze): CborValue {
  return [sequence, code, committer.accountId, committer.deviceId];
}

function readFreeze(value: CborValue): Freeze {
  const reader = new FieldReader(value, "freeze", 4);
  return {
    sequence: reader.integer(),
    code: reader.text(64),
    committer: { accountId: asAccountId(reader.bytes()), deviceId: asDeviceId(reader.bytes()) },
  };
}
