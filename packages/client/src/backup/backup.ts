import { deviceOf, verifyDeviceList } from "@portcullis/ledger/identity";
import { equalBytes, PortcullisError, type ConversationId } from "@portcullis/protocol";
import { Lane } from "../lane.ts";
import type { Conversation } from "../conversation/conversation.ts";
import { ClientError, isTransient } from "../errors.ts";
import type { Host } from "../host.ts";
import { isRefusal, type ServerApi } from "../server/server-api.ts";
import type { Settings } from "../settings.ts";
import type { ClientStore, StoreChange, StoredState } from "../store.ts";
import { BackupRestore, isIncomplete } from "./backup-restore.ts";
import { BackupUpload } from "./backup-upload.ts";
import { BackupVault } from "./backup-vault.ts";
import { KeptBackup } from "./kept-backup.ts";

const KEY_BYTES = 32;
/** In one recovery blob. */
const MOST_KEYS = 16;
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 60_000;

/** When the backup goes on. */
export interface BackupPace {
  /** What is new is put into the backup after so long. Milliseconds. */
  readonly everyMs: number;
  /** So many messages that are new do not wait. */
  readonly messages: number;
  /** In one segment at most. */
  readonly segmentMessages: number;
  /** It is made anew, of few large segments, when there are three times as many as then and so many more. */
  readonly spareSegments: number;
}

export const BACKUP_PACE: BackupPace = {
  everyMs: 60_000,
  messages: 64,
  segmentMessages: 512,
  spareSegments: 256,
};

/** What a person should see of the backup. */
export interface BackupStatus {
  /** `incomplete`: it was taken back, but for what is missing. */
  readonly state: "off" | "on" | "restoring" | "incomplete";
  /** What came until then is in it, by this device's clock; undefined before the first time. */
  readonly savedAtMs: number | undefined;
  readonly segments: number;
  readonly bytes: number;
  /** While it is taken back, and when not all of it was there. In segments, but for `messages`. */
  readonly restored:
    | { readonly messages: number; readonly left: number; readonly missing: number }
    | undefined;
  /** What is wrong with it. */
  readonly code: string | undefined;
}

export interface BackupHost extends Host {
  readonly conversations: ReadonlyMap<string, Conversation>;
  conversation(id: ConversationId): Conversation;
}

/** The backup of one device's account: whether there is one, and what goes into it and comes out of it. One thing at a time. */
export class Backup {
  readonly #host: BackupHost;
  readonly #kept: KeptBackup;
  readonly #vault: BackupVault;
  readonly #upload: BackupUpload;
  readonly #restore: BackupRestore;
  readonly #pace: BackupPace;
  readonly #lane = new Lane();
  #waiting = 0;
  /** Why it is going on by itself later. */
  readonly #timed = new Set<"gathering" | "retry">();
  /** The server did not say yet, on this connection, that the backup is as it was left, with this device's code. */
  #isFresh = true;
  #waitMs = FIRST_WAIT_MS;
  #code: string | undefined;

