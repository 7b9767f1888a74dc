import type { ConversationMessage } from "../messages/conversation-message.ts";
import { escapedLine } from "./chat-text.ts";
import type { Exported } from "./export.ts";

/**
 * `[dd/mm/yyyy, hh:mm:ss] Name: text`, times in UTC; further lines of a text stand by themselves. A line of a text that looks like
 * the beginning of a message gets a space in front, and a name has neither colon nor line end.
 */
export async function* exportText({
  messages,
  nameOf,
}: Pick<Exported, "messages" | "nameOf">): AsyncGenerator<string, void, undefined> {
  for await (const message of messages) {
    const name = nameOf(message.senderAccountId)
      .replaceAll(/[:\p{Cc}\p{Zl}\p{Zp}]/gu, " ")
      .trim();
    yield `[${stampOf(message.acceptedAtMs)}] ${name === "" ? "Somebody" : name}: ${textOf(message)}\n`;
  }
}

function textOf({ body }: ConversationMessage): string {
  if (body === undefined) return "This message was deleted";
  const attached = body.attachments.map(({ part }) => `<attached: ${part.filename.replaceAll(/\s/g, " ")}>`);
  const lines = [...(body.text === "" ? [] : body.text.split(/\r\n|[\r\n]/)), ...attached];
  return lines.map((line, i) => (i > 0 ? escapedLine(line) : line)).join("\n");
}

function stampOf(ms: number): string {
  const [date = "", time = ""] = new Date(ms).toISOString().split("T");
  return `${date.split("-").toReversed().join("/")}, ${time.slice(0, 8)}`;
}
