import { ProtocolError } from "./errors.ts";

const PREFIX = 4;

/**
 * The Padme length for `length` bytes: at most 12 % more, and it tells no more than O(log log) bits of the size.
 * Nikitin and others, "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs", section 4.
 */
export function padmeLength(length: number): number {
  if (length < 2) return length;
  const exponent = Math.floor(Math.log2(length));
  const zeroBits = exponent - (Math.floor(Math.log2(exponent)) + 1);
  if (zeroBits <= 0) return length;
  const step = 2 ** zeroBits;
  return Math.ceil(length / step) * step;
}

/** u32 big-endian length, the bytes, zeros up to the Padme length of the whole. */
export function padme(plain: Uint8Array): Uint8Array {
  const padded = new Uint8Array(padmeLength(PREFIX + plain.length));
  new DataView(padded.buffer).setUint32(0, plain.length);
  padded.set(plain, PREFIX);
  return padded;
}

/**
 * What `padme` padded; the bytes are a copy.
 * @throws ProtocolError DECODE_TRUNCATED, DECODE_PADDING (wrong padded length, or a padding byte that is not zero)
 */
export function unpadme(padded: Uint8Array): Uint8Array {
  const what = "padded content";
  if (padded.length < PREFIX) throw new ProtocolError("DECODE_TRUNCATED", { what });
  const length = new DataView(padded.buffer, padded.byteOffset).getUint32(0);
  const end = PREFIX + length;
  if (end > padded.length) throw new ProtocolError("DECODE_TRUNCATED", { what });
  if (padmeLength(end) !== padded.length || padded.subarray(end).some((byte) => byte !== 0))
    throw new ProtocolError("DECODE_PADDING", { what });
  return padded.slice(PREFIX, end);
}
