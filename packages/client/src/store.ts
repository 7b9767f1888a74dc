import type { AccountId, ConversationId, DeviceId, MessageId } from "@portcullis/protocol";

/** In `anchor`: the message belongs to another one that is not there yet, its `target`. */
export const WAITING = 0;
/** In `anchor`: nobody sees it in a timeline. */
export const HIDDEN = -1;

/** One message of the history that the person keeps. `applicationData`: MIMI content (protocol/content), unpadded. */
export interface StoredMessage {
  readonly conversationId: ConversationId;
  readonly sequence: number;
  readonly senderAccountId: AccountId;
  readonly senderDeviceId: DeviceId;
  readonly messageId: MessageId;
  readonly acceptedAtMs: number;
  /** Empty when it was deleted. */
  readonly applicationData: Uint8Array;
  /** The server's receipt (protocol/frank), with which this message can be reported and proved. */
  readonly receipt: Uint8Array;
  /** 32 bytes: by which other messages name it (protocol/content). */
  readonly contentId: Uint8Array;
  /**
   * Its own sequence for what stands in the timeline by itself; the sequence of the message that it changes, for an edit,
   * a reaction and the like; WAITING or HIDDEN.
   */
  readonly anchor: number;
  /** The content id of the message that it is about, for whatever is about another. */
  readonly target?: Uint8Array;
  /** When it is to be gone. */
  readonly expiresAtMs?: number;
}

/** `arrival`: its place among all messages of the store, from 1 on; whatever comes later has a higher one. */
export interface ArrivedMessage {
  readonly arrival: number;
  readonly message: StoredMessage;
}

/**
 * One thing to write. `name` of a secret says whose it is ("<conversation>/leaf/3"); an erased or overwritten secret
 * must be unrecoverable from the store's files after `forget`.
 */
export type StoreChange =
  | { readonly put: "account"; readonly value: Uint8Array }
  | { readonly put: "conversation"; readonly conversationId: ConversationId; readonly value: Uint8Array }
  | { readonly put: "cursor"; readonly conversationId: ConversationId; readonly sequence: number }
  | { readonly put: "fact"; readonly name: string; readonly value: Uint8Array }
  | { readonly put: "secret"; readonly name: string; readonly value: Uint8Array }
  /** `unlessThere`: one in that place stays; else it is an error. */
  | { readonly put: "message"; readonly message: StoredMessage; readonly unlessThere?: true }
  | { readonly put: "outbox"; readonly order: number; readonly value: Uint8Array }
  /** A message that waited has found the one that it belongs to, or turns out to be for nobody. */
  | {
      readonly move: "message";
      readonly conversationId: ConversationId;
      readonly sequence: number;
      readonly anchor: number;
    }
  /**
   * A part of the search index, over the messages that came behind place `after` and up to place `upTo` (`arrived`). Not
   * kept when fewer of these say anything by now than `messages`; erased as a message is, as soon as one of them is.
   */
  | ({
      readonly put: "search-part";
      readonly messages: number;
      readonly value: Uint8Array;
    } & SearchPartRange)
  /** What the messages with this anchor said is unrecoverable after `forget`; that there were such messages is kept. */
  | { readonly blank: "messages"; readonly conversationId: ConversationId; readonly anchor: number }
  /** The same for a message with all that belongs to it, and nothing is kept of them. */
  | { readonly erase: "message"; readonly conversationId: ConversationId; readonly sequence: number }
  | { readonly erase: "fact"; readonly name: string }
  | { readonly erase: "secret"; readonly name: string }
  | { readonly erase: "outbox"; readonly order: number };

/** What a client needs to start: everything but the history. */
export interface StoredState {
  readonly account: Uint8Array | undefined;
  readonly conversations: readonly {
    readonly conversationId: ConversationId;
    readonly cursor: number;
    readonly value: Uint8Array;
  }[];
  readonly outbox: readonly { readonly order: number; readonly value: Uint8Array }[];
  readonly secrets: ReadonlyMap<string, Uint8Array>;
  /** What the device knows that is no secret and no conversation's. */
  readonly facts: ReadonlyMap<string, Uint8Array>;
}

/** Which messages of a conversation. */
export interface HistoryRange {
  readonly limit: number;
  readonly beforeSequence: number;
}

/** Messages that came to a store in one stretch: behind place `after`, up to place `upTo`. */
export interface SearchPartRange {
  readonly after: number;
  readonly upTo: number;
}

/** A message whose time has come. */
export interface Expiring {
  readonly conversationId: ConversationId;
  readonly sequence: number;
  readonly expiresAtMs: number;
}

/**
 * Where one device keeps what it keeps. Trusted: whoever reads it reads the history and can act as the device; whoever
 * rolls it back makes the device use keys twice.
 */
export interface ClientStore {
  load(): Promise<StoredState>;
  /** All of it or nothing; durable when it resolves. */
  write(changes: readonly StoreChange[]): Promise<void>;
  /** When it resolves, no erased or overwritten secret, and nothing of an erased message, is left in any file. Called when the client comes to rest. */
  forget(): Promise<void>;
  /** The newest `limit` messages of any kind before `beforeSequence`, oldest first. */
  history(conversationId: ConversationId, range: HistoryRange): Promise<readonly StoredMessage[]>;
  /**
   * The newest `limit` messages that stand in the timeline by themselves before `beforeSequence`, each followed by what
   * belongs to it, oldest first.
   */
  timeline(conversationId: ConversationId, range: HistoryRange): Promise<readonly StoredMessage[]>;
  /** The messages with these content ids that are there, in any order. */
  find(conversationId: ConversationId, contentIds: readonly Uint8Array[]): Promise<readonly StoredMessage[]>;
  /** The messages that wait for the one with this content id, oldest first. */
  waiting(conversationId: ConversationId, target: Uint8Array): Promise<readonly StoredMessage[]>;
  /** The messages that end first, at most `limit`. */
  expiring(limit: number): Promise<readonly Expiring[]>;
  /** The first `limit` messages behind a place in the order in which they came to this store. */
  arrived(range: { readonly after: number; readonly limit: number }): Promise<readonly ArrivedMessage[]>;
  /** The parts of the search index that are there. `latest`: the place of the message that came last. */
  searchParts(): Promise<{ readonly latest: number; readonly parts: readonly SearchPartRange[] }>;
  searchPart(after: number): Promise<Uint8Array | undefined>;
  close(): Promise<void>;
}
