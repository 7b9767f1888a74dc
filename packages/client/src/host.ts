import type { MlsEngine } from "@portcullis/mls";
import type {
  AcceptedFrame,
  AccountId,
  ClientFrame,
  Clock,
  ConversationClass,
  ConversationId,
  Random,
  RejectedFrame,
} from "@portcullis/protocol";
import type { AccountRecord } from "./account/account-record.ts";
import type { BackupStatus } from "./backup/backup.ts";
import type { DeviceDirectory } from "./identity/device-directory.ts";
import type { Conversation } from "./conversation/conversation.ts";
import type { Freeze } from "./conversation/conversation-record.ts";
import type { Epoch } from "./conversation/epoch.ts";
import type { EventHub } from "./event-hub.ts";
import type { ConversationMessage } from "./messages/conversation-message.ts";
import type { MessageKeeper } from "./messages/message-keeper.ts";
import type { KeyPackageSupply } from "./account/key-package-supply.ts";
import type { LogAlarm, LogView } from "./identity/log-view.ts";
import type { IdentityAlarm } from "./identity/own-entry.ts";
import type { JoinRequestEvent, OwnJoinRequests } from "./joining/own-join-requests.ts";
import type { Preferences } from "./preferences/preferences.ts";
import type { SearchReach } from "./search/search-index.ts";
import type { Provider } from "./server/provider.ts";
import type { SecretNames } from "./conversation/secret-names.ts";
import type { StateKeeper } from "./conversation/state-keeper.ts";
import type { Warming } from "./conversation/warm-path.ts";
import type { StoreChange } from "./store.ts";

/** What happens, told after it is durable. */
export interface ClientEvents {
  /** This device joined a conversation, or created it. */
  readonly conversation: { readonly conversationId: ConversationId };
  /** Something was said. */
  readonly message: ConversationMessage;
  /** A message was edited, deleted, reacted to or pinned, or one of these was taken back. */
  readonly "message-changed": { readonly conversationId: ConversationId; readonly sequence: number };
  /** Messages have expired. */
  readonly "messages-gone": {
    readonly conversationId: ConversationId;
    readonly sequences: readonly number[];
  };
  /** Somebody writes, or has stopped. */
  readonly typing: {
    readonly conversationId: ConversationId;
    readonly accountId: AccountId;
    readonly isTyping: boolean;
  };
  /** What the person has set about conversations and accounts has changed, here or on another device. */
  readonly preferences: Readonly<Record<string, never>>;
  /** An account has got or read more than before, by its own word. */
  readonly receipt: { readonly conversationId: ConversationId; readonly accountId: AccountId };
  readonly epoch: { readonly conversationId: ConversationId; readonly epoch: number };
  /** An ordered Commit could not be accepted: nothing more is, and this is whose it was. */
  readonly frozen: { readonly conversationId: ConversationId } & Freeze;
  /** Name, picture or roles changed, or somebody said that it leaves. */
  readonly state: { readonly conversationId: ConversationId };
  /** A change of this device's that came too late may not be made any more, or cannot be: it has not been. */
  readonly "change-refused": { readonly conversationId: ConversationId; readonly code: string };
  /** This device was removed. */
  readonly left: { readonly conversationId: ConversationId };
  /** A message failed a check and is not shown. */
  readonly rejected: {
    readonly conversationId: ConversationId;
    readonly sequence: number;
    readonly senderAccountId: AccountId;
    readonly code: string;
  };
  /** A sender's records do not join: some are missing before this one. */
  readonly gap: {
    readonly conversationId: ConversationId;
    readonly sequence: number;
    readonly senderAccountId: AccountId;
    readonly expected: number;
    readonly actual: number;
  };
  /** A Welcome was refused; this device did not join. */
  readonly refused: { readonly conversationId: ConversationId; readonly code: string };
  /** What has become of a request of this account to join a conversation. */
  readonly "join-request": JoinRequestEvent;
  /** Somebody acts for this account without this device's knowing, or the server hides whether they do. */
  readonly "identity-alarm": IdentityAlarm;
  /**
   * The history of the device that linked this one comes, so many messages until now, over restarts too. `lost`: the rest
   * of it does not, since it took too long.
   */
  readonly history: { readonly state: "partial" | "complete" | "lost"; readonly messages: number };
  /** More of what is on this device can be searched than before. */
  readonly "search-reach": SearchReach;
  /** The backup was turned on or off, went on, or something is wrong with it. */
  readonly backup: BackupStatus;
  /** Another device of the account has taken this one out of the account's list. It gets nothing any more. */
  readonly unlinked: Readonly<Record<string, never>>;
  /** The identity log is not one and the same for everybody, or cannot be shown to be. */
  readonly "log-alarm": LogAlarm;
  readonly connection: { readonly state: "ready" | "down"; readonly reason?: unknown };
  /** A fault that is nobody else's: a listener that threw, a store that failed. */
  readonly fault: unknown;
}

