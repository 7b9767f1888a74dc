import type { Act, MessageStatus, MimiContent } from "@portcullis/protocol/content";
import type { Batch } from "../conversation/batch.ts";
import type { Host } from "../host.ts";
import type { ClientStore, StoreChange, StoredMessage } from "../store.ts";
import { isImported, messageOf } from "./conversation-message.ts";
import { Expiry } from "./expiry.ts";
import { Marks } from "./marks.ts";
import { expiryOf, Placement, type Placed, type ReceivedMessage } from "./placement.ts";
import { Receipts, type ReceiptSettings } from "./receipts.ts";

import { Typing } from "./typing.ts";

/** What a store can be asked about messages. */
export type MessageReader = Pick<ClientStore, "timeline" | "find" | "waiting" | "expiring">;

/** Messages of the past: what to write for them, and what to tell then. */
export interface Imported {
  readonly changes: readonly StoreChange[];
  readonly tell: () => void;
}

/** Keeps what was said, where it belongs and for as long as it is to be kept; one for all conversations of a device. */
export class MessageKeeper {
  readonly marks: Marks;
  readonly receipts: Receipts;
  readonly expiry: Expiry;
  readonly typing: Typing;
  readonly #host: Host;
  readonly #store: MessageReader;

  constructor(
    host: Host,
    parts: {
      readonly store: MessageReader;
      readonly facts: ReadonlyMap<string, Uint8Array>;
      readonly receipts: ReceiptSettings;
      readonly tellsTyping: () => boolean;
    },
  ) {
    this.#host = host;
    this.#store = parts.store;
    this.marks = new Marks(parts.facts);
    this.receipts = new Receipts(host, this.marks, parts.receipts);
    this.expiry = new Expiry(host, parts.store);
    this.typing = new Typing(host, parts.tellsTyping);
  }

  /** A message that holds, in the order of the sequence; with the batch of its delivery. */
  async take(
    message: ReceivedMessage,
    known: { readonly content: MimiContent; readonly act: Act | undefined },
    batch: Batch,
  ): Promise<void> {
    const placement = batch.placement(() => new Placement(this.#store));
    if (known.act?.kind === "status") {
      await this.#takeStatuses(message, known.act.statuses, { placement, batch });
      return;
    }
    if (this.#isOver(expiryOf(known.content, message.acceptedAtMs))) return;
    const placed = await placement.place(message, known);
    const set = this.#preferencesOf(placed);
    batch.add(...placed.changes, ...set);
    batch.afterwards(() => this.#tell(placed));
    if (set.length > 0) batch.afterwards(() => this.#host.events.emit("preferences", {}));
  }

  /**
   * What to write for messages of the past, from another device of the account or a backup, and what to tell when that is
   * durable. Runs in their conversation's lane, up to the write.
   */
  async importing(messages: readonly ReceivedMessage[]): Promise<Imported> {
    const placement = new Placement(this.#store);
    const changes: StoreChange[] = [];
    let isSet = false;
    for (const message of messages) {
      const placed = await placement.placeImported(message);
      if (this.#isOver(placed.message.expiresAtMs)) continue;
      const set = this.#preferencesOf(placed);
      isSet ||= set.length > 0;
      changes.push(...placed.changes, ...set);
    }
    return { changes, tell: () => isSet && this.#host.events.emit("preferences", {}) };
  }

  /** What another device of the account has set, if that is what the message says. */
  #preferencesOf({ message, act }: Placed): StoreChange[] {
    return act?.kind === "preferences" ? this.#host.preferences.take(message, act.preferences) : [];
  }

  #isOver(expiresAtMs: number | undefined): boolean {
    return expiresAtMs !== undefined && expiresAtMs <= this.#host.clock.now();
  }

  /** How far whoever says it has got and read, of which nothing else is kept. */
  async #takeStatuses(
    { conversationId, senderAccountId: accountId }: ReceivedMessage,
    statuses: readonly MessageStatus[],
    { placement, batch }: { readonly placement: Placement; readonly batch: Batch },
  ): Promise<void> {
    const mark = { delivered: 0, read: 0 };
    for (const { target, status } of statuses) {
      if (status !== "delivered" && status !== "read") continue;
      const found = await placement.find(conversationId, target);
      if (found?.anchor === found?.sequence) mark[status] = Math.max(mark[status], found?.sequence ?? 0);
    }
    const changes = this.marks.advance(conversationId, accountId, mark);
    if (changes.length === 0) return;
    batch.add(...changes);
    batch.afterwards(() => this.#host.events.emit("receipt", { conversationId, accountId }));
  }

  #tell({ message, act }: Placed): void {
    const { events, preferences } = this.#host;
    const { conversationId, sequence, anchor } = message;
    this.expiry.noticed(message.expiresAtMs);
    if (anchor === sequence) {
      this.typing.heard(message);
      // Whoever is blocked is not told of, and not told anything.
      if (preferences.isBlocked(message.senderAccountId)) {
        events.emit("message-changed", { conversationId, sequence });
        return;
      }
      this.receipts.noticed(message);
      if (events.has("message")) events.emit("message", messageOf(message, act));
    } else if (anchor > 0) events.emit("message-changed", { conversationId, sequence: anchor });
  }
}

/** Whether a stored message goes into a copy that outlives it: what expires does not. */
export function outlives({ expiresAtMs }: StoredMessage): boolean {
  return expiresAtMs === undefined;
}

/**
 * Whether there is anything of a message to tell another device: of what belongs to a deleted one there is not, and what
 * was imported stays where it is.
 */
export function isTold(message: StoredMessage): boolean {
  const { applicationData, anchor, sequence } = message;
  return (applicationData.length > 0 || anchor === sequence) && !isImported(message);
}
