import type { AccountId, ConversationId, DeviceId, MessageId } from "@portcullis/protocol";

/** One message of the history that the person keeps. `applicationData`: MIMI content (protocol/content), unpadded. */
export interface StoredMessage {
  readonly conversationId: ConversationId;
  readonly sequence: number;
  readonly senderAccountId: AccountId;
  readonly senderDeviceId: DeviceId;
  readonly messageId: MessageId;
  readonly acceptedAtMs: number;
  readonly applicationData: Uint8Array;
  /** The server's receipt (protocol/frank), with which this message can be reported and proved. */
  readonly receipt: Uint8Array;
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

/**
 * Where one device keeps what it keeps. Trusted: whoever reads it reads the history and can act as the device; whoever
 * rolls it back makes the device use keys twice.
 */
export interface ClientStore {
  load(): Promise<StoredState>;
  /** All of it or nothing; durable when it resolves. */
  write(changes: readonly StoreChange[]): Promise<void>;
  /** When it resolves, no erased or overwritten secret is left in any file. Called when the client comes to rest. */
  forget(): Promise<void>;
  /** The newest `limit` messages before `beforeSequence`, oldest first. */
  history(
    conversationId: ConversationId,
    range: { readonly limit: number; readonly beforeSequence: number },
  ): Promise<readonly StoredMessage[]>;
  /** The first `limit` messages behind a place in the order in which they came to this store. */
  arrived(range: { readonly after: number; readonly limit: number }): Promise<readonly ArrivedMessage[]>;
  close(): Promise<void>;
}
