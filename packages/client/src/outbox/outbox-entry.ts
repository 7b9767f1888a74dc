import type { RecordChain } from "@portcullis/access";
import {
  asAccountId,
  asConversationId,
  asDeviceId,
  asMessageId,
  decodeCbor,
  encodeCbor,
  FieldReader,
  JOIN_LINK_ID_BYTES,
  type AccountId,
  type AdmittedAccount,
  type BucketStart,
  type CborValue,
  type ConversationId,
  type DeviceReference,
  type MessageId,
  type RosterSalt,
} from "@portcullis/protocol";

import { readWantedChange, wantedChangeFields, type WantedChange } from "../conversation/wanted-change.ts";

const ENTRY = "portcullis/client-outbox/v1";
const WHAT = "outbox entry";

/** A device to add, with the KeyPackage that was claimed for it. */
export interface Addition extends DeviceReference {
  readonly keyPackage: Uint8Array;
}

export interface MessageIntent {
  readonly kind: "message";
  /** MIMI content, unpadded. */
  readonly applicationData: Uint8Array;
  readonly frankingTag: Uint8Array;
  /** The content sets the conversation's state, and when another comes first, this is to be made of that one. */
  readonly change?: WantedChange;
}

/** What a person wants; stays the same however often it must be encrypted. */
export type Intent =
  | MessageIntent
  | {
      readonly kind: "commit";
      readonly add: readonly Addition[];
      /** Accounts, with all their devices. Neither added nor removed: the epoch is renewed because of its age. */
      readonly remove: readonly AccountId[];
      /** Devices, beside those of the accounts. */
      readonly removeDevices?: readonly DeviceReference[];
      /** Nobody is added or removed: this epoch is to end, whatever its age. */
      readonly renews?: number;
      /** Nobody is added or removed: this device's path is to have keys, unless it has them by then. */
      readonly warms?: true;
      /** Those of `add` who asked to join by a link; nobody is removed then. */
      readonly admits?: readonly AdmittedAccount[];
    };

/** One message as it was encrypted for one epoch and bucket. */
export interface MessageAttempt {
  readonly kind: "message";
  readonly epoch: number;
  readonly bucketStart: BucketStart;
  readonly message: Uint8Array;
  readonly record?: Uint8Array;
  readonly sealedBucket?: Uint8Array;
  /** Where this device's records stood before and stand after this one. */
  readonly records: RecordChain;
  readonly recordsAfter: RecordChain;
}

/** One Commit as it was made for one epoch. Its next epoch lies in the store as `pending`. */
export interface CommitAttempt {
  readonly kind: "commit";
  readonly epoch: number;
  readonly startBucket: BucketStart;
  readonly rosterRoot: Uint8Array;
  readonly message: Uint8Array;
  readonly welcome?: Uint8Array;
  readonly welcomed: readonly DeviceReference[];
  readonly roster: readonly RosterSalt[];
  /** Proves the devices that are added. */
  readonly lookup?: Uint8Array;
}

export type Attempt = MessageAttempt | CommitAttempt;

/** Something that is to reach the server once. `attempt`: the bytes that were, or will be, sent. */
export interface OutboxEntry {
  readonly conversationId: ConversationId;
  /** The same in every attempt, so that the server accepts only one of them. */
  readonly messageId: MessageId;
  readonly intent: Intent;
  readonly attempt?: Attempt;
}

export function encodeOutboxEntry(entry: OutboxEntry): Uint8Array {
  return encodeCbor([
    ENTRY,
    entry.conversationId,
    entry.messageId,
    intentFields(entry.intent),
    entry.attempt ? attemptFields(entry.attempt) : null,
  ]);
}

/** @throws ProtocolError DECODE_* */
export function decodeOutboxEntry(bytes: Uint8Array): OutboxEntry {
  const reader = new FieldReader(decodeCbor(bytes, WHAT), WHAT, 5);
  reader.constant(ENTRY);
  const conversationId = asConversationId(reader.bytes());
  const messageId = asMessageId(reader.bytes());
  const intent = readIntent(reader.value());
  const attempt = reader.value();
  if (attempt === null) return { conversationId, messageId, intent };
  return { conversationId, messageId, intent, attempt: readAttempt(intent.kind, attempt) };
}

function intentFields(intent: Intent): CborValue {
  if (intent.kind === "message") {
    const { kind, applicationData, frankingTag, change } = intent;
    if (change === undefined) return [kind, applicationData, frankingTag];
    return ["state", [applicationData, frankingTag], wantedChangeFields(change)];
  }
  if (intent.renews !== undefined) return ["renew", intent.renews, 0];
  if (intent.warms === true) return ["warm", 0, 0];
  const add = intent.add.map(({ accountId, deviceId, keyPackage }) => [accountId, deviceId, keyPackage]);
  const { admits, removeDevices } = intent;
  if (admits !== undefined) return ["admit", add, admits.map(({ accountId, linkId }) => [accountId, linkId])];
  if (removeDevices === undefined) return [intent.kind, add, intent.remove];
  return ["devices", add, removeDevices.map(({ accountId, deviceId }) => [accountId, deviceId])];
}

