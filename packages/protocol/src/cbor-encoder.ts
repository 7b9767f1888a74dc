import { compareBytes } from "./bytes.ts";
import type { CborKey, CborValue } from "./cbor.ts";
import { ProtocolError } from "./errors.ts";

const encoder = new TextEncoder();
const INITIAL_BYTES = 1024;
/** More than anything of ours; a longer value gets a buffer of its own, which is then not kept. */
const KEPT_BYTES = 512 * 1024;

let scratch = new Uint8Array(INITIAL_BYTES);

/** Writes deterministic CBOR, RFC 8949 section 4.2.1, into one buffer that grows and is reused. */
class CborEncoder {
  #buffer: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #length = 0;

  constructor(buffer: Uint8Array<ArrayBuffer>) {
    this.#buffer = buffer;
    this.#view = new DataView(buffer.buffer);
  }

  encode(value: CborValue): { encoded: Uint8Array; buffer: Uint8Array<ArrayBuffer> } {
    this.#value(value);
    const encoded = this.#buffer.slice(0, this.#length);
    // What was encoded may be a secret: it does not stay behind.
    this.#buffer.fill(0, 0, this.#length);
    return { encoded, buffer: this.#buffer };
  }

  #value(value: CborValue): void {
    if (typeof value === "number") this.#integer(value);
    else if (typeof value === "string") this.#text(value);
    else if (value instanceof Uint8Array) this.#bytes(value);
    else if (value === null || typeof value === "boolean") this.#byte(simple(value));
    else if (typeof value === "bigint") this.#bigint(value);
    else if (value instanceof Map) this.#map(value as ReadonlyMap<CborKey, CborValue>);
    else this.#array(value as readonly CborValue[]);
  }

  #integer(value: number): void {
    if (!Number.isSafeInteger(value)) throw new ProtocolError("DECODE_RANGE", { what: "CBOR integer" });
    if (value >= 0) this.#head(0, value);
    else this.#head(1, -1 - value);
  }

  #bigint(value: bigint): void {
    const argument = value >= 0n ? value : -1n - value;
    if (argument >= 1n << 64n) throw new ProtocolError("DECODE_RANGE", { what: "CBOR integer" });
    const major = value >= 0n ? 0 : 1;
    if (argument <= BigInt(Number.MAX_SAFE_INTEGER)) this.#head(major, Number(argument));
    else {
      this.#room(9);
      this.#buffer[this.#length] = (major << 5) | 27;
      this.#view.setBigUint64(this.#length + 1, argument);
      this.#length += 9;
    }
  }

  #text(text: string): void {
    if (!text.isWellFormed()) throw new ProtocolError("DECODE_SHAPE", { what: "utf-8 text" });
    this.#bytes(encoder.encode(text), 3);
  }

  #bytes(bytes: Uint8Array, major = 2): void {
    this.#head(major, bytes.length);
    this.#room(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #array(elements: readonly CborValue[]): void {
    this.#head(4, elements.length);
    for (const element of elements) this.#value(element);
  }

  /** Keys in bytewise order of their encodings. */
  #map(entries: ReadonlyMap<CborKey, CborValue>): void {
    const sorted = [...entries].map(([key, value]) => ({ key: encodeKey(key), value }));
    sorted.sort((a, b) => compareBytes(a.key, b.key));
    this.#head(5, sorted.length);
    for (const { key, value } of sorted) {
      this.#room(key.length);
      this.#buffer.set(key, this.#length);
      this.#length += key.length;
      this.#value(value);
    }
  }

  #byte(byte: number): void {
    this.#room(1);
    this.#buffer[this.#length++] = byte;
  }

  /** Major type and argument in the fewest bytes. */
  #head(major: number, argument: number): void {
    this.#room(9);
    const buffer = this.#buffer;
    const at = this.#length;
    const type = major << 5;
    if (argument < 24) {
      buffer[at] = type | argument;
      this.#length += 1;
    } else if (argument < 0x100) {
      buffer[at] = type | 24;
      buffer[at + 1] = argument;
      this.#length += 2;
    } else if (argument < 0x10000) {
      buffer[at] = type | 25;
      this.#view.setUint16(at + 1, argument);
      this.#length += 3;
    } else if (argument < 0x1_0000_0000) {
      buffer[at] = type | 26;
      this.#view.setUint32(at + 1, argument);
      this.#length += 5;
    } else {
      buffer[at] = type | 27;
      this.#view.setBigUint64(at + 1, BigInt(argument));
      this.#length += 9;
    }
  }

  #room(more: number): void {
    if (this.#length + more <= this.#buffer.length) return;
    const larger = new Uint8Array(Math.max(2 * this.#buffer.length, this.#length + more));
    larger.set(this.#buffer.subarray(0, this.#length));
    this.#buffer.fill(0, 0, this.#length);
    this.#buffer = larger;
    this.#view = new DataView(larger.buffer);
  }
}

function simple(value: boolean | null): number {
  if (value === null) return 0xf6;
  return value ? 0xf5 : 0xf4;
}

/** A key in a buffer of its own: the shared one holds the map around it. */
function encodeKey(key: CborKey): Uint8Array {
  return new CborEncoder(new Uint8Array(64)).encode(key).encoded;
}

/** Deterministic CBOR. RFC 8949 section 4.2. @throws ProtocolError DECODE_RANGE, DECODE_SHAPE for what has none */
export function encodeCbor(value: CborValue): Uint8Array {
  const { encoded, buffer } = new CborEncoder(scratch).encode(value);
  if (buffer.length <= KEPT_BYTES) scratch = buffer;
  return encoded;
}
