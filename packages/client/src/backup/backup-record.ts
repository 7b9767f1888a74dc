import { decodeCbor, encodeCbor, FieldReader } from "@portcullis/protocol";
import { GENERATION_BYTES } from "./backup-keys.ts";

const RECORD = "portcullis/client-backup/v1";
const PENDING = "portcullis/client-backup-pending/v1";
const RESTORE = "portcullis/client-backup-restore/v1";
const HASH_BYTES = 32;

/** How far this device has come with the generation that it keeps. No secret. */
export interface BackupRecord {
  readonly generation: Uint8Array;
  /** It is being made, and is to stand once everything is in it. */
  readonly replaces: boolean;
  readonly segments: number;
  /** How many there were when everything was in it for the first time; 0 until then. */
  readonly base: number;
  readonly bytes: number;
  readonly chain: Uint8Array;
  readonly counter: number;
  readonly savedAtMs: number;
  /** As it lies at the server; empty before the first. */
  readonly head: Uint8Array;
  /** The messages up to this place, in the order in which they came to this device, are in it. */
  readonly arrival: number;
  /** SHA-256 of the settings that are in it. */
  readonly settings?: Uint8Array;
}

/** A segment on its way: what was sealed is sent again byte for byte, so that a place is sealed for once. */
export interface PendingSegment {
  readonly segment: Uint8Array;
  /** What stands once the server has it. */
  readonly next: BackupRecord;
}

/** How far this device has come with taking a backup back: newest segment first. No secret. */
export interface RestoreRecord {
  /** What stood at the server when it began; undefined before that is known. */
  readonly from?: { readonly generation: Uint8Array; readonly head: Uint8Array };
  /** The highest counter of a head that this device has seen. */
  readonly counter: number;
  /** Of that head; 0 until then. */
  readonly savedAtMs: number;
  /** So many segments are left, the newest ones first. */
  readonly left: number;
  /** The chain of these; undefined behind a segment that is missing. */
  readonly chain?: Uint8Array;
  readonly messages: number;
  readonly missing: number;
}

export const NOTHING_YET: RestoreRecord = { counter: 0, savedAtMs: 0, left: 0, messages: 0, missing: 0 };

export function encodeBackupRecord(record: BackupRecord): Uint8Array {
  const { generation, replaces, segments, base, bytes, chain, counter, savedAtMs, head, arrival } = record;
  const numbers = [segments, base, bytes, counter, savedAtMs, arrival];
  return encodeCbor([RECORD, generation, replaces, ...numbers, chain, head, record.settings ?? null]);
}

/** @throws ProtocolError DECODE_* */
export function decodeBackupRecord(bytes: Uint8Array): BackupRecord {
  const what = "record of a backup";
  const reader = new FieldReader(decodeCbor(bytes, what), what, 12);
  reader.constant(RECORD);
  const record = {
    generation: reader.bytes(GENERATION_BYTES),
    replaces: reader.boolean(),
    segments: reader.integer(),
    base: reader.integer(),
    bytes: reader.integer(),
    counter: reader.integer(),
    savedAtMs: reader.integer(),
    arrival: reader.integer(),
    chain: reader.bytes(HASH_BYTES),
    head: reader.bytes(),
  };
  const settings = reader.optionalBytes(HASH_BYTES);
  return { ...record, ...(settings && { settings }) };
}

export function encodePendingSegment({ segment, next }: PendingSegment): Uint8Array {
  return encodeCbor([PENDING, segment, encodeBackupRecord(next)]);
}

/** @throws ProtocolError DECODE_* */
export function decodePendingSegment(bytes: Uint8Array): PendingSegment {
  const what = "pending segment of a backup";
  const reader = new FieldReader(decodeCbor(bytes, what), what, 3);
  reader.constant(PENDING);
  return { segment: reader.bytes(), next: decodeBackupRecord(reader.bytes()) };
}

export function encodeRestoreRecord(record: RestoreRecord): Uint8Array {
  const { from, counter, savedAtMs, left, chain, messages, missing } = record;
  const where = [from?.generation ?? null, from?.head ?? new Uint8Array(0)];
  return encodeCbor([RESTORE, ...where, counter, savedAtMs, left, chain ?? null, messages, missing]);
}

/** @throws ProtocolError DECODE_* */
export function decodeRestoreRecord(bytes: Uint8Array): RestoreRecord {
  const what = "record of a backup that comes back";
  const reader = new FieldReader(decodeCbor(bytes, what), what, 9);
  reader.constant(RESTORE);
  const generation = reader.optionalBytes(GENERATION_BYTES);
  const head = reader.bytes();
  const counts = { counter: reader.integer(), savedAtMs: reader.integer(), left: reader.integer() };
  const chain = reader.optionalBytes(HASH_BYTES);
  const done = { messages: reader.integer(), missing: reader.integer() };
  return { ...(generation && { from: { generation, head } }), ...counts, ...(chain && { chain }), ...done };
}