function readIntent(value: CborValue): Intent {
  const reader = new FieldReader(value, "intent", 3);
  const kind = reader.oneOf(["message", "state", "commit", "devices", "renew", "warm", "admit"]);
  if (kind === "message") return { kind, applicationData: reader.bytes(), frankingTag: reader.bytes(32) };
  if (kind === "state") {
    const content = new FieldReader(reader.value(), "state", 2);
    const [applicationData, frankingTag] = [content.bytes(), content.bytes(32)];
    return { kind: "message", applicationData, frankingTag, change: readWantedChange(reader.value()) };
  }
  if (kind === "renew") {
    const renews = reader.integer();
    reader.constant(0);
    return { kind: "commit", add: [], remove: [], renews };
  }
  if (kind === "warm") {
    reader.constant(0);
    reader.constant(0);
    return { kind: "commit", add: [], remove: [], warms: true };
  }
  const add = reader.list((value) => {
    const fields = new FieldReader(value, "addition", 3);
    const device = { accountId: asAccountId(fields.bytes()), deviceId: asDeviceId(fields.bytes()) };
    return { ...device, keyPackage: fields.bytes() };
  });
  if (kind === "admit") return { kind: "commit", add, remove: [], admits: reader.list(readAdmitted) };
  if (kind === "devices") return { kind: "commit", add, remove: [], removeDevices: reader.list(readDevice) };
  const remove = reader.list((value) => asAccountId(bytesOf(value)));
  return { kind, add, remove };
}

function attemptFields(attempt: Attempt): CborValue {
  if (attempt.kind === "message")
    return [
      attempt.epoch,
      attempt.bucketStart,
      attempt.message,
      attempt.record ?? null,
      attempt.sealedBucket ?? null,
      [attempt.records.index, attempt.records.previous],
      [attempt.recordsAfter.index, attempt.recordsAfter.previous],
    ];
  return [
    attempt.epoch,
    attempt.startBucket,
    attempt.rosterRoot,
    attempt.message,
    attempt.welcome ?? null,
    attempt.welcomed.map(({ accountId, deviceId }) => [accountId, deviceId]),
    attempt.roster.map(({ accountId, salt }) => [accountId, salt]),
    attempt.lookup ?? null,
  ];
}

function readAttempt(kind: Intent["kind"], value: CborValue): Attempt {
  const reader = new FieldReader(value, "attempt", kind === "message" ? 7 : 8);
  return kind === "message" ? readMessageAttempt(reader) : readCommitAttempt(reader);
}

function readMessageAttempt(reader: FieldReader): MessageAttempt {
  const epoch = reader.integer();
  const bucketStart = reader.integer();
  const message = reader.bytes();
  const record = reader.optionalBytes();
  const sealedBucket = reader.optionalBytes();
  return {
    kind: "message",
    epoch,
    bucketStart,
    message,
    ...(record && { record }),
    ...(sealedBucket && { sealedBucket }),
    records: readRecordChain(reader.value()),
    recordsAfter: readRecordChain(reader.value()),
  };
}

function readCommitAttempt(reader: FieldReader): CommitAttempt {
  const epoch = reader.integer();
  const startBucket = reader.integer();
  const rosterRoot = reader.bytes(32);
  const message = reader.bytes();
  const welcome = reader.optionalBytes();
  const attempt = {
    kind: "commit" as const,
    epoch,
    startBucket,
    rosterRoot,
    message,
    ...(welcome && { welcome }),
    welcomed: reader.list(readDevice),
    roster: reader.list((value) => {
      const fields = new FieldReader(value, "roster salt", 2);
      return { accountId: asAccountId(fields.bytes()), salt: fields.bytes(32) };
    }),
  };
  const lookup = reader.optionalBytes();
  return { ...attempt, ...(lookup && { lookup }) };
}

function readDevice(value: CborValue): DeviceReference {
  const reader = new FieldReader(value, "device", 2);
  return { accountId: asAccountId(reader.bytes()), deviceId: asDeviceId(reader.bytes()) };
}

function readRecordChain(value: CborValue): RecordChain {
  const reader = new FieldReader(value, "record chain", 2);
  return { index: reader.integer(), previous: reader.bytes(32) };
}

function readAdmitted(value: CborValue): AdmittedAccount {
  const fields = new FieldReader(value, "admitted account", 2);
  return { accountId: asAccountId(fields.bytes()), linkId: fields.bytes(JOIN_LINK_ID_BYTES) };
}

function bytesOf(value: CborValue): Uint8Array {
  return value instanceof Uint8Array ? value : new Uint8Array(0);
}
