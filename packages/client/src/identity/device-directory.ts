import {
  decodeLookup,
  deviceOf,
  verifyLookup,
  type LookupWindow,
  type VerifiedDeviceList,
} from "@portcullis/ledger/identity";
import type { LeafIdentity } from "@portcullis/mls";
import {
  equalBytes,
  limits,
  toBase64Url,
  type AccountId,
  type BucketStart,
  type DeviceReference,
} from "@portcullis/protocol";
import { ClientError } from "../errors.ts";
import type { Provider } from "../server/provider.ts";
import type { LogView } from "./log-view.ts";

/** How far the clocks of witnesses and servers may be ahead of each other. */
const CLOCKS_DIFFER_MS = 60_000;
/** A person's device may be behind by more: what is fresh to it may be from what it takes for the future. */
const DEVICE_BEHIND_MS = 24 * 3600 * 1000;

/** The lists of the accounts that were asked for, as the identity log had them at one time; undefined: it had none. */
export type ProvenLists = ReadonlyMap<string, VerifiedDeviceList | undefined>;

/** Each account once, in the order of their first leaf. */
export function accountsOf(members: readonly DeviceReference[]): AccountId[] {
  const accounts = new Map(members.map(({ accountId }) => [toBase64Url(accountId), accountId]));
  return [...accounts.values()];
}

/** A lookup that was verified, with the bytes that prove it to others. */
export interface Looked {
  readonly lookup: Uint8Array;
  readonly lists: ProvenLists;
}

/** When the witnesses must have vouched for devices that are added in a bucket: from the bucket before it on. CLT-18 */
export function lookupWindow(
  startBucket: BucketStart,
  atMs: number,
  { bucketSeconds }: Pick<Provider, "bucketSeconds">,
): LookupWindow {
  return { notBeforeMs: (startBucket - bucketSeconds) * 1000, notAfterMs: atMs + CLOCKS_DIFFER_MS };
}

/** A device, with its key if that is known. */
type Leaf = DeviceReference & Partial<LeafIdentity>;

/** Whether its account's list is there and names the device no more, or with another key. */
export function isUnlisted(lists: ProvenLists, { accountId, deviceId, signatureKey }: Leaf): boolean {
  const list = lists.get(toBase64Url(accountId));
  if (list === undefined) return false;
  const device = deviceOf(list, deviceId);
  return device === undefined || !equalBytes(device.signatureKey, signatureKey ?? device.signatureKey);
}

/** @throws ClientError CLIENT_DEVICE_UNKNOWN unless the device stands in its account's list, with that key if one is named */
export function requireListed(lists: ProvenLists, leaf: Leaf): void {
  if (!lists.get(toBase64Url(leaf.accountId)) || isUnlisted(lists, leaf))
    throw new ClientError("CLIENT_DEVICE_UNKNOWN", factsOf(leaf));
}

/** @throws ClientError CLIENT_DEVICE_LISTED unless {@link isUnlisted} */
export function requireUnlisted(lists: ProvenLists, leaf: Leaf): void {
  if (!isUnlisted(lists, leaf)) throw new ClientError("CLIENT_DEVICE_LISTED", factsOf(leaf));
}

function factsOf({ accountId, deviceId }: DeviceReference): Record<string, string> {
  return { accountId: toBase64Url(accountId), deviceId: toBase64Url(deviceId) };
}

/** Whose devices are whose, as far as this client has seen proof that everybody sees the same. */
export class DeviceDirectory {
  readonly #provider: Pick<Provider, "identityPolicy" | "vrfKey" | "bucketSeconds">;
  /** An encoded lookup of these accounts, from the server. */
  readonly #fetchLookup: (accounts: readonly AccountId[]) => Promise<Uint8Array>;
  readonly #nowMs: () => number;
  /** Gets to see every tree that a lookup comes from. */
  readonly #log: Pick<LogView, "size" | "see"> | undefined;
  /** Devices that were proven when they were added somewhere, or since. */
  readonly #proven = new Set<string>();
  #latest: (Looked & { readonly of: string }) | undefined;

  constructor(
    provider: Pick<Provider, "identityPolicy" | "vrfKey" | "bucketSeconds">,
    fetchLookup: (accounts: readonly AccountId[]) => Promise<Uint8Array>,
    nowMs: () => number,
    log?: Pick<LogView, "size" | "see">,
  ) {
    this.#provider = provider;
    this.#fetchLookup = fetchLookup;
    this.#nowMs = nowMs;
    this.#log = log;
  }

