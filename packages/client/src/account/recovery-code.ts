import { sha256 } from "@portcullis/crypto";
import { concatBytes, equalBytes, utf8, type Random } from "@portcullis/protocol";
import { ClientError } from "../errors.ts";

const SECRET_BYTES = 16;
const CHECK_BYTES = 4;
const GROUP = 4;
const LETTERS = 32;
/** Crockford's base 32: no letter that looks like a digit, and no U. */
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** 16 random bytes: all that a person must keep to come back to an account. */
export function makeRecoverySecret(random: Random): Uint8Array {
  return random(SECRET_BYTES);
}

/** For paper: eight groups of four characters, the last 32 bits a checksum. */
export function formatRecoveryCode(secret: Uint8Array): string {
  const bytes = concatBytes(secret, checkOf(secret));
  let bits = 0n;
  for (const byte of bytes) bits = (bits << 8n) | BigInt(byte);
  const letters = Array.from({ length: LETTERS }, (_, i) => {
    const five = (bits >> BigInt(5 * (LETTERS - 1 - i))) & 31n;
    return ALPHABET[Number(five)];
  }).join("");
  return letters.replaceAll(new RegExp(`.{${GROUP}}(?=.)`, "g"), "$&-");
}

/**
 * The secret, however it was typed: in any case, with or without spaces and hyphens, O for 0 and I or L for 1.
 * @throws ClientError CLIENT_RECOVERY_CODE when a character is wrong or missing; nobody is asked for that
 */
export function parseRecoveryCode(text: string): Uint8Array {
  const letters = text.toUpperCase().replaceAll(/[\s-]/g, "").replaceAll("O", "0").replaceAll(/[IL]/g, "1");
  const values = Array.from(letters, (letter) => ALPHABET.indexOf(letter));
  if (values.length !== LETTERS || values.includes(-1)) throw new ClientError("CLIENT_RECOVERY_CODE");
  let bits = 0n;
  for (const value of values) bits = (bits << 5n) | BigInt(value);
  const bytes = Uint8Array.from({ length: SECRET_BYTES + CHECK_BYTES }, (_, i) =>
    Number((bits >> BigInt(8 * (SECRET_BYTES + CHECK_BYTES - 1 - i))) & 255n),
  );
  const secret = bytes.slice(0, SECRET_BYTES);
  if (!equalBytes(checkOf(secret), bytes.subarray(SECRET_BYTES)))
    throw new ClientError("CLIENT_RECOVERY_CODE");
  return secret;
}

function checkOf(secret: Uint8Array): Uint8Array {
  return sha256(utf8("portcullis/recovery-code/v1"), secret).slice(0, CHECK_BYTES);
}
