import { rosterRoot } from "@portcullis/access/verify";
import { sha256 } from "@portcullis/crypto";
import {
  asAccountId,
  asDeviceId,
  equalBytes,
  limits,
  type CommitData,
  type CommitFrame,
  type DeviceReference,
} from "@portcullis/protocol";
import type { Store } from "@portcullis/store";
import { ServerError } from "../errors.ts";
import { accountsOf, type ConversationState } from "./conversation-state.ts";
import { deviceKey, mapKey } from "./keys.ts";

/** The members of the epoch that a Commit begins, after checking all that it says about them (DEL-27, DEL-44). */
export async function membersAfter(
  state: ConversationState,
  data: CommitData,
  frame: CommitFrame,
  store: Store,
): Promise<Map<string, DeviceReference>> {
  const members = new Map(state.members);
  for (const removed of data.removed)
    if (!members.delete(deviceKey(removed))) throw new ServerError("COMMIT_MEMBERS");
  for (const added of data.added) {
    const { accountId, deviceId } = added;
    const key = deviceKey(added);
    if (members.has(key) || (await store.accounts.device(accountId, deviceId)) === undefined)
      throw new ServerError("COMMIT_MEMBERS");
    // Copies: a view would keep its whole frame in memory.
    members.set(key, { accountId: asAccountId(accountId.slice()), deviceId: asDeviceId(deviceId.slice()) });
  }
  if (members.size === 0) throw new ServerError("COMMIT_MEMBERS");
  if (members.size > limits.devicesPerConversation)
    throw new ServerError("CONVERSATION_FULL", { devices: members.size });
  checkWelcomes(data, frame);
  checkLookup(data, frame);
  checkRoster(accountsOf(members.values()).map(mapKey), data, frame);
  return members;
}

function checkWelcomes(data: CommitData, frame: CommitFrame): void {
  const added = new Set(data.added.map(deviceKey));
  const welcomed = new Set(frame.welcomes.map(deviceKey));
  const once = added.size === data.added.length && welcomed.size === frame.welcomes.length;
  if (!once || added.size !== welcomed.size || ![...welcomed].every((device) => added.has(device)))
    throw new ServerError("COMMIT_WELCOMES");
}

/** What the lookup says is for the members to judge; that all get the one which the committer saw is our part. */
function checkLookup({ lookupHash }: CommitData, { lookup }: CommitFrame): void {
  const same =
    lookup === undefined || lookupHash === undefined
      ? lookup === lookupHash
      : equalBytes(sha256(lookup), lookupHash);
  if (!same) throw new ServerError("COMMIT_LOOKUP");
}

function checkRoster(accounts: readonly string[], data: CommitData, frame: CommitFrame): void {
  const named = new Set(frame.roster.map(({ accountId }) => mapKey(accountId)));
  if (
    frame.roster.length !== accounts.length ||
    !accounts.every((account) => named.has(account)) ||
    !equalBytes(rosterRoot(frame.roster), data.rosterRoot)
  )
    throw new ServerError("COMMIT_ROSTER");
}
