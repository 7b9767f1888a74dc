import { equalBytes, type WelcomeFrame } from "@portcullis/protocol";
import { decodeSharedState } from "@portcullis/protocol/content";
import { ClientError } from "../errors.ts";
import type { Host } from "../host.ts";
import { requireListed } from "../identity/device-directory.ts";
import { isRosterOf, rosterOf } from "./commit-check.ts";
import type { ConversationRecord } from "./conversation-record.ts";
import type { EpochFacts } from "./epoch.ts";
import { mayCommit, type HasAccount } from "./state-rules.ts";

/** The epoch that a Welcome begins. */
export type WelcomedEpoch = Awaited<ReturnType<Host["engine"]["join"]>>;

/**
 * A Welcome to a conversation that this device was in before: removed, and added again, it may be without having been
 * there to see it. Only a later epoch of the same class counts, and only from somebody who by the roles that it knew
 * last may add it: else whoever holds a KeyPackage could lead it out of the conversation (CLT-63). A device that has the
 * conversation from a backup was never in it, and any member may put it in its lost one's place (GRP-14).
 * @throws ClientError CLIENT_WELCOME_OLD, CLIENT_WELCOME_TERMS, CLIENT_COMMIT_ROLE
 */
export function checkReturn(
  record: ConversationRecord,
  { group, welcomedBy }: WelcomedEpoch,
  { accountId }: HasAccount,
): void {
  if (group.epoch <= record.epoch || record.condition === "frozen")
    throw new ClientError("CLIENT_WELCOME_OLD", { epoch: group.epoch });
  if (group.terms.class !== record.class) throw new ClientError("CLIENT_WELCOME_TERMS");
  const added = [{ accountId }];
  if (
    record.condition !== "restored" &&
    !mayCommit(record.shared.state, welcomedBy.accountId, { added, removed: [] })
  )
    throw new ClientError("CLIENT_COMMIT_ROLE");
}

/**
 * Opens a Welcome, and measures what it holds against what everybody else sees: the lists of devices, the provider's
 * terms, the roster that the server knows, and `before`, what the device has of the conversation already. @throws ClientError CLIENT_WELCOME_…, CLIENT_DEVICE_UNKNOWN; MlsError, LedgerError
 */
export async function openWelcome(
  { account, devices, engine, joinRequests, keyPackages, provider }: Host,
  { conversationId, welcome, roster }: WelcomeFrame,
  before: ConversationRecord | undefined,
): Promise<{ start: WelcomedEpoch; facts: EpochFacts }> {
  const lists = await devices.current(roster.map(({ accountId }) => accountId));
  devices.learn(lists);
  const start = await engine.join({ welcome, keyPackages: (reference) => keyPackages.find(reference) });
  const { startBucket, rosterKey } = start.joining;
  const { members, terms } = start.group;
  for (const member of members) requireListed(lists, member);
  provider.checkTerms(terms);
  if (!isRosterOf(roster, rosterKey, members)) throw new ClientError("CLIENT_WELCOME_ROSTER");
  if (!equalBytes(start.group.conversationId, conversationId)) throw new ClientError("CLIENT_WELCOME_TERMS");
  joinRequests.check(conversationId, terms.class, decodeSharedState(start.joining.state));
  if (before !== undefined) checkReturn(before, start, account);
  const { root: rosterRoot } = rosterOf(rosterKey, members);
  return { start, facts: { startBucket, rosterRoot, startedAtMs: startBucket * 1000 } };
}
