// What can be checked and read without any secret and without seeing any content: the server stands on this.
export { formatUtcTime, parseUtcTime } from "../utc-time.ts";
export { canonicalJson, parseCanonicalJson } from "../canonical-json.ts";
export { decodeDocument, mergeSignatures, verifyDocument, type DocumentType } from "../documents.ts";
export {
  findQuorum,
  verifyPolicy,
  type Custodian,
  type Policy,
  type Quorum,
  type VerifiedPolicy,
} from "../policy.ts";
export { keysetsFor, verifyKeyset, type Keyset, type VerifiedKeyset } from "../keyset.ts";
export {
  authorityAt,
  verifyAuthority,
  type Authority,
  type AuthorityRole,
  type VerifiedAuthority,
} from "../authority.ts";
export { rosterPath, rosterRoot, verifyRosterPath, type RosterMember, type RosterProof } from "../roster.ts";
export { decodeLabel, labelHash, verifyLabel, type Label, type VerifiedLabel } from "../label.ts";
export { verifySealedBucket, type VerifiedSealedBucket } from "../capsule.ts";
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
} from "../entry.ts";
export { AccessError, accessErrors, type AccessErrorCode } from "../errors.ts";
export { decodeOrder, type Order, type VerifiedOrder } from "../order.ts";
export { verifyOrder, verifyOrderDates } from "../order-verification.ts";
export {
  decodeNoticeEntry,
  decodeOrderEntry,
  encodeNoticeEntry,
  encodeOrderEntry,
  type NoticeEntry,
  type OrderEntry,
} from "../order-entry.ts";
export { inScope, scopeOf, type Scope } from "../scope.ts";
export {
  decodeTargets,
  encodeTargets,
  targetRoster,
  type TargetConversation,
  type TargetRoster,
  type Targets,
} from "../targets.ts";
export { verifyTargets, type VerifiedTargets } from "../target-verification.ts";
export { labelSet, type LabelSet } from "../label-set.ts";
export { verifyApproval, type Approval, type VerifiedApproval } from "../approval.ts";
export { verifyRelease, type Release, type VerifiedRelease } from "../release.ts";
export { quorumStanding, type QuorumStanding } from "../quorum-standing.ts";
export { decodeItems, encodeItems, type OrderItem, type OrderItems } from "../items.ts";
