import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { CliError } from "../../errors.ts";
import { firstNumber, type ChatCommands } from "../command.ts";
import type { ConversationDesk } from "../conversation-desk.ts";
import { plainText } from "../plain-text.ts";

const SHOWN = 20;

async function importChat({ client, screen }: ConversationDesk, path: string): Promise<void> {
  if (path === "") throw new CliError("CLI_CHAT_USAGE", { expected: "a file" });
  const title = basename(path).replace(/\.txt$/i, "");
  const { messages, people } = await client.imports.add(await readText(path), { title });
  const said = messages === 1 ? "1 message" : `${messages} messages`;
  const by = people.length === 1 ? "1 person" : `${people.length} people`;
  screen.print(`Imported: ${said} by ${by}, on this device alone, each marked as imported.`);
  screen.print("Nothing proves who said what. /imported lists what was imported, /search finds it.");
}

async function readText(path: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
    throw new CliError("CLI_CHAT_FILE", { path, reason: error.code });
  }
}

async function showImported(desk: ConversationDesk, rest: string): Promise<void> {
  const { client, screen } = desk;
  const chats = client.imports.list();
  if (rest === "") {
    if (chats.length === 0) screen.print("Nothing was imported; /import FILE does it.");
    for (const [i, { title, messages }] of chats.entries())
      screen.print(`${i + 1}. [Imported] ${plainText(title)} (${messages} messages)`);
    return;
  }
  const [number] = firstNumber(rest);
  const chat = chats[number - 1];
  if (chat === undefined) throw new CliError("CLI_CHAT_CONVERSATION", { number });
  const newest = await client.messages.history(chat.conversationId, { limit: SHOWN });
  for (const { conversationId, sequence } of newest) await desk.showFound(conversationId, sequence);
}

/** Chats that were said elsewhere. */
export const importing: ChatCommands = {
  import: {
    usage: "FILE",
    about: "read in a chat that a phone messenger has exported, onto this device alone",
    run: importChat,
  },
  imported: {
    usage: "[N]",
    about: "what was imported, or the end of imported chat N",
    run: showImported,
  },
};
