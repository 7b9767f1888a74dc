import { ClientError } from "../errors.ts";
import {
  equalBytes,
  toBase64Url,
  type AccountId,
  type ConversationClass,
  type ConversationId,
  type DeviceId,
} from "@portcullis/protocol";
import type { Role } from "@portcullis/protocol/content";
import type { ConversationRecord, Freeze } from "./conversation-record.ts";
import type { Conversation } from "./conversation.ts";
import type { VerifiedAccounts } from "../identity/verified-accounts.ts";
import { roleOf } from "./state-rules.ts";

export interface ConversationMember {
  readonly accountId: AccountId;
  readonly deviceId: DeviceId;
  readonly leafIndex: number;
  readonly role: Role;
  /** It has said that it leaves, and is removed by whoever comes first. */
  readonly leaving: boolean;
  /** Its safety number was compared, and is for ever: the account id stands for its key. */
  readonly verified: boolean;
  /** When this client has looked the account up by it. */
  readonly handle: string | undefined;
}

/** What a person should see of a conversation. */
export interface ConversationState {
  readonly conversationId: ConversationId;
  /** From signed group state; never changes. */
  readonly class: ConversationClass;
  readonly condition: ConversationRecord["condition"];
  readonly name: string;
  /** An image, as a member set it: not trusted. */
  readonly picture: Uint8Array | undefined;
  readonly epoch: number;
  /** Everything up to here is durable on this device. */
  readonly sequence: number;
  readonly members: readonly ConversationMember[];
  readonly freeze: Freeze | undefined;
}

/** What a client knows of accounts, wherever they are members. */
export interface KnownAccounts {
  /** Of those that are known by one, by account id in base64url. */
  readonly handles: ReadonlyMap<string, string>;
  readonly verified: Pick<VerifiedAccounts, "has">;
}

/** Undefined until this device has joined. */
export function conversationState(
  { id, record, epoch, cursor }: Conversation,
  { handles, verified }: KnownAccounts,
): ConversationState | undefined {
  if (record === undefined) return undefined;
  const { state } = record.shared;
  const members = (epoch?.group.members ?? []).map(({ accountId, deviceId, leafIndex }) => ({
    accountId,
    deviceId,
    leafIndex,
    role: roleOf(state, accountId),
    leaving: state.leaving.some((gone) => equalBytes(gone, accountId)),
    verified: verified.has(accountId),
    handle: handles.get(toBase64Url(accountId)),
  }));
  return {
    conversationId: id,
    class: record.class,
    condition: record.condition,
    name: state.name,
    picture: state.picture,
    epoch: record.epoch,
    sequence: cursor,
    members,
    freeze: record.freeze,
  };
}

/** The conversation, if things can be done in it. @throws ClientError CLIENT_CONVERSATION_UNKNOWN, …_FROZEN, …_LEFT */
export function demandOpen(conversation: Conversation | undefined): Conversation {
  const condition = conversation?.record?.condition;
  if (conversation === undefined || condition === undefined)
    throw new ClientError("CLIENT_CONVERSATION_UNKNOWN");
  if (condition === "frozen") throw new ClientError("CLIENT_CONVERSATION_FROZEN");
  if (condition !== "open" && condition !== "creating") throw new ClientError("CLIENT_CONVERSATION_LEFT");
  return conversation;
}
