import type { EpochStart } from "@portcullis/mls";
import { bucketStartAt, type ConversationClass, type ConversationId } from "@portcullis/protocol";
import type { Host } from "../host.ts";
import type { EpochFacts } from "./epoch.ts";

/** Epoch 0 of a conversation, with this device alone. @throws ClientError CLIENT_TRUST: no policy to record under */
export async function foundGroup(
  { clock, engine, provider }: Host,
  conversationId: ConversationId,
  conversationClass: ConversationClass,
): Promise<{ start: EpochStart; facts: EpochFacts }> {
  const recorded = conversationClass === "recorded" && { policyId: provider.demandPolicy().id };
  const terms = { class: conversationClass, ...recorded, frankingKey: provider.frankingKey };
  const start = await engine.createGroup({ conversationId, terms });
  const startedAtMs = clock.now();
  const startBucket = bucketStartAt(startedAtMs, provider.bucketSeconds);
  return { start, facts: { startBucket, startedAtMs, rosterRoot: new Uint8Array(32) } };
}
