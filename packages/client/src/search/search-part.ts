import {
  asConversationId,
  decodeCbor,
  encodeCbor,
  FieldReader,
  PortcullisError,
  ProtocolError,
  toBase64Url,
  type ConversationId,
} from "@portcullis/protocol";
import { actOfStored } from "../messages/conversation-message.ts";
import { HIDDEN, type ArrivedMessage, type StoredMessage } from "../store.ts";
import { WordIndex } from "./word-index.ts";
import { lineOf, matches, type Term } from "./words.ts";

const PART = "portcullis/client-search-part/v1";
const what = "search part";

/** A message, or an edit of one, that says what is looked for. */
export interface Found {
  readonly conversationId: ConversationId;
  readonly sequence: number;
  readonly saidAtMs: number;
}

/** The index over the messages that came to a store in one stretch: those behind `after`, up to `upTo` until now. */
export class SearchPart {
  readonly after: number;
  upTo: number;
  /** How many of its messages said anything when they were taken in. */
  speaking = 0;
  /** When the newest and the oldest that can be found were said. */
  newestMs = 0;
  oldestMs = Infinity;
  /** What each message says, and where it stands. */
  readonly #lines: string[] = [];
  readonly #found: Found[] = [];
  /** Each id once: it stands in many places. */
  readonly #conversations = new Map<string, ConversationId>();
  /** Over the lines that there were when it was made, at the first search since. */
  #words: WordIndex | undefined;

  constructor(after: number) {
    this.after = after;
    this.upTo = after;
  }

  /** Messages in the order in which they came, behind all that it has. */
  take(arrived: readonly ArrivedMessage[]): void {
    for (const { arrival, message } of arrived) {
      this.upTo = arrival;
      if (message.applicationData.length > 0) this.speaking++;
      const line = lineOfStored(message);
      const { conversationId, sequence, acceptedAtMs: saidAtMs } = message;
      if (line !== "") this.#add(line, { conversationId, sequence, saidAtMs });
    }
  }

  /** In no order. */
  search(terms: readonly Term[], conversationId?: ConversationId): Found[] {
    const only = conversationId && this.#conversations.get(toBase64Url(conversationId));
    if (conversationId !== undefined && only === undefined) return [];
    this.#words ??= new WordIndex(this.#lines);
    const wanted = terms.flatMap(({ words, isPrefix }) =>
      words.map((word, i) => ({ word, isPrefix: isPrefix && i === words.length - 1 })),
    );
    const isOneByOne = terms.every(({ words }) => words.length === 1);
    return this.#words.linesWith(wanted).flatMap((line) => {
      const found = this.#found[line] as Found;
      const isWanted = only === undefined || found.conversationId === only;
      return isWanted && (isOneByOne || matches(terms, this.#lines[line] as string)) ? [found] : [];
    });
  }

  encode(): Uint8Array {
    const conversations = [...this.#conversations.values()];
    const places = new Map(conversations.map((id, place) => [id, place]));
    const found = this.#found.map(({ conversationId, sequence, saidAtMs }) => [
      places.get(conversationId) ?? 0,
      sequence,
      saidAtMs,
    ]);
    const { after, upTo, speaking } = this;
    return encodeCbor([PART, after, upTo, speaking, conversations, found, this.#lines.join("\n")]);
  }

  /** @throws ProtocolError DECODE_* */
  static decode(bytes: Uint8Array, after: number): SearchPart {
    const reader = new FieldReader(decodeCbor(bytes, what), what, 7);
    reader.constant(PART);
    const part = new SearchPart(reader.integer(after, after));
    part.upTo = reader.integer();
    part.speaking = reader.integer();
    const conversations = reader.list((value) => asConversationId(new FieldReader([value], what, 1).bytes()));
    const found = reader.list((value) => {
      const fields = new FieldReader(value, what, 3);
      const conversationId = conversations[fields.integer(0, conversations.length - 1)] as ConversationId;
      return { conversationId, sequence: fields.integer(), saidAtMs: fields.integer() };
    });
    const text = reader.text(Infinity);
    const lines = text === "" ? [] : text.split("\n");
    if (lines.length !== found.length) throw new ProtocolError("DECODE_LENGTH", { what });
    for (const [i, line] of lines.entries()) part.#add(line, found[i] as Found);
    return part;
  }

  #add(line: string, { conversationId, sequence, saidAtMs }: Found): void {
    this.#lines.push(line);
    this.#found.push({ conversationId: this.#once(conversationId), sequence, saidAtMs });
    this.newestMs = Math.max(this.newestMs, saidAtMs);
    this.oldestMs = Math.min(this.oldestMs, saidAtMs);
    this.#words = undefined;
  }

  #once(id: ConversationId): ConversationId {
    const key = toBase64Url(id);
    const known = this.#conversations.get(key) ?? asConversationId(id.slice());
    this.#conversations.set(key, known);
    return known;
  }
}

/** Of what nobody is shown there is nothing to be found. */
function lineOfStored(message: StoredMessage): string {
  if (message.anchor === HIDDEN) return "";
  try {
    const act = actOfStored(message);
    return act?.kind === "message" || act?.kind === "edit" ? lineOf(act.body) : "";
  } catch (error) {
    if (!(error instanceof PortcullisError)) throw error;
    return "";
  }
}
