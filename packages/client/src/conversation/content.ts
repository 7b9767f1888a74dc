import { frankingTag } from "@portcullis/access";
import { accountUri, conversationUri, type ConversationId } from "@portcullis/protocol";
import { encodeMimiContent, type MimiContent } from "@portcullis/protocol/content";
import type { Host } from "../host.ts";
import type { MessageIntent } from "../outbox/outbox-entry.ts";
import type { Accepted } from "../outbox/outbox-held.ts";
import type { Conversation } from "./conversation.ts";

/** What every content has. */
export interface ContentBase {
  readonly salt: Uint8Array;
  readonly senderUri: string;
  readonly roomUri: string;
}

/** Sends what `compose` makes of the salt and the URIs that every content has. */
export function sendContent(
  host: Host,
  { id, outbox }: Conversation,
  compose: (base: ContentBase) => MimiContent,
): Promise<Accepted> {
  return outbox.add(contentIntent(host, id, compose));
}

/** The same, for the outbox. */
export function contentIntent(
  { account, random }: Host,
  id: ConversationId,
  compose: (base: ContentBase) => MimiContent,
): MessageIntent {
  const content = compose({
    salt: random(16),
    senderUri: accountUri(account.provider, account.accountId),
    roomUri: conversationUri(account.provider, id),
  });
  const applicationData = encodeMimiContent(content);
  const tag = frankingTag(content.salt, applicationData);
  return { kind: "message", applicationData, frankingTag: tag };
}
