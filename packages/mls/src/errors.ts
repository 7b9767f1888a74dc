import { PortcullisError } from "@portcullis/protocol";

/** What `mls` throws, with the sentence that docs/errors.md and the message share. */
export const mlsErrors = {
  MLS_MALFORMED: "The bytes are not the MLS structure that was expected, in its one encoding.",
  MLS_WIRE_FORMAT: "Only PrivateMessages of MLS 1.0 are accepted.",
  MLS_CONTENT_TYPE: "The message holds another kind of content than the one that was asked for.",
  MLS_CIPHER_SUITE: "The cipher suite is not MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519.",
  MLS_CONVERSATION: "The message belongs to another conversation.",
  MLS_EPOCH: "The message belongs to another epoch.",
  MLS_EPOCH_ZERO: "There are no application messages in epoch 0.",
  MLS_OWN_MESSAGE: "A device cannot open its own message.",
  MLS_SENDER_UNKNOWN: "The sender's leaf is blank.",
  MLS_GENERATION_USED: "The sender's key for this message was used or passed over, and is erased.",
  MLS_GENERATION_TOO_FAR: "The message skips more generations than are followed.",
  MLS_UNDECRYPTABLE: "The message does not decrypt.",
  MLS_SIGNATURE: "A signature does not verify.",
  MLS_PADDING: "The padding of the message is not all zeros.",
  MLS_PROPOSAL_FORBIDDEN: "The Commit holds a proposal that is not accepted.",
  MLS_COMMIT_INVALID: "The Commit breaks a rule of RFC 9420.",
  MLS_WELCOME_INVALID: "The Welcome breaks a rule of RFC 9420.",
  MLS_WELCOME_UNKNOWN: "The Welcome is for no KeyPackage that this device holds.",
  MLS_JOINING_MISSING:
    "The Welcome does not say from which bucket and with which roster key the epoch starts.",
  MLS_TERMS_MISSING:
    "The GroupContext has no conversation terms, or does not require that members know them.",
  MLS_CONTEXT_FORBIDDEN: "The GroupContext holds an extension that is not accepted.",
  MLS_CREDENTIAL: "A leaf's credential is not that of a Portcullis device.",
  MLS_IDENTITY_CHANGED: "A Commit puts another device or another signature key on a leaf that stays.",
  MLS_MEMBER_TWICE: "The same device stands on two leaves.",
  MLS_LIFETIME: "The KeyPackage is not valid now, or is valid for longer than is allowed.",
  MLS_MEMBER_UNKNOWN: "The leaf to remove is blank, or one's own.",
  MLS_PENDING_STALE: "The pending Commit does not follow the current epoch.",
  MLS_SNAPSHOT: "The stored state is not one that this version wrote.",
  MLS_EXPORTER_WIPED: "The exporter secret of this epoch is erased already.",
  MLS_GROUP_WIPED: "The secrets of this epoch are erased already.",
} as const;

export type MlsErrorCode = keyof typeof mlsErrors;

/** A message, Commit, Welcome or stored state that is refused. `facts` say who and where, never what was written. */
export class MlsError extends PortcullisError<MlsErrorCode> {
  constructor(code: MlsErrorCode, facts: Readonly<Record<string, unknown>> = {}) {
    super(code, mlsErrors[code], facts);
  }
}
