import type { MlsEngine, StoredKeyPackage } from "@portcullis/mls";
import { decodeCbor, encodeCbor, FieldReader, toBase64Url } from "@portcullis/protocol";
import type { StoreChange } from "../store.ts";

const PREFIX = "key-package/";

interface HeldKeyPackage extends StoredKeyPackage {
  /** False from before the request that publishes it until the server has answered. */
  readonly published: boolean;
}

/**
 * The KeyPackages of this device that nobody has used yet. Others claim them at the server to add this device to
 * conversations; each is used once and its secrets then erased. One whose publication was cut off by a crash can still
 * be used, but does not count.
 */
export class KeyPackageSupply {
  readonly #held = new Map<string, HeldKeyPackage>();

  constructor(secrets: ReadonlyMap<string, Uint8Array>) {
    for (const [name, value] of secrets)
      if (name.startsWith(PREFIX)) this.#held.set(name, decodeKeyPackage(value));
  }

  /** How many are published and, as far as this device knows, not used. */
  get size(): number {
    return [...this.#held.values()].filter(({ published }) => published).length;
  }

  find(reference: Uint8Array): StoredKeyPackage | undefined {
    return this.#held.get(nameOf(reference));
  }

  /**
   * Fresh KeyPackages. Store `before`, publish, store `after`.
   */
  async make(
    engine: MlsEngine,
    count: number,
  ): Promise<{ keyPackages: Uint8Array[]; before: StoreChange[]; after: StoreChange[] }> {
    const keyPackages: Uint8Array[] = [];
    const before: StoreChange[] = [];
    const after: StoreChange[] = [];
    for (let i = 0; i < count; i++) {
      const { keyPackage, reference, secrets } = await engine.createKeyPackage();
      const name = nameOf(reference);
      const fresh = { keyPackage, secrets, published: false };
      const published = { keyPackage, secrets, published: true };
      this.#held.set(name, published);
      before.push({ put: "secret", name, value: encodeKeyPackage(fresh) });
      after.push({ put: "secret", name, value: encodeKeyPackage(published) });
      keyPackages.push(keyPackage);
    }
    return { keyPackages, before, after };
  }

  /** Its device has joined with it: it is gone once the change is durable. */
  spend(reference: Uint8Array): StoreChange {
    const name = nameOf(reference);
    this.#held.delete(name);
    return { erase: "secret", name };
  }
}

function nameOf(reference: Uint8Array): string {
  return `${PREFIX}${toBase64Url(reference)}`;
}

function encodeKeyPackage({ keyPackage, secrets, published }: HeldKeyPackage): Uint8Array {
  return encodeCbor([keyPackage, secrets, published]);
}

function decodeKeyPackage(bytes: Uint8Array): HeldKeyPackage {
  const reader = new FieldReader(decodeCbor(bytes, "held KeyPackage"), "held KeyPackage", 3);
  return { keyPackage: reader.bytes(), secrets: reader.bytes(), published: reader.boolean() };
}
