import type { MlsEngine } from "@portcullis/mls";
import { bucketStartAt, limits, type AccountId, type Clock, type DeviceId } from "@portcullis/protocol";
import { ClientError } from "../errors.ts";
import { checkClaimed } from "../identity/claimed-devices.ts";
import type { DeviceDirectory } from "../identity/device-directory.ts";
import type { Addition } from "../outbox/outbox-entry.ts";
import type { Provider } from "../server/provider.ts";
import type { ServerApi } from "../server/server-api.ts";
import type { AccountRecord } from "./account-record.ts";

/** What it takes to check what the server gives. */
export interface ClaimingDevice {
  readonly account: AccountRecord;
  readonly engine: MlsEngine;
  readonly devices: DeviceDirectory;
  readonly provider: Provider;
  readonly clock: Clock;
}

/** Gets KeyPackages of others from the server, each checked before anything is made with it. */
export class KeyPackageClaims {
  readonly #device: ClaimingDevice;
  readonly #api: ServerApi;

  constructor(device: ClaimingDevice, api: ServerApi) {
    this.#device = device;
    this.#api = api;
  }

  /**
   * Of every device of these accounts that has any: as many at a time as one Commit adds (CLT-64). `besides`: devices
   * that the conversation has already.
   * @throws ClientError CLIENT_CONVERSATION_FULL, and what `checkClaimed` throws
   */
  async of(accounts: readonly AccountId[], besides: number): Promise<Addition[][]> {
    const devices = besides + accounts.length;
    if (devices > limits.devicesPerConversation)
      throw new ClientError("CLIENT_CONVERSATION_FULL", { devices });
    const additions: Addition[][] = [];
    for (let first = 0; first < accounts.length; first += limits.accountsPerClaim) {
      const claimed = await this.#claim(accounts.slice(first, first + limits.accountsPerClaim));
      for (let i = 0; i < claimed.length; i += limits.devicesAddedAtOnce)
        additions.push(claimed.slice(i, i + limits.devicesAddedAtOnce));
    }
    return additions;
  }

  /** Of some devices of this account. @throws what `checkClaimed` throws */
  ofOwn(chosen: readonly DeviceId[]): Promise<Addition[]> {
    return this.#claim([this.#device.account.accountId], chosen);
  }

  async #claim(accounts: readonly AccountId[], chosen?: readonly DeviceId[]): Promise<Addition[]> {
    const { account, clock, provider, engine, devices: directory } = this.#device;
    const claimed = await this.#api.claimKeyPackages(account, accounts, chosen);
    const startBucket = bucketStartAt(clock.now(), provider.bucketSeconds);
    return checkClaimed(claimed, { accounts, ...(chosen && { chosen }) }, { engine, directory, startBucket });
  }
}
