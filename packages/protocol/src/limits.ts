/** What one party may make another party hold in memory. Whoever reads from a stranger checks these first. */
export const limits = {
  /** One WebSocket frame, either way. */
  frameBytes: 640 * 1024,
  /** One MLSMessage that carries content. */
  messageBytes: 64 * 1024,
  /** What is said in passing. */
  signalBytes: 256,
  /** One record: nonce, sealed copy of the content, tag. */
  recordBytes: 64 * 1024,
  /** One uploaded label with its capsules. */
  sealedBucketBytes: 4 * 1024,
  /** One Commit as an MLSMessage: at most a path for every member and a KeyPackage for every device that is added. */
  commitBytes: 96 * 1024,
  /** One Welcome with the ratchet tree of the largest conversation. */
  welcomeBytes: 256 * 1024,
  /** Devices in one conversation. */
  devicesPerConversation: 500,
  /** Devices that a client adds with one Commit; more are added by several. */
  devicesAddedAtOnce: 64,
  /** Devices that one Commit adds or removes. */
  devicesPerCommit: 256,
  /** Accounts in one roster. */
  accountsPerConversation: 512,
  /** A conversation's name, in UTF-8. */
  nameBytes: 256,
  /** A conversation's picture: a thumbnail of at most 96 by 96 points. */
  pictureBytes: 16 * 1024,
  /** A small picture that stands for an attachment or for what a link leads to. */
  thumbnailBytes: 16 * 1024,
  /** Messages of whose state one message tells. */
  statusesPerMessage: 256,
  /** What one message tells the other devices of an account. */
  preferencesPerMessage: 256,
  /** An attachment before it is sealed, and as it lies at the server. */
  attachmentBytes: 2 * 1024 * 1024 * 1024,
  blobBytes: 2.25 * 1024 * 1024 * 1024,
  /** A part of one in one request. */
  blobPartBytes: 4 * 1024 * 1024,
  /** All that an account has at the server. */
  blobBytesPerAccount: 16 * 1024 * 1024 * 1024,
  /** What somebody says about a message that they report, and the operator about what was done. */
  reportCommentBytes: 2048,
  /** Reports that an account makes in a day. */
  reportsPerDay: 50,
  /** Capsules of one bucket, which is quorums of one policy. */
  capsulesPerBucket: 16,
  /** Items in one frame of delivery. */
  itemsPerFrame: 64,
  /** Steps of a Merkle path. */
  pathLength: 63,
  /** Characters (code points) of a handle. */
  handleLength: 64,
  /** Devices of one account. */
  devicesPerAccount: 32,
  /** Accounts that one invitation makes. */
  usesPerInvite: 1000,
  /** How long an invitation is good. */
  inviteSeconds: 30 * 24 * 3600,
  /** Links by which others may join one conversation. */
  joinLinks: 8,
  /** Accounts that join by one link. */
  usesPerJoinLink: 100,
  /** How long a link to a conversation is good. */
  joinLinkSeconds: 90 * 24 * 3600,
  /** How long a request to join waits. */
  joinRequestSeconds: 7 * 24 * 3600,
  /** Requests to join that wait in one conversation. */
  joinRequestsPerConversation: 256,
  /** Requests to join of one account that wait. */
  joinRequestsPerAccount: 16,
  /** A sealed account key, as base64url text. */
  recoveryBytes: 4096,
  /** What a new device leaves for the one that links it. */
  linkOfferBytes: 256,
  /** What it gets: the account, sealed. */
  linkAnswerBytes: 16 * 1024,
  /** A part of the history, sealed. */
  linkChunkBytes: 256 * 1024,
  /** A part of a backup, sealed, and what says how far the backup goes. */
  backupSegmentBytes: 256 * 1024,
  backupHeadBytes: 512,
  /** One backup: what lies at the server while it stands. */
  backupSegments: 8192,
  backupBytes: 512 * 1024 * 1024,
  /** KeyPackages in one upload. */
  keyPackagesPerUpload: 128,
  /** Accounts whose KeyPackages one request claims. */
  accountsPerClaim: 64,
  /** Accounts that one lookup in the identity log answers for. */
  accountsPerLookup: 64,
  /** One lookup: its proof once, and an answer for each account. */
  lookupBytes: 128 * 1024,
  /** One JSON body. */
  bodyBytes: 1024 * 1024,
} as const;
