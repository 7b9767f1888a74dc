import type { MlsEngine, StoredKeyPackage } from "@portcullis/mls";
import { decodeCbor, encodeCbor, FieldReader, toBase64Url } from "@portcullis/protocol";
import type { FreshKeyPackages } from "../server/server-api.ts";
import type { StoreChange } from "../store.ts";

const PREFIX = "key-package/";
const DAY_MS = 24 * 3600 * 1000;
/** A supply is replaced well before its KeyPackages, valid for 90 days (MLS-13), end. */
const SUPPLY_MS = 30 * DAY_MS;
/** For so long what was replaced can still be joined with: it may have been claimed before (CLT-52). */
const RETIRED_MS = 7 * DAY_MS;

export interface HeldKeyPackage extends StoredKeyPackage {
  /** `fresh`: from before the request that publishes it until the server has answered. `used`: of last resort, and joined with. */
  readonly standing: (typeof STANDINGS)[number];
  readonly lastResort: boolean;
  /** When it came to its standing. */
  readonly sinceMs: number;
}

/** KeyPackages that are on their way to the server. */
export interface Supply extends FreshKeyPackages {
  /** To be stored before they are published. */
  readonly before: readonly StoreChange[];
  /** To be stored once the server has them. */
  after(): readonly StoreChange[];
}

/**
 * The KeyPackages of this device. Others claim them at the server to add this device to conversations; each is used
 * once and its secrets then erased, but for the one of last resort, which the server gives out while it has no other:
 * that one, and with it the whole supply, is replaced when it was used.
 */
export class KeyPackageSupply {
  readonly #held = new Map<string, HeldKeyPackage>();

  constructor(secrets: ReadonlyMap<string, Uint8Array>) {
    for (const [name, value] of secrets)
      if (name.startsWith(PREFIX)) this.#held.set(name, decodeHeldKeyPackage(value));
  }

  find(reference: Uint8Array): StoredKeyPackage | undefined {
    return this.#held.get(nameOf(reference));
  }

  isLastResort(reference: Uint8Array): boolean {
    return this.#held.get(nameOf(reference))?.lastResort === true;
  }

  /** What the server is to have, if it has too little as far as this device knows. `wanted`: how many beside the last. */
  async fill(engine: MlsEngine, wanted: number, nowMs: number): Promise<Supply | undefined> {
    const standing = [...this.#held.values()].filter((held) => held.standing === "published");
    const last = standing.find(({ lastResort }) => lastResort);
    if (last === undefined || nowMs - last.sinceMs > SUPPLY_MS) return this.#renew(engine, wanted, nowMs);
    const missing = wanted - (standing.length - 1);
    if (missing <= wanted / 2) return undefined;
    const made = await this.#make(engine, missing, { lastResort: false, nowMs });
    return this.#supply(made, { keyPackages: keyPackagesOf(made) }, nowMs);
  }

  /** Its device has joined with it: it is gone, or to be replaced, once the change is durable. */
  spend(reference: Uint8Array): StoreChange {
    const name = nameOf(reference);
    const held = this.#held.get(name);
    if (held?.lastResort === true)
      return this.#put(name, held.standing === "retired" ? held : { ...held, standing: "used" });
    this.#held.delete(name);
    return { erase: "secret", name };
  }

  /** Erases what was replaced so long ago that nobody can be about to add this device with it. */
  forgetRetired(nowMs: number): StoreChange[] {
    const outdated = [...this.#held].filter(
      ([, { standing, sinceMs }]) => standing === "retired" && nowMs - sinceMs > RETIRED_MS,
    );
    return outdated.map(([name]): StoreChange => {
      this.#held.delete(name);
      return { erase: "secret", name };
    });
  }

  /** A supply instead of the one that lies at the server, with another last resort. */
  async #renew(engine: MlsEngine, wanted: number, nowMs: number): Promise<Supply> {
    const once = await this.#make(engine, wanted, { lastResort: false, nowMs });
    const [last] = await this.#make(engine, 1, { lastResort: true, nowMs });
    if (last === undefined) throw new RangeError("one was made");
    const [, { keyPackage: lastResort }] = last;
    const keyPackages = keyPackagesOf(once);
    return this.#supply([...once, last], { keyPackages, lastResort }, nowMs);
  }

  async #make(
    engine: MlsEngine,
    count: number,
    { lastResort, nowMs }: { readonly lastResort: boolean; readonly nowMs: number },
  ): Promise<[name: string, made: HeldKeyPackage][]> {
    const made: [string, HeldKeyPackage][] = [];
    for (let i = 0; i < count; i++) {
      const { keyPackage, reference, secrets } = await engine.createKeyPackage({ lastResort });
      const fresh = { keyPackage, secrets, standing: "fresh", lastResort, sinceMs: nowMs } as const;
      made.push([nameOf(reference), fresh]);
    }
    return made;
  }

  /** A supply with a last resort retires all before it, those too whose publication was cut off. */
  #supply(
    made: readonly [name: string, made: HeldKeyPackage][],
    published: FreshKeyPackages,
    nowMs: number,
  ): Supply {
    const before = made.map(([name, fresh]) => this.#put(name, fresh));
    const after = (): StoreChange[] => {
      const names = new Set(made.map(([name]) => name));
      const replaced = [...this.#held].filter(
        ([name, { standing }]) =>
          published.lastResort !== undefined && !names.has(name) && standing !== "retired",
      );
      // Somebody may have joined this device with one of them meanwhile, which is gone then.
      const standing = [...this.#held].filter(([name]) => names.has(name));
      return [
        ...replaced.map(([name, held]) => this.#put(name, { ...held, standing: "retired", sinceMs: nowMs })),
        ...standing.map(([name, held]) =>
          this.#put(name, held.standing === "fresh" ? { ...held, standing: "published" } : held),
        ),
      ];
    };
    return { ...published, before, after };
  }

  #put(name: string, held: HeldKeyPackage): StoreChange {
    this.#held.set(name, held);
    return { put: "secret", name, value: encodeHeldKeyPackage(held) };
  }
}

function keyPackagesOf(made: readonly [name: string, made: HeldKeyPackage][]): Uint8Array[] {
  return made.map(([, { keyPackage }]) => keyPackage);
}

function nameOf(reference: Uint8Array): string {
  return `${PREFIX}${toBase64Url(reference)}`;
}

const STANDINGS = ["fresh", "published", "used", "retired"] as const;

export function encodeHeldKeyPackage(held: HeldKeyPackage): Uint8Array {
  const { keyPackage, secrets, standing, lastResort, sinceMs } = held;
  return encodeCbor([keyPackage, secrets, standing, lastResort, sinceMs]);
}

/** Those of before there was a last resort, too. @throws ProtocolError DECODE_* */
export function decodeHeldKeyPackage(bytes: Uint8Array): HeldKeyPackage {
  const what = "held KeyPackage";
  const value = decodeCbor(bytes, what);
  const isFirst = Array.isArray(value) && value.length === 3;
  const reader = new FieldReader(value, what, isFirst ? 3 : 5);
  const stored = { keyPackage: reader.bytes(), secrets: reader.bytes() };
  if (isFirst)
    return { ...stored, standing: reader.boolean() ? "published" : "fresh", lastResort: false, sinceMs: 0 };
  const standing = reader.oneOf(STANDINGS);
  return { ...stored, standing, lastResort: reader.boolean(), sinceMs: reader.integer() };
}
