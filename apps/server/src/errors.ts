import { PortcullisError } from "@portcullis/protocol";

/** What `server` throws and what it answers, with the sentence that docs/errors.md and the message share. */
export const serverErrors = {
  REQUEST_INVALID: "The request does not have the shape that the API describes.",
  SESSION_REQUIRED: "This call needs a session.",
  SESSION_INVALID: "The session does not exist or has ended.",
  SESSION_FORBIDDEN: "This session may not make this call.",
  SESSION_REFUSED: "The challenge was not answered with the key of the subject.",
  SESSION_REPLACED: "The device has opened another connection.",
  REGISTRATION_REFUSED: "The registration token is not valid.",
  INVITE_UNKNOWN: "There is no such invitation.",
  INVITE_EXPIRED: "The invitation has expired.",
  INVITE_USED_UP: "The invitation was used already.",
  INVITE_LIMIT: "This account has as many open invitations as it may have.",
  HANDLE_TAKEN: "Another account has this handle.",
  HANDLE_CONFUSABLE: "Another account has a handle that looks like this one.",
  ACCOUNT_EXISTS: "This account exists already.",
  ACCOUNT_UNKNOWN: "There is no such account.",
  RECOVERY_REFUSED: "There is no account to recover with this code.",
  RECOVERY_LOCKED: "Too many wrong recovery codes. The account can be recovered from tomorrow on.",
  RECOVERY_NOT_NEXT: "Another device has set a recovery code meanwhile.",
  LINK_UNKNOWN: "There is no such link code, or it has expired.",
  LINK_TAKEN: "Another device has read this link code.",
  LINK_FULL: "The new device has not taken yet what was left for it.",
  LINK_LIMIT: "This account is linking as many devices as it may at a time.",
  BACKUP_UNKNOWN: "There is no such backup, or nothing of it at this place.",
  BACKUP_NOT_NEXT: "The part does not follow the last one of this backup.",
  BACKUP_FULL: "The backup is as large as it may be.",
  DEVICE_LIST_NOT_NEXT: "The device list does not follow the one that stands.",
  CONVERSATION_FULL: "A conversation has no more devices than that.",
  KEY_PACKAGES_NONE: "A device of these accounts has no KeyPackage left, or an account has no device.",
  CONVERSATION_EXISTS: "This conversation exists already.",
  CONVERSATION_POLICY: "A recorded conversation names the server's policy, a sealed one names none.",
  JOIN_LIMIT: "As many requests to join of this account wait as may.",
  JOIN_MEMBER: "This account is a member of the conversation already.",
  JOIN_NOT_TAKEN: "There is no such conversation, or too many wait to join it.",
  NOT_MEMBER: "The device is not a member of this conversation.",
  MESSAGE_MISMATCH: "The message is not what the frame says that it is.",
  EPOCH_ZERO: "Nothing is said in epoch 0: the first Commit comes first.",
  EPOCH_STALE: "The epoch is not the conversation's current one. Encrypt again under the same message id.",
  EPOCH_EXPIRED: "The epoch is older than 7 days. A Commit must come first.",
  BUCKET_STALE: "The bucket is no longer accepted. Encrypt again under the same message id.",
  BUCKET_FUTURE: "The bucket has not begun.",
  SEALED_BUCKET_MISSING: "The bucket's label and capsules were not uploaded.",
  SEALED_BUCKET_INVALID: "The bucket's label or capsules are not what they must be.",
  RECORD_MISMATCH: "The record is not the one that the message names, or there must be none.",
  COMMIT_MEMBERS: "The Commit adds or removes devices that it cannot.",
  COMMIT_WELCOMES: "There is not exactly one Welcome for each added device.",
  COMMIT_ROSTER: "The roster is not that of the epoch which the Commit begins.",
  COMMIT_LOOKUP: "The lookup of the added accounts is not the one that the Commit names.",
  REPORT_FORGED:
    "This server has not taken in this message from this sender, in this conversation, at this time.",
  REPORT_LIMIT: "This account has reported as many messages today as it may.",
  REPORT_UNKNOWN: "There is no such report.",
  POLICY_SET: "Another policy is set already.",
  POLICY_NOT_SET: "No policy is set.",
  POLICY_NOT_OURS: "The policy names other logs or another provider than this server's.",
  OPENING_KIND: "This kind of ledger entry cannot be submitted like that.",
  ORDER_UNKNOWN: "There is no such order.",
  BATCH_EXISTS: "Another batch of this custodian stands already.",
  NOT_PUBLISHED: "It is stored, but not in a published checkpoint yet. Ask again.",
  NOT_FOUND: "There is nothing here.",
  RATE_LIMITED: "Too many requests. Wait a moment.",
  SERVER_STOPPING: "The server is stopping.",
  SERVER_FAILED: "The server could not do it. The fault is not in the request.",
} as const;

export type ServerErrorCode = keyof typeof serverErrors;

/** An answer that is not the one hoped for. */
export class ServerError extends PortcullisError<ServerErrorCode> {
  constructor(code: ServerErrorCode, facts: Readonly<Record<string, unknown>> = {}) {
    super(code, serverErrors[code], facts);
  }
}
