import { aeadOpenPrefixed, aeadSealAtRandom, sha256, wipe } from "@portcullis/crypto";
import {
  decodeCbor,
  encodeCbor,
  FieldReader,
  padme,
  unpadme,
  type CborValue,
  type Random,
} from "@portcullis/protocol";
import { ClientError } from "../errors.ts";
import { decodeHistoryChunk, encodeHistoryChunk, type HistoryChunk } from "../linking/history-chunk.ts";
import type { GenerationKeys } from "./backup-keys.ts";

const SEGMENT = "portcullis/backup-segment/v1";
const CONTENT = "portcullis/backup-content/v1";
const CHAIN = "portcullis/backup-chain/v1";
const HASH_BYTES = 32;

/** What a segment holds of one conversation. */
export interface BackupPart {
  /** How far the device was in the conversation. */
  readonly cursor: number;
  readonly chunk: HistoryChunk;
}

export interface BackupSegment {
  /** The chain of all segments before, 32 bytes: so they are checked from the last one on, newest first. */
  readonly before: Uint8Array;
  readonly parts: readonly BackupPart[];
  /** All settings, encoded, where they have changed since the last segment that has them. */
  readonly settings?: Uint8Array;
}

/** The chain before the first segment of a generation. */
export function chainStart({ accountId, generation }: GenerationKeys): Uint8Array {
  return sha256(encodeCbor([CHAIN, accountId, generation]));
}

/** The chain behind one more sealed segment. */
export function chainAfter(before: Uint8Array, sealed: Uint8Array): Uint8Array {
  return sha256(encodeCbor([CHAIN, before, sha256(sealed)]));
}

export function sealSegment(
  keys: GenerationKeys,
  index: number,
  segment: BackupSegment,
  random: Random,
): Uint8Array {
  const content = encodeBackupSegment(segment);
  const padded = padme(content);
  const sealed = aeadSealAtRandom(keys.forSegments, padded, placeOf(keys, index), random);
  wipe(content, padded);
  return sealed;
}

/** What was sealed for this place of this account's generation. @throws ClientError CLIENT_BACKUP_SEGMENT */
export function openSegment(keys: GenerationKeys, index: number, sealed: Uint8Array): BackupSegment {
  try {
    const padded = aeadOpenPrefixed(keys.forSegments, sealed, placeOf(keys, index));
    return decodeBackupSegment(unpadme(padded));
  } catch {
    throw new ClientError("CLIENT_BACKUP_SEGMENT", { index });
  }
}

function placeOf({ accountId, generation }: GenerationKeys, index: number): Uint8Array {
  return encodeCbor([SEGMENT, accountId, generation, index]);
}

export function encodeBackupSegment({ before, parts, settings }: BackupSegment): Uint8Array {
  const encoded = parts.map(({ cursor, chunk }) => [cursor, encodeHistoryChunk(chunk)]);
  return encodeCbor([CONTENT, before, encoded, settings ?? null]);
}

/** @throws ProtocolError DECODE_* */
export function decodeBackupSegment(bytes: Uint8Array): BackupSegment {
  const what = "segment of a backup";
  const reader = new FieldReader(decodeCbor(bytes, what), what, 4);
  reader.constant(CONTENT);
  const before = reader.bytes(HASH_BYTES);
  const parts = reader.list((value) => readPart(value));
  const settings = reader.optionalBytes();
  return { before, parts, ...(settings && { settings }) };
}

function readPart(value: CborValue): BackupPart {
  const reader = new FieldReader(value, "part of a backup", 2);
  return { cursor: reader.integer(), chunk: decodeHistoryChunk(reader.bytes()) };
}
