import { PortcullisError } from "@portcullis/protocol";

/** What an evidence bundle fails by, with the sentence that docs/errors.md and the message share. */
export const evidenceErrors = {
  EVIDENCE_FILE_MISSING: "A file of the bundle is missing.",
  EVIDENCE_FILE_ADDED: "The bundle holds a file that is no part of it.",
  EVIDENCE_FILE_CHANGED: "A file of the bundle is not the one that was signed.",
  EVIDENCE_BAG: "A BagIt file is not in its one form.",
  EVIDENCE_SIGNATURE: "The bundle is not signed by the recipient whom the order names.",
  EVIDENCE_MALFORMED: "A file of the bundle cannot be read.",
  EVIDENCE_TRUST: "The bundle is of another policy, ledger or set of witnesses than those that are trusted.",
  EVIDENCE_LEDGER: "A document is not proven to stand in the ledger.",
  EVIDENCE_DOCUMENT: "A document is not what its place in the ledger needs it to be.",
  EVIDENCE_ORDER: "The order is not one that the policy allows.",
  EVIDENCE_TARGETS: "The buckets are not those that the order covers.",
  EVIDENCE_APPROVALS: "Too few custodians had approved these buckets before a release.",
  EVIDENCE_RELEASE: "A custodian's shares are not those of its release in the ledger.",
  EVIDENCE_SHARES: "Shares are not sound, or too few to open what is shown.",
  EVIDENCE_ACCOUNT: "An account's devices are not proven by the identity log.",
  EVIDENCE_ITEM: "A record is not proven to be what its sender's device sent and the server accepted.",
  EVIDENCE_DIFFERS: "A file does not say what follows from the proofs.",
} as const;

export type EvidenceErrorCode = keyof typeof evidenceErrors;

/** The first thing in an evidence bundle that does not hold. `facts.rule` is its rule in spec/evidence.md. */
export class EvidenceError extends PortcullisError<EvidenceErrorCode> {
  constructor(code: EvidenceErrorCode, facts: Readonly<Record<string, unknown>> & { rule: string }) {
    super(code, evidenceErrors[code], facts);
  }
}

/** Runs one step; whatever a lower layer finds wrong in it becomes this step's failure. */
export async function step<T>(
  code: EvidenceErrorCode,
  facts: Readonly<Record<string, unknown>> & { rule: string },
  action: () => T | Promise<T>,
): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof EvidenceError || !(error instanceof PortcullisError)) throw error;
    throw new EvidenceError(code, { ...facts, cause: error.code, ...error.facts });
  }
}
