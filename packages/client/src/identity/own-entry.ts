import type { VerifiedDeviceList } from "@portcullis/ledger/identity";
import { verifyDeviceList } from "@portcullis/ledger/identity";
import { equalBytes, PortcullisError, toBase64Url } from "@portcullis/protocol";
import type { AccountRecord } from "../account/account-record.ts";
import type { DeviceDirectory } from "./device-directory.ts";
import { isTransient } from "../errors.ts";

/** What somebody did to this account, or what the server cannot show. */
export interface IdentityAlarm {
  /**
   * `version`: the log has a list of this account that this device does not know of. `missing`: it has none.
   * `unproven`: the server showed something that it cannot prove.
   */
  readonly reason: "version" | "missing" | "unproven";
  readonly knownVersion: number;
  /** The list that stands in the log; its devices can act for this account. */
  readonly list?: VerifiedDeviceList;
  /** Why the proof failed. */
  readonly code?: string;
}

/**
 * Compares what everybody is shown of this account with what this device knows of it; rule CLT-05. A device that was
 * added and taken away again shows too: versions only rise.
 * @throws ClientError CLIENT_SERVER_UNREACHABLE
 */
export async function checkOwnEntry(
  account: Pick<AccountRecord, "accountId" | "signedDeviceList">,
  directory: DeviceDirectory,
): Promise<IdentityAlarm | undefined> {
  const { version: knownVersion } = verifyDeviceList(account.signedDeviceList);
  try {
    const list = (await directory.current([account.accountId])).get(toBase64Url(account.accountId));
    if (list === undefined) return { reason: "missing", knownVersion };
    return alarmAbout(account, list);
  } catch (error) {
    if (isTransient(error) || !(error instanceof PortcullisError)) throw error;
    return { reason: "unproven", knownVersion, code: error.code };
  }
}

/** When the list that stands in the log is not one that this device knows of. */
export function alarmAbout(
  { signedDeviceList }: Pick<AccountRecord, "signedDeviceList">,
  list: VerifiedDeviceList,
): IdentityAlarm | undefined {
  const known = verifyDeviceList(signedDeviceList);
  const ours = list.version < known.version || equalBytes(list.hash, known.hash);
  return ours ? undefined : { reason: "version", knownVersion: known.version, list };
}
