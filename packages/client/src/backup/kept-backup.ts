import type { StoreChange, StoredState } from "../store.ts";
import { decodeBackupKeys, encodeBackupKeys, type BackupKeys } from "./backup-keys.ts";
import {
  decodeBackupRecord,
  decodePendingSegment,
  decodeRestoreRecord,
  encodeBackupRecord,
  encodePendingSegment,
  encodeRestoreRecord,
  NOTHING_YET,
  type BackupRecord,
  type PendingSegment,
  type RestoreRecord,
} from "./backup-record.ts";

const KEYS = "backup/keys";
const RECORD = "backup/record";
const PENDING = "backup/pending";
const RESTORE = "backup/restore";
const DELETION = "backup/deletion";

/** What is to be kept from now on; null: nothing any more. */
export interface BackupChange {
  readonly keys?: BackupKeys;
  readonly record?: BackupRecord | null;
  readonly pending?: PendingSegment | null;
  readonly restore?: RestoreRecord | null;
  readonly deletion?: true | null;
}

/** What a device keeps of its account's backup, here as in the store. */
export class KeptBackup {
  readonly #write: (changes: readonly StoreChange[]) => Promise<void>;
  #keys: BackupKeys | undefined;
  #record: BackupRecord | undefined;
  #pending: PendingSegment | undefined;
  #restore: RestoreRecord | undefined;
  #deletion: boolean;

  constructor(
    { facts, secrets }: Pick<StoredState, "facts" | "secrets">,
    write: (changes: readonly StoreChange[]) => Promise<void>,
  ) {
    this.#write = write;
    const read = <T>(bytes: Uint8Array | undefined, decode: (bytes: Uint8Array) => T): T | undefined =>
      bytes && decode(bytes);
    this.#keys = read(secrets.get(KEYS), decodeBackupKeys);
    this.#record = read(facts.get(RECORD), decodeBackupRecord);
    this.#pending = read(facts.get(PENDING), decodePendingSegment);
    this.#restore = read(facts.get(RESTORE), decodeRestoreRecord);
    this.#deletion = facts.has(DELETION);
  }

  get keys(): BackupKeys | undefined {
    return this.#keys;
  }

  /** Undefined while the backup is off. */
  get record(): BackupRecord | undefined {
    return this.#record;
  }

  get pending(): PendingSegment | undefined {
    return this.#pending;
  }

  get restore(): RestoreRecord | undefined {
    return this.#restore;
  }

  /** The backup is off, and still to be deleted at the server. */
  get deletion(): boolean {
    return this.#deletion;
  }

  /** In one write with what is `besides`. */
  async change(change: BackupChange, besides: readonly StoreChange[] = []): Promise<void> {
    await this.#write([...besides, ...changesOf(change)]);
    const { keys = this.#keys, record, pending, restore, deletion } = change;
    this.#keys = keys;
    if (record !== undefined) this.#record = record ?? undefined;
    if (pending !== undefined) this.#pending = pending ?? undefined;
    if (restore !== undefined) this.#restore = restore ?? undefined;
    if (deletion !== undefined) this.#deletion = deletion === true;
  }
}

/** For a device that has just got the keys: it takes back what stands under one of them. */
export function restoreChanges(keys: BackupKeys): StoreChange[] {
  return changesOf({ keys, restore: NOTHING_YET });
}

function changesOf({ keys, record, pending, restore, deletion }: BackupChange): StoreChange[] {
  const fact = (name: string, value: Uint8Array | null | undefined): StoreChange[] => {
    if (value === undefined) return [];
    return [value === null ? { erase: "fact", name } : { put: "fact", name, value }];
  };
  return [
    ...(keys ? [{ put: "secret", name: KEYS, value: encodeBackupKeys(keys) } as const] : []),
    ...fact(RECORD, record && encodeBackupRecord(record)),
    ...fact(PENDING, pending && encodePendingSegment(pending)),
    ...fact(RESTORE, restore && encodeRestoreRecord(restore)),
    ...fact(DELETION, deletion && new Uint8Array(0)),
  ];
}
