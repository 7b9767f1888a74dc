/**
 * The bodies of the HTTP API, as JSON. Bytes are base64url text without padding, times are milliseconds since
 * 1970-01-01T00:00:00Z. spec/delivery.md lists the routes.
 */

import type { joinRefusals } from "./join-link.ts";
import type { reportReasons, reportStates } from "./report.ts";

/** Every answer that is not 2xx. */
export interface ErrorBody {
  readonly code: string;
  readonly message: string;
  readonly facts: Readonly<Record<string, unknown>>;
}

/** Who asks for a session, and so whose key signs the challenge. */
export type SessionSubject =
  | { readonly kind: "device"; readonly accountId: string; readonly deviceId: string }
  | { readonly kind: "custodian"; readonly id: string }
  | { readonly kind: "recipient"; readonly orderHash: string };

/** POST /v1/challenges */
export interface ChallengeAnswer {
  readonly nonce: string;
}

/** POST /v1/sessions */
export interface SessionRequest {
  readonly subject: SessionSubject;
  readonly nonce: string;
  /** Ed25519 over `encodeSessionChallenge`. */
  readonly signature: string;
}
export interface SessionAnswer {
  readonly token: string;
  readonly expiresAtMs: number;
}

/** GET /v1/server */
export interface ServerAnswer {
  readonly provider: string;
  /** The signed policy as JWS text; absent until the operator has set it. */
  readonly policy?: string;
  readonly policyId?: string;
  readonly frankingKey: string;
  /** Verifier keys as lines of signed-note. */
  readonly accessLog: string;
  readonly identityLog: string;
  /** Proves whose a label in the identity log is. */
  readonly vrfKey: string;
  readonly witnesses: readonly string[];
  /** How many of them must have cosigned a checkpoint. */
  readonly witnessThreshold: number;
}

/** A ledger entry that is public at once, with its tlog-proof. */
export interface LoggedOpening {
  readonly opening: string;
  readonly proof: string;
}

/** GET /v1/keysets, GET /v1/authorities, GET /v1/notices */
export interface LoggedOpeningsAnswer {
  readonly openings: readonly LoggedOpening[];
}

/** POST /v1/policy */
export interface PolicyRequest {
  readonly jws: string;
}

/** POST /v1/invites: by the operator, or by a device where members may invite. */
export interface InviteRequest {
  /** SHA-256 of the secret in the link. */
  readonly inviteHash: string;
  readonly uses: number;
  readonly lifetimeSeconds: number;
}
export interface InviteAnswer {
  readonly expiresAtMs: number;
}

/** POST /v1/accounts: with the operator's registration token or with the secret of an invitation, not both. */
export interface AccountRequest {
  readonly registrationToken?: string;
  readonly invite?: string;
  readonly handle: string;
  /** The signed device list. */
  readonly deviceList: string;
}
/** POST /v1/accounts, GET /v1/accounts/by-handle/:handle */
export interface AccountAnswer {
  readonly accountId: string;
}

/** GET /v1/accounts/:id/devices */
export interface DevicesAnswer {
  readonly deviceProof: string;
}
/** PUT /v1/accounts/:id/devices */
export interface DevicesRequest {
  readonly deviceList: string;
}

/** GET /v1/devices: those of the caller's account. */
export interface OwnDevicesAnswer {
  readonly devices: readonly {
    readonly deviceId: string;
    /** Days since 1970; absent for a device that never opened a session. */
    readonly lastSeenDay?: number;
  }[];
}

/** GET /v1/recovery: 0 when the account has no recovery code. */
export interface RecoveryVersionAnswer {
  readonly version: number;
}
/** PUT /v1/recovery */
export interface RecoveryRequest {
  readonly version: number;
  readonly sealed: string;
  /** SHA-256 of what the code yields. */
  readonly authenticatorHash: string;
}
/** POST /v1/accounts/:id/recovery */
export interface RecoveryAttempt {
  readonly authenticator: string;
}
export interface RecoveryAnswer {
  readonly sealed: string;
}

/** POST /v1/links: by a new device, which has no session. */
export interface LinkRequest {
  readonly linkId: string;
  /** SHA-256 of the token with which the new device reads its answer. */
  readonly tokenHash: string;
  readonly offer: string;
}
/** POST /v1/links/:id/claim: by the device that answers. */
export interface LinkOffer {
  readonly offer: string;
}
/** PUT /v1/links/:id/answer */
export interface LinkAnswerRequest {
  readonly answer: string;
}
/** GET /v1/links/:id/answer, with the token: absent while nobody has answered. */
export interface LinkAnswer {
  readonly answer?: string;
}

/** PUT /v1/links/:id/chunks/:index: by the device that answered. */
export interface LinkChunkRequest {
  readonly chunk: string;
}
/** GET /v1/links/:id/chunks/:index, with the token: absent while it has not come. Those before it are gone then. */
export interface LinkChunkAnswer {
  readonly chunk?: string;
}

/** GET /v1/backup: the generation that stands; nothing of it when there is none. See spec/backup.md. */
export interface BackupAnswer {
  readonly generation?: string;
  /** The device that wrote last. */
  readonly deviceId?: string;
  readonly head?: string;
}
/** PUT /v1/backup/:generation/segments/:index: with the head of all until then. */
export interface BackupSegmentRequest {
  readonly segment: string;
  readonly head: string;
}
/** GET /v1/backup/:generation/segments/:index */
export interface BackupSegmentAnswer {
  readonly segment: string;
}

