import type { ConversationId } from "@portcullis/protocol";
import { toBase64Url } from "@portcullis/protocol";
import type { Host } from "../host.ts";
import type { ClientStore } from "../store.ts";

const MOST_AT_ONCE = 256;
/** The clock may be set meanwhile: nothing waits longer than that without another look at it. */
const LONGEST_WAIT_MS = 60_000;

/** What expiry asks of its device. */
type ExpiringDevice = Pick<Host, "clock" | "events" | "write" | "later" | "stop" | "forget">;

/** Takes messages away when their time has come, out of every file. */
export class Expiry {
  readonly #device: ExpiringDevice;
  readonly #store: Pick<ClientStore, "expiring">;
  /** When it looks next. */
  #nextMs = Infinity;
  #running = false;

  constructor(device: ExpiringDevice, store: Pick<ClientStore, "expiring">) {
    this.#device = device;
    this.#store = store;
  }

  /** A message that was kept ends then. */
  noticed(expiresAtMs: number | undefined): void {
    if (expiresAtMs === undefined || expiresAtMs >= this.#nextMs) return;
    this.#nextMs = expiresAtMs;
    const waitMs = Math.max(0, Math.min(expiresAtMs - this.#device.clock.now(), LONGEST_WAIT_MS));
    this.#device.later(waitMs, () => this.#look());
  }

  /** Takes away what has ended, and waits for what ends next. */
  async sweep(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    try {
      this.#nextMs = Infinity;
      let isClean = true;
      for (;;) {
        const next = await this.#store.expiring(MOST_AT_ONCE);
        const over = next.filter(({ expiresAtMs }) => expiresAtMs <= this.#device.clock.now());
        if (over.length === 0) {
          if (!isClean) await this.#device.forget();
          this.noticed(next[0]?.expiresAtMs);
          return;
        }
        await this.#device.write(
          over.map(({ conversationId, sequence }) => ({ erase: "message", conversationId, sequence })),
        );
        isClean = false;
        this.#tell(over);
      }
    } finally {
      this.#running = false;
    }
  }

  #look(): void {
    this.#nextMs = Infinity;
    this.sweep().catch((error: unknown) => this.#device.stop(error));
  }

  #tell(over: readonly { conversationId: ConversationId; sequence: number }[]): void {
    const byConversation = Map.groupBy(over, ({ conversationId }) => toBase64Url(conversationId));
    for (const messages of byConversation.values()) {
      const [first] = messages;
      const sequences = messages.map(({ sequence }) => sequence);
      if (first !== undefined)
        this.#device.events.emit("messages-gone", { conversationId: first.conversationId, sequences });
    }
  }
}
