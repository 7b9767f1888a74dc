import { CborDecoder } from "./cbor-decoder.ts";
import { ProtocolError } from "./errors.ts";

export type CborKey = number | bigint | string;

/** What our own structures are made of: arrays rather than maps, so that a field has one place and no name on the wire. */
export type CborValue =
  | number
  | bigint
  | string
  | boolean
  | null
  | Uint8Array
  | readonly CborValue[]
  | ReadonlyMap<CborKey, CborValue>;

/** The head of an array of `length` elements, for a sender that has those elements encoded already. */
export function encodeCborArrayHead(length: number): Uint8Array {
  if (length < 24) return Uint8Array.of(0x80 | length);
  if (length < 0x100) return Uint8Array.of(0x98, length);
  return Uint8Array.of(0x99, length >> 8, length & 0xff);
}

/**
 * The value in `bytes`, which must be its one deterministic encoding and nothing more. RFC 8949 section 4.2.
 * `what` names the structure in the error.
 * @throws ProtocolError DECODE_TRUNCATED, DECODE_TRAILING, DECODE_NOT_CANONICAL, DECODE_SHAPE
 */
export function decodeCbor(bytes: Uint8Array, what: string): CborValue {
  return new CborDecoder(bytes, what).decode();
}

/** Reads the fields of one decoded array in order; each read says what it expects and every error names the place. */
export class FieldReader {
  readonly #fields: readonly CborValue[];
  readonly #what: string;
  #next = 0;

  /** @throws ProtocolError DECODE_SHAPE when `value` is not an array of `length` fields */
  constructor(value: CborValue, what: string, length: number) {
    if (!Array.isArray(value) || value.length !== length)
      throw new ProtocolError("DECODE_SHAPE", { what, fields: length });
    this.#fields = value as readonly CborValue[];
    this.#what = what;
  }

  #take(): CborValue {
    return this.#fields[this.#next++] as CborValue;
  }

  #fail(code: "DECODE_SHAPE" | "DECODE_LENGTH" | "DECODE_RANGE"): never {
    throw new ProtocolError(code, { what: this.#what, field: this.#next - 1 });
  }

  /** An integer within [minimum, maximum], both safe integers. */
  integer(minimum = 0, maximum: number = Number.MAX_SAFE_INTEGER): number {
    const value = this.#take();
    if (typeof value !== "number" || !Number.isSafeInteger(value)) return this.#fail("DECODE_SHAPE");
    return value < minimum || value > maximum ? this.#fail("DECODE_RANGE") : value;
  }

  /** Byte string; of exactly `length` bytes when given. */
  bytes(length?: number): Uint8Array {
    const value = this.#take();
    if (!(value instanceof Uint8Array)) return this.#fail("DECODE_SHAPE");
    return length !== undefined && value.length !== length ? this.#fail("DECODE_LENGTH") : value;
  }

  /** Byte string or null, which becomes undefined. */
  optionalBytes(length?: number): Uint8Array | undefined {
    if (this.#fields[this.#next] === null) {
      this.#next++;
      return undefined;
    }
    return this.bytes(length);
  }

  text(maximumLength = 65_535): string {
    const value = this.#take();
    if (typeof value !== "string") return this.#fail("DECODE_SHAPE");
    return value.length > maximumLength ? this.#fail("DECODE_LENGTH") : value;
  }

  boolean(): boolean {
    const value = this.#take();
    return typeof value === "boolean" ? value : this.#fail("DECODE_SHAPE");
  }

  /** The constant that must stand here (a version, a kind). */
  constant(expected: number | string): void {
    if (this.#take() !== expected) this.#fail("DECODE_SHAPE");
  }

  /** One of a set of texts. */
  oneOf<const T extends string>(allowed: readonly T[]): T {
    const value = this.#take();
    return allowed.find((candidate) => candidate === value) ?? this.#fail("DECODE_SHAPE");
  }

  /** An array, each element read by `read`. */
  list<T>(read: (value: CborValue) => T, maximum = 65_535): T[] {
    const value = this.#take();
    if (!Array.isArray(value)) return this.#fail("DECODE_SHAPE");
    return value.length > maximum
      ? this.#fail("DECODE_LENGTH")
      : (value as CborValue[]).map((element) => read(element));
  }

  /** The raw value, for a nested structure with a reader of its own. */
  value(): CborValue {
    return this.#take();
  }
}
