import { ProtocolError } from "./errors.ts";

const HEX = /^(?:[0-9a-f]{2})*$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const BASE64URL = /^[A-Za-z0-9_-]*$/;

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    out.set(part, offset);
    offset += part.length;
  }
  return out;
}

/** For public values only: returns at the first difference. Secrets are compared in crypto. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** -1, 0 or 1 in bytewise lexicographic order. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference < 0 ? -1 : 1;
  }
  return Math.sign(a.length - b.length);
}

export function toHex(bytes: Uint8Array): string {
  let out = "";
  for (const byte of bytes) out += byte.toString(16).padStart(2, "0");
  return out;
}

/** Lower case only. @throws ProtocolError DECODE_NOT_CANONICAL */
export function fromHex(text: string): Uint8Array {
  if (!HEX.test(text)) throw new ProtocolError("DECODE_NOT_CANONICAL", { what: "hex" });
  return Uint8Array.from({ length: text.length / 2 }, (_, i) =>
    Number.parseInt(text.slice(2 * i, 2 * i + 2), 16),
  );
}

/** Standard alphabet with padding. RFC 4648 section 4. */
export function toBase64(bytes: Uint8Array): string {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/** The one encoding of those bytes and no other (no white space, no stray bits). @throws ProtocolError DECODE_NOT_CANONICAL */
export function fromBase64(text: string): Uint8Array {
  if (!BASE64.test(text)) throw new ProtocolError("DECODE_NOT_CANONICAL", { what: "base64" });
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  if (toBase64(bytes) !== text) throw new ProtocolError("DECODE_NOT_CANONICAL", { what: "base64" });
  return bytes;
}

/** URL alphabet without padding. RFC 4648 section 5. */
export function toBase64Url(bytes: Uint8Array): string {
  return toBase64(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** @throws ProtocolError DECODE_NOT_CANONICAL */
export function fromBase64Url(text: string): Uint8Array {
  if (!BASE64URL.test(text)) throw new ProtocolError("DECODE_NOT_CANONICAL", { what: "base64url" });
  const padded = text.replaceAll("-", "+").replaceAll("_", "/") + "=".repeat((4 - (text.length % 4)) % 4);
  return fromBase64(padded);
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** @throws ProtocolError DECODE_SHAPE when the bytes are not UTF-8 */
export function fromUtf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new ProtocolError("DECODE_SHAPE", { what: "utf-8 text" });
  }
}
