import { sha256 } from "@portcullis/crypto";
import { decodeCbor, encodeCbor, FieldReader, type CborValue } from "@portcullis/protocol";
import { ClientError } from "./errors.ts";
import type { StoreChange } from "./store.ts";

const SETTINGS = "portcullis/client-settings/v1";
/** Under this name the store has all of them. */
const FACT = "settings";
const NAME_LENGTH = 64;
const LARGEST_BYTES = 16 * 1024;

/** What the application keeps for its person, by names of its own: durable, and in the backup. */
export class Settings {
  #values: ReadonlyMap<string, string>;
  readonly #write: (changes: readonly StoreChange[]) => Promise<void>;

  constructor(
    facts: ReadonlyMap<string, Uint8Array>,
    write: (changes: readonly StoreChange[]) => Promise<void>,
  ) {
    const stored = facts.get(FACT);
    this.#values = stored ? decodeSettings(stored) : new Map();
    this.#write = write;
  }

  get(name: string): string | undefined {
    return this.#values.get(name);
  }

  entries(): [string, string][] {
    return [...this.#values];
  }

  /**
   * Durable when it resolves; undefined takes the setting away. A name has at most 64 characters, all settings together
   * 16 KiB.
   * @throws ClientError CLIENT_SETTING
   */
  async set(name: string, value: string | undefined): Promise<void> {
    const changed = new Map(this.#values);
    if (value === undefined) changed.delete(name);
    else changed.set(name, value);
    const encoded = encodeSettings(changed);
    if (name === "" || name.length > NAME_LENGTH || encoded.length > LARGEST_BYTES)
      throw new ClientError("CLIENT_SETTING", { name: name.slice(0, NAME_LENGTH) });
    this.#values = changed;
    await this.#write([{ put: "fact", name: FACT, value: encoded }]);
  }

  get encoded(): Uint8Array {
    return encodeSettings(this.#values);
  }

  /** SHA-256. */
  get hash(): Uint8Array {
    return sha256(this.encoded);
  }

  /** Takes these where there are none yet: what to write, if anything. @throws ProtocolError DECODE_* */
  adopt(encoded: Uint8Array): StoreChange[] {
    if (this.#values.size > 0) return [];
    this.#values = decodeSettings(encoded);
    return [{ put: "fact", name: FACT, value: encoded }];
  }
}

export function encodeSettings(values: ReadonlyMap<string, string>): Uint8Array {
  const sorted = [...values].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return encodeCbor([SETTINGS, sorted]);
}

/** @throws ProtocolError DECODE_* */
export function decodeSettings(bytes: Uint8Array): Map<string, string> {
  const reader = new FieldReader(decodeCbor(bytes, FACT), FACT, 2);
  reader.constant(SETTINGS);
  return new Map(reader.list((value) => readSetting(value)));
}

function readSetting(value: CborValue): [string, string] {
  const reader = new FieldReader(value, "setting", 2);
  return [reader.text(NAME_LENGTH), reader.text()];
}
