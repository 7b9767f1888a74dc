import {
  asAccountId,
  asConversationId,
  decodeCbor,
  encodeCbor,
  FieldReader,
  type AccountId,
  type ConversationId,
} from "@portcullis/protocol";

const IMPORT = "portcullis/client-import/v1";

/** A chat of another messenger that was read in. */
export interface ImportedChat {
  /** Its own, on this device alone: it has no members and nothing can be said in it. */
  readonly conversationId: ConversationId;
  readonly title: string;
  readonly importedAtMs: number;
  readonly messages: number;
  /** Under ids that were made for them: nobody's accounts. */
  readonly people: readonly { readonly accountId: AccountId; readonly name: string }[];
}

/** `isWhole`: it is all there; otherwise it is coming or going, and is taken away with the next start. */
export interface ImportRecord extends ImportedChat {
  readonly isWhole: boolean;
}

export function encodeImportRecord(record: ImportRecord): Uint8Array {
  const { conversationId, title, importedAtMs, messages, people, isWhole } = record;
  const named = people.map(({ accountId, name }) => [accountId, name]);
  return encodeCbor([IMPORT, conversationId, title, importedAtMs, messages, named, isWhole ? 1 : 0]);
}

/** @throws ProtocolError DECODE_* */
export function decodeImportRecord(bytes: Uint8Array): ImportRecord {
  const what = "import record";
  const reader = new FieldReader(decodeCbor(bytes, what), what, 7);
  reader.constant(IMPORT);
  return {
    conversationId: asConversationId(reader.bytes()),
    title: reader.text(),
    importedAtMs: reader.integer(),
    messages: reader.integer(),
    people: reader.list((value) => {
      const fields = new FieldReader(value, what, 2);
      return { accountId: asAccountId(fields.bytes()), name: fields.text() };
    }),
    isWhole: reader.integer(0, 1) === 1,
  };
}
