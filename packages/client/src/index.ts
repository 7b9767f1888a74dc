export { PortcullisClient } from "./client.ts";
export type { AttachmentRoom, AttachmentSource, AttachmentTerms } from "./attachments/attachment-room.ts";
export { safeFileName } from "./attachments/file-name.ts";
export { pictureSize, type PictureSize } from "./attachments/picture-size.ts";
export type { BackupPace, BackupStatus } from "./backup/backup.ts";
export type { ClientOptions } from "./options.ts";
export {
  createAccount,
  linkDevice,
  recoverAccount,
  type AccountOptions,
  type LinkedDevice,
  type LinkOptions,
  type RecoveryOptions,
} from "./ways-in.ts";
export type { ShownCode } from "./linking/link-code.ts";
export type { ConversationMember, ConversationState } from "./conversation/conversation-state.ts";
export type { ConversationMessage, Reaction } from "./messages/conversation-message.ts";
export type { Draft, Drafts } from "./messages/drafts.ts";
export type { MessageRange, MessageRoom, NewMessage } from "./messages/message-room.ts";
export type { Warming } from "./conversation/warm-path.ts";
export type { Freeze } from "./conversation/conversation-record.ts";
export { ClientError, clientErrors, type ClientErrorCode } from "./errors.ts";
export type { ClientEvents, Counters } from "./host.ts";
export {
  acceptInvite,
  createOperatorInvite,
  type AcceptedInvite,
  type InviteTerms,
} from "./account/invite.ts";
export type { JoinLinkTerms, StandingJoinLink } from "./joining/join-links.ts";
export type { JoinRequestEvent, WaitingJoinRequest } from "./joining/own-join-requests.ts";
export type { ExportFormat, ExportTerms } from "./portable/export.ts";
export type { ChatTextTerms, DateOrder } from "./portable/chat-text.ts";
export type { ImportedChat } from "./portable/import-record.ts";
export type { ImportRoom, ImportTerms } from "./portable/import-room.ts";
export type { ConversationPreferences, Preferences } from "./preferences/preferences.ts";
export type { Report } from "./reporting/report.ts";
export type { SearchReach } from "./search/search-index.ts";
export type { SearchAnswer, SearchRoom, SearchTerms } from "./search/search-room.ts";
export type { ReadNotice } from "./server/notices.ts";
export type { Accepted } from "./outbox/outbox-held.ts";
export type { LogAlarm, SignedHead } from "./identity/log-view.ts";
export type { OwnDevice } from "./identity/own-devices.ts";
export { webPlatform, type Hasher, type Platform } from "./platform.ts";
export type { TrustConfig } from "./server/provider.ts";
export type { Admission, Fetch } from "./server/server-api.ts";
export type { Settings } from "./settings.ts";
export {
  HIDDEN,
  WAITING,
  type ArrivedMessage,
  type ClientStore,
  type Expiring,
  type HistoryRange,
  type SearchPartRange,
  type StoreChange,
  type StoredMessage,
  type StoredState,
} from "./store.ts";
export { parseMarkdown, plainOf, type Block, type Inline, type ListItem } from "./text/markdown.ts";
export type { Socket, SocketEvents, Transport } from "./server/transport.ts";
