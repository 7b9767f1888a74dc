import { toBase64Url, type AccountId, type ConversationId } from "@portcullis/protocol";
import type { ConversationState } from "../conversation/conversation-state.ts";
import type { ConversationMessage } from "../messages/conversation-message.ts";
import type { MessageRoom } from "../messages/message-room.ts";
import { exportHtml } from "./export-html.ts";
import { exportJson } from "./export-json.ts";
import { exportText } from "./export-text.ts";

/** `text`: the form in which phone messengers export a chat. */
export type ExportFormat = "json" | "html" | "text";

export interface ExportTerms {
  readonly format: ExportFormat;
  /** What an account is called in it; its handle, or the beginning of its id, when not said. */
  readonly nameOf?: (accountId: AccountId) => string | undefined;
  /** Messages that expire are left out unless this is said: a copy outlives them. */
  readonly withExpiring?: boolean;
}

/** What an export is made of. */
export interface Exported {
  readonly conversation: ConversationState;
  readonly title: string;
  readonly exportedAtMs: number;
  readonly messages: AsyncIterable<ConversationMessage>;
  /** Whether what expires was left out. */
  readonly isWithoutExpiring: boolean;
  readonly nameOf: (accountId: AccountId) => string;
}

/** Read at a time. */
const PAGE = 256;
const FORMATS = { json: exportJson, html: exportHtml, text: exportText };

/**
 * One conversation as a text, in pieces and in constant memory, oldest message first: what this device has of it. Attachments are named
 * and not in it.
 */
export function exportConversation(
  source: {
    readonly conversation: ConversationState;
    readonly messages: MessageRoom;
    readonly nowMs: number;
  },
  { format, nameOf, withExpiring = false }: ExportTerms,
): AsyncGenerator<string, void, undefined> {
  const { conversation, messages, nowMs } = source;
  const handles = new Map(
    conversation.members.map(({ accountId, handle }) => [toBase64Url(accountId), handle] as const),
  );
  const called = (accountId: AccountId): string => {
    const id = toBase64Url(accountId);
    return nameOf?.(accountId) ?? handles.get(id) ?? `account ${id.slice(0, 8)}`;
  };
  return FORMATS[format]({
    conversation,
    title: conversation.name === "" ? "Conversation" : conversation.name,
    exportedAtMs: nowMs,
    messages: allOf(messages, conversation, withExpiring),
    isWithoutExpiring: !withExpiring,
    nameOf: called,
  });
}

/** Every message up to this place, page by page. */
export async function* allOf(
  room: MessageRoom,
  { conversationId, sequence }: { readonly conversationId: ConversationId; readonly sequence: number },
  withExpiring: boolean,
): AsyncGenerator<ConversationMessage, void, undefined> {
  for (let after = 0; after < sequence; after += PAGE) {
    const page = await room.history(conversationId, { limit: PAGE, beforeSequence: after + PAGE + 1 });
    for (const message of page)
      if (message.sequence > after && (withExpiring || message.expiresAtMs === undefined)) yield message;
  }
}