/** POST /v1/lookups: what the identity log says of accounts, with proofs; see spec/identity.md. */
export interface LookupRequest {
  readonly accounts: readonly string[];
}
export interface LookupAnswer {
  readonly lookup: string;
}

/** POST /v1/key-packages */
export interface KeyPackagesRequest {
  readonly keyPackages: readonly string[];
  /** Given out while nothing else is left, any number of times. With it the device's supply begins anew. */
  readonly lastResort?: string;
}

/** POST /v1/key-packages/claim: one KeyPackage of every device of those accounts that has any, or of each of those devices. */
export interface ClaimRequest {
  readonly accounts: readonly string[];
  readonly devices?: readonly string[];
}
export interface ClaimedDevice {
  readonly accountId: string;
  readonly deviceId: string;
  readonly keyPackage: string;
}
export interface ClaimAnswer {
  readonly devices: readonly ClaimedDevice[];
}

/** POST /v1/conversations */
export interface ConversationRequest {
  readonly conversationId: string;
  readonly class: "sealed" | "recorded";
  readonly policyId?: string;
}

/** Why a member does not let in whoever asks. */
export type JoinRefusal = (typeof joinRefusals)[number];

/** PUT /v1/join-requests/:conversation: the caller's account asks to join; again is the same as once. */
export interface JoinRequestBody {
  readonly linkId: string;
  readonly askedAtMs: number;
  /** Ed25519 over `encodeJoinRequest`, by the link's key. */
  readonly signature: string;
}
/** While it waits there is no refusal. */
export interface JoinRequestAnswer {
  readonly refusal?: JoinRefusal;
}

/** GET /v1/join-requests/:conversation: for members. */
export interface JoinRequestsAnswer {
  readonly requests: readonly (JoinRequestBody & {
    readonly accountId: string;
    /** The conversation's last place when the request came. */
    readonly sequence: number;
  })[];
}

/** POST /v1/join-requests/:conversation/refusals: by a member. */
export interface JoinRefusalRequest {
  readonly accountId: string;
  /** Of the request that is refused, and not of a later one. */
  readonly askedAtMs: number;
  readonly refusal: JoinRefusal;
}

/** POST /v1/ledger/entries */
export interface LedgerEntryRequest {
  readonly opening: string;
}
/** Answered once the entry is published and cosigned. */
export interface LedgerEntryAnswer {
  readonly index: number;
  readonly proof: string;
}

/** GET /v1/ledger/openings?from=N, GET /v1/identity/openings?from=N: openings N, N+1, ... below the size of `checkpoint`, or as many as fit. */
export interface OpeningsAnswer {
  readonly openings: readonly string[];
  /** The published checkpoint: a signed note with its cosignatures. */
  readonly checkpoint: string;
}

/** GET /v1/ledger/proof/:index */
export interface InclusionAnswer {
  readonly proof: string;
}

/** GET /v1/ledger/consistency?old=N: from size N to the size of `checkpoint`. */
export interface ConsistencyAnswer {
  readonly path: readonly string[];
  readonly checkpoint: string;
}

/** GET /v1/identity/consistency?old=N&new=M: from size N to size M, both published. */
export interface ConsistencyPathAnswer {
  readonly path: readonly string[];
}

/** POST /v1/orders */
export interface OrderRequest {
  readonly jws: string;
  readonly sealedNotices: readonly string[];
}
export interface OrderAnswer extends LedgerEntryAnswer {
  readonly orderHash: string;
}

/** GET /v1/orders */
export interface OrdersAnswer {
  readonly orders: readonly { readonly orderHash: string; readonly jws: string; readonly index: number }[];
}

/** GET /v1/orders/:hash/batches: the custodians' sealed shares. */
export interface BatchesAnswer {
  readonly batches: readonly { readonly custodian: string; readonly batch: string }[];
}

/** GET /v1/orders/:hash/accounts: the device lists of all who wrote in scope. */
export interface OrderAccountsAnswer {
  readonly deviceProofs: readonly string[];
}

export type ReportReason = (typeof reportReasons)[number];
export type ReportState = (typeof reportStates)[number];

/** What somebody was sent, and that this server took it in from them there and then (frank.ts). Bytes as base64url. */
export interface ReportedMessage {
  readonly conversationId: string;
  readonly senderAccountId: string;
  readonly senderDeviceId: string;
  readonly messageId: string;
  readonly acceptedAtMs: number;
  /** MIMI content. */
  readonly applicationData: string;
  readonly serverFrank: string;
}

/** POST /v1/reports: by whoever is or was a member; again is the same as once. */
export interface ReportRequest {
  readonly message: ReportedMessage;
  readonly reason: ReportReason;
  /** At most `limits.reportCommentBytes`. */
  readonly comment: string;
}
export interface ReportAnswer {
  readonly reportId: string;
}

/** GET /v1/reports?state=open&after=0: for the operator, oldest first. */
export interface ReportsAnswer {
  readonly reports: readonly (ReportRequest & {
    readonly reportId: string;
    /** Its place among all reports. */
    readonly position: number;
    readonly reportedBy: string;
    readonly reportedAtMs: number;
    readonly state: ReportState;
    readonly note: string;
  })[];
}

/** POST /v1/reports/:report/resolution: by the operator. */
export interface ReportResolution {
  readonly state: ReportState;
  readonly note: string;
}

/** PUT /v1/blobs/:blob: announces one of so many bytes, a Padme length; again is the same as once. */
export interface BlobRequest {
  readonly bytes: number;
}
/** How much of it is there; whole when that is all. */
export interface BlobAnswer {
  readonly bytes: number;
  readonly received: number;
}
