import { PortcullisError } from "@portcullis/protocol";

/** What `client` throws and tells, with the sentence that docs/errors.md and the message share. */
export const clientErrors = {
  CLIENT_ACCOUNT_EXISTS: "This store already holds an account.",
  CLIENT_ACCOUNT_MISSING: "This store holds no registered account.",
  CLIENT_ACCOUNT_UNKNOWN: "Nobody has this handle.",
  CLIENT_ATTACHMENT_BROKEN: "What the server has is not the attachment that was sent.",
  CLIENT_ATTACHMENT_CHANGED: "The file has changed while it was sent; nothing of it was.",
  CLIENT_ATTACHMENT_DISK: "The attachment could not be written: the disk is full, or the place is not there.",
  CLIENT_ATTACHMENT_ELSEWHERE:
    "The attachment lies with somebody else than this server, or is sealed in a way that is not known here.",
  CLIENT_ATTACHMENT_SIZE: "The attachment is too large.",
  CLIENT_BACKUP_CHANGED: "The backup at the server is not as this device left it; it is made anew.",
  CLIENT_BACKUP_CODE: "The recovery code does not bring the backup back: set a new one on this device.",
  CLIENT_BACKUP_ELSEWHERE: "Another device of the account keeps its backup.",
  CLIENT_BACKUP_HEAD:
    "What the server has of the backup is not this account's, or older than what it had before.",
  CLIENT_BACKUP_LOST: "The backup at the server is gone, or another one stands in its place.",
  CLIENT_BACKUP_MISSING: "Parts of the backup are missing or were changed; the rest was taken back.",
  CLIENT_BACKUP_NONE: "The server has no backup of this account.",
  CLIENT_BACKUP_OFF: "This device keeps no backup.",
  CLIENT_BACKUP_SEGMENT: "A part of the backup is not the one that was sealed for this place.",
  CLIENT_BLOCKED: "You have blocked the other one here: to say something, unblock them first.",
  CLIENT_CLOSED: "The client is closed.",
  CLIENT_COMMIT_LOOKUP: "The lookup that came with the Commit is not the one that it names.",
  CLIENT_COMMIT_LOST: "The server ordered a Commit of this device that this device does not know.",
  CLIENT_COMMIT_MEMBERS: "What the Commit states about added and removed devices is not what it does.",
  CLIENT_COMMIT_ROLE: "The roles of the conversation do not let this account add or remove those members.",
  CLIENT_COMMIT_ROSTER: "The roster root that the Commit states is not that of its members.",
  CLIENT_COMMIT_START_BUCKET: "The start bucket that the Commit states was not current when it was accepted.",
  CLIENT_CONTENT_ROOM: "The content names another conversation than the one it came in.",
  CLIENT_CONTENT_SENDER: "The content names another sender than the credential does.",
  CLIENT_CONVERSATION_FROZEN: "The conversation is frozen: an ordered Commit could not be accepted.",
  CLIENT_CONVERSATION_FULL: "The conversation would have more devices than a conversation can have.",
  CLIENT_CONVERSATION_LEFT: "This device is no longer a member of the conversation.",
  CLIENT_CONVERSATION_UNKNOWN: "This device knows no such conversation.",
  CLIENT_DEVICES_VERSION: "Another list of this account's devices stands than the one that was acknowledged.",
  CLIENT_DEVICE_LISTED: "The device that is to be removed as lost still stands in its account's device list.",
  CLIENT_DEVICE_UNKNOWN: "The device does not stand in its account's logged device list.",
  CLIENT_DEVICE_SELF: "A device does not unlink itself: another one of the account does.",
  CLIENT_DEVICE_UNLINKED: "Another device of the account has unlinked this one.",
  CLIENT_HANDLE_CONFUSABLE: "Another account's handle looks like this one.",
  CLIENT_HANDLE_TAKEN: "The handle belongs to another account.",
  CLIENT_HISTORY_CHUNK: "A part of the history is not the one that the other device sent for this place.",
  CLIENT_IMPORT_FORM: "This is no chat in the form in which messengers export one, or too large a one.",
  CLIENT_IMPORT_LINE: "A line of the chat cannot be read; nothing of it was imported.",
  CLIENT_IMPORT_TITLE: "An imported chat needs a title, which is not that long.",
  CLIENT_IMPORT_UNKNOWN: "There is no such imported chat here.",
  CLIENT_ITEM_BUCKET: "The message names a bucket in which the server could not have accepted it.",
  CLIENT_ITEM_MALFORMED: "The item is not of the form that its conversation demands.",
  CLIENT_ITEM_SENDER: "The server names another sender than the message does.",
  CLIENT_ITEM_SEQUENCE: "The server left out or repeated an item of the conversation.",
  CLIENT_JOIN_ADMITTED: "This account has joined by this link before, and does not again.",
  CLIENT_JOIN_EXPIRED: "The link to the conversation has expired.",
  CLIENT_JOIN_LAPSED: "The request to join is too old.",
  CLIENT_JOIN_LIMIT: "A conversation has no more links than that, nor for so many accounts or for so long.",
  CLIENT_JOIN_MEMBER: "This account is a member of the conversation already.",
  CLIENT_JOIN_PROOF: "The request to join was not made with the link that it names.",
  CLIENT_JOIN_SERVER: "The link leads to a conversation of another server.",
  CLIENT_JOIN_UNKNOWN: "The link to the conversation was revoked, or never was one.",
  CLIENT_JOIN_USED_UP: "As many have joined by this link as may.",
  CLIENT_JOIN_WELCOME: "The Welcome is not to the conversation, of the class, to which the link leads.",
  CLIENT_KEY_PACKAGE: "A KeyPackage is not that of the device for which the server gave it out.",
  CLIENT_LINK_ANSWER: "The answer does not come from a device that has read this device's link code.",
  CLIENT_LINK_CODE: "The link code is not complete or has a typing error.",
  CLIENT_LINK_EXPIRED: "Nobody has read the link code in time.",
  CLIENT_LINK_OFFER: "What the server gives for the link code is not the device that shows it.",
  CLIENT_MEMBER_LOST:
    "The conversation's only owner has lost their device and is not back yet; until then nobody can join.",
  CLIENT_MEMBER_NO_DEVICE: "An account has no device that can be added.",
  CLIENT_MESSAGE_DELETED: "The message was deleted.",
  CLIENT_MESSAGE_EMPTY: "There is nothing to send.",
  CLIENT_MESSAGE_OTHERS: "Somebody else has said it: it is not this account's to change.",
  CLIENT_MESSAGE_SIZE: "The message is too long.",
  CLIENT_MESSAGE_UNKNOWN: "There is no such message here, or it has expired.",
  CLIENT_PICTURE:
    "This is no picture that can be shown: of no kind that is known here, broken, or of too many points.",
  CLIENT_PREVIEW: "Of what the link leads to nothing can be shown, or it is not to be asked for.",
  CLIENT_REACTION: "A reaction is one emoji.",
  CLIENT_RECEIPT: "The server's receipt is missing or its signature is wrong.",
  CLIENT_RECORD_CHAIN: "The record's index was used before.",
  CLIENT_RECORD_CONTENT: "The record does not hold what the message says.",
  CLIENT_RECORD_HASH: "The record is not the one that the message names.",
  CLIENT_RECOVERY_BLOB: "What the server keeps for this account is not what the recovery code sealed.",
  CLIENT_RECOVERY_CODE: "The recovery code is not complete or has a typing error.",
  CLIENT_SAFETY_CODE: "What was scanned is no safety code.",
  CLIENT_SAFETY_CODE_OTHER: "The safety code is that of another account than the one that is meant.",
  CLIENT_SAFETY_CODE_OWN: "The safety code was made for somebody else's account.",
  CLIENT_SEARCH: "There is no word to look for, or more than a search takes.",
  CLIENT_SERVER_REFUSED: "The server refused the request.",
  CLIENT_SERVER_SILENT: "The server has not answered in time; it is asked again over a new connection.",
  CLIENT_SERVER_UNREACHABLE: "The server cannot be reached or answers with something else than its API.",
  CLIENT_SETTING: "The setting's name or value is too long, or the settings are too many.",
  CLIENT_STATE_LINK: "The conversation's state changes a link by which others join, or invents one.",
  CLIENT_STATE_MEMBER: "The conversation's state names an account that is no member.",
  CLIENT_STATE_OWNERLESS: "The conversation would be left without an owner: name another one first.",
  CLIENT_STATE_ROLE: "The roles of the conversation do not let this account change that of its state.",
  CLIENT_STATE_SIZE: "The conversation's name or picture is too large.",
  CLIENT_STATE_STALE: "The conversation's state does not follow the one that stands.",
  CLIENT_STORE_FAILED: "The store failed; the client has stopped, so that no key is used twice.",
  CLIENT_STORE_VERSION: "The store was written by a newer version.",
  CLIENT_TRUST: "The server does not present what the trust configuration demands.",
  CLIENT_WELCOME_OLD: "The Welcome leads into no later epoch than this device has been in.",
  CLIENT_WELCOME_ROSTER: "The roster that came with the Welcome is not that of the group's members.",
  CLIENT_WELCOME_TERMS: "The terms in the Welcome are not those of this provider.",
} as const;

export type ClientErrorCode = keyof typeof clientErrors;

/** Facts name the code or the member that is to blame, never content. */
export class ClientError extends PortcullisError<ClientErrorCode> {
  constructor(code: ClientErrorCode, facts: Readonly<Record<string, unknown>> = {}) {
    super(code, clientErrors[code], facts);
  }
}

const TRANSIENT: ReadonlySet<unknown> = new Set<ClientErrorCode>([
  "CLIENT_SERVER_UNREACHABLE",
  "CLIENT_ITEM_SEQUENCE",
]);

/** A fault that passes when the server is asked again: nothing was refused and nothing used. */
export function isTransient(error: unknown): boolean {
  return error instanceof ClientError && TRANSIENT.has(error.code);
}
