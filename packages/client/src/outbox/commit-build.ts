import type { Member, RatchetRow } from "@portcullis/mls";
import { sha256 } from "@portcullis/crypto";
import {
  encodeCommitData,
  equalBytes,
  isSameDevice,
  limits,
  type AccountId,
  type BucketStart,
  type DeviceReference,
} from "@portcullis/protocol";
import { encodeSharedState } from "@portcullis/protocol/content";
import { rosterOf } from "../conversation/commit-check.ts";
import type { DeviceDirectory } from "../identity/device-directory.ts";
import type { LogView } from "../identity/log-view.ts";
import { ClientError } from "../errors.ts";
import type { Epoch } from "../conversation/epoch.ts";
import { isCold } from "../conversation/warm-path.ts";
import type { Addition, CommitAttempt, Intent } from "./outbox-entry.ts";
import type { StateKeeper } from "../conversation/state-keeper.ts";
import { afterCommit } from "../conversation/state-rules.ts";

type CommitIntent = Intent & { kind: "commit" };

/** What is left to do of an intent in this epoch: another member's Commit may have done some of it. */
function remaining(epoch: Epoch, intent: CommitIntent): { add: Addition[]; remove: Member[] } {
  const { members } = epoch.group;
  return {
    add: intent.add.filter((device) => !members.some((member) => isSameDevice(member, device))),
    remove: members.filter(
      (member) =>
        intent.remove.some((gone) => equalBytes(gone, member.accountId)) ||
        intent.removeDevices?.some((gone) => isSameDevice(gone, member)) === true,
    ),
  };
}

/** Whether nothing is left to do. What adds and removes nobody renews an epoch, that of its intent or one too old. */
export function isMoot(epoch: Epoch, intent: CommitIntent): boolean {
  if (intent.renews !== undefined) return epoch.group.epoch !== intent.renews;
  if (intent.warms === true) return !isCold(epoch.group);
  const { add, remove } = remaining(epoch, intent);
  return epoch.group.epoch > 0 && add.length === 0 && remove.length === 0;
}

/**
 * A Commit on this epoch with the statement of what it does, the salts for the server, and for those whom it adds the
 * Welcome. The lookup proves their devices, and that those which others than the roles permit are removed are lost.
 * @throws ClientError CLIENT_COMMIT_ROLE, CLIENT_DEVICE_…, CLIENT_JOIN_…, MlsError
 */
export async function buildCommit(
  epoch: Epoch,
  intent: CommitIntent,
  context: {
    readonly startBucket: BucketStart;
    readonly states: StateKeeper;
    readonly committer: AccountId;
    readonly directory: DeviceDirectory;
    readonly log: LogView;
  },
): Promise<{ attempt: CommitAttempt; pending: Uint8Array; ratchet: RatchetRow }> {
  const { group, nextRosterKey: rosterKey } = epoch;
  const { startBucket, states, committer, directory, log } = context;
  const { add, remove } = remaining(epoch, intent);
  const unlisted = remove.filter(
    (member) =>
      !equalBytes(member.accountId, committer) &&
      intent.removeDevices?.some((gone) => isSameDevice(gone, member)) === true,
  );
  states.demandRight(committer, { added: add, removed: remove, unlisted, before: group.members });
  const admitted = (intent.admits ?? []).filter(({ accountId }) =>
    add.some((device) => equalBytes(device.accountId, accountId)),
  );
  states.demandAdmissions(admitted, { before: group.members, startBucket });
  const stay = group.members.filter((member) => !remove.includes(member));
  const devicesAfter = stay.length + add.length;
  if (devicesAfter > limits.devicesPerConversation)
    throw new ClientError("CLIENT_CONVERSATION_FULL", { devices: devicesAfter });
  const state = afterCommit(states.state, [...stay, ...add], admitted);
  const { salts, root } = rosterOf(rosterKey, [...stay, ...add]);
  const devices = add.map(({ accountId, deviceId }) => ({ accountId, deviceId }));
  const lookup = await prove({ listed: devices, unlisted }, startBucket, directory);
  const authenticatedData = encodeCommitData({
    added: devices,
    removed: remove,
    startBucket,
    rosterRoot: root,
    ...(lookup && { lookupHash: sha256(lookup) }),
    ...(log.head && { treeHead: log.head }),
    ...(admitted.length > 0 && { admitted }),
    ...(unlisted.length > 0 && { unlisted }),
  });
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
    ...(lookup && { lookup }),
  };
  return { attempt, pending, ratchet };
}

/** MLS asks for each added device whether it is proven: when it does, the directory has the lists. */
async function prove(
  { listed, unlisted }: { listed: readonly DeviceReference[]; unlisted: readonly Member[] },
  startBucket: BucketStart,
  directory: DeviceDirectory,
): Promise<Uint8Array | undefined> {
  if (listed.length + unlisted.length === 0) return undefined;
  const { lookup, lists } = await directory.prove(listed, startBucket, unlisted);
  directory.learn(lists);
  return lookup;
}
