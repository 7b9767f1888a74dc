import type { KeyObject } from "node:crypto";

/** The KeyObjects used last, by their raw bytes: importing one costs as much as using it. */
export class KeyCache {
  readonly #load: (raw: Uint8Array) => KeyObject;
  readonly #capacity: number;
  readonly #keys = new Map<string, KeyObject>();

  constructor(capacity: number, load: (raw: Uint8Array) => KeyObject) {
    this.#capacity = capacity;
    this.#load = load;
  }

  get(raw: Uint8Array): KeyObject {
    const name = Buffer.from(raw.buffer, raw.byteOffset, raw.length).toString("latin1");
    const known = this.#keys.get(name);
    const key = known ?? this.#load(raw);
    if (known !== undefined) this.#keys.delete(name);
    else if (this.#keys.size >= this.#capacity) this.#evict();
    this.#keys.set(name, key);
    return key;
  }

  /** A Map keeps the order of insertion: the first is the one not used for longest. */
  #evict(): void {
    for (const oldest of this.#keys.keys()) {
      this.#keys.delete(oldest);
      return;
    }
  }

  get size(): number {
    return this.#keys.size;
  }
}
