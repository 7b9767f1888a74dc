export {
  createAccount,
  PortcullisClient,
  recoverAccount,
  type AccountOptions,
  type ClientOptions,
  type ConversationMember,
  type ConversationState,
  type RecoveryOptions,
} from "./client.ts";
export type { ConversationMessage } from "./conversation-message.ts";
export type { Freeze } from "./conversation-record.ts";
export { ClientError, clientErrors, type ClientErrorCode } from "./errors.ts";
export type { ClientEvents, Counters } from "./host.ts";
export { acceptInvite, createOperatorInvite, type AcceptedInvite, type InviteTerms } from "./invite.ts";
export type { ReadNotice } from "./notices.ts";
export type { Accepted } from "./outbox-held.ts";
export type { OwnDevice } from "./own-devices.ts";
export { webPlatform, type Platform } from "./platform.ts";
export type { TrustConfig } from "./provider.ts";
export type { Admission, Fetch } from "./server-api.ts";
export type { ClientStore, StoreChange, StoredMessage, StoredState } from "./store.ts";
export type { Socket, SocketEvents, Transport } from "./transport.ts";
