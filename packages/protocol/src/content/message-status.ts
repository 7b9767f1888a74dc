import { decodeCbor, FieldReader } from "../cbor.ts";
import { encodeCbor } from "../cbor-encoder.ts";
import { limits } from "../limits.ts";

export const STATUS_TYPE = "application/mimi-message-status";

/** In the order of their numbers. */
const STATUSES = ["unread", "delivered", "read", "expired", "deleted", "hidden", "error"] as const;

/** What has become of one message with whoever says it. draft-mahy-mimi-message-status */
export interface MessageStatus {
  /** The message's id, 32 bytes. */
  readonly target: Uint8Array;
  readonly status: (typeof STATUSES)[number];
}

/** `application/mimi-message-status`: pairs of message id and status. */
export function encodeStatuses(statuses: readonly MessageStatus[]): Uint8Array {
  return encodeCbor(statuses.map(({ target, status }) => [target, STATUSES.indexOf(status)]));
}

/** @throws ProtocolError DECODE_* */
export function decodeStatuses(bytes: Uint8Array): MessageStatus[] {
  const what = "message status";
  return new FieldReader([decodeCbor(bytes, what)], what, 1).list((value) => {
    const reader = new FieldReader(value, what, 2);
    const target = reader.bytes(32);
    return { target, status: STATUSES[reader.integer(0, STATUSES.length - 1)] as MessageStatus["status"] };
  }, limits.statusesPerMessage);
}
