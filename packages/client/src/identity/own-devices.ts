import { equalBytes, toBase64Url, type DeviceId } from "@portcullis/protocol";
import type { AccountRecord } from "../account/account-record.ts";
import type { DeviceDirectory } from "./device-directory.ts";
import type { ServerApi } from "../server/server-api.ts";

/** A device that acts for this account. */
export interface OwnDevice {
  readonly deviceId: DeviceId;
  /** Whether it is the one that asks. */
  readonly current: boolean;
  /** As the server says: the day (2026-01-31, UTC) on which it last opened a session. It knows no more than the day. */
  readonly lastSeen: string | undefined;
}

const DAY_MS = 24 * 3600 * 1000;

/** Every device that the identity log has for the account now, none left out and none added by the server. */
export async function ownDevices(
  api: ServerApi,
  account: AccountRecord,
  directory: DeviceDirectory,
): Promise<OwnDevice[]> {
  const lists = await directory.current([account.accountId]);
  const devices = lists.get(toBase64Url(account.accountId))?.devices ?? [];
  const days = await api.lastSeenDays(account);
  return devices.map(({ deviceId }) => {
    const day = days.get(toBase64Url(deviceId));
    const lastSeen = day === undefined ? undefined : new Date(day * DAY_MS).toISOString().slice(0, 10);
    return { deviceId, current: equalBytes(deviceId, account.deviceId), lastSeen };
  });
}
