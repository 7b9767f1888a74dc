import { isTransient } from "./errors.ts";
import type { EventHub } from "./event-hub.ts";
import type { ClientEvents } from "./host.ts";

/** What it takes to look again and again while connected. */
export interface LookingDevice {
  readonly events: EventHub<ClientEvents>;
  readonly ready: boolean;
  later(delayMs: number, task: () => void): void;
}

/** Looks at each connection, and then at intervals for as long as it lasts. What fails for the moment is left to the next look. */
export class Recurring {
  readonly #device: LookingDevice;
  readonly #everyMs: number;
  readonly #look: () => Promise<void>;
  /** The connection for which it looks. */
  #connection: object | undefined;

  constructor(device: LookingDevice, everyMs: number, look: () => Promise<void>) {
    this.#device = device;
    this.#everyMs = everyMs;
    this.#look = look;
  }

  /** A connection is there. */
  begin(): void {
    const connection = {};
    this.#connection = connection;
    const look = async (): Promise<void> => {
      if (this.#connection !== connection || !this.#device.ready) return;
      try {
        await this.#look();
      } catch (error) {
        if (!isTransient(error)) this.#device.events.emit("fault", error);
      }
      this.#device.later(this.#everyMs, () => void look());
    };
    void look();
  }
}
