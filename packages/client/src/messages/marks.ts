import {
  asAccountId,
  decodeCbor,
  encodeCbor,
  FieldReader,
  toBase64Url,
  type AccountId,
  type ConversationId,
} from "@portcullis/protocol";
import type { StoreChange } from "../store.ts";

const MARKS = "portcullis/client-marks/v1";
const PREFIX = "marks/";

/** How far an account has got a conversation, and has read it: sequences, 0 for not at all. */
export interface Mark {
  readonly delivered: number;
  readonly read: number;
}

const NOWHERE: Mark = { delivered: 0, read: 0 };

interface AccountMark extends Mark {
  readonly accountId: AccountId;
}

/** How far each account has got each conversation and read it, as far as they say so. */
export class Marks {
  readonly #conversations = new Map<string, Map<string, AccountMark>>();

  constructor(facts: ReadonlyMap<string, Uint8Array>) {
    for (const [name, value] of facts)
      if (name.startsWith(PREFIX)) this.#conversations.set(name.slice(PREFIX.length), decodeMarks(value));
  }

  of(conversationId: ConversationId, accountId: AccountId): Mark {
    return this.#conversations.get(toBase64Url(conversationId))?.get(toBase64Url(accountId)) ?? NOWHERE;
  }

  /** The accounts that have got this message, and those that have read it. */
  seenBy(conversationId: ConversationId, sequence: number): { delivered: AccountId[]; read: AccountId[] } {
    const marks = [...(this.#conversations.get(toBase64Url(conversationId))?.values() ?? [])];
    const upTo = (kind: keyof Mark): AccountId[] =>
      marks.filter((mark) => mark[kind] >= sequence).map(({ accountId }) => accountId);
    return { delivered: upTo("delivered"), read: upTo("read") };
  }

  /** A mark moves forward only, and what was read was delivered. Nothing to write when it stays. */
  advance(conversationId: ConversationId, accountId: AccountId, to: Partial<Mark>): StoreChange[] {
    const { delivered: oldDelivered, read: oldRead } = this.of(conversationId, accountId);
    const read = Math.max(oldRead, to.read ?? 0);
    const delivered = Math.max(oldDelivered, to.delivered ?? 0, read);
    if (delivered === oldDelivered && read === oldRead) return [];
    const key = toBase64Url(conversationId);
    const marks = this.#conversations.get(key) ?? new Map<string, AccountMark>();
    marks.set(toBase64Url(accountId), { accountId, delivered, read });
    this.#conversations.set(key, marks);
    return [{ put: "fact", name: `${PREFIX}${key}`, value: encodeMarks([...marks.values()]) }];
  }
}

export function encodeMarks(marks: readonly AccountMark[]): Uint8Array {
  const sorted = marks.toSorted((a, b) => (toBase64Url(a.accountId) < toBase64Url(b.accountId) ? -1 : 1));
  return encodeCbor([MARKS, sorted.map(({ accountId, delivered, read }) => [accountId, delivered, read])]);
}

/** By account id as text. @throws ProtocolError DECODE_* */
export function decodeMarks(bytes: Uint8Array): Map<string, AccountMark> {
  const what = "marks";
  const reader = new FieldReader(decodeCbor(bytes, what), what, 2);
  reader.constant(MARKS);
  const marks = reader.list((value) => {
    const fields = new FieldReader(value, what, 3);
    const accountId = asAccountId(fields.bytes());
    return { accountId, delivered: fields.integer(), read: fields.integer() };
  });
  return new Map(marks.map((mark) => [toBase64Url(mark.accountId), mark]));
}
