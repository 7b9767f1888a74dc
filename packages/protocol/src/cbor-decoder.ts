import { compareBytes, fromUtf8 } from "./bytes.ts";
import type { CborKey, CborValue } from "./cbor.ts";
import { ProtocolError, type ProtocolErrorCode } from "./errors.ts";

const MAXIMUM_DEPTH = 16;
/** Up to here bytes are copied by a loop: an engine's own copy would make a buffer outside its heap, 20 times dearer. */
const SHORT = 64;

/**
 * Reads deterministic CBOR in one pass: every head must be the shortest, every length definite, every text UTF-8, so
 * that what it accepts has one encoding only and nothing need be encoded again to find out. RFC 8949 section 4.2.
 * Tags, floating point and undefined are not in our subset; maps are, for content only, with integer and text keys
 * in bytewise order. Long byte strings are views of the
 * input, short ones (keys, hashes, ids) copies.
 */
export class CborDecoder {
  readonly #bytes: Uint8Array;
  readonly #what: string;
  #offset = 0;
  #depth = 0;

  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#what = what;
  }

  /** The one value that fills the input. @throws ProtocolError DECODE_* */
  decode(): CborValue {
    const value = this.#value();
    const trailing = this.#bytes.length - this.#offset;
    if (trailing > 0) throw new ProtocolError("DECODE_TRAILING", { what: this.#what, trailing });
    return value;
  }

  #fail(code: ProtocolErrorCode): never {
    throw new ProtocolError(code, { what: this.#what, offset: this.#offset });
  }

  #value(): CborValue {
    const initial = this.#byte();
    const information = initial & 0x1f;
    switch (initial >> 5) {
      case 0:
        return this.#argument(information);
      case 1:
        return negative(this.#argument(information));
      case 2:
        return this.#byteString(this.#length(information));
      case 3:
        return this.#text(this.#length(information));
      case 4:
        return this.#array(this.#length(information));
      case 5:
        return this.#map(this.#length(information));
      case 7:
        return this.#simple(information);
      default:
        return this.#fail("DECODE_NOT_CANONICAL");
    }
  }

  #array(length: number): CborValue[] {
    this.#enter(length);
    const elements: CborValue[] = [];
    for (let i = 0; i < length; i++) elements.push(this.#value());
    this.#depth--;
    return elements;
  }

  #map(length: number): ReadonlyMap<CborKey, CborValue> {
    this.#enter(length);
    const entries = new Map<CborKey, CborValue>();
    let previous: Uint8Array | undefined;
    for (let i = 0; i < length; i++) {
      const start = this.#offset;
      const key = this.#value();
      const encoded = this.#bytes.subarray(start, this.#offset);
      if (typeof key !== "number" && typeof key !== "bigint" && typeof key !== "string")
        return this.#fail("DECODE_SHAPE");
      if (previous !== undefined && compareBytes(previous, encoded) >= 0)
        return this.#fail("DECODE_NOT_CANONICAL");
      previous = encoded;
      entries.set(key, this.#value());
    }
    this.#depth--;
    return entries;
  }

  /** Each element takes a byte at least: refused before room is made for what cannot be there. */
  #enter(length: number): void {
    if (length > this.#bytes.length - this.#offset) this.#fail("DECODE_TRUNCATED");
    if (++this.#depth > MAXIMUM_DEPTH) this.#fail("DECODE_SHAPE");
  }

  #simple(information: number): boolean | null {
    switch (information) {
      case 20:
        return false;
      case 21:
        return true;
      case 22:
        return null;
      default:
        return this.#fail("DECODE_NOT_CANONICAL");
    }
  }

  #length(information: number): number {
    const length = this.#argument(information);
    return typeof length === "number" ? length : this.#fail("DECODE_TRUNCATED");
  }

  /** The argument of a head; a bigint only beyond the safe integers. */
  #argument(information: number): number | bigint {
    switch (information) {
      case 24:
        return this.#shortest(this.#byte(), 24);
      case 25:
        return this.#shortest(this.#uint(2), 0x100);
      case 26:
        return this.#shortest(this.#uint(4), 0x10000);
      case 27:
        return this.#long();
      default:
        return information < 24 ? information : this.#fail("DECODE_NOT_CANONICAL");
    }
  }

  #long(): number | bigint {
    const high = this.#uint(4);
    const low = this.#uint(4);
    if (high === 0) this.#fail("DECODE_NOT_CANONICAL");
    return high < 0x200000 ? high * 0x1_0000_0000 + low : (BigInt(high) << 32n) | BigInt(low);
  }

  #shortest(argument: number, least: number): number {
    return argument < least ? this.#fail("DECODE_NOT_CANONICAL") : argument;
  }

  #uint(length: number): number {
    let value = 0;
    for (let i = 0; i < length; i++) value = value * 0x100 + this.#byte();
    return value;
  }

  #byte(): number {
    const byte = this.#bytes[this.#offset];
    if (byte === undefined) return this.#fail("DECODE_TRUNCATED");
    this.#offset++;
    return byte;
  }

  /** Moves behind the next `length` bytes and says where they start. */
  #advance(length: number): number {
    const start = this.#offset;
    if (length > this.#bytes.length - start) this.#fail("DECODE_TRUNCATED");
    this.#offset = start + length;
    return start;
  }

  #byteString(length: number): Uint8Array {
    const start = this.#advance(length);
    if (length > SHORT) return this.#bytes.subarray(start, this.#offset);
    const copy = new Uint8Array(length);
    for (let i = 0; i < length; i++) copy[i] = this.#bytes[start + i] as number;
    return copy;
  }

  #text(length: number): string {
    const start = this.#advance(length);
    const shortEnd = length <= SHORT ? this.#offset : start;
    let text = "";
    for (let i = start; i < shortEnd; i++) {
      const unit = this.#bytes[i] as number;
      if (unit >= 0x80) break;
      text += String.fromCharCode(unit);
    }
    return text.length === length ? text : fromUtf8(this.#bytes.subarray(start, this.#offset));
  }
}

function negative(argument: number | bigint): number | bigint {
  const value = -1n - BigInt(argument);
  return value >= BigInt(Number.MIN_SAFE_INTEGER) ? Number(value) : value;
}
