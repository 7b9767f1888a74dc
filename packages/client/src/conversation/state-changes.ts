import type { AccountId } from "@portcullis/protocol";
import { stateMessage, type Role, type SharedState } from "@portcullis/protocol/content";
import { sendContent } from "./content.ts";
import type { Conversation } from "./conversation.ts";
import { ClientError } from "../errors.ts";
import type { Host } from "../host.ts";
import { changed, checkSuccessor, isLower, roleOf, turnToRemove } from "./state-rules.ts";

/** For so long each waits for the one before it to remove whoever leaves. */
const REMOVAL_TURN_MS = 2000;

/**
 * Sends the state that `change` makes of the one that stands, and again when another one came first. Resolves when it
 * stands for everybody. @throws ClientError CLIENT_STATE_…
 */
export async function changeState(
  host: Host,
  conversation: Conversation,
  change: (state: SharedState) => SharedState,
): Promise<void> {
  for (;;) {
    const { states, epoch } = conversation;
    if (states === undefined) throw new ClientError("CLIENT_CONVERSATION_UNKNOWN");
    const state = change(states.state);
    checkSuccessor(states.state, state, host.account.accountId, epoch?.group.members ?? []);
    if (await isTaken(host, conversation, state)) return;
  }
}

/** Resolves when the role counts. One that is taken away counts no more from the next epoch on, which this begins (GRP-11). */
export async function changeRole(
  host: Host,
  conversation: Conversation,
  { accountId, role }: { readonly accountId: AccountId; readonly role: Role },
): Promise<void> {
  const before = conversation.states?.state;
  await changeState(host, conversation, (state) => changed(state, { accountId, role }));
  if (before !== undefined && isLower(role, roleOf(before, accountId))) await renewEpoch(conversation);
}

/** Tells whoever has just joined what stands now: the Welcome was made before it did (GRP-05). */
export function repeatState(host: Host, conversation: Conversation): void {
  const repeat = async (): Promise<void> => {
    for (;;) {
      const { states } = conversation;
      if (states === undefined || (await isTaken(host, conversation, states.state))) return;
    }
  };
  repeat().catch((error: unknown) => host.events.emit("fault", error));
}

/** Sends a state, and looks whether it stood when its turn came. */
async function isTaken(host: Host, conversation: Conversation, state: SharedState): Promise<boolean> {
  const { sequence } = await sendContent(host, conversation, (base) => stateMessage({ ...base, state }));
  await conversation.watchers.until(() => conversation.cursor >= sequence);
  return conversation.states?.wasLate(sequence) !== true;
}

async function renewEpoch({ epoch, outbox }: Conversation): Promise<void> {
  if (epoch === undefined) return;
  await outbox.add({ kind: "commit", add: [], remove: [], renews: epoch.group.epoch });
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
