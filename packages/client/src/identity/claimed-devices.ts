import type { LeafIdentity, MlsEngine } from "@portcullis/mls";
import {
  equalBytes,
  isSameDevice,
  toBase64Url,
  type AccountId,
  type BucketStart,
  type DeviceId,
  type DeviceReference,
} from "@portcullis/protocol";
import { requireListed, type DeviceDirectory } from "./device-directory.ts";
import { ClientError } from "../errors.ts";
import type { Addition } from "../outbox/outbox-entry.ts";
import type { ClaimedDevice } from "../server/server-api.ts";

/** Whose KeyPackages were asked for: those of all devices of these accounts that have any, or of some of theirs alone. */
export interface Claim {
  readonly accounts: readonly AccountId[];
  readonly chosen?: readonly DeviceId[];
}

/**
 * What the server gave for these accounts, once it is what was asked for: at least one device of each account and none
 * of another, each once, with a KeyPackage of its very own, and proven by the identity log (CLT-19). A wrong one that
 * went into a Commit would freeze everybody. One that is left out comes later: its account's other devices add it (LNK-10).
 * @throws ClientError CLIENT_MEMBER_NO_DEVICE, CLIENT_KEY_PACKAGE, CLIENT_DEVICE_UNKNOWN; MlsError, LedgerError
 */
export async function checkClaimed(
  claimed: readonly ClaimedDevice[],
  { accounts, chosen }: Claim,
  trust: {
    readonly engine: MlsEngine;
    readonly directory: DeviceDirectory;
    readonly startBucket: BucketStart;
  },
): Promise<Addition[]> {
  const additions: Addition[] = [];
  const leaves: LeafIdentity[] = [];
  for (const { accountId, deviceId, keyPackage } of claimed) {
    const isAsked =
      accounts.some((account) => equalBytes(account, accountId)) &&
      chosen?.some((device) => equalBytes(device, deviceId)) !== false;
    const isRepeated = additions.some((addition) => isSameDevice(addition, { accountId, deviceId }));
    if (!isAsked || isRepeated) throw wrongKeyPackage({ accountId, deviceId });
    const leaf = await trust.engine.verifyKeyPackage(keyPackage);
    if (!isSameDevice(leaf, { accountId, deviceId })) throw wrongKeyPackage({ accountId, deviceId });
    leaves.push(leaf);
    additions.push({ accountId, deviceId, keyPackage });
  }
  for (const accountId of accounts)
    if (!additions.some((addition) => equalBytes(addition.accountId, accountId)))
      throw new ClientError("CLIENT_MEMBER_NO_DEVICE", { accountId: toBase64Url(accountId) });
  const { lists } = await trust.directory.prove(additions, trust.startBucket);
  for (const leaf of leaves) requireListed(lists, leaf);
  return additions;
}

function wrongKeyPackage({ accountId, deviceId }: DeviceReference): ClientError {
  const device = { accountId: toBase64Url(accountId), deviceId: toBase64Url(deviceId) };
  return new ClientError("CLIENT_KEY_PACKAGE", device);
}
