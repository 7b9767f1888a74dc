import type { SigningKey } from "@portcullis/crypto";
import { parseVerifierKey, type VerifierKey, type WitnessPolicy } from "@portcullis/ledger/verify";
import { asPolicyId, fromBase64Url, toBase64Url, type PolicyId } from "@portcullis/protocol";
import { Type, type Static } from "typebox";
import {
  boundedText,
  Bytes32,
  decodeDocument,
  Handle,
  signDocument,
  strictObject,
  verifyDocument,
  type DocumentType,
} from "./documents.ts";
import { AccessError } from "./errors.ts";

const DAY_SECONDS = 86_400;
const SHORTEST_BUCKET_SECONDS = 60;
/** A quorum of one would be a single party that opens its part alone. */
const LOWEST_THRESHOLD = 2;

const count = Type.Integer({ minimum: 1, maximum: 1_000_000_000 });

const CustodianSchema = strictObject({ id: Handle, key: Bytes32 });
const QuorumSchema = strictObject({
  name: Handle,
  threshold: count,
  custodians: Type.Array(CustodianSchema, { minItems: 1, maxItems: 32 }),
});
const PolicySchema = strictObject({
  version: Type.Literal(1),
  name: boundedText(200),
  provider: Type.String({ pattern: "^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?(:[0-9]{1,5})?$" }),
  bucketSeconds: count,
  quorums: Type.Array(QuorumSchema, { minItems: 1, maxItems: 8 }),
  registrarKey: Bytes32,
  longestOrderSeconds: count,
  accountsPerOrder: count,
  conversationsPerOrder: count,
  ordersPer30Days: count,
  labelsPerOrder: count,
  retentionDays: count,
  log: boundedText(512),
  identityLog: boundedText(512),
  witnesses: Type.Array(boundedText(512), { minItems: 1, maxItems: 32 }),
  witnessThreshold: count,
  longestCosignatureAgeSeconds: count,
  longestNoticeDelaySeconds: count,
  emergency: strictObject({ allowed: Type.Literal(false) }),
});

/** The rules of lawful access at one provider. They never change: other rules are another policy. */
export type Policy = Static<typeof PolicySchema>;
export type Quorum = Static<typeof QuorumSchema>;
export type Custodian = Static<typeof CustodianSchema>;

export const policyDocument: DocumentType<Policy> = {
  typ: "portcullis-policy+jws",
  schema: PolicySchema,
};

declare const verified: unique symbol;

/** A policy that its custodians and its registrar all signed, and that is sound. */
export interface VerifiedPolicy {
  readonly [verified]: true;
  readonly id: PolicyId;
  readonly policy: Policy;
  readonly payload: Uint8Array;
  readonly jws: string;
  /** The witness policy of the access log, or of the identity log. */
  witnessPolicy(origin: "access" | "identity"): WitnessPolicy;
}

/** Everybody who must sign a policy: the custodians in the policy's order, then the registrar. */
export function policySigners(policy: Policy): Uint8Array[] {
  const keys = policy.quorums.flatMap(({ custodians }) => custodians.map(({ key }) => key));
  return [...keys, policy.registrarKey].map((key) => fromBase64Url(key));
}

/**
 * A policy signed by those who are present; the parts of several signers are joined by mergeSignatures.
 * Nobody can be made to sign an unsound one.
 * @throws AccessError as verifyPolicy does
 */
export async function signPolicy(policy: Policy, signers: readonly SigningKey[]): Promise<string> {
  checkPolicy(policy);
  return signDocument(policyDocument, policy, signers);
}

/**
 * The policy in a JWS; rules ACC-10 to ACC-16. `expected`: the id that the caller trusts.
 * @throws AccessError DOCUMENT_…, POLICY_…
 */
