import type { ClientStore, StoreChange } from "@portcullis/client";

/**
 * Fails at one write, before or after it has become durable, and then at everything, as after a crash. `writes` come
 * before it, of those that `counts` names.
 */
export class FailingStore implements ClientStore {
  readonly #store: ClientStore;
  readonly #when: "before" | "after" | "never";
  readonly #counts: (changes: readonly StoreChange[]) => boolean;
  #left: number;
  writes = 0;

  constructor(
    store: ClientStore,
    when: "before" | "after" | "never",
    writes = Number.POSITIVE_INFINITY,
    counts: (changes: readonly StoreChange[]) => boolean = () => true,
  ) {
    this.#store = store;
    this.#when = when;
    this.#left = writes;
    this.#counts = counts;
  }

  load(): ReturnType<ClientStore["load"]> {
    return this.#store.load();
  }

  async write(changes: readonly StoreChange[]): Promise<void> {
    this.writes++;
    if (this.#left >= 0 && !this.#counts(changes)) return this.#store.write(changes);
    if (this.#left-- > 0) return this.#store.write(changes);
    if (this.#left === -1 && this.#when === "after") await this.#store.write(changes);
    throw new Error("the power went");
  }

  async forget(): Promise<void> {
    if (this.#left >= 0) await this.#store.forget();
  }

  history(...request: Parameters<ClientStore["history"]>): ReturnType<ClientStore["history"]> {
    return this.#store.history(...request);
  }

  timeline(...request: Parameters<ClientStore["timeline"]>): ReturnType<ClientStore["timeline"]> {
    return this.#store.timeline(...request);
  }

  find(...request: Parameters<ClientStore["find"]>): ReturnType<ClientStore["find"]> {
    return this.#store.find(...request);
  }

  waiting(...request: Parameters<ClientStore["waiting"]>): ReturnType<ClientStore["waiting"]> {
    return this.#store.waiting(...request);
  }

  expiring(...request: Parameters<ClientStore["expiring"]>): ReturnType<ClientStore["expiring"]> {
    return this.#store.expiring(...request);
  }

  arrived(...request: Parameters<ClientStore["arrived"]>): ReturnType<ClientStore["arrived"]> {
    return this.#store.arrived(...request);
  }

  searchParts(): ReturnType<ClientStore["searchParts"]> {
    return this.#store.searchParts();
  }

  searchPart(after: number): ReturnType<ClientStore["searchPart"]> {
    return this.#store.searchPart(after);
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}
