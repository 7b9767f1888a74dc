import type { MlsGroup } from "@portcullis/mls";
import type { Intent } from "../outbox/outbox-entry.ts";
import type { Conversation } from "./conversation.ts";
import type { Host } from "../host.ts";

/** When devices put keys on their paths after they were added (CLT-60). */
export interface Warming {
  /** In conversations of at least so many devices. */
  readonly fromDevices: number;
  /** So much later than the one before each begins, at random within this time. Milliseconds. */
  readonly turnMs: number;
}

export const warmIntent: Intent = { kind: "commit", add: [], remove: [], warms: true };

/** Whether this device has not put keys on its path since it was added. */
export function isCold({ coldLeaves, ownLeaf }: MlsGroup): boolean {
  return coldLeaves.includes(ownLeaf);
}

/**
 * Lets this device make its Commit when its turn comes, if it has not made one: called when it has joined and at each
 * connection. Nothing need be stored for that: the tree says who has not.
 */
export function warmPath(host: Host, conversation: Conversation): void {
  const { fromDevices, turnMs } = host.warming;
  const group = conversation.sendingEpoch?.group;
  if (group === undefined || !isCold(group) || group.members.length < fromDevices) return;
  const turn = group.coldLeaves.indexOf(group.ownLeaf) + (host.random(1)[0] ?? 0) / 256;
  host.later(turn * turnMs, () =>
    conversation.run(async () => {
      const now = conversation.sendingEpoch?.group;
      if (now !== undefined && isCold(now)) conversation.outbox.add(warmIntent).catch(() => undefined);
    }),
  );
}
