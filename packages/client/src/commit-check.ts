import { makeRoster, rosterSalt } from "@portcullis/access";
import type { CommitSummary, Member } from "@portcullis/mls";
import {
  bucketStartAt,
  decodeCommitData,
  equalBytes,
  toBase64Url,
  type AccountId,
  type BucketStart,
  type CommitData,
  type DeviceReference,
  type Item,
  type RosterSalt,
} from "@portcullis/protocol";
import { ClientError } from "./errors.ts";

/** For so long after a bucket's end the server still accepts it. Seconds. */
const BUCKET_GRACE_SECONDS = 60;

/** Whether the server could accept something in this bucket at that time. */
export function isBucketCurrent(
  bucketStart: BucketStart,
  acceptedAtMs: number,
  bucketSeconds: number,
): boolean {
  const current = bucketStartAt(acceptedAtMs, bucketSeconds);
  if (bucketStart === current) return true;
  return (
    bucketStart === current - bucketSeconds && acceptedAtMs - current * 1000 <= BUCKET_GRACE_SECONDS * 1000
  );
}

/** Each account once, in the order of their first leaf. */
export function accountsOf(members: readonly DeviceReference[]): AccountId[] {
  const accounts = new Map(members.map(({ accountId }) => [toBase64Url(accountId), accountId]));
  return [...accounts.values()];
}

/** The roster of these members under one roster key: what the committer uploads and what every member recomputes. */
export function rosterOf(
  rosterKey: Uint8Array,
  members: readonly DeviceReference[],
): { salts: RosterSalt[]; root: Uint8Array } {
  const { members: salts, root } = makeRoster(rosterKey, accountsOf(members));
  return { salts, root };
}

/** Whether a roster from the server is exactly that of these members. */
export function isRosterOf(
  roster: readonly RosterSalt[],
  rosterKey: Uint8Array,
  members: readonly DeviceReference[],
): boolean {
  const expected = new Set(accountsOf(members).map((accountId) => toBase64Url(accountId)));
  return (
    roster.length === expected.size &&
    roster.every(
      ({ accountId, salt }) =>
        expected.delete(toBase64Url(accountId)) && equalBytes(salt, rosterSalt(rosterKey, accountId)),
    )
  );
}

declare const checked: unique symbol;

/** What a Commit states, once it is what the Commit does. Only {@link checkCommit} makes one. */
export interface CheckedCommit extends CommitData {
  readonly [checked]: true;
}

/**
 * Compares what a Commit states in its authenticated data with the Commit itself; rules CLT-10 to CLT-13.
 * `before`: the members of the epoch that it ends; `rosterKey`: exported from that epoch.
 * @throws ClientError CLIENT_ITEM_SENDER, CLIENT_COMMIT_…; ProtocolError
 */
export function checkCommit(
  summary: CommitSummary,
  context: {
    readonly sender: DeviceReference;
    readonly acceptedAtMs: number;
    readonly before: readonly Member[];
    readonly rosterKey: Uint8Array;
    readonly bucketSeconds: number;
  },
): CheckedCommit {
  if (!isSameDevice(summary.committer, context.sender)) throw new ClientError("CLIENT_ITEM_SENDER");
  const data = decodeCommitData(summary.authenticatedData);
  if (!areSameDevices(data.added, summary.added) || !areSameDevices(data.removed, summary.removed))
    throw new ClientError("CLIENT_COMMIT_MEMBERS");
  if (data.startBucket !== bucketStartAt(context.acceptedAtMs, context.bucketSeconds))
    throw new ClientError("CLIENT_COMMIT_START_BUCKET", { startBucket: data.startBucket });
  const stay = context.before.filter((member) => !summary.removed.some((gone) => isSameDevice(member, gone)));
  const { root } = rosterOf(context.rosterKey, [...stay, ...summary.added]);
  if (!equalBytes(root, data.rosterRoot)) throw new ClientError("CLIENT_COMMIT_ROSTER");
  return data as CheckedCommit;
}

/** The device that an item names as its sender. */
export function senderOf({ senderAccountId, senderDeviceId }: Item): DeviceReference {
  return { accountId: senderAccountId, deviceId: senderDeviceId };
}

export function isSameDevice(a: DeviceReference, b: DeviceReference): boolean {
  return equalBytes(a.deviceId, b.deviceId) && equalBytes(a.accountId, b.accountId);
}

/** The same devices, each once, in whatever order. */
function areSameDevices(stated: readonly DeviceReference[], actual: readonly DeviceReference[]): boolean {
  const names = (devices: readonly DeviceReference[]): string[] =>
    devices.map(({ accountId, deviceId }) => `${toBase64Url(accountId)}/${toBase64Url(deviceId)}`).sort();
  return names(stated).join() === names(actual).join();
}
