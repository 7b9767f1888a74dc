import { PortcullisError } from "@portcullis/protocol";

/** Documents, policy, keysets, ceremony, labels, capsules, records, ledger entries. */
const foundationErrors = {
  DOCUMENT_NOT_CANONICAL: "The document is not canonical JSON (RFC 8785) in its one form.",
  DOCUMENT_SHAPE: "The document does not have exactly the fields that its kind has.",
  DOCUMENT_TYPE: "The document is of another kind.",
  DOCUMENT_TIME: "A time is not a UTC time in whole seconds.",
  DOCUMENT_SIGNERS_UNORDERED: "The signers are not in ascending order, or one signs twice.",
  DOCUMENT_SIGNER_MISSING: "A required signature is missing.",
  DOCUMENT_SIGNER_UNKNOWN: "Somebody signed who has no part in this document.",
  DOCUMENT_SIGNATURE_INVALID: "A signature on the document is wrong.",
  DOCUMENT_PAYLOADS_DIFFER: "The signatures are over different documents.",
  POLICY_ID: "The policy is not the one that was asked for.",
  POLICY_THRESHOLD: "A threshold is not within one and the number of those who count toward it.",
  POLICY_NAME_REPEATED: "A name stands twice in the policy.",
  POLICY_KEY_REPEATED: "A key stands twice in the policy.",
  POLICY_BUCKET_LENGTH: "The bucket length does not divide a day into whole buckets.",
  POLICY_LEDGER_KEY: "A ledger or witness key of the policy is not one of its kind.",
  POLICY_CUSTODIAN_IS_WITNESS: "A custodian's key is among the witnesses.",
  KEYSET_POLICY: "The keyset belongs to another policy.",
  KEYSET_QUORUM: "The keyset's quorum, threshold or custodians are not those of the policy.",
  KEYSET_PERIOD: "The keyset's period is empty or not aligned to buckets.",
  KEYSET_SHARES: "The keyset's keys are not the right number or do not belong together.",
  KEYSET_MISSING: "A quorum has no keyset for this bucket.",
  KEYSET_AMBIGUOUS: "A quorum has more than one keyset for this bucket.",
  AUTHORITY_POLICY: "The authority is listed under another policy.",
  AUTHORITY_PERIOD: "The authority's validity is empty.",
  ROSTER_REPEATED: "An account stands twice in the roster.",
  ROSTER_EMPTY: "The roster names nobody.",
  ROSTER_MEMBER: "The account is not a member by this roster.",
  LABEL_POLICY: "The label names another policy.",
  LABEL_BUCKET: "The label's bucket is not one of the policy's.",
  BUCKET_ERASED: "The bucket is closed: its seed no longer exists.",
  BUCKET_TOO_FAR: "The bucket lies further ahead than an epoch can last.",
  CAPSULE_COUNT: "There is not exactly one capsule for each quorum.",
  CAPSULE_LABEL: "The sealed bucket carries another label.",
  CAPSULE_DIFFERS: "The sealed bucket is not the one that the members compute.",
  RECORD_OPEN: "The record does not open with this bucket's key and label.",
  RECORD_SIGNATURE: "The record is not signed by its sender's device.",
  RECORD_CHAIN: "The record does not follow the one before it.",
  RECORD_FRANKING_TAG: "The franking tag is not that of the content.",
  ENTRY_DIFFERS: "The ledger entry is not the hash of this opening.",
  CEREMONY_CONTEXT: "A ceremony's context was used before.",
  CEREMONY_ORDER: "The ceremony is not at this step.",
  CEREMONY_MESSAGE: "A message is not of this ceremony, round and sender.",
  CEREMONY_SPLIT_VIEW: "The custodians do not see the same ceremony.",
  CEREMONY_CHEAT: "A custodian's contribution is wrong.",
  CEREMONY_SHARE: "A secret share does not open, or is not of its owner.",
} as const;

export const accessErrors = { ...foundationErrors } as const;

export type AccessErrorCode = keyof typeof accessErrors;

/** What lawful access refuses, and why. */
export class AccessError extends PortcullisError<AccessErrorCode> {
  constructor(code: AccessErrorCode, facts: Readonly<Record<string, unknown>> = {}) {
    super(code, accessErrors[code], facts);
  }
}
