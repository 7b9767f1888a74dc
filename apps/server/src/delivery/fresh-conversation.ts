import type { ConversationId } from "@portcullis/protocol";
import type { FreshItem } from "./group-draft.ts";
import { encodeForOthers, encodeForSender, framesOf } from "./item-frames.ts";
import { deviceKey, mapKey } from "./keys.ts";

/** What one group made durable in one conversation. Each item is encoded once and its bytes go to every recipient. */
export class FreshConversation {
  readonly conversationId: ConversationId;
  readonly items: readonly FreshItem[];
  readonly first: number;
  readonly last: number;
  readonly #encoded: (Uint8Array | undefined)[] = [];
  /** By item. */
  readonly #senders: readonly string[];
  #shared: readonly Uint8Array[] | undefined;

  /** `items`: at least one, in order. */
  constructor(items: readonly FreshItem[]) {
    const { item } = items[0] as FreshItem;
    this.conversationId = item.conversationId;
    this.items = items;
    this.first = item.sequence;
    this.last = item.sequence + items.length - 1;
    this.#senders = items.map((fresh) => deviceKey(fresh.item));
  }

  /** The frames for a device that gets items up to `upTo`. */
  framesFor(device: string, upTo: number): readonly Uint8Array[] {
    if (upTo >= this.last && !this.#senders.includes(device)) {
      this.#shared ??= framesOf(
        this.conversationId,
        this.items.map((_, index) => this.#forOthers(index)),
      );
      return this.#shared;
    }
    const seen = this.items.filter(({ item }) => item.sequence <= upTo);
    const encoded = seen.map(({ item, receipt }, index) =>
      this.#senders[index] === device ? encodeForSender(item, receipt) : this.#forOthers(index),
    );
    return framesOf(this.conversationId, encoded);
  }

  #forOthers(index: number): Uint8Array {
    const { item, receipt } = this.items[index] as FreshItem;
    return (this.#encoded[index] ??= encodeForOthers(item, receipt));
  }
}

/** A group's items by conversation, each conversation's in order. */
export function byConversation(fresh: readonly FreshItem[]): FreshConversation[] {
  const groups = Map.groupBy(fresh, ({ item }) => mapKey(item.conversationId));
  return [...groups.values()].map((items) => new FreshConversation(items));
}
