import { generateSigningKey, sha256, type SigningKey } from "@portcullis/crypto";
import { makeVerifierKey } from "@portcullis/ledger/verify";
import {
  asAccountId,
  asConversationId,
  encodeCbor,
  toBase64Url,
  utf8,
  type PolicyId,
} from "@portcullis/protocol";
import { seededRandom } from "@portcullis/testkit";
import type { Keyset } from "../src/keyset.ts";
import type { Label } from "../src/label.ts";
import { signPolicy, verifyPolicy, type Policy, type VerifiedPolicy } from "../src/policy.ts";

export const PERIOD = { from: "1970-04-01T00:00:00Z", to: "1970-05-01T00:00:00Z" };
/** 1970-04-14T03:00:00Z */
export const BUCKET = 8_910_000;

export function keyNamed(name: string): SigningKey {
  return generateSigningKey(seededRandom(name));
}

export const custodianIds = ["court", "ministry", "press", "bar", "union"] as const;
export const custodianKeys = Object.fromEntries(custodianIds.map((id) => [id, keyNamed(id)])) as Record<
  (typeof custodianIds)[number],
  SigningKey
>;
export const registrar = keyNamed("registrar");
export const everySigner = [...Object.values(custodianKeys), registrar];

export function custodian(id: (typeof custodianIds)[number]): { id: string; key: string } {
  return { id, key: toBase64Url(custodianKeys[id].publicKey) };
}

export function witnessKey(name: string, key: SigningKey = keyNamed(name)): string {
  return makeVerifierKey({ name, algorithm: "cosignature/v1", publicKey: key.publicKey }).text;
}

export function logKey(name: string): string {
  return makeVerifierKey({ name, algorithm: "ed25519", publicKey: keyNamed(name).publicKey }).text;
}

/** "state" 2 of 2, "civic" 2 of 3. */
export function examplePolicy(changes: Partial<Policy> = {}): Policy {
  return {
    version: 1,
    name: "Example policy",
    provider: "chat.example",
    bucketSeconds: 900,
    quorums: [
      { name: "state", threshold: 2, custodians: [custodian("court"), custodian("ministry")] },
      { name: "civic", threshold: 2, custodians: [custodian("press"), custodian("bar"), custodian("union")] },
    ],
    registrarKey: toBase64Url(registrar.publicKey),
    longestOrderSeconds: 7 * 86_400,
    accountsPerOrder: 3,
    conversationsPerOrder: 10,
    ordersPer30Days: 20,
    labelsPerOrder: 1000,
    retentionDays: 90,
    log: logKey("chat.example/access"),
    identityLog: logKey("chat.example/identity"),
    witnesses: [witnessKey("witness.one"), witnessKey("witness.two")],
    witnessThreshold: 2,
    longestCosignatureAgeSeconds: 86_400,
    longestNoticeDelaySeconds: 180 * 86_400,
    emergency: { allowed: false },
    ...changes,
  };
}

export async function verifiedExamplePolicy(changes: Partial<Policy> = {}): Promise<VerifiedPolicy> {
  return verifyPolicy(await signPolicy(examplePolicy(changes), everySigner));
}

/** A keyset of "civic" whose keys stand for nothing: for what is checked before any key is used. */
export function exampleKeyset(policyId: PolicyId, changes: Partial<Keyset> = {}): Keyset {
  const bytes32 = (text: string) => toBase64Url(sha256(utf8(text)));
  return {
    version: 1,
    policyId: toBase64Url(policyId),
    quorum: "civic",
    ...PERIOD,
    threshold: 2,
    custodians: ["press", "bar", "union"],
    groupKey: bytes32("group"),
    verificationShares: ["1", "2", "3"].map((text) => bytes32(text)),
    transcriptHash: bytes32("transcript"),
    ...changes,
  };
}

export function exampleLabel(policyId: PolicyId, changes: Partial<Label> = {}): Label {
  const bytes32 = (text: string) => sha256(encodeCbor(text));
  return {
    policyId,
    conversationId: asConversationId(bytes32("conversation")),
    epoch: 4,
    confirmedTranscriptHash: bytes32("transcript"),
    accountId: asAccountId(bytes32("account")),
    leafIndex: 2,
    rosterRoot: bytes32("roster"),
    bucketStart: BUCKET,
    bucketSeconds: 900,
    ...changes,
  };
}
