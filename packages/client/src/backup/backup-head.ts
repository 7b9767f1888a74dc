import { aeadOpenPrefixed, aeadSealAtRandom } from "@portcullis/crypto";
import { decodeCbor, encodeCbor, FieldReader, type Random } from "@portcullis/protocol";
import { ClientError } from "../errors.ts";
import type { GenerationKeys } from "./backup-keys.ts";

const HEAD = "portcullis/backup-head/v1";

/** How far a generation goes: with it no segment can be left out at the end. */
export interface BackupHead {
  /** One higher than that of the head before, over all generations of the device. */
  readonly counter: number;
  readonly segments: number;
  /** The chain of all of them, 32 bytes. */
  readonly chain: Uint8Array;
  /** By the clock of the device that made it: what came later is not in the backup. */
  readonly savedAtMs: number;
}

export function sealHead(keys: GenerationKeys, head: BackupHead, random: Random): Uint8Array {
  return aeadSealAtRandom(keys.forHeads, encodeBackupHead(head), placeOf(keys), random);
}

/** A head that was sealed for this account's generation. @throws ClientError CLIENT_BACKUP_HEAD */
export function openHead(keys: GenerationKeys, sealed: Uint8Array): BackupHead {
  try {
    return decodeBackupHead(aeadOpenPrefixed(keys.forHeads, sealed, placeOf(keys)));
  } catch {
    throw new ClientError("CLIENT_BACKUP_HEAD");
  }
}

function placeOf({ accountId, generation }: GenerationKeys): Uint8Array {
  return encodeCbor([HEAD, accountId, generation]);
}

export function encodeBackupHead({ counter, segments, chain, savedAtMs }: BackupHead): Uint8Array {
  return encodeCbor([HEAD, counter, segments, chain, savedAtMs]);
}

/** @throws ProtocolError DECODE_* */
export function decodeBackupHead(bytes: Uint8Array): BackupHead {
  const what = "head of a backup";
  const reader = new FieldReader(decodeCbor(bytes, what), what, 5);
  reader.constant(HEAD);
  return {
    counter: reader.integer(1),
    segments: reader.integer(1),
    chain: reader.bytes(32),
    savedAtMs: reader.integer(),
  };
}
