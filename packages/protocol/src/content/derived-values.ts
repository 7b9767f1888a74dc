import { decodeCbor, FieldReader } from "../cbor.ts";
import { encodeCbor } from "../cbor-encoder.ts";

/** What a receiver knows of a message besides its content. draft-ietf-mimi-content, "Derived Data Values". */
export interface MessageDerivedValues {
  /** 32 bytes. */
  readonly messageId: Uint8Array;
  readonly hubAcceptedTimestampMs: number;
  readonly mlsGroupId: Uint8Array;
  readonly senderLeafIndex: number;
  readonly senderClientUrl: string;
  readonly senderUserUrl: string;
  readonly roomUrl: string;
}

export function encodeDerivedValues(values: MessageDerivedValues): Uint8Array {
  return encodeCbor([
    values.messageId,
    values.hubAcceptedTimestampMs,
    values.mlsGroupId,
    values.senderLeafIndex,
    values.senderClientUrl,
    values.senderUserUrl,
    values.roomUrl,
  ]);
}

/** Milliseconds only; the draft's extended time is refused. @throws ProtocolError DECODE_* */
export function decodeDerivedValues(bytes: Uint8Array): MessageDerivedValues {
  const what = "MIMI derived values";
  const reader = new FieldReader(decodeCbor(bytes, what), what, 7);
  return {
    messageId: reader.bytes(32),
    hubAcceptedTimestampMs: reader.integer(),
    mlsGroupId: reader.bytes(),
    senderLeafIndex: reader.integer(0, 0xffff_ffff),
    senderClientUrl: reader.text(),
    senderUserUrl: reader.text(),
    roomUrl: reader.text(),
  };
}
