export type * from "./api.ts";
export {
  decodeCommitData,
  decodeMessageData,
  encodeCommitData,
  encodeMessageData,
  isSameDevice,
  type AdmittedAccount,
  type CommitData,
  type DeviceReference,
  type MessageData,
  type TreeHead,
} from "./authenticated-data.ts";
export { bucketStartAt, type BucketStart } from "./bucket.ts";
export {
  compareBytes,
  concatBytes,
  equalBytes,
  fromBase64,
  fromBase64Url,
  fromHex,
  fromUtf8,
  toBase64,
  toBase64Url,
  toHex,
  utf8,
} from "./bytes.ts";
export { decodeCbor, FieldReader, type CborKey, type CborValue } from "./cbor.ts";
export { encodeCbor } from "./cbor-encoder.ts";
export { decodeClientFrame, encodeClientFrame } from "./client-frames.ts";
export type { Clock, Random } from "./clock.ts";
export {
  CONVERSATION_EXTENSION,
  decodeConversationTerms,
  decodeJoining,
  encodeConversationTerms,
  encodeJoining,
  JOINING_EXTENSION,
  type ConversationClass,
  type ConversationTerms,
  type Joining,
} from "./conversation.ts";
export { decodeLeafIdentity, encodeLeafIdentity } from "./credential.ts";
export { PortcullisError, ProtocolError, protocolErrors, type ProtocolErrorCode } from "./errors.ts";
export {
  decodeReceipt,
  encodeFrankContext,
  encodeFrankLeaf,
  encodeFrankRoot,
  encodeReceipt,
  type FrankContext,
  type Receipt,
  frankingSalt,
} from "./frank.ts";
export type * from "./frames.ts";
export { foldHandle, handleSkeleton, prepareHandle, type Handle } from "./handle.ts";
export {
  asAccountId,
  asConversationId,
  asDeviceId,
  asKeysetId,
  asMessageId,
  asOrderHash,
  asPolicyId,
  type AccountId,
  type ConversationId,
  type DeviceId,
  type KeysetId,
  type MessageId,
  type OrderHash,
  type PolicyId,
} from "./identifiers.ts";
export {
  encodeTrustAnchors,
  formatInviteLink,
  INVITE_SECRET_BYTES,
  parseInviteLink,
  type InviteLink,
  type TrustAnchors,
} from "./invite.ts";
export {
  encodeJoinLinkContext,
  encodeJoinRequest,
  formatJoinLink,
  JOIN_LINK_ID_BYTES,
  JOIN_SECRET_BYTES,
  joinRefusals,
  parseJoinLink,
  type JoinLinkText,
  type JoinRequest,
} from "./join-link.ts";
export { limits } from "./limits.ts";
export { decodeMlsOuter, type MlsContentType, type MlsOuter } from "./mls-outer.ts";
export { padme, padmeLength, unpadme } from "./padding.ts";
export { decodeSealedBucket, encodeSealedBucket, type SealedBucket } from "./sealed-bucket.ts";
export { decodeServerFrame, encodeItem, encodeItemsFrame, encodeServerFrame } from "./server-frames.ts";
export { encodeSessionChallenge } from "./session.ts";
export { accountUri, conversationUri, parseAccountUri, parseConversationUri } from "./uris.ts";
export { reportReasons, reportStates } from "./report.ts";
