import type { BucketStart } from "./bucket.ts";
import { decodeCbor, FieldReader, type CborValue } from "./cbor.ts";
import { encodeCbor } from "./cbor-encoder.ts";
import { ProtocolError } from "./errors.ts";
import {
  asAccountId,
  asDeviceId,
  asMessageId,
  type AccountId,
  type DeviceId,
  type MessageId,
} from "./identifiers.ts";
import { limits } from "./limits.ts";

const MESSAGE = "portcullis/message/v2";
const COMMIT = "portcullis/commit/v3";
/** The same without a tree head: still read, from stored items and from clients of before. */
const MESSAGE_WITHOUT_HEAD = "portcullis/message/v1";
const COMMIT_WITHOUT_HEAD = "portcullis/commit/v2";

/** A tree of the identity log, as its checkpoint names it: which one a device has verified, for others to compare. */
export interface TreeHead {
  readonly size: number;
  /** 32 bytes. */
  readonly root: Uint8Array;
}

/** MLS authenticated data of an application message: what server and members both see and MLS binds to the ciphertext. */
export interface MessageData {
  readonly messageId: MessageId;
  /** 32 bytes, see `frank.ts`. */
  readonly frankingTag: Uint8Array;
  readonly bucketStart: BucketStart;
  /** SHA-256 of the sealed bucket; in recorded conversations only, and there always. */
  readonly sealedBucketHash?: Uint8Array;
  /** SHA-256 of the record; goes with `sealedBucketHash`. */
  readonly recordHash?: Uint8Array;
  /** What the sender has verified of the identity log. */
  readonly treeHead?: TreeHead;
}

export interface DeviceReference {
  readonly accountId: AccountId;
  readonly deviceId: DeviceId;
}

/** MLS authenticated data of a Commit: what it does, by which the server routes and which every member compares. */
export interface CommitData {
  readonly added: readonly DeviceReference[];
  readonly removed: readonly DeviceReference[];
  /** The first bucket of the epoch that the Commit begins. */
  readonly startBucket: BucketStart;
  /** 32 bytes: root over the accounts of the epoch that the Commit begins. */
  readonly rosterRoot: Uint8Array;
  /** SHA-256 of the lookup of the accounts whose devices are added; exactly when there are any. */
  readonly lookupHash?: Uint8Array;
  /** What the committer has verified of the identity log. */
  readonly treeHead?: TreeHead;
}

export function encodeMessageData(data: MessageData): Uint8Array {
  return encodeCbor([
    MESSAGE,
    data.messageId,
    data.frankingTag,
    data.bucketStart,
    data.sealedBucketHash ?? null,
    data.recordHash ?? null,
    headFields(data.treeHead),
  ]);
}

/** @throws ProtocolError DECODE_*; DECODE_SHAPE when one hash of a record stands without the other */
export function decodeMessageData(bytes: Uint8Array): MessageData {
  const what = "message data";
  const { reader, readHead } = open(bytes, what, { current: MESSAGE, withoutHead: MESSAGE_WITHOUT_HEAD });
  const messageId = asMessageId(reader.bytes());
  const frankingTag = reader.bytes(32);
  const bucketStart = reader.integer();
  const sealedBucketHash = reader.optionalBytes(32);
  const recordHash = reader.optionalBytes(32);
  if ((sealedBucketHash === undefined) !== (recordHash === undefined))
    throw new ProtocolError("DECODE_SHAPE", { what, field: "recordHash" });
  const treeHead = readHead();
  return {
    messageId,
    frankingTag,
    bucketStart,
    ...(sealedBucketHash && { sealedBucketHash }),
    ...(recordHash && { recordHash }),
    ...(treeHead && { treeHead }),
  };
}

export function encodeCommitData(data: CommitData): Uint8Array {
  return encodeCbor([
    COMMIT,
    data.added.map(deviceFields),
    data.removed.map(deviceFields),
    data.startBucket,
    data.rosterRoot,
    data.lookupHash ?? null,
    headFields(data.treeHead),
  ]);
}

/** @throws ProtocolError DECODE_*; DECODE_SHAPE when the hash of a lookup stands without added devices, or they without it */
export function decodeCommitData(bytes: Uint8Array): CommitData {
  const what = "commit data";
  const { reader, readHead } = open(bytes, what, { current: COMMIT, withoutHead: COMMIT_WITHOUT_HEAD });
  const added = reader.list(readDevice, limits.devicesPerCommit);
  const data = {
    added,
    removed: reader.list(readDevice, limits.devicesPerCommit),
    startBucket: reader.integer(),
    rosterRoot: reader.bytes(32),
  };
  const lookupHash = reader.optionalBytes(32);
  if (added.length > 0 !== (lookupHash !== undefined))
    throw new ProtocolError("DECODE_SHAPE", { what, field: "lookupHash" });
  const treeHead = readHead();
  return { ...data, ...(lookupHash && { lookupHash }), ...(treeHead && { treeHead }) };
}

/** Of either version: the older one has no tree head, and `readHead` reads nothing. */
function open(
  bytes: Uint8Array,
  what: string,
  versions: { readonly current: string; readonly withoutHead: string },
): { reader: FieldReader; readHead: () => TreeHead | undefined } {
  const value = decodeCbor(bytes, what);
  const isOlder = Array.isArray(value) && value[0] === versions.withoutHead;
  const reader = new FieldReader(value, what, isOlder ? 6 : 7);
  reader.constant(isOlder ? versions.withoutHead : versions.current);
  return { reader, readHead: () => (isOlder ? undefined : headOf(reader.value())) };
}

function headFields(head: TreeHead | undefined): CborValue {
  return head === undefined ? null : [head.size, head.root];
}

function headOf(value: CborValue): TreeHead | undefined {
  if (value === null) return undefined;
  const reader = new FieldReader(value, "tree head", 2);
  return { size: reader.integer(1), root: reader.bytes(32) };
}

function deviceFields(device: DeviceReference): CborValue {
  return [device.accountId, device.deviceId];
}

function readDevice(value: CborValue): DeviceReference {
  const reader = new FieldReader(value, "device", 2);
  return { accountId: asAccountId(reader.bytes()), deviceId: asDeviceId(reader.bytes()) };
}
