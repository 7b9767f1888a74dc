import type { Item } from "@portcullis/protocol";

/** So many items go into one transaction at most. */
const ITEMS_PER_DELIVERY = 256;

/**
 * What the server has delivered of one conversation and nobody has taken yet. A delivery begins at once after a pause;
 * when much comes, what came within the gathering time is one.
 */
export class Inbox {
  readonly #gatherMs: number;
  readonly #deliver: (delayMs: number) => void;
  #items: Item[] = [];
  /** A delivery is on its way, into which more may come. */
  #gathering = false;
  #nextDeliveryMs = 0;

  /** `deliver`: is to call `take` after so many milliseconds, at once for none. */
  constructor(gatherMs: number, deliver: (delayMs: number) => void) {
    this.#gatherMs = gatherMs;
    this.#deliver = deliver;
  }

  get isEmpty(): boolean {
    return this.#items.length === 0;
  }

  put(items: readonly Item[]): void {
    for (const item of items) this.#items.push(item);
    this.#deliverSoon();
  }

  clear(): void {
    this.#items = [];
  }

  /** In the order of the sequence; what comes from now on is for the next delivery. */
  take(): Item[] {
    this.#gathering = false;
    return this.#items.splice(0, ITEMS_PER_DELIVERY);
  }

  /** A delivery was taken in. */
  delivered(): void {
    this.#nextDeliveryMs = performance.now() + this.#gatherMs;
    if (!this.isEmpty) this.#deliverSoon();
  }

  #deliverSoon(): void {
    if (this.#gathering) return;
    this.#gathering = true;
    this.#deliver(Math.max(0, this.#nextDeliveryMs - performance.now()));
  }
}
