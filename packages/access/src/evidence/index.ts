// Writing evidence of what an order opened, and checking it offline.
export { verifyEvidence, writeEvidence, type VerifiedEvidence } from "./bundle.ts";
export { EvidenceError, evidenceErrors, type EvidenceErrorCode } from "./errors.ts";
export {
  examine,
  type EvidenceAccount,
  type EvidenceSource,
  type Examination,
  type ProvenOpening,
} from "./examination.ts";
export type { Files } from "./bag.ts";
export { formatTrust, parseTrust, trustOf, verifyTrust, type Trust } from "./trust.ts";
