import { hkdfSha256 } from "@portcullis/crypto";
import {
  decodeCbor,
  encodeCbor,
  FieldReader,
  utf8,
  type AccountId,
  type CborValue,
} from "@portcullis/protocol";

const KEYS = "portcullis/client-backup-keys/v1";
const SALT = "portcullis/backup-salt/v1";
const KEY_BYTES = 32;
export const GENERATION_BYTES = 16;

/** The secrets of a backup that a device holds, which the recovery code gives back. */
export interface BackupKeys {
  /** 32 bytes each. The first is for what is sealed from now on; what stands at the server may be under another one. */
  readonly keys: readonly Uint8Array[];
  /** Of the recovery blob that holds them: a later one is of another device, and does not. */
  readonly recoveryVersion: number;
}

/** Of which account's which generation something is, and the keys that are this generation's alone. */
export interface GenerationKeys {
  readonly accountId: AccountId;
  /** 16 bytes. */
  readonly generation: Uint8Array;
  /** 32 bytes each, secret. */
  readonly forSegments: Uint8Array;
  readonly forHeads: Uint8Array;
}

export function generationKeys(
  key: Uint8Array,
  accountId: AccountId,
  generation: Uint8Array,
): GenerationKeys {
  const salt = encodeCbor([SALT, accountId, generation]);
  const expand = (use: string): Uint8Array =>
    hkdfSha256({ ikm: key, salt, info: utf8(`portcullis backup ${use}`), length: KEY_BYTES });
  return { accountId, generation, forSegments: expand("segments"), forHeads: expand("heads") };
}

export function encodeBackupKeys({ keys, recoveryVersion }: BackupKeys): Uint8Array {
  return encodeCbor([KEYS, [...keys], recoveryVersion]);
}

/** @throws ProtocolError DECODE_* */
export function decodeBackupKeys(bytes: Uint8Array): BackupKeys {
  const what = "backup keys";
  const reader = new FieldReader(decodeCbor(bytes, what), what, 3);
  reader.constant(KEYS);
  return { keys: reader.list((value) => readBackupKey(value)), recoveryVersion: reader.integer() };
}

/** @throws ProtocolError DECODE_* */
export function readBackupKey(value: CborValue): Uint8Array {
  return new FieldReader([value], "backup key", 1).bytes(KEY_BYTES);
}
