import { decodeMimiContent, textOf, type MimiContent } from "@portcullis/protocol/content";
import type { AccountId, ConversationId, DeviceId, MessageId } from "@portcullis/protocol";
import type { StoredMessage } from "../store.ts";

/** One message of a conversation, verified, as a person sees it. */
export interface ConversationMessage {
  readonly conversationId: ConversationId;
  readonly sequence: number;
  readonly senderAccountId: AccountId;
  readonly senderDeviceId: DeviceId;
  readonly messageId: MessageId;
  readonly acceptedAtMs: number;
  readonly content: MimiContent;
  /** When the content is one part of text. */
  readonly text: string | undefined;
}

/** `content`: what `stored.applicationData` decodes to, where that is known already. */
export function messageOf(
  stored: StoredMessage,
  content: MimiContent = decodeMimiContent(stored.applicationData),
): ConversationMessage {
  const { conversationId, sequence, senderAccountId, senderDeviceId, messageId, acceptedAtMs } = stored;
  const who = { senderAccountId, senderDeviceId };
  return { conversationId, sequence, ...who, messageId, acceptedAtMs, content, text: textOf(content) };
}
