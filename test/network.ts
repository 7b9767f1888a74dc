import type { Platform, Transport } from "@portcullis/client";
import { nodePlatform } from "@portcullis/client/node";

/** One device's network, which can be taken away and given back. */
export class Network {
  readonly platform: Platform;
  readonly #open = new Set<() => void>();
  #back: PromiseWithResolvers<void> | undefined;

  constructor() {
    this.platform = {
      ...nodePlatform,
      transport: (...request) => this.#transport(...request),
      fetch: async (...request) => {
        await this.#back?.promise;
        return nodePlatform.fetch(...request);
      },
    };
  }

  get isUp(): boolean {
    return this.#back === undefined;
  }

  down(): void {
    this.#back ??= Promise.withResolvers();
    for (const cut of this.#open) cut();
  }

  up(): void {
    this.#back?.resolve();
    this.#back = undefined;
    for (const cut of this.#open) cut();
  }

  /** Without a network nothing is connected, and nobody says so: it is tried again when there is one. */
  #transport(...[url, events]: Parameters<Transport>): ReturnType<Transport> {
    let isOver = false;
    const end = (): void => {
      this.#open.delete(cut);
      isOver = true;
    };
    const socket = this.isUp
      ? nodePlatform.transport(url, {
          onOpen: () => !isOver && events.onOpen(),
          onFrame: (bytes) => !isOver && events.onFrame(bytes),
          onClose: (reason) => {
            if (isOver) return;
            end();
            events.onClose(reason);
          },
        })
      : undefined;
    const cut = (): void => {
      end();
      socket?.close();
      events.onClose({ network: this.isUp });
    };
    this.#open.add(cut);
    return {
      send: (frame) => !isOver && socket?.send(frame),
      close: () => {
        end();
        socket?.close();
      },
    };
  }
}
