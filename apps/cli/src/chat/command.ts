import { CliError } from "../errors.ts";
import type { ConversationDesk } from "./conversation-desk.ts";

/** One command of the chat. */
export interface ChatCommand {
  /** As /help shows it: the name, then what it wants. */
  readonly usage: string;
  readonly about: string;
  readonly run: (desk: ConversationDesk, rest: string) => Promise<void>;
}

export type ChatCommands = Readonly<Record<string, ChatCommand>>;

/** The first word, and the rest as it was typed. @throws CliError CLI_CHAT_USAGE */
export function firstWord(text: string): [string, string] {
  const [, word, rest = ""] = /^(\S+)(?:\s([^]*))?$/.exec(text) ?? [];
  if (word === undefined) throw new CliError("CLI_CHAT_USAGE");
  return [word, rest];
}

/** The number of a message or a conversation, and the rest. @throws CliError CLI_CHAT_USAGE */
export function firstNumber(text: string): [number, string] {
  const [word, rest] = firstWord(text);
  const digits = word.replace(/^#/, "");
  if (!/^[0-9]{1,9}$/.test(digits)) throw new CliError("CLI_CHAT_USAGE", { expected: "a number", got: word });
  return [Number(digits), rest];
}

/** @throws CliError CLI_CHAT_USAGE when there is none */
export function words(text: string): string[] {
  const found = text.split(/\s+/).filter((word) => word !== "");
  if (found.length === 0) throw new CliError("CLI_CHAT_USAGE");
  return found;
}
