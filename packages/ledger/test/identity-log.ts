import { merklePath, merkleRoot, sha256, signingKeyFromSeed, vrfKeyFromSeed } from "@portcullis/crypto";
import { asDeviceId, toHex, utf8, type AccountId } from "@portcullis/protocol";
import { seededRandom } from "@portcullis/testkit";
import {
  accountIdOf,
  answerLookup,
  commitToList,
  emptyIndex,
  encodeIdentityOpening,
  extendIndex,
  findInIndex,
  proveLabel,
  rootOfIndex,
  signDeviceList,
  verifyDeviceList,
  type DeviceList,
  type IdentityIndex,
  type IdentityOpening,
  type Lookup,
} from "@portcullis/ledger/identity";
import { formatTlogProof } from "@portcullis/ledger/verify";
import { NOW, ORIGIN, policyOf, signedBy, witnesses } from "./log-fixtures.ts";

const random = seededRandom("identity log");

export const VRF = vrfKeyFromSeed(sha256(utf8("vrf of the test log")));
export const POLICY = policyOf(2);

/** An account whose key the test has. */
export class TestAccount {
  readonly key;
  readonly accountId: AccountId;
  readonly lists: Uint8Array[] = [];

  constructor(name: string) {
    this.key = signingKeyFromSeed(sha256(utf8(`account ${name}`)));
    this.accountId = accountIdOf(this.key.publicKey);
  }

  /** The next version, with so many devices. */
  next(devices = 1): Uint8Array {
    const before = this.lists.at(-1);
    const signed = signDeviceList(this.key, {
      accountId: this.accountId,
      accountKey: this.key.publicKey,
      noticeKey: new Uint8Array(32).fill(9),
      version: this.lists.length + 1,
      devices: Array.from({ length: devices }, () => ({
        deviceId: asDeviceId(random(16)),
        signatureKey: random(32),
      })),
      ...(before && { previous: verifyDeviceList(before).hash }),
    } satisfies DeviceList);
    this.lists.push(signed);
    return signed;
  }
}

/** An identity log with its index in memory, and a server that may say of it what it likes. */
export class TestIdentityLog {
  readonly openings: IdentityOpening[] = [];
  /** By account: what opens its commitments, version by version. */
  readonly opened = new Map<string, { signedList: Uint8Array; salt: Uint8Array }[]>();
  index: IdentityIndex = emptyIndex;

  /** Logs lists as one batch, its index root after it. */
  append(...lists: readonly Uint8Array[]): void {
    for (const signedList of lists) this.add(signedList);
    this.push(rootOfIndex(this.index));
  }

  /** Logs a list and no root. */
  add(signedList: Uint8Array): void {
    const { accountId, version } = verifyDeviceList(signedList);
    const salt = random(32);
    const { label } = proveLabel(VRF, accountId);
    const known = this.opened.get(toHex(accountId)) ?? [];
    this.opened.set(toHex(accountId), [...known, { signedList, salt }]);
    this.push({ kind: "device-list", label, version, commitment: commitToList(salt, signedList) });
  }

  push(opening: IdentityOpening): void {
    this.index = extendIndex(this.index, opening);
    this.openings.push(opening);
  }

  entries(): { entry: Uint8Array; opening: Uint8Array }[] {
    return this.openings.map((one) => {
      const opening = encodeIdentityOpening(one);
      return { entry: sha256(opening), opening };
    });
  }

  /** The tlog-proof of an entry, cosigned at that time by two of three witnesses. */
  proof(logIndex = this.openings.length - 1, atMs = NOW, size = this.openings.length): string {
    const entries = this.entries()
      .slice(0, size)
      .map(({ entry }) => entry);
    const checkpoint = signedBy(
      { origin: ORIGIN, size, root: merkleRoot(entries) },
      witnesses.slice(0, 2),
      atMs,
    );
    return formatTlogProof({ index: logIndex, path: merklePath(entries, logIndex), checkpoint });
  }

  lookup(accounts: readonly AccountId[], atMs = NOW): Lookup {
    const answers = accounts.map((accountId) => {
      const name = proveLabel(VRF, accountId);
      const version = findInIndex(this.index, name.label)?.version ?? 0;
      return answerLookup(this.index, name, this.opened.get(toHex(accountId))?.[version - 1]);
    });
    return { proof: this.proof(undefined, atMs), root: rootOfIndex(this.index).root, answers };
  }
}
