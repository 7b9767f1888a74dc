import { decodeDeviceProof, verifyDeviceProof, type VerifiedDeviceList } from "@portcullis/ledger/identity";
import type { WitnessPolicy } from "@portcullis/ledger/verify";
import { equalBytes, toBase64Url, type AccountId, type DeviceId } from "@portcullis/protocol";
import type { AccountRecord } from "./account-record.ts";
import type { DeviceDirectory } from "./device-directory.ts";
import { ClientError } from "./errors.ts";
import type { ServerApi } from "./server-api.ts";

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

/**
 * A list of the account that stands in the identity log. That there is none newer is for the server to say: it takes no
 * other version than the next. @throws ClientError, LedgerError
 */
export async function ownDeviceList(
  api: ServerApi,
  accountId: AccountId,
  identityPolicy: WitnessPolicy,
): Promise<VerifiedDeviceList & { readonly signedList: Uint8Array }> {
  const proof = decodeDeviceProof(await api.devices(accountId));
  const list = verifyDeviceProof(proof, identityPolicy);
  if (!equalBytes(list.accountId, accountId)) throw new ClientError("CLIENT_DEVICE_UNKNOWN");
  return { ...list, signedList: proof.signedList };
}
