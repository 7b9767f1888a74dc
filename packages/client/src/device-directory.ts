import {
  decodeDeviceProof,
  deviceOf,
  verifyDeviceProof,
  verifySuccession,
  type ProvenDeviceList,
} from "@portcullis/ledger/identity";
import type { WitnessPolicy } from "@portcullis/ledger/verify";
import type { LeafIdentity } from "@portcullis/mls";
import { equalBytes, toBase64Url, type AccountId } from "@portcullis/protocol";
import { ClientError } from "./errors.ts";

/** Whose devices are whose, as far as this client has seen proof. Holds only lists that stand in the witnessed identity log. */
export class DeviceDirectory {
  readonly #policy: WitnessPolicy;
  /** The encoded device proof of an account, from the server. */
  readonly #fetchProof: (accountId: AccountId) => Promise<Uint8Array>;
  readonly #lists = new Map<string, ProvenDeviceList>();

  constructor(policy: WitnessPolicy, fetchProof: (accountId: AccountId) => Promise<Uint8Array>) {
    this.#policy = policy;
    this.#fetchProof = fetchProof;
  }

  /** Takes a proof in; an older list than the one that is known is ignored. @throws LedgerError, ProtocolError */
  learn(accountId: AccountId, encodedProof: Uint8Array): void {
    const list = verifyDeviceProof(decodeDeviceProof(encodedProof), this.#policy);
    if (!equalBytes(list.accountId, accountId))
      throw new ClientError("CLIENT_DEVICE_UNKNOWN", { accountId: toBase64Url(accountId) });
    const known = this.#lists.get(toBase64Url(accountId));
    if (known !== undefined && known.version >= list.version) return;
    if (known !== undefined && known.version + 1 === list.version) verifySuccession(known, list);
    this.#lists.set(toBase64Url(accountId), list);
  }

  /**
   * Returns when the device and its key stand in the account's logged list, asking for the list when need be.
   * @throws ClientError CLIENT_DEVICE_UNKNOWN, CLIENT_SERVER_UNREACHABLE
   */
  async verify(leaf: LeafIdentity): Promise<void> {
    if (this.#knows(leaf)) return;
    this.learn(leaf.accountId, await this.#fetchProof(leaf.accountId));
    if (!this.#knows(leaf))
      throw new ClientError("CLIENT_DEVICE_UNKNOWN", {
        accountId: toBase64Url(leaf.accountId),
        deviceId: toBase64Url(leaf.deviceId),
      });
  }

  #knows({ accountId, deviceId, signatureKey }: LeafIdentity): boolean {
    const list = this.#lists.get(toBase64Url(accountId));
    const device = list && deviceOf(list, deviceId);
    return device !== undefined && equalBytes(device.signatureKey, signatureKey);
  }
}
