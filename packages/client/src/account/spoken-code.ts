import { sha256 } from "@portcullis/crypto";
import { concatBytes, equalBytes, utf8 } from "@portcullis/protocol";

const GROUP = 4;
/** Crockford's base 32: no letter that looks like a digit, and no U. */
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** A kind of code that people read, write and type. */
export interface SpokenCode {
  /** Hashed into the checksum, so that no other kind of code passes for this one. */
  readonly name: string;
  /** Bytes of what it says, and of the checksum behind. Together a multiple of five. */
  readonly contentBytes: number;
  readonly checkBytes: number;
}

/** Groups of four characters, the last bits a checksum. */
export function formatSpokenCode(kind: SpokenCode, content: Uint8Array): string {
  const bytes = concatBytes(content, checkOf(kind, content));
  let bits = 0n;
  for (const byte of bytes) bits = (bits << 8n) | BigInt(byte);
  const count = lettersOf(kind);
  const letters = Array.from({ length: count }, (_, i) => {
    const five = (bits >> BigInt(5 * (count - 1 - i))) & 31n;
    return ALPHABET[Number(five)];
  }).join("");
  return letters.replaceAll(new RegExp(`.{${GROUP}}(?=.)`, "g"), "$&-");
}

/**
 * What a code says, however it was typed: in any case, with or without spaces and hyphens, O for 0 and I or L for 1.
 * Undefined when a character is wrong or missing.
 */
export function parseSpokenCode(kind: SpokenCode, text: string): Uint8Array | undefined {
  const letters = text.toUpperCase().replaceAll(/[\s-]/g, "").replaceAll("O", "0").replaceAll(/[IL]/g, "1");
  const values = Array.from(letters, (letter) => ALPHABET.indexOf(letter));
  if (values.length !== lettersOf(kind) || values.includes(-1)) return undefined;
  let bits = 0n;
  for (const value of values) bits = (bits << 5n) | BigInt(value);
  const length = kind.contentBytes + kind.checkBytes;
  const bytes = Uint8Array.from({ length }, (_, i) => Number((bits >> BigInt(8 * (length - 1 - i))) & 255n));
  const content = bytes.slice(0, kind.contentBytes);
  return equalBytes(checkOf(kind, content), bytes.subarray(kind.contentBytes)) ? content : undefined;
}

function lettersOf({ contentBytes, checkBytes }: SpokenCode): number {
  return ((contentBytes + checkBytes) * 8) / 5;
}

function checkOf({ name, checkBytes }: SpokenCode, content: Uint8Array): Uint8Array {
  return sha256(utf8(name), content).slice(0, checkBytes);
}
