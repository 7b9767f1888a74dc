import { makeRoster, rosterSalt } from "@portcullis/access";
import { sha256 } from "@portcullis/crypto";
import type { CommitSummary, Member } from "@portcullis/mls";
import {
  bucketStartAt,
  decodeCommitData,
  decodeMlsOuter,
  equalBytes,
  isSameDevice,
  toBase64Url,
  type AdmittedAccount,
  type BucketStart,
  type CommitData,
  type DeviceReference,
  type Item,
  type RosterSalt,
} from "@portcullis/protocol";
import {
  accountsOf,
  lookupWindow,
  requireListed,
  requireUnlisted,
  type DeviceDirectory,
  type ProvenLists,
} from "../identity/device-directory.ts";
import { ClientError } from "../errors.ts";
import type { Epoch } from "./epoch.ts";

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

/**
 * What the lookup that came with a Commit proves of the accounts whose devices the Commit states to add, or to remove as
 * listed no more, at the time of the Commit; rules CLT-18, CLT-66. The statement is what MLS authenticates next.
 * @throws ClientError CLIENT_ITEM_MALFORMED, CLIENT_COMMIT_LOOKUP; LedgerError, CryptoError, ProtocolError
 */
export function checkLookup(
  { message, lookup, acceptedAtMs }: Item,
  directory: DeviceDirectory,
  bucketSeconds: number,
): ProvenLists {
  if (message === undefined) throw new ClientError("CLIENT_ITEM_MALFORMED");
  const data = decodeCommitData(decodeMlsOuter(message).authenticatedData);
  const { added, unlisted = [], startBucket, lookupHash } = data;
  if (lookupHash === undefined) return new Map();
  if (lookup === undefined || !equalBytes(sha256(lookup), lookupHash))
    throw new ClientError("CLIENT_COMMIT_LOOKUP");
  return directory.check(
    lookup,
    accountsOf([...added, ...unlisted]),
    lookupWindow(startBucket, acceptedAtMs, { bucketSeconds }),
  );
}

declare const checked: unique symbol;

/** What a Commit states, once it is what the Commit does. Only {@link checkCommit} makes one. */
export interface CheckedCommit extends CommitData {
  readonly [checked]: true;
}

/**
 * Compares what a Commit states in its authenticated data with the Commit itself; rules CLT-10 to CLT-13, CLT-18, CLT-66.
 * `epoch`: that which it ends.
 * @throws ClientError CLIENT_ITEM_SENDER, CLIENT_COMMIT_…; ProtocolError
 */
export function checkCommit(
  summary: CommitSummary,
  item: Item,
  context: {
    readonly epoch: Pick<Epoch, "group" | "nextRosterKey">;
    /** By `checkLookup`. */
    readonly lists: ProvenLists;
    readonly bucketSeconds: number;
  },
): CheckedCommit {
  const { epoch, lists, bucketSeconds } = context;
  if (!isSameDevice(summary.committer, senderOf(item))) throw new ClientError("CLIENT_ITEM_SENDER");
  const data = decodeCommitData(summary.authenticatedData);
  if (!areSameDevices(data.added, summary.added) || !areSameDevices(data.removed, summary.removed))
    throw new ClientError("CLIENT_COMMIT_MEMBERS");
  for (const member of summary.added) requireListed(lists, member);
  for (const member of summary.removed)
    if (data.unlisted?.some((gone) => isSameDevice(member, gone))) requireUnlisted(lists, member);
  if (data.startBucket !== bucketStartAt(item.acceptedAtMs, bucketSeconds))
    throw new ClientError("CLIENT_COMMIT_START_BUCKET", { startBucket: data.startBucket });
  const isRemoved = (member: Member): boolean => summary.removed.some((gone) => isSameDevice(member, gone));
  const stay = epoch.group.members.filter((member) => !isRemoved(member));
  const { root } = rosterOf(epoch.nextRosterKey, [...stay, ...summary.added]);
  if (!equalBytes(root, data.rosterRoot)) throw new ClientError("CLIENT_COMMIT_ROSTER");
  return data as CheckedCommit;
}

/** Whom a Commit lets in by links, as its own authenticated data states. */
export function admittedBy(message: Uint8Array): readonly AdmittedAccount[] {
  return decodeCommitData(decodeMlsOuter(message).authenticatedData).admitted ?? [];
}

/** The device that an item names as its sender. */
export function senderOf({ senderAccountId, senderDeviceId }: Item): DeviceReference {
  return { accountId: senderAccountId, deviceId: senderDeviceId };
}

/** The same devices, each once, in whatever order. */
function areSameDevices(stated: readonly DeviceReference[], actual: readonly DeviceReference[]): boolean {
  const names = (devices: readonly DeviceReference[]): string[] =>
    devices.map(({ accountId, deviceId }) => `${toBase64Url(accountId)}/${toBase64Url(deviceId)}`).sort();
  return names(stated).join() === names(actual).join();
}
