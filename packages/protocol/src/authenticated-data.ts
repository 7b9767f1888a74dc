import type { BucketStart } from "./bucket.ts";
import { decodeCbor, FieldReader, type CborValue } from "./cbor.ts";
import { encodeCbor } from "./cbor-encoder.ts";
import { ProtocolError } from "./errors.ts";
import { equalBytes } from "./bytes.ts";
import {
  asAccountId,
  asDeviceId,
  asMessageId,
  type AccountId,
  type DeviceId,
  type MessageId,
} from "./identifiers.ts";
import { JOIN_LINK_ID_BYTES } from "./join-link.ts";
import { limits } from "./limits.ts";

const MESSAGE = "portcullis/message/v2";
const COMMIT = "portcullis/commit/v3";
/** The same, of a Commit that lets somebody in who asked to join by a link. */
const COMMIT_WITH_ADMISSIONS = "portcullis/commit/v4";
/** The same, of a Commit that removes devices because their account lists them no more. */
const COMMIT_WITH_UNLISTED = "portcullis/commit/v5";
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

export function isSameDevice(a: DeviceReference, b: DeviceReference): boolean {
  return equalBytes(a.deviceId, b.deviceId) && equalBytes(a.accountId, b.accountId);
}

/** Whom a Commit lets in because it asked to, and by which link: what the server knows from the request. */
export interface AdmittedAccount {
  readonly accountId: AccountId;
  /** 16 bytes. */
  readonly linkId: Uint8Array;
}

/** MLS authenticated data of a Commit: what it does, by which the server routes and which every member compares. */
export interface CommitData {
  readonly added: readonly DeviceReference[];
  readonly removed: readonly DeviceReference[];
  /** The first bucket of the epoch that the Commit begins. */
  readonly startBucket: BucketStart;
  /** 32 bytes: root over the accounts of the epoch that the Commit begins. */
  readonly rosterRoot: Uint8Array;
  /** SHA-256 of the lookup of the accounts of `added` and `unlisted`, in that order; exactly when there are any. */
  readonly lookupHash?: Uint8Array;
  /** What the committer has verified of the identity log. */
  readonly treeHead?: TreeHead;
  /** Accounts of `added`, each once; absent when there are none. */
  readonly admitted?: readonly AdmittedAccount[];
  /** Those of `removed` that their accounts list no more, by the lookup; absent when there are none. */
  readonly unlisted?: readonly DeviceReference[];
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
  const { admitted = [], unlisted = [] } = data;
  const admittedFields = admitted.map(({ accountId, linkId }) => [accountId, linkId]);
  const [version, behind] =
    unlisted.length > 0
      ? [COMMIT_WITH_UNLISTED, [admittedFields, unlisted.map(deviceFields)]]
      : admitted.length > 0
        ? [COMMIT_WITH_ADMISSIONS, [admittedFields]]
        : [COMMIT, []];
  return encodeCbor([
    version,
    data.added.map(deviceFields),
    data.removed.map(deviceFields),
    data.startBucket,
    data.rosterRoot,
    data.lookupHash ?? null,
    headFields(data.treeHead),
    ...behind,
  ]);
}

/**
 * @throws ProtocolError DECODE_*; DECODE_SHAPE when the hash of a lookup stands without devices that it is about, or they
 * without it, when an account is let in that is not added, or twice, or when a device is unlisted that is not removed, or twice
 */
export function decodeCommitData(bytes: Uint8Array): CommitData {
  const what = "commit data";
  const longer = { [COMMIT_WITH_ADMISSIONS]: 1, [COMMIT_WITH_UNLISTED]: 2 };
  const versions = { current: COMMIT, withoutHead: COMMIT_WITHOUT_HEAD, longer };
  const { reader, readHead, fieldsBehind } = open(bytes, what, versions);
  const added = reader.list(readDevice, limits.devicesPerCommit);
  const removed = reader.list(readDevice, limits.devicesPerCommit);
  const data = { added, removed, startBucket: reader.integer(), rosterRoot: reader.bytes(32) };
  const lookupHash = reader.optionalBytes(32);
  const treeHead = readHead();
  const admitted = fieldsBehind > 0 ? readAdmitted(reader, added) : [];
  const unlisted = fieldsBehind > 1 ? readUnlisted(reader, removed) : [];
  if (added.length + unlisted.length > 0 !== (lookupHash !== undefined))
    throw new ProtocolError("DECODE_SHAPE", { what, field: "lookupHash" });
  // What says less has the older form, and no other.
  if (fieldsBehind > 0 && (fieldsBehind > 1 ? unlisted : admitted).length === 0)
    throw new ProtocolError("DECODE_NOT_CANONICAL", { what });
  return {
    ...data,
    ...(lookupHash && { lookupHash }),
    ...(treeHead && { treeHead }),
    ...(admitted.length > 0 && { admitted }),
    ...(unlisted.length > 0 && { unlisted }),
  };
}

function readAdmitted(reader: FieldReader, added: readonly DeviceReference[]): AdmittedAccount[] {
  const what = "admitted accounts";
  const admitted = reader.list((value) => {
    const fields = new FieldReader(value, what, 2);
    return { accountId: asAccountId(fields.bytes()), linkId: fields.bytes(JOIN_LINK_ID_BYTES) };
  }, limits.devicesPerCommit);
  for (const [i, { accountId }] of admitted.entries()) {
    const isAdded = added.some((device) => equalBytes(device.accountId, accountId));
    const isAgain = admitted.slice(0, i).some((before) => equalBytes(before.accountId, accountId));
    if (!isAdded || isAgain) throw new ProtocolError("DECODE_SHAPE", { what });
  }
  return admitted;
}

function readUnlisted(reader: FieldReader, removed: readonly DeviceReference[]): DeviceReference[] {
  const what = "unlisted devices";
  const unlisted = reader.list(readDevice, limits.devicesPerCommit);
  for (const [i, device] of unlisted.entries()) {
    const isRemoved = removed.some((one) => isSameDevice(one, device));
    const isAgain = unlisted.slice(0, i).some((before) => isSameDevice(before, device));
    if (!isRemoved || isAgain) throw new ProtocolError("DECODE_SHAPE", { what });
  }
  return unlisted;
}

/** Of any version: the oldest has no tree head, and `readHead` reads nothing; `longer` ones have fields behind it. */
function open(
  bytes: Uint8Array,
  what: string,
  versions: {
    readonly current: string;
    readonly withoutHead: string;
    readonly longer?: Readonly<Record<string, number>>;
  },
): { reader: FieldReader; readHead: () => TreeHead | undefined; fieldsBehind: number } {
  const value = decodeCbor(bytes, what);
  const { current, withoutHead, longer = {} } = versions;
  const given: unknown = Array.isArray(value) ? value[0] : undefined;
  const version = [withoutHead, ...Object.keys(longer)].find((one) => one === given) ?? current;
  const isOlder = version === withoutHead;
  const fieldsBehind = longer[version] ?? 0;
  const reader = new FieldReader(value, what, isOlder ? 6 : 7 + fieldsBehind);
  reader.constant(version);
  return { reader, readHead: () => (isOlder ? undefined : headOf(reader.value())), fieldsBehind };
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
