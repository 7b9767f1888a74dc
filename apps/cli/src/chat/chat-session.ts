import type { PortcullisClient } from "@portcullis/client";
import { CliError } from "../errors.ts";
import { firstWord, type ChatCommands } from "./command.ts";
import { accountCommands } from "./commands/account.ts";
import { conversations } from "./commands/conversations.ts";
import { importing } from "./commands/imports.ts";
import { preferring } from "./commands/preferences.ts";
import { searching } from "./commands/search.ts";
import { say, talking } from "./commands/talking.ts";
import { ConversationDesk } from "./conversation-desk.ts";
import { errorLine } from "./describe.ts";
import { tellEvents } from "./events.ts";
import type { Screen } from "./screen.ts";

/** One person at one account: a line is something to say, or a command. */
export class ChatSession {
  readonly #desk: ConversationDesk;
  readonly #commands: ChatCommands = {
    ...conversations,
    ...talking,
    ...searching,
    ...importing,
    ...preferring,
    ...accountCommands(),
  };

  constructor(client: PortcullisClient, screen: Screen) {
    this.#desk = new ConversationDesk(client, screen);
    tellEvents(this.#desk, (error) => this.#complain(error));
  }

  /** Resolves when everything that was said before has been sent, or the server is not there to take it. */
  settled(): Promise<void> {
    return this.#desk.settled();
  }

  /** Resolves when it is done: true unless the person has said /quit. */
  async take(line: string): Promise<boolean> {
    if (line.trim() === "/quit") return false;
    try {
      await this.#run(line);
    } catch (error) {
      this.#complain(error);
    }
    return true;
  }

  async #run(line: string): Promise<void> {
    if (line.trim() === "") return;
    if (!line.startsWith("/")) return say(this.#desk, { text: line });
    // Two of them: a line that begins with one.
    if (line.startsWith("//")) return say(this.#desk, { text: line.slice(1) });
    const [name, rest] = firstWord(line.slice(1));
    if (name === "help") return this.#help();
    if (!Object.hasOwn(this.#commands, name)) throw new CliError("CLI_CHAT_COMMAND", { command: `/${name}` });
    await this.#commands[name]?.run(this.#desk, rest.trimEnd());
  }

  #help(): void {
    const { screen } = this.#desk;
    for (const [name, { usage, about }] of Object.entries(this.#commands))
      screen.print(`  ${`/${name} ${usage}`.padEnd(42)} ${about}`);
    screen.print("  /quit");
    screen.print(
      "Anything else is sent to the conversation that is open; a line that begins with //, with one /.",
    );
  }

  #complain(error: unknown): void {
    this.#desk.screen.print(errorLine(error));
  }
}
