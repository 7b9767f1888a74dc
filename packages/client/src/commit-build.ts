import type { Member, RatchetRow } from "@portcullis/mls";
import { encodeCommitData, equalBytes, type AccountId, type BucketStart } from "@portcullis/protocol";
import { encodeSharedState } from "@portcullis/protocol/content";
import { isSameDevice, rosterOf } from "./commit-check.ts";
import type { Epoch } from "./epoch.ts";
import type { Addition, CommitAttempt, Intent } from "./outbox-entry.ts";
import type { StateKeeper } from "./state-keeper.ts";
import { afterCommit } from "./state-rules.ts";

type CommitIntent = Intent & { kind: "commit" };

/** What is left to do of an intent in this epoch: another member's Commit may have done some of it. */
function remaining(epoch: Epoch, intent: CommitIntent): { add: Addition[]; remove: Member[] } {
  const { members } = epoch.group;
  return {
    add: intent.add.filter((device) => !members.some((member) => isSameDevice(member, device))),
    remove: members.filter(({ accountId }) => intent.remove.some((gone) => equalBytes(gone, accountId))),
  };
}

/** Whether nothing is left to do. What adds and removes nobody renews an epoch, that of its intent or one too old. */
export function isMoot(epoch: Epoch, intent: CommitIntent): boolean {
  if (intent.renews !== undefined) return epoch.group.epoch !== intent.renews;
  const { add, remove } = remaining(epoch, intent);
  return epoch.group.epoch > 0 && add.length === 0 && remove.length === 0;
}

/**
 * A Commit on this epoch with the statement of what it does, the salts for the server, and the Welcome for those it
 * adds. @throws ClientError CLIENT_COMMIT_ROLE, MlsError
 */
export async function buildCommit(
  epoch: Epoch,
  intent: CommitIntent,
  context: { readonly startBucket: BucketStart; readonly states: StateKeeper; readonly committer: AccountId },
): Promise<{ attempt: CommitAttempt; pending: Uint8Array; ratchet: RatchetRow }> {
  const { group, nextRosterKey: rosterKey } = epoch;
  const { startBucket, states, committer } = context;
  const { add, remove } = remaining(epoch, intent);
  states.demandRight(committer, { added: add, removed: remove });
  const stay = group.members.filter((member) => !remove.includes(member));
  const state = afterCommit(states.state, [...stay, ...add]);
  const { salts, root } = rosterOf(rosterKey, [...stay, ...add]);
  const devices = add.map(({ accountId, deviceId }) => ({ accountId, deviceId }));
  const removed = remove.map(({ accountId, deviceId }) => ({ accountId, deviceId }));
  const authenticatedData = encodeCommitData({ added: devices, removed, startBucket, rosterRoot: root });
  const { message, welcome, pending, ratchet } = await group.commit({
    add: add.map(({ keyPackage }) => keyPackage),
    remove: remove.map(({ leafIndex }) => leafIndex),
    authenticatedData,
    joining: { startBucket, rosterKey, state: encodeSharedState(state) },
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
