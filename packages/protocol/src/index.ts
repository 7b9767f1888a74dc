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
export { decodeCbor, encodeCbor, FieldReader, type CborValue } from "./cbor.ts";
export type { Clock, Random } from "./clock.ts";
export { PortcullisError, ProtocolError, protocolErrors, type ProtocolErrorCode } from "./errors.ts";
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
