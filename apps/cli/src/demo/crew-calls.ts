import type { ReadNotice } from "@portcullis/client";
import type { ConversationClass } from "@portcullis/protocol";

/** What all clients of the demonstration share. */
export interface CrewSetup {
  readonly server: string;
  readonly registrationToken: string;
  /** The trust file's text. */
  readonly trust: string;
  /** Each client gets a folder of its own in here. */
  readonly folder: string;
  readonly clockFile: string;
}

export interface History {
  readonly person: string;
  readonly messages: number;
  /** SHA-256 over sender and text of every message, in the order of the conversation. */
  readonly digest: string;
}

export interface CrewCounters {
  readonly sent: number;
  readonly received: number;
  readonly recordsVerified: number;
  readonly cpuSeconds: number;
  /** What a client refused since the last count. Empty when all is well. */
  readonly complaints: readonly string[];
}

/** What the main thread asks of a worker thread. Ids are bytes; a person is known by the name in the transcript. */
export interface CrewCalls {
  /** Makes the account and its client. Returns the account id. */
  join(person: string, handle: string): Promise<Uint8Array>;
  /** Returns the conversation id, once its first Commit is accepted. */
  converse(
    person: string,
    conversationClass: ConversationClass,
    members: readonly Uint8Array[],
  ): Promise<Uint8Array>;
  /** Resolves when every client in the thread is a member of the conversation. */
  joined(conversation: Uint8Array): Promise<void>;
  /** Returns the sequence number that the server gave it. */
  send(person: string, conversation: Uint8Array, text: string): Promise<number>;
  /** Resolves when every client in the thread holds the conversation up to that number. */
  caughtUp(conversation: Uint8Array, sequence: number): Promise<void>;
  histories(conversation: Uint8Array): Promise<History[]>;
  /** Notices in the ledger that this person can open. */
  readNotices(person: string): Promise<ReadNotice[]>;
  counters(): Promise<CrewCounters>;
  close(): Promise<void>;
}

export interface CrewCall {
  readonly id: number;
  readonly name: keyof CrewCalls;
  readonly args: readonly unknown[];
}

export type CrewAnswer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: { readonly message: string; readonly code: string | undefined } };