  constructor(
    host: BackupHost,
    parts: { api: ServerApi; store: ClientStore; stored: StoredState; settings: Settings; pace: BackupPace },
  ) {
    const { api, store, stored, settings, pace } = parts;
    this.#host = host;
    this.#pace = pace;
    this.#kept = new KeptBackup(stored, (changes) => host.write(changes));
    this.#vault = new BackupVault(api, () => host.account);
    const shared = { host, kept: this.#kept, vault: this.#vault, settings };
    this.#upload = new BackupUpload({ ...shared, store, pace });
    this.#restore = new BackupRestore(shared, () => this.#tell(this.#code));
  }

  get status(): BackupStatus {
    const { record, restore } = this.#kept;
    const restoring = restore && (isIncomplete(restore) ? "incomplete" : "restoring");
    return {
      state: record ? "on" : (restoring ?? "off"),
      savedAtMs: (record?.savedAtMs ?? restore?.savedAtMs) || undefined,
      segments: record?.segments ?? 0,
      bytes: record?.bytes ?? 0,
      restored: restore && { messages: restore.messages, left: restore.left, missing: restore.missing },
      code: this.#code,
    };
  }

  /** @throws ClientError CLIENT_BACKUP_CODE, CLIENT_BACKUP_ELSEWHERE, CLIENT_SERVER_… */
  async turnOn(): Promise<void> {
    await this.#lane.run(async () => {
      const { keys, record } = this.#kept;
      if (record !== undefined) return;
      if (keys === undefined || (await this.#vault.recoveryVersion()) !== keys.recoveryVersion)
        throw new ClientError("CLIENT_BACKUP_CODE");
      await this.#delete();
      await this.#demandHere();
      await this.#kept.change({ record: this.#upload.fresh(), restore: null });
    });
    this.#tell(undefined);
    this.go();
  }

  /** Off at once, and gone from the server when it resolves, or at the next connection. */
  async turnOff(): Promise<void> {
    await this.#lane.run(async () => {
      await this.#kept.change({ record: null, pending: null, restore: null, deletion: true });
      this.#tell(undefined);
      await this.#delete();
    });
  }

  /** Resolves when everything that is there now is in the backup. @throws ClientError CLIENT_BACKUP_…, CLIENT_SERVER_… */
  async saved(): Promise<void> {
    await this.#lane.run(async () => {
      if (this.#kept.record === undefined) throw new ClientError("CLIENT_BACKUP_OFF");
      await this.#go();
    });
  }

  /** Once more all of a backup of which something was missing. Resolves when it is there. @throws ClientError CLIENT_BACKUP_… */
  async restore(): Promise<void> {
    await this.#lane.run(async () => {
      await this.#restore.again();
      await this.#go();
    });
  }

  /**
   * What `seal` makes of a fresh key, with those under which the backup may still lie. With it the backup is made anew:
   * the recovery code before is worth nothing then, for what comes later.
   * @throws ClientError CLIENT_BACKUP_ELSEWHERE, and what `seal` throws
   */
  async renewKey<T extends { readonly version: number }>(
    seal: (keys: readonly Uint8Array[]) => Promise<T>,
  ): Promise<T> {
    const sealed = await this.#lane.run(async () => {
      await this.#demandHere();
      const { record, restore, keys: known } = this.#kept;
      const before = known?.keys ?? [];
      const fresh = this.#host.random(KEY_BYTES);
      // While another generation is being made, nobody knows which of them stands; one that stands has left one key.
      const keys = [fresh, ...(record || restore ? before : [])].slice(0, MOST_KEYS);
      const outcome = await seal(keys);
      const renewed = record && { record: this.#upload.fresh(fresh), pending: null };
      await this.#kept.change({ keys: { keys, recoveryVersion: outcome.version }, ...renewed });
      return outcome;
    });
    this.go();
    return sealed;
  }

  /** There is a connection. */
  connected(): void {
    this.#isFresh = true;
    this.go();
  }

  /** Something was written. */
  noticed(changes: readonly StoreChange[]): void {
    if (this.#kept.record === undefined) return;
    const fresh = changes.filter(
      (change) => "put" in change && (change.put === "message" || isSettings(change)),
    ).length;
    if (fresh === 0) return;
    this.#waiting += fresh;
    if (this.#waiting >= this.#pace.messages) this.go();
    else this.#later("gathering", this.#pace.everyMs);
  }

  /** Goes on, as far as it can; the rest later. */
  go(): void {
    if (!this.#host.ready) return;
    this.#waiting = 0;
    this.#lane
      .run(() => this.#go())
      .catch((error: unknown) => {
        if (!(error instanceof PortcullisError)) this.#host.stop(error);
      });
  }

  /** Resolves when nothing of it runs any more. */
  drained(): Promise<void> {
    return this.#lane.drained();
  }

  async #go(): Promise<void> {
    const { record, restore, deletion } = this.#kept;
    if (record === undefined && !deletion && (restore === undefined || isIncomplete(restore))) return;
    try {
      await this.#delete();
      await this.#takeBack();
      await this.#look();
      await this.#bringUp();
      this.#waitMs = FIRST_WAIT_MS;
      await this.#checkCode();
      this.#tell(undefined);
    } catch (error) {
      if (!(error instanceof PortcullisError)) throw error;
      if (!isTransient(error)) this.#tell(String(error.facts["refusal"] ?? error.code));
      if (isTransient(error) || error.code === "CLIENT_BACKUP_CHANGED") this.#retry();
      throw error;
    }
  }

  async #delete(): Promise<void> {
    if (!this.#kept.deletion) return;
    await this.#vault.remove();
    await this.#kept.change({ deletion: null });
  }

  /** All of it is there again: from now on this device keeps the backup, in a generation of its own. */
  async #takeBack(): Promise<void> {
    const { restore } = this.#kept;
    if (restore === undefined || isIncomplete(restore)) return;
    await this.#restore.run();
    await this.#kept.change({ record: this.#upload.fresh(), restore: null });
  }

  /** Once on each connection: the backup stands as this device left it. */
  async #look(): Promise<void> {
    const { record, pending } = this.#kept;
    if (!this.#isFresh || record === undefined || record.replaces || pending !== undefined) return;
    const standing = await this.#vault.standing();
    if (standing === undefined || !equalBytes(standing.generation, record.generation)) return this.#lose();
    if (!equalBytes(standing.head, record.head)) return this.#makeAnew();
  }

  async #bringUp(): Promise<void> {
    try {
      await this.#upload.run();
    } catch (error) {
      if (isRefusal(error, "BACKUP_UNKNOWN")) return this.#lose();
      if (isRefusal(error, "BACKUP_NOT_NEXT")) return this.#makeAnew();
      throw error;
    }
  }

  /** The server has a recovery code of another device, which does not bring this backup back. */
  async #checkCode(): Promise<void> {
    const { record, keys } = this.#kept;
    if (!this.#isFresh || record === undefined) return;
    if ((await this.#vault.recoveryVersion()) !== keys?.recoveryVersion)
      throw new ClientError("CLIENT_BACKUP_CODE");
    this.#isFresh = false;
  }

  async #lose(): Promise<never> {
    await this.#kept.change({ record: null, pending: null });
    throw new ClientError("CLIENT_BACKUP_LOST");
  }

  async #makeAnew(): Promise<never> {
    await this.#upload.renew();
    throw new ClientError("CLIENT_BACKUP_CHANGED");
  }

  /** What stands is nobody's, this device's, or one's that the account has no more. */
  async #demandHere(): Promise<void> {
    const standing = await this.#vault.standing();
    const { account } = this.#host;
    if (standing === undefined || equalBytes(standing.deviceId, account.deviceId)) return;
    const isListed = deviceOf(verifyDeviceList(account.signedDeviceList), standing.deviceId) !== undefined;
    if (isListed) throw new ClientError("CLIENT_BACKUP_ELSEWHERE");
  }

  #retry(): void {
    this.#later("retry", this.#waitMs);
    this.#waitMs = Math.min(2 * this.#waitMs, LONGEST_WAIT_MS);
  }

  #later(why: "gathering" | "retry", delayMs: number): void {
    if (this.#timed.has(why)) return;
    this.#timed.add(why);
    this.#host.later(delayMs, () => {
      this.#timed.delete(why);
      this.go();
    });
  }

  #tell(code: string | undefined): void {
    this.#code = code;
    this.#host.events.emit("backup", this.status);
  }
}

function isSettings(change: Extract<StoreChange, { readonly put: string }>): boolean {
  return change.put === "fact" && change.name === "settings";
}