  /**
   * What a lookup proves of these accounts. `sizeWhenAsked`: how much of the log this device knew when it asked for it.
   * @throws what decodeLookup and verifyLookup throw
   */
  check(
    lookup: Uint8Array,
    accounts: readonly AccountId[],
    window: LookupWindow,
    sizeWhenAsked = 0,
  ): ProvenLists {
    const { identityPolicy: policy, vrfKey } = this.#provider;
    const check = { lookup: decodeLookup(lookup), accounts, vrfKey, policy, window };
    const { lists, checkpoint } = verifyLookup(check);
    this.#log?.see(checkpoint, sizeWhenAsked);
    return new Map(accounts.map((accountId, i) => [toBase64Url(accountId), lists[i]]));
  }

  /**
   * A lookup that lets these devices be added in this bucket, and those that are `unlisted` be removed; the last one
   * serves again while it does. At most 64 accounts.
   * @throws ClientError CLIENT_DEVICE_UNKNOWN, CLIENT_DEVICE_LISTED, CLIENT_SERVER_UNREACHABLE; LedgerError, CryptoError
   */
  async prove(
    devices: readonly Leaf[],
    startBucket: BucketStart,
    unlisted: readonly Leaf[] = [],
  ): Promise<Looked> {
    const accounts = accountsOf([...devices, ...unlisted]);
    const demand = (lists: ProvenLists): void => {
      for (const device of devices) requireListed(lists, device);
      for (const device of unlisted) requireUnlisted(lists, device);
    };
    const window = lookupWindow(startBucket, this.#nowMs() + DEVICE_BEHIND_MS, this.#provider);
    const of = accounts.map((accountId) => toBase64Url(accountId)).join();
    const latest = this.#latest;
    if (latest?.of === of && this.#serves(latest, accounts, window, demand)) return latest;
    const size = this.#log?.size;
    const lookup = await this.#fetchLookup(accounts);
    const looked = { of, lookup, lists: this.check(lookup, accounts, window, size) };
    this.#latest = looked;
    demand(looked.lists);
    return looked;
  }

  /** The lists of any number of accounts as they are now. */
  async current(accounts: readonly AccountId[]): Promise<ProvenLists> {
    const lists = new Map<string, VerifiedDeviceList | undefined>();
    for (let first = 0; first < accounts.length; first += limits.accountsPerLookup) {
      const some = accounts.slice(first, first + limits.accountsPerLookup);
      const nowMs = this.#nowMs();
      const window = lookupWindow(Math.floor(nowMs / 1000), nowMs + DEVICE_BEHIND_MS, this.#provider);
      const size = this.#log?.size;
      const lookup = await this.#fetchLookup(some);
      for (const [name, list] of this.check(lookup, some, window, size)) lists.set(name, list);
    }
    return lists;
  }

  /** These devices are members of a group, or were proven for it. */
  admit(leaves: readonly LeafIdentity[]): void {
    for (const leaf of leaves) this.#proven.add(nameOf(leaf));
  }

  /** All devices of these lists are proven. */
  learn(lists: ProvenLists): void {
    for (const list of lists.values()) {
      if (list === undefined) continue;
      const { accountId } = list;
      this.admit(list.devices.map(({ deviceId, signatureKey }) => ({ accountId, deviceId, signatureKey })));
    }
  }

  /**
   * Returns when the device was proven once, and else asks for its account's list as it is now.
   * @throws ClientError CLIENT_DEVICE_UNKNOWN, CLIENT_SERVER_UNREACHABLE; LedgerError
   */
  async verify(leaf: LeafIdentity): Promise<void> {
    if (this.#proven.has(nameOf(leaf))) return;
    requireListed(await this.current([leaf.accountId]), leaf);
    this.admit([leaf]);
  }

  /** A device that was linked since is in none that was asked for before, and one that was unlinked is in them. */
  #serves(
    { lookup, lists }: Looked,
    accounts: readonly AccountId[],
    window: LookupWindow,
    demand: (lists: ProvenLists) => void,
  ): boolean {
    try {
      this.check(lookup, accounts, window);
      demand(lists);
      return true;
    } catch {
      return false;
    }
  }
}

function nameOf({ accountId, deviceId, signatureKey }: LeafIdentity): string {
  return [accountId, deviceId, signatureKey].map((bytes) => toBase64Url(bytes)).join("/");
}
