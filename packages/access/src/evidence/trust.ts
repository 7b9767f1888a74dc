import { asPolicyId, fromBase64Url, toBase64Url, type PolicyId } from "@portcullis/protocol";
import { parseVerifierKey, type WitnessPolicy } from "@portcullis/ledger/verify";
import { Type, type Static, type TSchema } from "typebox";
import { Value } from "typebox/value";
import { boundedText, Bytes32, strictObject } from "../documents.ts";
import type { VerifiedPolicy } from "../policy.ts";
import { EvidenceError } from "./errors.ts";

const count = Type.Integer({ minimum: 1, maximum: 1000 });
const TrustSchema = strictObject({
  policyId: Bytes32,
  log: boundedText(512),
  identityLog: boundedText(512),
  /** What clients need besides: evidence is of the past, and looks nothing up. */
  vrfKey: Type.Optional(Bytes32),
  witnesses: Type.Array(boundedText(512), { minItems: 1, maxItems: 32 }),
  witnessThreshold: count,
});

/** What a verifier must have from somebody it trusts: nothing in a bundle can vouch for itself. */
export type Trust = Static<typeof TrustSchema>;

const RULE = "EVD-05";
const conforms = Value.Check as (schema: TSchema, value: unknown) => boolean;

/** A trust file: JSON with these fields and no others. @throws EvidenceError EVIDENCE_TRUST */
export function parseTrust(text: string): Trust {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new EvidenceError("EVIDENCE_TRUST", { rule: RULE, why: "not JSON" });
  }
  if (!conforms(TrustSchema, value))
    throw new EvidenceError("EVIDENCE_TRUST", { rule: RULE, why: "not a trust file" });
  return value as Trust;
}

export function formatTrust(trust: Trust): string {
  return `${JSON.stringify(trust, undefined, 2)}\n`;
}

/** What there is to trust in a policy that somebody has checked otherwise. */
export function trustOf({ id, policy }: VerifiedPolicy): Trust {
  const { log, identityLog, witnesses, witnessThreshold } = policy;
  return { policyId: toBase64Url(id), log, identityLog, witnesses, witnessThreshold };
}

export interface VerifiedTrust {
  readonly policyId: PolicyId;
  readonly access: WitnessPolicy;
  readonly identity: WitnessPolicy;
}

/** The keys in a trust file. @throws EvidenceError EVIDENCE_TRUST */
export function verifyTrust(trust: Trust): VerifiedTrust {
  try {
    const witnesses = trust.witnesses.map((text) => parseVerifierKey(text));
    const threshold = trust.witnessThreshold;
    const policy = (log: string): WitnessPolicy => ({ log: parseVerifierKey(log), witnesses, threshold });
    const policyId = asPolicyId(fromBase64Url(trust.policyId));
    return { policyId, access: policy(trust.log), identity: policy(trust.identityLog) };
  } catch {
    throw new EvidenceError("EVIDENCE_TRUST", { rule: RULE, why: "a key is malformed" });
  }
}

/** The policy of the bundle has exactly the trusted ledger keys and witnesses; rule EVD-05. @throws EvidenceError EVIDENCE_TRUST */
export function requireTrusted(policy: VerifiedPolicy, trust: Trust): void {
  const own = trustOf(policy);
  const same = (["log", "identityLog", "witnessThreshold"] as const).every(
    (name) => own[name] === trust[name],
  );
  if (!same || own.witnesses.join("\n") !== trust.witnesses.join("\n"))
    throw new EvidenceError("EVIDENCE_TRUST", {
      rule: RULE,
      why: "other keys or witnesses than the policy's",
    });
}
