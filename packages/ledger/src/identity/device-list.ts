import { sha256, sign, verifySignature, type SigningKey } from "@portcullis/crypto";
import {
  asAccountId,
  asDeviceId,
  compareBytes,
  decodeCbor,
  encodeCbor,
  equalBytes,
  FieldReader,
  ProtocolError,
  toHex,
  type AccountId,
  type CborValue,
  type DeviceId,
} from "@portcullis/protocol";
import { LedgerError } from "../errors.ts";

/** One device of an account: whoever holds the key acts for the account. */
export interface Device {
  readonly deviceId: DeviceId;
  /** 32 bytes, Ed25519: the MLS signature key. */
  readonly signatureKey: Uint8Array;
}

/** Which devices an account has, at one version. */
export interface DeviceList {
  readonly accountId: AccountId;
  /** 32 bytes, Ed25519: signs every version, and makes the account id. */
  readonly accountKey: Uint8Array;
  /** 32 bytes, X25519: notices are sealed to it. */
  readonly noticeKey: Uint8Array;
  /** 1, 2, 3 and so on without a gap. */
  readonly version: number;
  readonly devices: readonly Device[];
  /** SHA-256 of the signed list before this one; absent in version 1. */
  readonly previous?: Uint8Array;
}

declare const verified: unique symbol;

/** A list that its account's key signed. Only {@link verifyDeviceList} makes one. */
export interface VerifiedDeviceList extends DeviceList {
  /** The signed list, whose bytes this is. */
  readonly signed: Uint8Array;
  /** SHA-256 of the signed list: what the next version names as `previous`. */
  readonly hash: Uint8Array;
  readonly [verified]: true;
}

export const MAXIMUM_DEVICES = 32;
export const MAXIMUM_SIGNED_LIST_BYTES = 4096;
const LIST = "portcullis/device-list/v1";
const SIGNED = "portcullis/signed-device-list/v1";

/** An account is named by its key, so that nobody can give the name another one. */
export function accountIdOf(accountKey: Uint8Array): AccountId {
  return asAccountId(sha256(encodeCbor(["portcullis/account/v1", accountKey])));
}

/** Devices in the order of their ids, each id and each key once; `previous` exactly from version 2 on. */
function checkDeviceList(list: DeviceList): void {
  const { devices, version } = list;
  const ordered = devices.every(
    ({ deviceId }, i) => i === 0 || compareBytes(devices[i - 1]?.deviceId ?? deviceId, deviceId) < 0,
  );
  const distinctKeys = new Set(devices.map((device) => toHex(device.signatureKey))).size;
  if (!ordered || distinctKeys !== devices.length || devices.length > MAXIMUM_DEVICES) {
    throw new LedgerError("IDENTITY_DEVICES", { devices: devices.length });
  }
  if (version < 1 || (version === 1) !== (list.previous === undefined)) {
    throw new LedgerError("IDENTITY_VERSION", { version });
  }
  if (!equalBytes(accountIdOf(list.accountKey), list.accountId)) throw new LedgerError("IDENTITY_ACCOUNT");
}

/**
 * The list, its devices put in order, with the account's signature over it. The account id is not written: the key makes it.
 * @throws LedgerError IDENTITY_ACCOUNT when the key is not the list's, IDENTITY_DEVICES, IDENTITY_VERSION
 */
export function signDeviceList(accountKey: SigningKey, list: DeviceList): Uint8Array {
  if (!equalBytes(accountKey.publicKey, list.accountKey)) throw new LedgerError("IDENTITY_ACCOUNT");
  const devices = list.devices.toSorted((a, b) => compareBytes(a.deviceId, b.deviceId));
  checkDeviceList({ ...list, devices });
  const bytes = encodeCbor([
    LIST,
    list.accountKey,
    list.noticeKey,
    list.version,
    devices.map((device) => [device.deviceId, device.signatureKey]),
    list.previous ?? null,
  ]);
  return encodeCbor([SIGNED, bytes, sign(accountKey, bytes)]);
}

function readDevice(value: CborValue): Device {
  const fields = new FieldReader(value, "device", 2);
  return { deviceId: asDeviceId(fields.bytes(16)), signatureKey: fields.bytes(32) };
}

function decodeList(bytes: Uint8Array): DeviceList {
  const fields = new FieldReader(decodeCbor(bytes, "device list"), "device list", 6);
  fields.constant(LIST);
  const accountKey = fields.bytes(32);
  const noticeKey = fields.bytes(32);
  const version = fields.integer(1);
  const devices = fields.list(readDevice, MAXIMUM_DEVICES);
  const previous = fields.optionalBytes(32);
  const accountId = accountIdOf(accountKey);
  return { accountId, accountKey, noticeKey, version, devices, ...(previous ? { previous } : {}) };
}

/**
 * The list in the bytes that {@link signDeviceList} made. It vouches for itself: compare `accountId` with the account meant,
 * and see {@link verifySuccession} for later versions.
 * @throws ProtocolError on its form; LedgerError IDENTITY_SIGNATURE, IDENTITY_DEVICES, IDENTITY_VERSION
 */
export function verifyDeviceList(signedList: Uint8Array): VerifiedDeviceList {
  if (signedList.length > MAXIMUM_SIGNED_LIST_BYTES) {
    throw new ProtocolError("DECODE_LENGTH", { what: "signed device list", actual: signedList.length });
  }
  const fields = new FieldReader(decodeCbor(signedList, "signed device list"), "signed device list", 3);
  fields.constant(SIGNED);
  const bytes = fields.bytes();
  const signature = fields.bytes(64);
  const list = decodeList(bytes);
  checkDeviceList(list);
  try {
    verifySignature(list.accountKey, bytes, signature);
  } catch {
    throw new LedgerError("IDENTITY_SIGNATURE", { accountId: toHex(list.accountId) });
  }
  return { ...list, signed: signedList, hash: sha256(signedList) } as VerifiedDeviceList;
}

/**
 * `next`, if it is the version that follows `known`: same account, version one higher, naming the hash of `known`.
 * @throws LedgerError IDENTITY_SUCCESSION
 */
export function verifySuccession(known: VerifiedDeviceList, next: VerifiedDeviceList): VerifiedDeviceList {
  const follows =
    equalBytes(known.accountId, next.accountId) &&
    next.version === known.version + 1 &&
    next.previous !== undefined &&
    equalBytes(next.previous, known.hash);
  if (follows) return next;
  throw new LedgerError("IDENTITY_SUCCESSION", {
    accountId: toHex(known.accountId),
    known: known.version,
    next: next.version,
  });
}

/** The device of that id, if the account has it. */
export function deviceOf(list: VerifiedDeviceList, deviceId: Uint8Array): Device | undefined {
  return list.devices.find((device) => equalBytes(device.deviceId, deviceId));
}
