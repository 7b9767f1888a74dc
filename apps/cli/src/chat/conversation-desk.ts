import type { ConversationState, PortcullisClient } from "@portcullis/client";
import { equalBytes, toBase64Url, type ConversationId } from "@portcullis/protocol";
import { CliError } from "../errors.ts";
import { banner, classWord, conversationLine, errorLine, messageLine, titleOf } from "./describe.ts";
import { plainText } from "./plain-text.ts";
import { People } from "./people.ts";
import type { Screen } from "./screen.ts";

const PAGE = 20;

/** What commands work on: the account, the screen, and the conversation that is open. */
export class ConversationDesk {
  readonly client: PortcullisClient;
  readonly screen: Screen;
  readonly people: People;
  #open: ConversationId | undefined;
  /** The oldest message that is shown. */
  #oldest: number | undefined;
  /** A conversation keeps its number while the program runs. */
  readonly #numbers: string[] = [];

  /** What was said and is not accepted yet. */
  readonly #underWay = new Set<Promise<void>>();

  constructor(client: PortcullisClient, screen: Screen) {
    this.client = client;
    this.screen = screen;
    this.people = new People(client);
    this.showPrompt();
  }

  /** @throws CliError CLI_CHAT_CLOSED */
  get id(): ConversationId {
    if (this.#open === undefined) throw new CliError("CLI_CHAT_CLOSED");
    return this.#open;
  }

  /** Waits for the server while it is there; what is done without it is told when it is done. */
  async during(task: Promise<void>): Promise<void> {
    const done = task.catch((error: unknown) => this.screen.print(errorLine(error)));
    this.#underWay.add(done);
    void done.finally(() => this.#underWay.delete(done));
    if (this.client.isConnected) return done;
    this.screen.print("The server is not there: it is sent as soon as it is.");
  }

  async settled(): Promise<void> {
    if (this.client.isConnected) await Promise.all(this.#underWay);
  }

  /** By its number in the list. @throws CliError CLI_CHAT_CONVERSATION */
  numbered(number: number): ConversationState {
    const found = this.#listed().find((state) => this.numberOf(state.conversationId) === number);
    if (found === undefined) throw new CliError("CLI_CHAT_CONVERSATION", { number });
    return found;
  }

  numberOf(id: ConversationId): number {
    const key = toBase64Url(id);
    if (!this.#numbers.includes(key)) this.#numbers.push(key);
    return this.#numbers.indexOf(key) + 1;
  }

  async showList(): Promise<void> {
    const states = this.#listed();
    if (states.length === 0) this.screen.print("No conversations yet; /new sealed HANDLE begins one.");
    // Those that were put first stand first, archived ones last.
    const rankOf = ({ conversationId }: ConversationState): number => {
      const { isArchived, isPinned } = this.client.preferences.of(conversationId);
      return isArchived ? 2 : isPinned ? 0 : 1;
    };
    for (const state of states.toSorted((a, b) => rankOf(a) - rankOf(b)))
      this.screen.print(await conversationLine(this.numberOf(state.conversationId), state, this));
  }

  /** Nobody comes into a conversation past its banner. */
  async open(id: ConversationId): Promise<void> {
    const state = this.client.state(id);
    const lines = banner(state, this.client);
    this.#open = id;
    this.#oldest = undefined;
    this.showPrompt();
    for (const line of lines) this.screen.print(line);
    await this.showOlder();
    const draft = this.client.messages.drafts.get(id);
    if (draft) this.screen.print(`Draft (/send sends it): ${draft.text}`);
    const [newest] = await this.client.messages.history(id, { limit: 1 });
    if (newest) await this.client.messages.markRead(id, newest.sequence);
  }

  async showOlder(): Promise<void> {
    const range = { limit: PAGE, ...(this.#oldest !== undefined && { beforeSequence: this.#oldest }) };
    const messages = await this.client.messages.history(this.id, range);
    if (messages.length === 0) this.screen.print("Nothing older is here.");
    for (const message of messages) this.screen.print(await messageLine(message, this));
    this.#oldest = messages[0]?.sequence ?? this.#oldest;
  }

  /** As it stands now. */
  async showMessage(id: ConversationId, sequence: number): Promise<void> {
    const line = await messageLine(await this.client.messages.get(id, sequence), this);
    this.screen.print(this.isOpen(id) ? line : `[${this.titleOf(id)}] ${line}`);
  }

  /** With the conversation in which it stands. */
  async showFound(id: ConversationId, sequence: number): Promise<void> {
    const line = await messageLine(await this.client.messages.get(id, sequence), this);
    const imported = this.client.imports.get(id);
    const where = imported
      ? `imported: ${plainText(imported.title)}`
      : `${this.numberOf(id)}. ${this.titleOf(id)}`;
    this.screen.print(`[${where}] ${line}`);
  }

  isOpen(id: ConversationId): boolean {
    return this.#open !== undefined && equalBytes(this.#open, id);
  }

  titleOf(id: ConversationId): string {
    return titleOf(this.client.state(id), this.people, this.client);
  }

  showPrompt(): void {
    const state = this.#open && this.client.state(this.#open);
    this.screen.setPrompt(
      state ? `[${classWord(state)}] ${titleOf(state, this.people, this.client)}> ` : "portcullis> ",
    );
  }

  #listed(): ConversationState[] {
    const states = this.client.conversations();
    for (const { conversationId } of states) this.numberOf(conversationId);
    return states.toSorted((a, b) => this.numberOf(a.conversationId) - this.numberOf(b.conversationId));
  }
}
