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
export { CeremonyParticipant, type CeremonyOptions, type CeremonyOutcome } from "./ceremony.ts";
export { describeCeremony, type Ceremony, type CeremonyTerms } from "./ceremony-message.ts";
export { decodeHeldShare, encodeHeldShare, type HeldShare } from "./held-share.ts";
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
export {
  countersignOrder,
  decodeOrder,
  orderDocument,
  signOrder,
  type Order,
  type VerifiedOrder,
} from "./order.ts";
export { composeOrder, type OrderDraft } from "./order-draft.ts";
export { verifyOrder, verifyOrderDates } from "./order-verification.ts";
export {
  decodeNoticeEntry,
  decodeOrderEntry,
  encodeNoticeEntry,
  encodeOrderEntry,
  type NoticeEntry,
  type OrderEntry,
} from "./order-entry.ts";
export { inScope, scopeOf, type Scope } from "./scope.ts";
export { decodeNotice, encodeNotice, openNotice, sealNotice, type Notice } from "./notice.ts";
export {
  decodeTargets,
  encodeTargets,
  targetRoster,
  type TargetConversation,
  type TargetRoster,
  type Targets,
} from "./targets.ts";
export { verifyTargets, type VerifiedTargets } from "./target-verification.ts";
export { labelSet, type LabelSet } from "./label-set.ts";
export {
  approvalDocument,
  signApproval,
  verifyApproval,
  type Approval,
  type VerifiedApproval,
} from "./approval.ts";
export {
  releaseDocument,
  shareBinding,
  signRelease,
  verifyRelease,
  type Release,
  type VerifiedRelease,
} from "./release.ts";
export { quorumStanding, requireEveryQuorum, type QuorumStanding } from "./quorum-standing.ts";
export { decodeShareBatch, encodeShareBatch, type LabelShare, type ShareBatch } from "./share-batch.ts";
export { openShareBatch, sealShareBatch } from "./sealed-batch.ts";
export { makeRelease } from "./share-release.ts";
export {
  emptyView,
  extendView,
  type LedgerEntry,
  type LedgerUpdate,
  type LedgerView,
} from "./ledger-view.ts";
export {
  noDocuments,
  readDocuments,
  type LedgerDocuments,
  type Logged,
  type LoggedOrder,
} from "./ledger-documents.ts";
export {
  CustodianState,
  type CustodianEffect,
  type OrderStatus,
  type Review,
  type ReviewRequest,
} from "./custodian.ts";
export type { AcceptableOrder } from "./order-review.ts";
export { decodeItems, encodeItems, type OrderItem, type OrderItems } from "./items.ts";
export {
  openBuckets,
  summarizeOpening,
  type OrderOpening,
  type OpeningInput,
  type OpeningSummary,
  type RejectedItem,
  type UnsoundShare,
} from "./opening.ts";
export { openBucket } from "./bucket-opening.ts";
export { openOrder, type OpenedOrder, type ReceivedBatch } from "./order-opening.ts";
export type { OpenedAccount, OpenedMessage } from "./message-opening.ts";
export type { Gap } from "./record-gaps.ts";
export { verifyShareCheat, type ShareCheat } from "./share-cheat.ts";
