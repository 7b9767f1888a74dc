import type { Member, RatchetRow } from "@portcullis/mls";
import { encodeCommitData, equalBytes, type BucketStart } from "@portcullis/protocol";
import { isSameDevice, rosterOf } from "./commit-check.ts";
import type { Epoch } from "./epoch.ts";
import type { Addition, CommitAttempt, Intent } from "./outbox-entry.ts";

type CommitIntent = Intent & { kind: "commit" };

/** What is left to do of an intent in this epoch: another member's Commit may have done some of it. */
function remaining(epoch: Epoch, intent: CommitIntent): { add: Addition[]; remove: Member[] } {
  const { members } = epoch.group;
  return {
    add: intent.add.filter((device) => !members.some((member) => isSameDevice(member, device))),
    remove: members.filter(({ accountId }) => intent.remove.some((gone) => equalBytes(gone, accountId))),
  };
}

/** Whether nothing is left to do. What adds and removes nobody renews an epoch because of its age. */
export function isMoot(epoch: Epoch, intent: CommitIntent): boolean {
  const { add, remove } = remaining(epoch, intent);
  return epoch.group.epoch > 0 && add.length === 0 && remove.length === 0;
}

/** A Commit on this epoch with the statement of what it does, the salts for the server, and the Welcome for those it adds. */
export async function buildCommit(
  epoch: Epoch,
  intent: CommitIntent,
  startBucket: BucketStart,
): Promise<{ attempt: CommitAttempt; pending: Uint8Array; ratchet: RatchetRow }> {
  const { group, nextRosterKey: rosterKey } = epoch;
  const { add, remove } = remaining(epoch, intent);
  const stay = group.members.filter((member) => !remove.includes(member));
  const { salts, root } = rosterOf(rosterKey, [...stay, ...add]);
  const devices = add.map(({ accountId, deviceId }) => ({ accountId, deviceId }));
  const removed = remove.map(({ accountId, deviceId }) => ({ accountId, deviceId }));
  const authenticatedData = encodeCommitData({ added: devices, removed, startBucket, rosterRoot: root });
  const { message, welcome, pending, ratchet } = await group.commit({
    add: add.map(({ keyPackage }) => keyPackage),
    remove: remove.map(({ leafIndex }) => leafIndex),
    authenticatedData,
    joining: { startBucket, rosterKey },
  });
  const attempt: CommitAttempt = {
    kind: "commit",
    epoch: group.epoch,
    startBucket,
    rosterRoot: root,
    message,
    ...(welcome && { welcome }),
    welcomed: devices,
    roster: salts,
  };
  return { attempt, pending, ratchet };
}
