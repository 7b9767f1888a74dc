import { aeadOpenPrefixed, wipe } from "@portcullis/crypto";
import { equalBytes, PortcullisError, type BucketStart } from "@portcullis/protocol";
import { openBucket } from "./bucket-opening.ts";
import type { VerifiedSealedBucket } from "./capsule.ts";
import { CLOSED_AFTER_SECONDS } from "./order-verification.ts";
import type { OrderItem } from "./items.ts";
import {
  openMessage,
  type MessageContext,
  type OpenedAccount,
  type OpenedMessage,
} from "./message-opening.ts";
import type { VerifiedOrder } from "./order.ts";
import type { VerifiedPolicy } from "./policy.ts";
import { findGaps, type Gap } from "./record-gaps.ts";
import { shareBinding } from "./release.ts";
import { includesId } from "./scope.ts";
import type { ShareBatch } from "./share-batch.ts";
import type { VerifiedTargets } from "./target-verification.ts";

/** Everything that opening needs, once the sealed batches are open. */
export interface OpeningInput {
  readonly policy: VerifiedPolicy;
  readonly order: VerifiedOrder;
  readonly targets: VerifiedTargets;
  readonly batches: readonly ShareBatch[];
  readonly items: readonly OrderItem[];
  readonly accounts: readonly OpenedAccount[];
  readonly deliveryKeys: readonly Uint8Array[];
}

/** An item that is not what it claims to be: it counts for nothing. */
export interface RejectedItem {
  readonly item: OrderItem;
  readonly code: string;
}

/** A custodian and the bucket of which it gave no sound share. */
export interface UnsoundShare {
  readonly custodian: string;
  readonly labelHash: Uint8Array;
}

export interface OrderOpening {
  /** In the order of the conversations in the order, then as the server sequenced them. */
  readonly messages: readonly OpenedMessage[];
  readonly rejected: readonly RejectedItem[];
  readonly gaps: readonly Gap[];
  readonly unsound: readonly UnsoundShare[];
  readonly bucketsOpened: number;
}

/**
 * Opens the buckets of an order and no other, whatever shares and items there are; rules EVD-20 to EVD-27.
 * @throws AccessError OPENING_SHARES_SHORT when sound shares of a quorum are too few
 */
export function openBuckets(input: OpeningInput): OrderOpening {
  const { policy, accounts, deliveryKeys } = input;
  const context: MessageContext = { policy: policy.policy, accounts, deliveryKeys };
  const messages: OpenedMessage[] = [];
  const unsound: UnsoundShare[] = [];
  const rejected: RejectedItem[] = strayItems(input).map((item) => ({ item, code: "OPENING_ITEM" }));
  for (const bucket of input.targets.buckets) {
    const items = input.items.filter((item) => belongs(item, bucket));
    const { key, cheats } = keyOf(input, bucket, items);
    for (const custodian of cheats) unsound.push({ custodian, labelHash: bucket.label.hash });
    for (const item of items) {
      const result = attempt(() => openMessage(item, bucket.label, key, context));
      if (result.value === undefined) rejected.push({ item, code: result.code });
      else messages.push(result.value);
    }
    wipe(key);
  }
  const ordered = inOrder(messages, input.order);
  const gaps = findGaps(input.targets, ordered, input.order.scope.from);
  return { messages: ordered, rejected, gaps, unsound, bucketsOpened: input.targets.buckets.length };
}

function belongs(item: OrderItem, bucket: VerifiedSealedBucket): boolean {
  return equalBytes(item.sealedBucketHash, bucket.sealedBucketHash);
}

function strayItems({ items, targets }: OpeningInput): OrderItem[] {
  return items.filter((item) => !targets.buckets.some((bucket) => belongs(item, bucket)));
}

function keyOf(
  { policy, order, batches }: OpeningInput,
  bucket: VerifiedSealedBucket,
  items: readonly OrderItem[],
): ReturnType<typeof openBucket> {
  const binding = shareBinding(order.hash, order.recipient.hpkeKey);
  const opens = (key: Uint8Array): boolean =>
    items.some(
      ({ record }) => attempt(() => aeadOpenPrefixed(key, record, bucket.label.hash)).value !== undefined,
    );
  return openBucket({ policy, bucket, batches, binding }, items.length === 0 ? undefined : opens);
}

function attempt<T>(action: () => T): { value: T } | { value: undefined; code: string } {
  try {
    return { value: action() };
  } catch (error) {
    if (error instanceof PortcullisError) return { value: undefined, code: error.code };
    throw error;
  }
}

function inOrder(messages: readonly OpenedMessage[], order: VerifiedOrder): OpenedMessage[] {
  return order.scope.conversations.flatMap((conversationId) =>
    messages
      .filter((message) => equalBytes(message.conversationId, conversationId))
      .toSorted((a, b) => a.sequence - b.sequence),
  );
}

/** What a report says of an opening. */
export interface OpeningSummary {
  readonly bucketsOpened: number;
  readonly messagesOpened: number;
  /** Counted anew from each message's own sender, conversation and time: 0, or this program is wrong. */
  readonly messagesOutsideScope: number;
  readonly senders: readonly { readonly handle: string; readonly messages: number }[];
  readonly firstAtMs: number | undefined;
  readonly lastAtMs: number | undefined;
  readonly itemsRejected: number;
  readonly gaps: number;
  readonly unsoundShares: number;
}

export function summarizeOpening(opening: OrderOpening, order: VerifiedOrder): OpeningSummary {
  const { messages } = opening;
  const times = messages.map(({ acceptedAtMs }) => acceptedAtMs).toSorted((a, b) => a - b);
  const senders = Map.groupBy(messages, ({ handle }) => handle);
  return {
    bucketsOpened: opening.bucketsOpened,
    messagesOpened: messages.length,
    messagesOutsideScope: messages.filter((message) => isOutside(message, order)).length,
    senders: [...senders].map(([handle, sent]) => ({ handle, messages: sent.length })),
    firstAtMs: times[0],
    lastAtMs: times.at(-1),
    itemsRejected: opening.rejected.length,
    gaps: opening.gaps.length,
    unsoundShares: opening.unsound.length,
  };
}

function isOutside(message: OpenedMessage, { scope }: VerifiedOrder): boolean {
  const after: BucketStart = scope.to + CLOSED_AFTER_SECONDS;
  const timely = message.acceptedAtMs >= scope.from * 1000 && message.acceptedAtMs < after * 1000;
  const bySender = scope.kind === "conversation" || includesId(scope.accounts, message.senderAccountId);
  return !timely || !bySender || !includesId(scope.conversations, message.conversationId);
}
