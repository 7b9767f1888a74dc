import { toBase64Url, type ConversationId } from "@portcullis/protocol";
import type { ConversationMessage } from "../messages/conversation-message.ts";
import type { ClientStore } from "../store.ts";
import type { SearchIndex, SearchReach } from "./search-index.ts";
import type { Found } from "./search-part.ts";
import { lineOf, matches, parseQuery } from "./words.ts";

export interface SearchTerms {
  /** Only there. */
  readonly conversationId?: ConversationId;
  /** 50 when not said. */
  readonly limit?: number;
}

export interface SearchAnswer {
  /** As they stand now; newest first, by when each was said or last edited. */
  readonly messages: readonly ConversationMessage[];
  /** Whether there are more than were asked for. */
  readonly isMore: boolean;
  readonly reach: SearchReach;
}

interface SearchRoomParts {
  readonly index: SearchIndex;
  readonly store: Pick<ClientStore, "history">;
  /** The message in this place with all that belongs to it; undefined when there is none to show. */
  readonly read: (conversationId: ConversationId, anchor: number) => Promise<ConversationMessage | undefined>;
  /** An error that is nobody's. */
  readonly fault: (error: unknown) => void;
}

/** Looks for what was said, in everything that is on this device. Nobody else is asked. */
export class SearchRoom {
  readonly #parts: SearchRoomParts;
  #closed = false;

  constructor(parts: SearchRoomParts) {
    this.#parts = parts;
  }

  /**
   * The messages that have all these words, each by its beginning; of a text in quotation marks, its words one after the
   * other. Answers with what can be found now, and goes on to what is older: the event `search-reach` tells how far.
   * @throws ClientError CLIENT_SEARCH, CLIENT_CLOSED
   */
  async find(query: string, { conversationId, limit = 50 }: SearchTerms = {}): Promise<SearchAnswer> {
    const { index } = this.#parts;
    const terms = parseQuery(query);
    await index.fresh();
    this.#goOn();
    const found = new Map<string, ConversationMessage>();
    for (const candidate of index.candidates(terms, conversationId)) {
      if (found.size > limit) break;
      const message = await this.#messageOf(candidate);
      // Said or edited, it is one message, and what it says now is what counts.
      if (message?.body !== undefined && matches(terms, lineOf(message.body)))
        found.set(keyOf(message), found.get(keyOf(message)) ?? message);
    }
    const messages = [...found.values()].slice(0, limit);
    return { messages, isMore: found.size > limit, reach: index.reach };
  }

  /** Resolves when everything that is on this device can be found. @throws ClientError CLIENT_CLOSED */
  ready(): Promise<void> {
    return this.#parts.index.whole();
  }

  /** How far back `find` looks now. */
  get reach(): SearchReach {
    return this.#parts.index.reach;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#parts.index.close();
  }

  #goOn(): void {
    this.#parts.index.whole().catch((error: unknown) => {
      if (!this.#closed) this.#parts.fault(error);
    });
  }

  async #messageOf({ conversationId, sequence }: Found): Promise<ConversationMessage | undefined> {
    const message = await this.#parts.read(conversationId, sequence);
    if (message?.sequence === sequence) return message;
    // An edit stands with the message that it changes.
    const range = { limit: 1, beforeSequence: sequence + 1 };
    const [row] = await this.#parts.store.history(conversationId, range);
    if (row?.sequence !== sequence || row.anchor <= 0) return undefined;
    return this.#parts.read(conversationId, row.anchor);
  }
}

function keyOf({ conversationId, sequence }: ConversationMessage): string {
  return `${toBase64Url(conversationId)}/${sequence}`;
}
