import {
  asConversationId,
  decodeCbor,
  encodeCbor,
  FieldReader,
  type ConversationClass,
  type ConversationId,
} from "@portcullis/protocol";

const RECORD = "portcullis/client-join-request/v1";
const WHAT = "join request record";
const CONDITIONS = ["waiting", "ended"] as const;

/** What a device keeps of its own request to join: what it sends, and by what it knows the conversation again. */
export interface JoinRequestRecord {
  /** `ended`: withdrawn or refused; the server is still to be told. */
  readonly condition: (typeof CONDITIONS)[number];
  readonly conversationId: ConversationId;
  /** What the link says. */
  readonly class: ConversationClass;
  /** 32 bytes: no server knows it, and the members do. */
  readonly publicKey: Uint8Array;
  readonly askedAtMs: number;
  /** 64 bytes. */
  readonly signature: Uint8Array;
}

export function encodeJoinRequestRecord(record: JoinRequestRecord): Uint8Array {
  const { condition, conversationId, class: kind, publicKey, askedAtMs, signature } = record;
  return encodeCbor([RECORD, condition, conversationId, kind, publicKey, askedAtMs, signature]);
}

/** @throws ProtocolError DECODE_* */
export function decodeJoinRequestRecord(bytes: Uint8Array): JoinRequestRecord {
  const reader = new FieldReader(decodeCbor(bytes, WHAT), WHAT, 7);
  reader.constant(RECORD);
  return {
    condition: reader.oneOf(CONDITIONS),
    conversationId: asConversationId(reader.bytes()),
    class: reader.oneOf(["sealed", "recorded"]),
    publicKey: reader.bytes(32),
    askedAtMs: reader.integer(),
    signature: reader.bytes(64),
  };
}
