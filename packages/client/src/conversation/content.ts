import { frankingTag } from "@portcullis/access";
import { accountUri, conversationUri, limits, type ConversationId } from "@portcullis/protocol";
import { contentOf, encodeMimiContent, type Act } from "@portcullis/protocol/content";
import { ClientError } from "../errors.ts";
import type { Host } from "../host.ts";
import type { MessageIntent } from "../outbox/outbox-entry.ts";
import type { Accepted } from "../outbox/outbox-held.ts";
import type { Conversation } from "./conversation.ts";

/** What the encryption of a content adds to it, at most: padding, signature, authenticated data. */
const OVERHEAD_BYTES = 8 * 1024;

/** Sends a content that does this. @throws ClientError CLIENT_MESSAGE_SIZE, and as `Outbox.add` */
export async function sendAct(host: Host, { id, outbox }: Conversation, act: Act): Promise<Accepted> {
  return outbox.add(actIntent(host, id, act));
}

/** The same, for the outbox. @throws ClientError CLIENT_MESSAGE_SIZE */
export function actIntent({ account, random }: Host, id: ConversationId, act: Act): MessageIntent {
  const content = contentOf(act, {
    salt: random(16),
    senderUri: accountUri(account.provider, account.accountId),
    roomUri: conversationUri(account.provider, id),
  });
  const applicationData = encodeMimiContent(content);
  if (applicationData.length > limits.messageBytes - OVERHEAD_BYTES)
    throw new ClientError("CLIENT_MESSAGE_SIZE", { bytes: applicationData.length });
  const tag = frankingTag(content.salt, applicationData);
  return { kind: "message", applicationData, frankingTag: tag };
}
