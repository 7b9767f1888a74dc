import { generateSigningKey } from "@portcullis/crypto";
import { verifyDeviceList } from "@portcullis/ledger/identity";
import {
  asDeviceId,
  equalBytes,
  fromBase64Url,
  prepareHandle,
  toBase64Url,
  type Random,
} from "@portcullis/protocol";
import { decodeAccountRecord, encodeAccountRecord, type AccountRecord } from "./account-record.ts";
import { signNextList } from "./device-list.ts";
import { restoreChanges } from "../backup/kept-backup.ts";
import { ClientError } from "../errors.ts";
import type { DeviceDirectory } from "../identity/device-directory.ts";
import { openRecovery, recoveryKeys, sealRecovery } from "./recovery-blob.ts";
import { formatRecoveryCode, makeRecoverySecret, parseRecoveryCode } from "./recovery-code.ts";
import type { ServerApi } from "../server/server-api.ts";
import type { ClientStore } from "../store.ts";

/** Leaves the account key at the server, sealed under a fresh code, which replaces the one before. */
export async function makeRecoveryCode(
  api: ServerApi,
  account: AccountRecord,
  random: Random,
  backupKeys: readonly Uint8Array[],
): Promise<{ code: string; version: number }> {
  const secret = makeRecoverySecret(random);
  const { sealing, authenticator } = recoveryKeys(secret, account.accountId);
  const version = (await api.recoveryVersion(account)) + 1;
  const blob = sealRecovery({ ...account, backupKeys }, { sealing, version, random });
  await api.putRecovery(account, { version, blob, authenticator });
  return { code: formatRecoveryCode(secret), version };
}

/**
 * Takes the account back with its recovery code: this device becomes its only one. The device's keys are stored before
 * anybody hears of them, so that an attempt that was cut off goes on with the same device.
 * @throws ClientError CLIENT_RECOVERY_CODE, CLIENT_RECOVERY_BLOB, CLIENT_ACCOUNT_EXISTS, CLIENT_ACCOUNT_UNKNOWN,
 * CLIENT_SERVER_…; LedgerError, CryptoError when the server's lookup proves nothing
 */
export async function takeAccountBack(input: {
  api: ServerApi;
  store: ClientStore;
  random: Random;
  directory: DeviceDirectory;
  handle: string;
  code: string;
}): Promise<void> {
  const { api, store, random, directory } = input;
  const handle = prepareHandle(input.handle);
  const secret = parseRecoveryCode(input.code);
  const begun = await begunRecord(store);
  const accountId = await api.accountByHandle(handle);
  if (accountId === undefined) throw new ClientError("CLIENT_ACCOUNT_UNKNOWN", { handle });
  const { sealing, authenticator } = recoveryKeys(secret, accountId);
  const { version, ...recovered } = openRecovery(
    await api.fetchRecovery(accountId, authenticator),
    accountId,
    sealing,
  );
  const stands = (await directory.current([accountId])).get(toBase64Url(accountId));
  if (stands === undefined) throw new ClientError("CLIENT_ACCOUNT_UNKNOWN", { handle });
  const ours = begun && equalBytes(begun.accountId, accountId) ? begun : undefined;
  const { deviceId, deviceKey } = ours ?? freshDevice(random);
  const devices = [{ deviceId, signatureKey: deviceKey.publicKey }];
  const published = ours && equalBytes(verifyDeviceList(ours.signedDeviceList).hash, stands.hash);
  const { provider, frankingKey } = await api.server();
  const { accountKey, noticeKey } = recovered;
  const account: AccountRecord = {
    accountKey,
    noticeKey,
    provider,
    frankingKey: fromBase64Url(frankingKey),
    handle,
    accountId,
    deviceId,
    deviceKey,
    signedDeviceList: published ? ours.signedDeviceList : signNextList(recovered, stands, devices),
    registered: published === true,
  };
  const { backupKeys: keys } = recovered;
  await store.write([
    { put: "account", value: encodeAccountRecord(account) },
    ...(keys.length > 0 ? restoreChanges({ keys, recoveryVersion: version }) : []),
  ]);
  if (published) return;
  await api.replaceDevices(account);
  await store.write([{ put: "account", value: encodeAccountRecord({ ...account, registered: true }) }]);
}

/** Of an attempt that was cut off. */
async function begunRecord(store: ClientStore): Promise<AccountRecord | undefined> {
  const { account } = await store.load();
  const record = account && decodeAccountRecord(account);
  if (record?.registered === true) throw new ClientError("CLIENT_ACCOUNT_EXISTS", { handle: record.handle });
  return record;
}

function freshDevice(random: Random): Pick<AccountRecord, "deviceId" | "deviceKey"> {
  return { deviceId: asDeviceId(random(16)), deviceKey: generateSigningKey(random) };
}
