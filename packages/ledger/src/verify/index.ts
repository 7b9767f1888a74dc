export {
  formatCheckpoint,
  openCheckpoint,
  parseCheckpoint,
  verifyFreshness,
  type Checkpoint,
  type CosignedAt,
  type VerifiedCheckpoint,
  type WitnessPolicy,
} from "./checkpoint.ts";
export { LedgerError, ledgerErrors, type LedgerErrorCode } from "../errors.ts";
export { verifyConsistency, verifyInclusion, type VerifiedInclusion } from "./merkle-proof.ts";
export { parseNote, type NoteSignature, type UnverifiedNote } from "./signed-note.ts";
export { formatTlogProof, parseTlogProof, verifyTlogProof, type TlogProof } from "./tlog-proof.ts";
export { makeVerifierKey, parseVerifierKey, type KeyAlgorithm, type VerifierKey } from "./verifier-key.ts";
