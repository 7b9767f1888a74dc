// Documents and what they say
export { canonicalJson, parseCanonicalJson } from "./canonical-json.ts";
export {
  decodeDocument,
  documentPayload,
  mergeSignatures,
  signDocument,
  verifyDocument,
  type DocumentSignature,
  type DocumentType,
  type UnverifiedDocument,
  type VerifiedDocument,
} from "./documents.ts";
export { formatUtcTime, parseUtcTime } from "./utc-time.ts";
export {
  findQuorum,
  policyDocument,
  policySigners,
  signPolicy,
  verifyPolicy,
  type Custodian,
  type Policy,
  type Quorum,
  type VerifiedPolicy,
} from "./policy.ts";
export {
  keysetDocument,
  keysetsFor,
  signKeyset,
  verifyKeyset,
  type Keyset,
  type VerifiedKeyset,
} from "./keyset.ts";
export {
  authorityAt,
  authorityDocument,
  signAuthority,
  verifyAuthority,
  type Authority,
  type AuthorityRole,
  type VerifiedAuthority,
} from "./authority.ts";

// What members make, and everybody can check
export {
  makeRoster,
  rosterPath,
  rosterRoot,
  rosterSalt,
  verifyRosterPath,
  type RosterMember,
  type RosterProof,
} from "./roster.ts";
export { decodeLabel, encodeLabel, labelHash, verifyLabel, type Label, type VerifiedLabel } from "./label.ts";
export {
  advanceChain,
  chainSeed,
  decodeChain,
  encodeChain,
  startChain,
  type BucketChain,
} from "./bucket-chain.ts";
export {
  recomputeBucket,
  sealBucket,
  verifySealedBucket,
  type BucketSeal,
  type VerifiedSealedBucket,
} from "./capsule.ts";
export {
  followRecord,
  frankingTag,
  openRecord,
  RECORD_SIGNATURE_LABEL,
  recordChainStart,
  recordSignatureContent,
  sealRecord,
  verifyFrankingTag,
  type OpenedRecord,
  type RecordChain,
  type RecordContent,
} from "./record.ts";

// The ledger and the limits
export {
  decodeOpening,
  encodeOpening,
  entryOf,
  openEntry,
  openingKinds,
  publicKinds,
  sealOpening,
  type Opening,
  type OpeningKind,
} from "./entry.ts";
export { checkQuota, type OrderSize, type QuotaDecision, type QuotaName } from "./quota.ts";
export { AccessError, accessErrors, type AccessErrorCode } from "./errors.ts";

// Orders, custodians, opening
