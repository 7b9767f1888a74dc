import type { Item } from "@portcullis/protocol";
import { decodeMimiContent, stateOf, type SharedState } from "@portcullis/protocol/content";
import type { Batch } from "./batch.ts";
import { actIntent } from "./content.ts";
import type { Conversation } from "./conversation.ts";
import { ClientError } from "../errors.ts";
import type { Host } from "../host.ts";
import type { Intent, MessageIntent } from "../outbox/outbox-entry.ts";
import type { Confirmed } from "../outbox/outbox-held.ts";
import {
  changed,
  checkSuccessor,
  hasSameContent,
  isLower,
  isSameState,
  roleOf,
  turnToRemove,
} from "./state-rules.ts";
import type { WantedChange } from "./wanted-change.ts";

/** For so long each waits for the one before it to remove whoever leaves. */
const REMOVAL_TURN_MS = 2000;

/**
 * Sends the state that a change makes of the one that stands. Resolves when it stands for everybody, and a role that it
 * takes away counts no more. What it takes until then is seen to over restarts too (`settleChange`).
 * @throws ClientError CLIENT_STATE_…, CLIENT_JOIN_LIMIT
 */
export async function changeState(
  host: Host,
  conversation: Conversation,
  change: WantedChange,
): Promise<void> {
  // What the store held is there, and with it the members.
  await conversation.drained();
  const { states, outbox } = conversation;
  if (states === undefined) throw new ClientError("CLIENT_CONVERSATION_UNKNOWN");
  await outbox.add(changeIntent(host, conversation, { state: states.state, change }));
}

/** Tells whoever has just joined what stands now, with the batch: the Welcome was made before it did (GRP-05). */
export function repeatState(host: Host, conversation: Conversation, batch: Batch): void {
  const { states, outbox } = conversation;
  if (states === undefined) return;
  const repeat = changeIntent(host, conversation, { state: states.state, change: { repeats: true } });
  batch.add(outbox.enqueue(repeat));
}

/** This device's own change as its item was taken in. `before`: the state that stood until then. */
interface OwnChange {
  readonly item: Item;
  readonly confirmed: Confirmed;
  readonly before: SharedState;
}

/**
 * A change of this device has its place in the sequence. What is left to do of it goes into the outbox in the transaction
 * that takes its own message out: no crash comes between (GRP-15).
 */
export function settleChange(host: Host, conversation: Conversation, own: OwnChange, batch: Batch): void {
  const { confirmed, item } = own;
  const { intent } = confirmed.entry;
  const { states, outbox, watchers, id: conversationId } = conversation;
  if (states === undefined || intent.kind !== "message" || intent.change === undefined) return;
  const { outcome } = confirmed;
  const { sequence, acceptedAtMs } = item;
  // When the transaction fails, nobody waits for ever.
  watchers.until(() => conversation.cursor >= sequence).catch(outcome.reject);
  try {
    const left = leftToDo(host, conversation, { ...own, intent, state: states.state, change: intent.change });
    if (left !== undefined) batch.add(outbox.enqueue(left, outcome));
    else batch.afterwards(() => outcome.resolve({ sequence, acceptedAtMs }));
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    const { code } = error;
    batch.afterwards(() => outcome.reject(error));
    batch.afterwards(() => host.events.emit("change-refused", { conversationId, code }));
  }
}

/** @throws ClientError CLIENT_STATE_… when the change came too late, and may not be made of what came first */
function leftToDo(
  host: Host,
  conversation: Conversation,
  own: OwnChange & ChangeOf & { readonly intent: MessageIntent },
): Intent | undefined {
  const { intent, state, change, before } = own;
  const sent = stateOf(decodeMimiContent(intent.applicationData));
  const stands = sent !== undefined && isSameState(sent, state);
  if (!stands) return isMoot(own) ? undefined : changeIntent(host, conversation, own);
  const takesRole = "role" in change && isLower(change.role, roleOf(before, change.accountId));
  const renews = conversation.epoch?.group.epoch;
  return takesRole && renews !== undefined ? { kind: "commit", add: [], remove: [], renews } : undefined;
}

/** Something to be changed, and the state that stands. */
interface ChangeOf {
  readonly state: SharedState;
  readonly change: WantedChange;
}

/** Whether all of it stands by what another member has done. */
function isMoot({ state, change }: ChangeOf): boolean {
  return !("repeats" in change) && hasSameContent(state, changed(state, change));
}

/** @throws ClientError CLIENT_STATE_…, CLIENT_JOIN_LIMIT */
function changeIntent(
  host: Host,
  { id, epoch }: Conversation,
  { state: before, change }: ChangeOf,
): MessageIntent {
  const state = changed(before, change);
  if (state !== before) checkSuccessor(before, state, host.account.accountId, epoch?.group.members ?? []);
  return { ...actIntent(host, id, { kind: "state", state }), change };
}

/** Whoever has said that it leaves is removed by the first of the others who is there (GRP-13). */
export function removeLeaving(host: Host, conversation: Conversation): void {
  const { states, epoch } = conversation;
  const turn = states && epoch && turnToRemove(states.state, epoch.group.members, epoch.group.ownLeaf);
  if (turn === undefined) return;
  host.later(turn * REMOVAL_TURN_MS, () =>
    conversation.run(async () => {
      const remove = conversation.states?.state.leaving ?? [];
      if (conversation.sendingEpoch === undefined || remove.length === 0) return;
      conversation.outbox.add({ kind: "commit", add: [], remove }).catch(() => undefined);
    }),
  );
}
