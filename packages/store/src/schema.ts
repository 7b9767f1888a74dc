import type { ColumnType, Generated } from "kysely";
import type {
  AccountId,
  ConversationClass,
  ConversationId,
  DeviceId,
  MessageId,
  OrderHash,
  PolicyId,
} from "@portcullis/protocol";

/** The tables as Kysely sees them. What each column means and who may rely on it: spec/store.md. */
export interface Schema {
  accounts: AccountTable;
  invites: InviteTable;
  recoveries: RecoveryTable;
  backups: BackupTable;
  backupSegments: BackupSegmentTable;
  links: LinkTable;
  linkChunks: LinkChunkTable;
  deviceLists: DeviceListTable;
  devices: DeviceTable;
  keyPackages: KeyPackageTable;
  conversations: ConversationTable;
  members: MemberTable;
  rosters: RosterTable;
  items: ItemTable;
  sealedBuckets: SealedBucketTable;
  welcomes: WelcomeTable;
  joinRequests: JoinRequestTable;
  blobs: BlobTable;
  reports: ReportTable;
  openings: OpeningTable;
  orders: OrderTable;
  batches: BatchTable;
  sessions: SessionTable;
}

export interface AccountTable {
  accountId: AccountId;
  handle: string;
  version: number;
  createdAtMs: number;
  /** The handle's forms that no other account's may share (protocol); null where two handles from before did. */
  folded: string | null;
  skeleton: string | null;
}

/** `createdBy`: null for the operator. */
export interface InviteTable {
  inviteHash: Uint8Array;
  usesLeft: number;
  expiresAtMs: number;
  createdBy: AccountId | null;
}

/** `tries`: those that failed on `triesDay`, a day since 1970. */
export interface RecoveryTable {
  accountId: AccountId;
  version: number;
  sealed: Uint8Array;
  authenticatorHash: Uint8Array;
  tries: number;
  triesDay: number;
}

/**
 * One generation of an account's backup. `stands`: 1 for the one that is given out, 0 for one that is being made to take
 * its place; at most one of each. `deviceId`: who wrote last. `segments`, `bytes`: what there is of it.
 */
export interface BackupTable {
  accountId: AccountId;
  generation: Uint8Array;
  deviceId: DeviceId;
  stands: 0 | 1;
  head: Uint8Array;
  segments: number;
  bytes: number;
}

export interface BackupSegmentTable {
  accountId: AccountId;
  generation: Uint8Array;
  segmentIndex: number;
  segment: Uint8Array;
}

/** `accountId`, `deviceId`: who answers; null until somebody has asked for the offer. */
export interface LinkTable {
  linkId: Uint8Array;
  tokenHash: Uint8Array;
  offer: Uint8Array;
  expiresAtMs: number;
  accountId: ColumnType<AccountId | null, AccountId | undefined>;
  deviceId: ColumnType<DeviceId | null, DeviceId | undefined>;
  answer: ColumnType<Uint8Array | null, Uint8Array | undefined>;
}

export interface LinkChunkTable {
  linkId: Uint8Array;
  chunkIndex: number;
  chunk: Uint8Array;
}

export interface DeviceListTable {
  accountId: AccountId;
  version: number;
  signedList: Uint8Array;
  salt: Uint8Array;
  entry: Uint8Array;
}

export interface DeviceTable {
  accountId: AccountId;
  deviceId: DeviceId;
  signatureKey: Uint8Array;
  /** Days since 1970: the last on which it opened a session. Null when it never did. */
  lastSeenDay: number | null;
}

export interface KeyPackageTable {
  position: Generated<number>;
  accountId: AccountId;
  deviceId: DeviceId;
  keyPackage: Uint8Array;
  /** 1: stays when it is given out. At most one of a device. */
  lastResort: Generated<0 | 1>;
}

export interface ConversationTable {
  conversationId: ConversationId;
  class: ConversationClass;
  policyId: PolicyId | null;
  epoch: number;
  startBucket: number;
  epochStartedAtMs: number;
}

/** `leftSequence`: that of the Commit that removed the device, the last item it gets. */
export interface MemberTable {
  conversationId: ConversationId;
  accountId: AccountId;
  deviceId: DeviceId;
  joinedSequence: number;
  leftSequence: number | null;
  cursor: number;
}

export interface RosterTable {
  conversationId: ConversationId;
  epoch: number;
  startBucket: number;
  startedAtMs: number;
  root: Uint8Array;
  roster: Uint8Array;
}

export interface ItemTable {
  conversationId: ConversationId;
  sequence: number;
  kind: "message" | "commit";
  accountId: AccountId;
  deviceId: DeviceId;
  messageId: MessageId;
  acceptedAtMs: number;
  epoch: number;
  bucketStart: number;
  sealedBucketHash: Uint8Array | null;
  message: Uint8Array;
  record: Uint8Array | null;
  receipt: Uint8Array | null;
  lookup: Uint8Array | null;
}

export interface SealedBucketTable {
  sealedBucketHash: Uint8Array;
  conversationId: ConversationId;
  epoch: number;
  bucketStart: number;
  accountId: AccountId;
  deviceId: DeviceId;
  sealedBucket: Uint8Array;
}

export interface WelcomeTable {
  accountId: AccountId;
  deviceId: DeviceId;
  conversationId: ConversationId;
  sequence: number;
  welcome: Uint8Array;
  roster: Uint8Array;
}

/** `sequence`: the conversation's last when it came; `refusal`: null while it waits. */
export interface JoinRequestTable {
  conversationId: ConversationId;
  accountId: AccountId;
  linkId: Uint8Array;
  askedAtMs: number;
  signature: Uint8Array;
  sequence: number;
  expiresAtMs: number;
  refusal: string | null;
}

/** Sealed attachments, whose bytes are files. `received`: so many of them are durable. */
export interface BlobTable {
  blobId: Uint8Array;
  accountId: AccountId;
  bytes: number;
  received: number;
  expiresAtMs: number;
}

/** A message that somebody has reported, in plain text: this one alone. */
export interface ReportTable {
  position: Generated<number>;
  reportId: Uint8Array;
  conversationId: ConversationId;
  senderAccountId: AccountId;
  senderDeviceId: DeviceId;
  messageId: MessageId;
  acceptedAtMs: number;
  applicationData: Uint8Array;
  serverFrank: Uint8Array;
  reportedBy: AccountId;
  reportedAtMs: number;
  reason: string;
  comment: string;
  state: string;
  note: string;
}

export type Origin = "access" | "identity";

/** `logIndex` is null while the entry waits. */
export interface OpeningTable {
  position: Generated<number>;
  origin: Origin;
  logIndex: number | null;
  entry: Uint8Array;
  kind: string;
  opening: Uint8Array | null;
}

export interface OrderTable {
  orderHash: OrderHash;
  jws: string;
  entry: Uint8Array;
  recipientKey: Uint8Array;
  receivedAtMs: number;
}

export interface BatchTable {
  orderHash: OrderHash;
  custodian: string;
  batch: Uint8Array;
}

export interface SessionTable {
  tokenHash: Uint8Array;
  subject: Uint8Array;
  expiresAtMs: number;
}
