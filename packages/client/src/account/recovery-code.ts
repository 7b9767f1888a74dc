import type { Random } from "@portcullis/protocol";
import { ClientError } from "../errors.ts";
import { formatSpokenCode, parseSpokenCode, type SpokenCode } from "./spoken-code.ts";

const CODE: SpokenCode = { name: "portcullis/recovery-code/v1", contentBytes: 16, checkBytes: 4 };

/** 16 random bytes: all that a person must keep to come back to an account. */
export function makeRecoverySecret(random: Random): Uint8Array {
  return random(CODE.contentBytes);
}

/** For paper: eight groups of four characters, the last 32 bits a checksum. */
export function formatRecoveryCode(secret: Uint8Array): string {
  return formatSpokenCode(CODE, secret);
}

/**
 * The secret, however it was typed.
 * @throws ClientError CLIENT_RECOVERY_CODE when a character is wrong or missing; nobody is asked for that
 */
export function parseRecoveryCode(text: string): Uint8Array {
  const secret = parseSpokenCode(CODE, text);
  if (secret === undefined) throw new ClientError("CLIENT_RECOVERY_CODE");
  return secret;
}
