import { concatBytes } from "@portcullis/protocol";
import { MlsError } from "./errors.ts";

// The TLS presentation language, as far as message protection needs it. RFC 9420 section 2.1.

export function uint8(value: number): Uint8Array {
  return Uint8Array.of(value);
}

export function uint16(value: number): Uint8Array {
  return Uint8Array.of(value >>> 8, value);
}

export function uint32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

export function uint64(value: number): Uint8Array {
  return concatBytes(uint32(Math.floor(value / 0x1_0000_0000)), uint32(value >>> 0));
}

/** opaque<V>: the length in the fewest bytes that hold it, then the bytes. RFC 9420 section 2.1.2. */
export function opaque(bytes: Uint8Array): Uint8Array {
  const { length } = bytes;
  if (length < 0x40) return concatBytes(uint8(length), bytes);
  if (length < 0x4000) return concatBytes(uint16(length | 0x4000), bytes);
  if (length < 0x4000_0000) return concatBytes(uint32((length | 0x8000_0000) >>> 0), bytes);
  throw new MlsError("MLS_MALFORMED", { what: "opaque", length });
}

/** Reads front to back; every result is a view of the input. Throws MLS_MALFORMED where the bytes end or a length is not minimal. */
export class TlsReader {
  readonly #bytes: Uint8Array;
  readonly #what: string;
  #offset = 0;

  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes;
    this.#what = what;
  }

  take(length: number): Uint8Array {
    const start = this.#offset;
    if (start + length > this.#bytes.length) throw new MlsError("MLS_MALFORMED", { what: this.#what });
    this.#offset = start + length;
    return this.#bytes.subarray(start, this.#offset);
  }

  #integer(bytes: number): number {
    return this.take(bytes).reduce((value, byte) => value * 0x100 + byte, 0);
  }

  uint8(): number {
    return this.#integer(1);
  }

  uint16(): number {
    return this.#integer(2);
  }

  uint32(): number {
    return this.#integer(4);
  }

  uint64(): number {
    const value = this.#integer(8);
    if (!Number.isSafeInteger(value)) throw new MlsError("MLS_MALFORMED", { what: this.#what });
    return value;
  }

  opaque(): Uint8Array {
    const first = this.uint8();
    const form = first >> 6;
    if (form === 3) throw new MlsError("MLS_MALFORMED", { what: this.#what });
    const more = (1 << form) - 1;
    const length = (first & 0x3f) * 0x100 ** more + this.#integer(more);
    const least = [0, 0x40, 0x4000][form] as number;
    if (length < least) throw new MlsError("MLS_MALFORMED", { what: this.#what });
    return this.take(length);
  }

  /** All that is left. */
  rest(): Uint8Array {
    return this.take(this.#bytes.length - this.#offset);
  }

  end(): void {
    if (this.#offset !== this.#bytes.length) throw new MlsError("MLS_MALFORMED", { what: this.#what });
  }
}
