import { decodeCbor, encodeCbor, FieldReader, toBase64Url, type ConversationId } from "@portcullis/protocol";
import type { StoreChange } from "../store.ts";

const DRAFT = "portcullis/client-draft/v1";
const PREFIX = "draft/";

/** What somebody has begun to write. */
export interface Draft {
  readonly text: string;
  /** The sequence of the message that it answers. */
  readonly inReplyTo?: number;
}

/** Drafts, one for a conversation, on this device alone. Kept as secrets are, so that nothing stays of one that was sent. */
export class Drafts {
  readonly #drafts = new Map<string, Draft>();
  readonly #write: (changes: readonly StoreChange[]) => Promise<void>;

  constructor(
    secrets: ReadonlyMap<string, Uint8Array>,
    write: (changes: readonly StoreChange[]) => Promise<void>,
  ) {
    this.#write = write;
    for (const [name, value] of secrets)
      if (name.startsWith(PREFIX)) this.#drafts.set(name.slice(PREFIX.length), decodeDraft(value));
  }

  get(conversationId: ConversationId): Draft | undefined {
    return this.#drafts.get(toBase64Url(conversationId));
  }

  /** Durable when it resolves; an empty one is none. */
  async set(conversationId: ConversationId, draft: Draft | undefined): Promise<void> {
    const key = toBase64Url(conversationId);
    const name = PREFIX + key;
    if (draft !== undefined && draft.text !== "") {
      this.#drafts.set(key, draft);
      await this.#write([{ put: "secret", name, value: encodeDraft(draft) }]);
    } else if (this.#drafts.delete(key)) await this.#write([{ erase: "secret", name }]);
  }
}

export function encodeDraft({ text, inReplyTo }: Draft): Uint8Array {
  return encodeCbor([DRAFT, text, inReplyTo ?? null]);
}

/** @throws ProtocolError DECODE_* */
export function decodeDraft(bytes: Uint8Array): Draft {
  const reader = new FieldReader(decodeCbor(bytes, "draft"), "draft", 3);
  reader.constant(DRAFT);
  const text = reader.text();
  const inReplyTo = reader.value();
  if (inReplyTo === null) return { text };
  return { text, inReplyTo: new FieldReader([inReplyTo], "draft", 1).integer() };
}
