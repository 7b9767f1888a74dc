import { toBase64Url } from "@portcullis/protocol";
import type { ConversationMessage } from "../messages/conversation-message.ts";
import type { Exported } from "./export.ts";

const VERSION = "portcullis/chat-export/v1";

/** One JSON document, a message on each line; its fields are those of `ConversationMessage`. spec/portable.md */
export async function* exportJson(exported: Exported): AsyncGenerator<string, void, undefined> {
  const { conversation, exportedAtMs, isWithoutExpiring, messages } = exported;
  const head = {
    version: VERSION,
    exportedAt: new Date(exportedAtMs).toISOString(),
    conversation: {
      id: toBase64Url(conversation.conversationId),
      class: conversation.class,
      name: conversation.name,
      members: membersOf(exported),
    },
    expiringMessages: isWithoutExpiring ? "left out" : "included",
  };
  yield `${JSON.stringify(head).slice(0, -1)},"messages":[`;
  let separator = "\n";
  for await (const message of messages) {
    yield separator + JSON.stringify(fieldsOf(message, exported));
    separator = ",\n";
  }
  yield "\n]}\n";
}

function membersOf({ conversation, nameOf }: Exported): object[] {
  const accounts = new Map(conversation.members.map((member) => [toBase64Url(member.accountId), member]));
  return [...accounts].map(([id, { accountId, role, verified }]) => ({
    account: id,
    name: nameOf(accountId),
    role,
    verified,
  }));
}

function fieldsOf(message: ConversationMessage, { nameOf }: Exported): object {
  const { sequence, senderAccountId, acceptedAtMs, body, inReplyTo, editedAtMs, pinned } = message;
  return {
    sequence,
    id: toBase64Url(message.contentId),
    from: toBase64Url(senderAccountId),
    name: nameOf(senderAccountId),
    at: new Date(acceptedAtMs).toISOString(),
    ...(body === undefined && { deleted: true }),
    ...(body && { text: body.text, format: body.format }),
    ...(inReplyTo && { inReplyTo: toBase64Url(inReplyTo) }),
    ...(message.isForwarded && { forwarded: true }),
    ...(editedAtMs !== undefined && { editedAt: new Date(editedAtMs).toISOString() }),
    ...(message.expiresAtMs !== undefined && { expiresAt: new Date(message.expiresAtMs).toISOString() }),
    ...(pinned && { pinnedBy: toBase64Url(pinned.by) }),
    ...(message.reactions.length > 0 && {
      reactions: message.reactions.map(({ emoji, accounts }) => ({
        emoji,
        from: accounts.map((account) => toBase64Url(account)),
      })),
    }),
    ...(body &&
      body.attachments.length > 0 && {
        attachments: body.attachments.map(({ part }) => ({
          name: part.filename,
          type: part.contentType,
          size: part.size,
          sha256OfSealed: toBase64Url(part.contentHash),
        })),
      }),
  };
}
