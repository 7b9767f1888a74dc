import { deviceOf, signDeviceList, type VerifiedDeviceList } from "@portcullis/ledger/identity";
import { compareBytes, toBase64Url } from "@portcullis/protocol";
import type { AccountRecord } from "./account-record.ts";
import { ClientError } from "../errors.ts";
import type { Lane } from "../lane.ts";
import type { DeviceDirectory } from "../identity/device-directory.ts";
import type { OwnEntryWatch } from "../identity/own-entry-watch.ts";
import { alarmAbout } from "../identity/own-entry.ts";
import { isRefusal, type ServerApi } from "../server/server-api.ts";

type Devices = VerifiedDeviceList["devices"];

/** The list after the one that stands, signed. */
export function signNextList(
  { accountKey, noticeKey }: Pick<AccountRecord, "accountKey" | "noticeKey">,
  stands: VerifiedDeviceList,
  devices: Devices,
): Uint8Array {
  return signDeviceList(accountKey, {
    accountId: stands.accountId,
    accountKey: accountKey.publicKey,
    noticeKey: noticeKey.publicKey,
    version: stands.version + 1,
    devices: devices.toSorted((a, b) => compareBytes(a.deviceId, b.deviceId)),
    previous: stands.hash,
  });
}

/** What a device needs to change its account's list. */
export interface ListOwner {
  readonly account: AccountRecord;
  /** In it one change of the list is made after the other. */
  readonly listLane: Lane;
  /** Durable when it resolves: from then on this device knows of the list. */
  learnDevices(signedDeviceList: Uint8Array): Promise<void>;
  /** Told when the list that stands is not one that this device knows of. */
  readonly ownEntry: Pick<OwnEntryWatch, "alarm">;
}

/**
 * Publishes the list that `change` makes of the proven one that stands, and again on top of another device's that came
 * first; undefined: it is that already. This device knows of its list before anybody else does.
 * @throws ClientError CLIENT_ACCOUNT_UNKNOWN, CLIENT_SERVER_…; LedgerError IDENTITY_DEVICES, …
 */
export function changeDevices(
  owner: ListOwner,
  server: { readonly api: ServerApi; readonly directory: DeviceDirectory },
  change: (devices: Devices) => Devices | undefined,
): Promise<void> {
  return owner.listLane.run(() => publishChange(owner, server, change));
}

async function publishChange(
  owner: ListOwner,
  { api, directory }: { readonly api: ServerApi; readonly directory: DeviceDirectory },
  change: (devices: Devices) => Devices | undefined,
): Promise<void> {
  let tried = -1;
  for (;;) {
    const { account } = owner;
    const stands = await listThatStands(account, directory);
    const alarm = alarmAbout(account, stands);
    if (alarm !== undefined) owner.ownEntry.alarm(alarm);
    const devices = change(stands.devices);
    if (devices === undefined) return;
    await owner.learnDevices(signNextList(account, stands, devices));
    try {
      await api.replaceDevices(owner.account);
      return;
    } catch (error) {
      const late = isRefusal(error, "DEVICE_LIST_NOT_NEXT", "IDENTITY_SUCCESSION") && stands.version > tried;
      if (!late) throw error;
      tried = stands.version;
    }
  }
}

/**
 * The person says that this version, which another device made while this one took no part, was theirs: from then on this
 * device knows of it. Only the version that stands, for it is the one whose devices act for the account.
 * @throws ClientError CLIENT_DEVICES_VERSION, CLIENT_DEVICE_UNLINKED, CLIENT_ACCOUNT_UNKNOWN, CLIENT_SERVER_…; LedgerError
 */
export function acknowledgeList(
  owner: ListOwner,
  { directory }: { readonly directory: DeviceDirectory },
  version: number,
): Promise<void> {
  return owner.listLane.run(async () => {
    const { account } = owner;
    const stands = await listThatStands(account, directory);
    if (stands.version !== version)
      throw new ClientError("CLIENT_DEVICES_VERSION", { version, stands: stands.version });
    if (alarmAbout(account, stands) === undefined) return;
    // What does not name this device ends it, whoever made it (LNK-13).
    if (deviceOf(stands, account.deviceId) === undefined) throw new ClientError("CLIENT_DEVICE_UNLINKED");
    await owner.learnDevices(stands.signed);
  });
}

async function listThatStands(
  { accountId, handle }: AccountRecord,
  directory: DeviceDirectory,
): Promise<VerifiedDeviceList> {
  const stands = (await directory.current([accountId])).get(toBase64Url(accountId));
  if (stands === undefined) throw new ClientError("CLIENT_ACCOUNT_UNKNOWN", { handle });
  return stands;
}
