import type { DeviceReference } from "./authenticated-data.ts";
import type { Receipt } from "./frank.ts";
import type { AccountId, ConversationId, DeviceId, MessageId } from "./identifiers.ts";

/** The salt under which an account stands in an epoch's roster. */
export interface RosterSalt {
  readonly accountId: AccountId;
  /** 32 bytes. */
  readonly salt: Uint8Array;
}

/** Opens the session; the first frame of a connection. */
export interface HelloFrame {
  readonly type: "hello";
  readonly token: string;
}

/** One application message. `record` goes with recorded conversations, `sealedBucket` with a bucket's first message. */
export interface SendFrame {
  readonly type: "send";
  readonly requestId: number;
  readonly conversationId: ConversationId;
  readonly messageId: MessageId;
  readonly message: Uint8Array;
  readonly record?: Uint8Array;
  readonly sealedBucket?: Uint8Array;
}

export interface DeviceWelcome extends DeviceReference {
  readonly welcome: Uint8Array;
}

/** One Commit, with what those whom it adds need to join. */
export interface CommitFrame {
  readonly type: "commit";
  readonly requestId: number;
  readonly conversationId: ConversationId;
  readonly messageId: MessageId;
  readonly message: Uint8Array;
  readonly welcomes: readonly DeviceWelcome[];
  /** Every account of the epoch that the Commit begins. */
  readonly roster: readonly RosterSalt[];
  /** What the identity log says of the accounts whose devices are added; exactly when there are any. */
  readonly lookup?: Uint8Array;
}

/** Everything up to `sequence` is durable on this device. */
export interface CursorFrame {
  readonly type: "cursor";
  readonly conversationId: ConversationId;
  readonly sequence: number;
}

/** Something said in passing to the members who are there: relayed, and kept by nobody. */
export interface SignalFrame {
  readonly type: "signal";
  readonly conversationId: ConversationId;
  /** Sealed for the members; at most `limits.signalBytes`. */
  readonly payload: Uint8Array;
}

export type ClientFrame = HelloFrame | SendFrame | CommitFrame | CursorFrame | SignalFrame;

/** One place of a conversation's sequence. A device's own items come without message and record: they only confirm. */
export interface Item {
  readonly sequence: number;
  readonly kind: "message" | "commit";
  readonly senderAccountId: AccountId;
  readonly senderDeviceId: DeviceId;
  readonly messageId: MessageId;
  readonly acceptedAtMs: number;
  readonly message?: Uint8Array;
  readonly record?: Uint8Array;
  readonly receipt?: Receipt;
  /** That of the Commit frame. */
  readonly lookup?: Uint8Array;
}

export interface ReadyFrame {
  readonly type: "ready";
}

/** Durable at `sequence`. The receipt answers a message; a Commit has none. */
export interface AcceptedFrame {
  readonly type: "accepted";
  readonly requestId: number;
  readonly conversationId: ConversationId;
  readonly sequence: number;
  readonly receipt?: Receipt;
}

export interface RejectedFrame {
  readonly type: "rejected";
  readonly requestId: number;
  readonly code: string;
}

export interface ItemsFrame {
  readonly type: "items";
  readonly conversationId: ConversationId;
  readonly items: readonly Item[];
}

/** Joins this device. `sequence` is that of the Commit which added it; its items start after it. */
export interface WelcomeFrame {
  readonly type: "welcome";
  readonly conversationId: ConversationId;
  readonly sequence: number;
  readonly welcome: Uint8Array;
  readonly roster: readonly RosterSalt[];
}

/** The server's last word on this connection, and why. */
export interface GoodbyeFrame {
  readonly type: "goodbye";
  readonly code: string;
}

/** There is something new about requests to join: for a member to look at, or for whoever asked. */
export interface JoinRequestsFrame {
  readonly type: "join-requests";
  readonly conversationId: ConversationId;
}

/** The same, with whose session it came from. */
export interface SignalToDeviceFrame extends SignalFrame {
  readonly senderAccountId: AccountId;
  readonly senderDeviceId: DeviceId;
}

export type ServerFrame =
  | ReadyFrame
  | AcceptedFrame
  | RejectedFrame
  | ItemsFrame
  | WelcomeFrame
  | JoinRequestsFrame
  | SignalToDeviceFrame
  | GoodbyeFrame;
