import { equalBytes, type AccountId } from "@portcullis/protocol";
import type { Conversation } from "../conversation/conversation.ts";

/** The name of the sealed conversation in which the devices of an account tell each other its preferences. */
export const OWN_CONVERSATION = "portcullis/preferences/v1";

/** Whether it is one of these: nobody but the account's own devices is in it, and no person reads or writes there. */
export function isOwnConversation({ record, epoch }: Conversation, own: AccountId): boolean {
  if (record?.class !== "sealed" || record.shared.state.name !== OWN_CONVERSATION) return false;
  return (epoch?.group.members ?? []).every(({ accountId }) => equalBytes(accountId, own));
}