export async function verifyPolicy(jws: string, expected?: PolicyId): Promise<VerifiedPolicy> {
  const unverified = decodeDocument(policyDocument, jws);
  const id = asPolicyId(unverified.id);
  if (expected !== undefined && toBase64Url(expected) !== toBase64Url(id)) throw new AccessError("POLICY_ID");
  const keys = checkPolicy(unverified.value);
  const { value: policy, payload } = await verifyDocument(unverified, policySigners(unverified.value));
  const witnessPolicy = (origin: "access" | "identity"): WitnessPolicy => ({
    log: origin === "access" ? keys.log : keys.identityLog,
    witnesses: keys.witnesses,
    threshold: policy.witnessThreshold,
  });
  return { id, policy, payload, jws, witnessPolicy } as VerifiedPolicy;
}

interface LedgerKeys {
  readonly log: VerifierKey;
  readonly identityLog: VerifierKey;
  readonly witnesses: readonly VerifierKey[];
}

function checkPolicy(policy: Policy): LedgerKeys {
  const custodians = policy.quorums.flatMap((quorum) => quorum.custodians);
  checkThresholds(policy);
  checkUnique("POLICY_NAME_REPEATED", [
    policy.quorums.map(({ name }) => name),
    custodians.map(({ id }) => id),
  ]);
  checkUnique("POLICY_KEY_REPEATED", [[...custodians.map(({ key }) => key), policy.registrarKey]]);
  if (policy.bucketSeconds < SHORTEST_BUCKET_SECONDS || DAY_SECONDS % policy.bucketSeconds !== 0)
    throw new AccessError("POLICY_BUCKET_LENGTH", { bucketSeconds: policy.bucketSeconds });
  if (policy.longestOrderSeconds % policy.bucketSeconds !== 0)
    throw new AccessError("POLICY_BUCKET_LENGTH", { longestOrderSeconds: policy.longestOrderSeconds });
  return checkLedgerKeys(policy, new Set([...custodians.map(({ key }) => key), policy.registrarKey]));
}

function checkThresholds(policy: Policy): void {
  for (const { name, threshold, custodians } of policy.quorums)
    if (threshold < LOWEST_THRESHOLD || threshold > custodians.length)
      throw new AccessError("POLICY_THRESHOLD", { quorum: name });
  if (policy.witnessThreshold > policy.witnesses.length)
    throw new AccessError("POLICY_THRESHOLD", { of: "witnesses" });
}

function checkUnique(
  code: "POLICY_NAME_REPEATED" | "POLICY_KEY_REPEATED",
  lists: readonly (readonly string[])[],
) {
  for (const list of lists) if (new Set(list).size !== list.length) throw new AccessError(code);
}

/** Logs sign with Ed25519, witnesses with cosignature/v1, each under its own key and name; custodians never count as witnesses. */
function checkLedgerKeys(policy: Policy, people: ReadonlySet<string>): LedgerKeys {
  const [log, identityLog] = [policy.log, policy.identityLog].map((text) => ledgerKey(text, "ed25519")) as [
    VerifierKey,
    VerifierKey,
  ];
  const witnesses = policy.witnesses.map((text) => ledgerKey(text, "cosignature/v1"));
  for (const witness of witnesses)
    if (people.has(toBase64Url(witness.publicKey)))
      throw new AccessError("POLICY_CUSTODIAN_IS_WITNESS", { witness: witness.name });
  const all = [log, identityLog, ...witnesses];
  checkUnique("POLICY_NAME_REPEATED", [all.map(({ name }) => name)]);
  checkUnique("POLICY_KEY_REPEATED", [[...all.map(({ publicKey }) => toBase64Url(publicKey)), ...people]]);
  return { log, identityLog, witnesses };
}

function ledgerKey(text: string, algorithm: VerifierKey["algorithm"]): VerifierKey {
  let key: VerifierKey | undefined;
  try {
    key = parseVerifierKey(text);
  } catch {
    key = undefined;
  }
  if (key?.algorithm !== algorithm) throw new AccessError("POLICY_LEDGER_KEY", { text, algorithm });
  return key;
}

/** The quorum of this name, with its place in the policy's order; undefined when there is none. */
export function findQuorum(policy: Policy, name: string): { quorum: Quorum; index: number } | undefined {
  const index = policy.quorums.findIndex((quorum) => quorum.name === name);
  const quorum = policy.quorums[index];
  return quorum === undefined ? undefined : { quorum, index };
}
