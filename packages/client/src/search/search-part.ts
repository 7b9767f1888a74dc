import MiniSearch, { type Query } from "minisearch";
import {
  asConversationId,
  decodeCbor,
  encodeCbor,
  FieldReader,
  PortcullisError,
  toBase64Url,
  type ConversationId,
} from "@portcullis/protocol";
import { actOfStored } from "../messages/conversation-message.ts";
import { HIDDEN, type ArrivedMessage, type StoredMessage } from "../store.ts";
import { lineOf, matches, type Term } from "./words.ts";

const PART = "portcullis/client-search-part/v1";
const ID_BYTES = 32;

/** A message, or an edit of one, that says what is looked for. */
export interface Found {
  readonly conversationId: ConversationId;
  readonly sequence: number;
  readonly saidAtMs: number;
}

/** What the index has of a stored message. `conversation`: its place in the part's list. */
interface Entry {
  readonly arrival: number;
  readonly line: string;
  readonly conversation: number;
  readonly sequence: number;
  readonly saidAtMs: number;
}

const OPTIONS = {
  idField: "arrival",
  fields: ["line"],
  storeFields: ["line", "conversation", "sequence", "saidAtMs"],
  tokenize: (line: string): string[] => line.trim().split(" "),
  processTerm: (word: string): string => word,
};

/** The index over the messages that came to a store in one stretch: those behind `after`, up to `upTo` until now. */
export class SearchPart {
  readonly after: number;
  upTo: number;
  /** How many of its messages said anything when they were taken in. */
  speaking = 0;
  /** When the newest and the oldest that can be found were said. */
  newestMs = 0;
  oldestMs = Infinity;
  #index = new MiniSearch<Entry>(OPTIONS);
  #conversations: ConversationId[] = [];
  readonly #places = new Map<string, number>();

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
      if (line === "") continue;
      const { sequence, acceptedAtMs: saidAtMs } = message;
      const conversation = this.#placeOf(message.conversationId);
      this.#index.add({ arrival, line, conversation, sequence, saidAtMs });
      this.newestMs = Math.max(this.newestMs, saidAtMs);
      this.oldestMs = Math.min(this.oldestMs, saidAtMs);
    }
  }

  /** In no order. */
  search(terms: readonly Term[], conversationId?: ConversationId): Found[] {
    const place = conversationId && this.#places.get(toBase64Url(conversationId));
    if (conversationId !== undefined && place === undefined) return [];
    const isOneByOne = terms.every(({ words }) => words.length === 1);
    const found = this.#index.search(queryOf(terms), {
      filter: ({ conversation, line }) =>
        (place === undefined || conversation === place) && (isOneByOne || matches(terms, line as string)),
    });
    return found.flatMap(({ conversation, sequence, saidAtMs }) => {
      const id = this.#conversations[conversation as number];
      return id ? [{ conversationId: id, sequence: sequence as number, saidAtMs: saidAtMs as number }] : [];
    });
  }

  encode(): Uint8Array {
    const { after, upTo, speaking, newestMs } = this;
    const oldestMs = Math.min(this.oldestMs, newestMs);
    const index = JSON.stringify(this.#index);
    return encodeCbor([PART, after, upTo, speaking, newestMs, oldestMs, this.#conversations, index]);
  }

  /** Undefined for what is no part of this place: it is made anew then. */
  static decode(bytes: Uint8Array, after: number): SearchPart | undefined {
    try {
      const reader = new FieldReader(decodeCbor(bytes, "search part"), "search part", 8);
      reader.constant(PART);
      if (reader.integer() !== after) return undefined;
      const part = new SearchPart(after);
      part.upTo = reader.integer();
      part.speaking = reader.integer();
      part.newestMs = reader.integer();
      part.oldestMs = reader.integer();
      for (const id of reader.list((value) => new FieldReader([value], "search part", 1).bytes(ID_BYTES)))
        part.#placeOf(asConversationId(id));
      part.#index = MiniSearch.loadJSON<Entry>(reader.text(Infinity), OPTIONS);
      return part;
    } catch {
      return undefined;
    }
  }

  #placeOf(id: ConversationId): number {
    const key = toBase64Url(id);
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    this.#places.set(key, this.#conversations.length);
    return this.#conversations.push(asConversationId(id.slice())) - 1;
  }
}

function queryOf(terms: readonly Term[]): Query {
  return {
    combineWith: "AND",
    queries: terms.flatMap(({ words, isPrefix }) =>
      words.map((word, i) => ({ queries: [word], prefix: isPrefix && i === words.length - 1 })),
    ),
  };
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
