import {
  asDeviceId,
  fromBase64Url,
  toBase64Url,
  type BackupAnswer,
  type BackupSegmentAnswer,
  type BackupSegmentRequest,
  type DeviceId,
} from "@portcullis/protocol";
import type { AccountRecord } from "../account/account-record.ts";
import { isRefusal, type ServerApi } from "../server/server-api.ts";

/** What stands at the server, as it says. */
export interface StandingBackup {
  readonly generation: Uint8Array;
  /** Which device wrote last. */
  readonly deviceId: DeviceId;
  readonly head: Uint8Array;
}

/** The account's backup at the server, which can lose it, hold it back or show an older one, and read nothing of it. */
export class BackupVault {
  readonly #api: ServerApi;
  readonly #account: () => AccountRecord;

  constructor(api: ServerApi, account: () => AccountRecord) {
    this.#api = api;
    this.#account = account;
  }

  async standing(): Promise<StandingBackup | undefined> {
    const { generation, deviceId, head } = await this.#ask<BackupAnswer>("GET", "");
    if (generation === undefined || deviceId === undefined || head === undefined) return undefined;
    return {
      generation: fromBase64Url(generation),
      deviceId: asDeviceId(fromBase64Url(deviceId)),
      head: fromBase64Url(head),
    };
  }

  /** Undefined when the server says that it has none. */
  async segment(generation: Uint8Array, index: number): Promise<Uint8Array | undefined> {
    try {
      const path = `/${toBase64Url(generation)}/segments/${index}`;
      return fromBase64Url((await this.#ask<BackupSegmentAnswer>("GET", path)).segment);
    } catch (error) {
      if (isRefusal(error, "BACKUP_UNKNOWN")) return undefined;
      throw error;
    }
  }

  /** @throws ClientError CLIENT_SERVER_REFUSED (BACKUP_UNKNOWN, BACKUP_NOT_NEXT, BACKUP_FULL) */
  async put(
    generation: Uint8Array,
    index: number,
    { segment, head }: { readonly segment: Uint8Array; readonly head: Uint8Array },
  ): Promise<void> {
    const request: BackupSegmentRequest = { segment: toBase64Url(segment), head: toBase64Url(head) };
    await this.#ask("PUT", `/${toBase64Url(generation)}/segments/${index}`, request);
  }

  /** From now on this generation stands, and no other is there. @throws ClientError CLIENT_SERVER_REFUSED (BACKUP_UNKNOWN) */
  async stand(generation: Uint8Array): Promise<void> {
    await this.#ask("PUT", `/${toBase64Url(generation)}`);
  }

  async remove(): Promise<void> {
    await this.#ask("DELETE", "");
  }

  /** Of the recovery blob that stands. */
  recoveryVersion(): Promise<number> {
    return this.#api.recoveryVersion(this.#account());
  }

  async #ask<T>(method: "GET" | "PUT" | "DELETE", path: string, body?: object): Promise<T> {
    const token = await this.#api.token(this.#account());
    return this.#api.call<T>(method, `/v1/backup${path}`, body, token);
  }
}
