import {
  asConversationId,
  equalBytes,
  type AccountId,
  type ConversationClass,
  type ConversationId,
} from "@portcullis/protocol";
import type { KeyPackageClaims } from "../account/key-package-claims.ts";
import { ClientError } from "../errors.ts";
import type { Host } from "../host.ts";
import type { Conversation } from "./conversation.ts";
import type { MemberDevicesKeeper } from "./member-devices.ts";
import { firstState } from "./state-rules.ts";

/** What a conversation begins with. */
export interface NewConversation {
  readonly class: ConversationClass;
  readonly members: readonly AccountId[];
  /** At most 256 bytes; none by default. */
  readonly name?: string;
  /** An image of at most 16 KiB. */
  readonly picture?: Uint8Array;
}

/** What it takes to get others into a conversation. */
export interface AddingHost extends Pick<Host, "account" | "random"> {
  readonly claims: Pick<KeyPackageClaims, "of">;
  readonly memberDevices: Pick<MemberDevicesKeeper, "settle">;
  conversation(id: ConversationId): Conversation;
}

/** Resolves when the server has ordered the Commits that add all devices of the members. @throws ClientError */
export async function createConversation(host: AddingHost, request: NewConversation): Promise<Conversation> {
  const { accountId: own } = host.account;
  const { name = "", picture } = request;
  const state = firstState(own, { name, ...(picture && { picture }) });
  const others = request.members.filter((accountId) => !equalBytes(accountId, own));
  const additions = await host.claims.of(others, 1);
  const conversation = host.conversation(asConversationId(host.random(32)));
  // A conversation with oneself begins with a Commit too.
  const commits = await conversation.create(request.class, state, additions.length > 0 ? additions : [[]]);
  conversation.connected();
  await Promise.all([
    conversation.watchers.until(() => conversation.record?.condition === "open"),
    ...commits,
  ]);
  return conversation;
}

/** Resolves when the Commits that add all devices of these accounts are ordered. @throws ClientError */
export async function addAccounts(
  host: AddingHost,
  conversation: Conversation,
  accounts: readonly AccountId[],
): Promise<void> {
  const { states, outbox } = conversation;
  const added = accounts.map((accountId) => ({ accountId }));
  states?.demandRight(host.account.accountId, { added, removed: [] });
  if (!(await host.memberDevices.settle(conversation))) throw new ClientError("CLIENT_MEMBER_LOST");
  const additions = await host.claims.of(accounts, conversation.epoch?.group.members.length ?? 0);
  await Promise.all(additions.map((add) => outbox.add({ kind: "commit", add, remove: [] })));
}
