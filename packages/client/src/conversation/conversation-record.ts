import {
  asAccountId,
  asDeviceId,
  decodeCbor,
  encodeCbor,
  FieldReader,
  ProtocolError,
  type BucketStart,
  type CborValue,
  type ConversationClass,
  type DeviceReference,
} from "@portcullis/protocol";
import {
  decodeSharedState,
  encodeSharedState,
  readStanding,
  joinLinkFields,
  readJoinLinks,
  standingFields,
} from "@portcullis/protocol/content";
import type { OutboxEntry } from "../outbox/outbox-entry.ts";
import { StateKeeper, type KeptState } from "./state-keeper.ts";

const CONVERSATION = "portcullis/client-conversation/v2";
/** The same with links that were taken away in this epoch, of which there is at least one. */
const CONVERSATION_V3 = "portcullis/client-conversation/v3";
/** Written before conversations had a shared state: still read. */
const CONVERSATION_V1 = "portcullis/client-conversation/v1";
const WHAT = "conversation record";
/** `restored`: from a backup; this device was never in it. */
const CONDITIONS = ["creating", "open", "frozen", "left", "restored"] as const;

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
  readonly shared: KeptState;
}

/** What the store held of a conversation. */
export interface StoredConversation {
  readonly record: ConversationRecord;
  readonly cursor: number;
  readonly secrets: ReadonlyMap<string, Uint8Array>;
  readonly outbox: readonly { readonly place: number; readonly entry: OutboxEntry }[];
}

export function encodeConversationRecord(record: ConversationRecord): Uint8Array {
  const { revoked = [] } = record.shared;
  return encodeCbor([
    revoked.length === 0 ? CONVERSATION : CONVERSATION_V3,
    record.condition,
    record.class,
    record.epoch,
    record.startBucket,
    record.epochStartedAtMs,
    record.rosterRoot,
    record.freeze ? freezeFields(record.freeze) : null,
    encodeSharedState(record.shared.state),
    standingFields(record.shared.standing),
    record.shared.startVersion,
    record.shared.welcomedBy ?? null,
    ...(revoked.length === 0 ? [] : [joinLinkFields(revoked)]),
  ]);
}

/** @throws ProtocolError DECODE_* */
export function decodeConversationRecord(bytes: Uint8Array): ConversationRecord {
  const value = decodeCbor(bytes, WHAT);
  const version = Array.isArray(value) ? value[0] : undefined;
  const isFirst = version === CONVERSATION_V1;
  const isThird = version === CONVERSATION_V3;
  const reader = new FieldReader(value, WHAT, isFirst ? 8 : isThird ? 13 : 12);
  reader.constant(isFirst ? CONVERSATION_V1 : isThird ? CONVERSATION_V3 : CONVERSATION);
  const record = {
    condition: reader.oneOf(CONDITIONS),
    class: reader.oneOf(["sealed", "recorded"]),
    epoch: reader.integer(),
    startBucket: reader.integer(),
    epochStartedAtMs: reader.integer(),
    rosterRoot: reader.bytes(32),
  };
  const freeze = reader.value();
  const shared = isFirst ? StateKeeper.withoutRoles().kept : readShared(reader, isThird);
  return { ...record, ...(freeze !== null && { freeze: readFreeze(freeze) }), shared };
}

function readShared(reader: FieldReader, hasRevoked: boolean): KeptState {
  const shared = {
    state: decodeSharedState(reader.bytes()),
    standing: readStanding(new FieldReader(reader.value(), "standing", 2)),
    startVersion: reader.integer(),
  };
  const welcomedBy = reader.optionalBytes();
  const revoked = hasRevoked ? readJoinLinks(reader) : [];
  if (hasRevoked && revoked.length === 0) throw new ProtocolError("DECODE_NOT_CANONICAL", { what: WHAT });
  return {
    ...shared,
    ...(welcomedBy && { welcomedBy: asAccountId(welcomedBy) }),
    ...(revoked.length > 0 && { revoked }),
  };
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