/** How much this client has done since it was opened. */
export interface Counters {
  /** Messages of others that MLS decrypted. */
  decrypted: number;
  /** Messages of this device that the server accepted and ordered. */
  sent: number;
  /** Records of others that were opened and compared. */
  verifiedRecords: number;
  /** Items that failed a check. */
  rejected: number;
}

export type Answer = AcceptedFrame | RejectedFrame;

/** What a client lends to its conversations. */
export interface Host {
  readonly account: AccountRecord;
  readonly engine: MlsEngine;
  readonly provider: Provider;
  readonly clock: Clock;
  readonly random: Random;
  readonly counters: Counters;
  readonly events: EventHub<ClientEvents>;
  readonly keyPackages: KeyPackageSupply;
  readonly joinRequests: OwnJoinRequests;
  readonly devices: DeviceDirectory;
  readonly log: LogView;
  readonly messages: MessageKeeper;
  readonly preferences: Preferences;
  /** Whether frames reach the server now. */
  readonly ready: boolean;
  /** The least time between two transactions that take items in, so that one takes many. Milliseconds. */
  readonly gatherMs: number;
  readonly warming: Warming;
  /** Durable when it resolves; when it fails the client stops. */
  write(changes: readonly StoreChange[]): Promise<void>;
  /** When it resolves, the store's files hold nothing that was erased. */
  forget(): Promise<void>;
  /** By id as text. */
  readonly conversations: ReadonlyMap<string, Conversation>;
  /** One that is not known yet is, from then on. */
  conversation(id: ConversationId): Conversation;
  /** Sends a frame that has an answer; the answer is lost when the connection breaks, as it does when none comes in time. */
  request(make: (requestId: number) => ClientFrame, onAnswer: (answer: Answer) => void): void;
  tell(frame: ClientFrame): void;
  /** A KeyPackage was used: fresh ones are published when there are few. */
  replenish(): void;
  /** Tells the server that a conversation begins, with this device as its only member. */
  announce(id: ConversationId, conversationClass: ConversationClass): Promise<void>;
  /** A fresh place in the outbox, higher than all before. */
  nextPlace(): number;
  /** Starts the connection anew, so that the server delivers again from the cursors. */
  reconnect(reason: unknown): void;
  /** Something failed that must not: nothing more is done, and the store is left as it was last written. */
  stop(error: unknown): void;
  /** Runs a task later, unless the client is closed by then. */
  later(delayMs: number, task: () => void): void;
}

/** What the outbox asks of its conversation. All its methods run in the conversation's lane. */
export interface OutboxOwner {
  readonly id: ConversationId;
  readonly names: SecretNames;
  /** The epoch, while things can be sent in it. */
  readonly sendingEpoch: Epoch | undefined;
  readonly states: StateKeeper | undefined;
  /** The server's latest time of acceptance that was seen. */
  readonly latestMs: number;
  run(task: () => Promise<void>): void;
}
