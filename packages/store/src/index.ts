export { StoreError, storeErrors, type StoreErrorCode } from "./errors.ts";
export type {
  Account,
  AccountOutcome,
  Accounts,
  Device,
  NewDeviceList,
  StoredDeviceList,
} from "./repositories/accounts.ts";
export type { Backup, Backups, BackupSegment } from "./repositories/backups.ts";
export type { Fault } from "./repositories/connection.ts";
export type {
  Conversation,
  Conversations,
  LoadedConversation,
  Member,
  Membership,
  Roster,
} from "./repositories/conversations.ts";
export type { Invite, Invites } from "./repositories/invites.ts";
export type { Accepted, CursorChange, EpochChange, Group, Items, StoredItem } from "./repositories/items.ts";
export type {
  JoinRequestOutcome,
  JoinRequests,
  NewJoinRequest,
  StoredJoinRequest,
} from "./repositories/join-requests.ts";
export type { ClaimedKeyPackage, KeyPackages } from "./repositories/key-packages.ts";
export type { Link, Links, LinkTerms } from "./repositories/links.ts";
export type { NewOpening, Openings, StoredOpening } from "./repositories/openings.ts";
export type { Orders, StoredBatch, StoredOrder } from "./repositories/orders.ts";
export type { Recoveries, Recovery } from "./repositories/recoveries.ts";
export type { SealedBuckets, StoredSealedBucket } from "./repositories/sealed-buckets.ts";
export type { Blob, Blobs } from "./repositories/blobs.ts";
export type { NewReport, Reports, StoredReport } from "./repositories/reports.ts";
export type { Sessions } from "./repositories/sessions.ts";
export type { StoredWelcome, Welcomes } from "./repositories/welcomes.ts";
export type { Origin } from "./schema.ts";
export { openStore, type Store } from "./store.ts";
