import type { SearchReach } from "@portcullis/client";
import { CliError } from "../../errors.ts";
import type { ChatCommands } from "../command.ts";
import type { ConversationDesk } from "../conversation-desk.ts";
import { dateOf } from "../describe.ts";

const MOST = 20;

async function search(desk: ConversationDesk, query: string): Promise<void> {
  if (query.trim() === "") throw new CliError("CLI_CHAT_USAGE", { expected: "words" });
  const { client, screen } = desk;
  const { messages, isMore, reach } = await client.search.find(query, { limit: MOST });
  // As in a conversation, the newest stands last.
  for (const { conversationId, sequence } of messages.toReversed())
    await desk.showFound(conversationId, sequence);
  if (messages.length === 0) screen.print("Nothing is found.");
  if (isMore) screen.print(`These are the newest ${MOST}: say more words for others.`);
  screen.print(inWords(reach));
}

function inWords({ isComplete, backToMs, share }: SearchReach): string {
  const back = backToMs === undefined ? "" : `, back to ${dateOf(backToMs)}`;
  if (isComplete) return `Searched: everything on this device${back}.`;
  return `Searched so far: ${Math.floor(share * 100)} % of what is on this device${back}. Ask again in a moment.`;
}

/** Finding again what was said. */
export const searching: ChatCommands = {
  search: {
    usage: "WORDS",
    about: 'find messages on this device by the beginnings of words, or "by a phrase"',
    run: search,
  },
};
