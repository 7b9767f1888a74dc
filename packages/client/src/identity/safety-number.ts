import { sha256 } from "@portcullis/crypto";
import {
  asAccountId,
  compareBytes,
  concatBytes,
  decodeCbor,
  encodeCbor,
  equalBytes,
  FieldReader,
  PortcullisError,
  utf8,
  type AccountId,
} from "@portcullis/protocol";
import { ClientError } from "../errors.ts";

const CODE = "portcullis/safety-code/v1";
const WHAT = "safety code";
/** Each try at another account with the same digits costs so many hashes. */
const ITERATIONS = 5200;
const GROUPS_PER_ACCOUNT = 6;
const BYTES_PER_GROUP = 5;

/**
 * 12 groups of 5 digits, the same for both accounts, for two people to read to each other. Rule IDN-14. An account id is
 * the hash of the account's key, so that the digits stand for the keys.
 */
export function safetyNumberOf(one: AccountId, other: AccountId): string {
  const [first, second] = [one, other].toSorted(compareBytes) as [AccountId, AccountId];
  return [...digitsOf(first), ...digitsOf(second)].join(" ");
}

function digitsOf(accountId: AccountId): string[] {
  let hash = sha256(concatBytes(utf8("portcullis/safety-number/v1"), accountId));
  for (let i = 0; i < ITERATIONS; i++) hash = sha256(concatBytes(hash, accountId));
  return Array.from({ length: GROUPS_PER_ACCOUNT }, (_, group) => {
    const bytes = hash.slice(group * BYTES_PER_GROUP, (group + 1) * BYTES_PER_GROUP);
    const value = bytes.reduce((sum, byte) => sum * 256 + byte, 0);
    return String(value % 100_000).padStart(5, "0");
  });
}

/** What one account shows the other, as a QR code. */
export function encodeSafetyCode({ own, other }: { own: AccountId; other: AccountId }): Uint8Array {
  return encodeCbor([CODE, own, other]);
}

/** @throws ClientError CLIENT_SAFETY_CODE */
export function decodeSafetyCode(bytes: Uint8Array): { own: AccountId; other: AccountId } {
  try {
    const reader = new FieldReader(decodeCbor(bytes, WHAT), WHAT, 3);
    reader.constant(CODE);
    return { own: asAccountId(reader.bytes()), other: asAccountId(reader.bytes()) };
  } catch (error) {
    if (error instanceof PortcullisError) throw new ClientError("CLIENT_SAFETY_CODE", { reason: error.code });
    throw error;
  }
}

/**
 * Returns when the code that was scanned is what `other` shows to `own`.
 * @throws ClientError CLIENT_SAFETY_CODE, CLIENT_SAFETY_CODE_OWN, CLIENT_SAFETY_CODE_OTHER
 */
export function compareSafetyCodes(scanned: Uint8Array, own: AccountId, other: AccountId): void {
  const code = decodeSafetyCode(scanned);
  if (!equalBytes(code.own, other)) throw new ClientError("CLIENT_SAFETY_CODE_OTHER");
  if (!equalBytes(code.other, own)) throw new ClientError("CLIENT_SAFETY_CODE_OWN");
}
