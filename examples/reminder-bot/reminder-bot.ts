import { readFileSync } from "node:fs";
import type { ConversationMessage, PortcullisClient } from "@portcullis/client";
import { asConversationId, equalBytes, fromBase64Url, toBase64Url, type Clock } from "@portcullis/protocol";

const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const LONGEST_MS = 30 * 86_400_000;
/** Reminders of one person that may wait. */
const MOST_WAITING = 20;
/** However far the next reminder is, the clock is looked at so often. */
const LONGEST_SLEEP_MS = 30_000;
const HELP = "I remind: /remind 10m call Houston (s, m, h, d; at most 30 days)";
const REMINDER = "⏰ ";

interface Reminder {
  readonly conversation: string;
  /** The message that asked for it. */
  readonly sequence: number;
  readonly atMs: number;
  readonly text: string;
  readonly by: string;
}

/** What the bot must not forget: how far it has read, and what it has promised. */
interface Memory {
  readonly places: Readonly<Record<string, number>>;
  readonly reminders: readonly Reminder[];
}

export interface BotOptions {
  readonly client: PortcullisClient;
  /** Undefined at the first start. */
  readonly memory: string | undefined;
  /** Durable when it returns. */
  readonly remember: (memory: string) => void;
  readonly clock: Clock;
}

/**
 * A member that reminds people. It answers a message once, and reminds once, whenever it is stopped: each answer names the
 * message that it answers, so that the conversation itself says what was done, and the memory is written after it.
 */
export class ReminderBot {
  readonly #options: BotOptions;
  #memory: Memory;
  #turn: Promise<void> = Promise.resolve();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  constructor(options: BotOptions) {
    this.#options = options;
    this.#memory =
      options.memory === undefined ? { places: {}, reminders: [] } : (JSON.parse(options.memory) as Memory);
  }

  /** The client is connected. Resolves when everything that was said meanwhile is answered. */
  async start(): Promise<void> {
    const { client } = this.#options;
    // What was on its way before it was stopped is in the conversations then.
    await client.idle();
    client.on("message", ({ conversationId }) => this.#soon(() => this.#read(toBase64Url(conversationId))));
    client.on("conversation", ({ conversationId }) =>
      this.#soon(() => this.#read(toBase64Url(conversationId))),
    );
    for (const { conversationId } of client.conversations())
      this.#soon(() => this.#read(toBase64Url(conversationId)));
    await this.look();
  }

  /** Gives the reminders whose time has come. Resolves when nothing is left to do now. */
  async look(): Promise<void> {
    this.#soon(() => this.#remind());
    await this.#turn;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#turn;
  }

  /** One thing after the other. A conversation that has ended meanwhile holds up no other. */
  #soon(task: () => Promise<void>): void {
    this.#turn = this.#turn.then(task).catch((error: unknown) => {
      console.error(error);
    });
  }

  async #read(conversation: string): Promise<void> {
    if (this.#stopped) return;
    const { client } = this.#options;
    const id = asConversationId(fromBase64Url(conversation));
    const place = this.#memory.places[conversation] ?? 0;
    const messages = await client.messages.since(id, place);
    for (const message of messages) {
      const reminder = await this.#answer(message, messages);
      const reminders = reminder ? [...this.#memory.reminders, reminder] : this.#memory.reminders;
      this.#keep({ places: { ...this.#memory.places, [conversation]: message.sequence }, reminders });
    }
    this.#sleep();
  }

  /** What it promises by its answer, if anything. */
  async #answer(
    message: ConversationMessage,
    all: readonly ConversationMessage[],
  ): Promise<Reminder | undefined> {
    const { client, clock } = this.#options;
    const { conversationId, sequence, senderAccountId, text } = message;
    const isOwn = equalBytes(senderAccountId, client.accountId);
    const asked = /^\/remind\b\s*(?:(\d{1,6})([smhd])\s+(\S[^]*))?$/.exec(text ?? "");
    if (isOwn || asked === null) return undefined;
    const [, count, unit = "", what] = asked;
    const by = toBase64Url(senderAccountId);
    const waitMs = Number(count) * (UNITS[unit] ?? NaN);
    const waiting = this.#memory.reminders.filter((one) => one.by === by).length;
    const isKnown = what !== undefined && waitMs > 0 && waitMs <= LONGEST_MS;
    const answer = !isKnown
      ? HELP
      : waiting >= MOST_WAITING
        ? "You have me remember enough."
        : "I will remind you.";
    if (!this.#hasSaid(message, all, (said) => !said.startsWith(REMINDER)))
      await client.messages.send(conversationId, { text: answer, inReplyTo: sequence });
    if (!isKnown || waiting >= MOST_WAITING) return undefined;
    const atMs = Math.max(message.acceptedAtMs, clock.now() - LONGEST_MS) + waitMs;
    return { conversation: toBase64Url(conversationId), sequence, atMs, text: what.trim().slice(0, 500), by };
  }

  async #remind(): Promise<void> {
    const { client, clock } = this.#options;
    for (const reminder of this.#memory.reminders.filter(({ atMs }) => atMs <= clock.now())) {
      if (this.#stopped) return;
      const { conversation, sequence, text } = reminder;
      const id = asConversationId(fromBase64Url(conversation));
      const [asked, ...later] = await client.messages.since(id, sequence - 1);
      const isStanding = asked?.sequence === sequence && asked.body !== undefined;
      if (isStanding && !this.#hasSaid(asked, later, (said) => said.startsWith(REMINDER)))
        await client.messages
          .send(id, { text: REMINDER + text, inReplyTo: sequence })
          // A conversation that has ended is reminded of nothing.
          .catch(() => undefined);
      const reminders = this.#memory.reminders.filter((one) => one !== reminder);
      this.#keep({ ...this.#memory, reminders });
    }
    this.#sleep();
  }

  /** Whether it has answered this message so before, perhaps just before it was stopped. */
  #hasSaid(
    { contentId }: ConversationMessage,
    messages: readonly ConversationMessage[],
    is: (text: string) => boolean,
  ): boolean {
    const own = this.#options.client.accountId;
    return messages.some(
      ({ senderAccountId, inReplyTo, text }) =>
        equalBytes(senderAccountId, own) && inReplyTo && equalBytes(inReplyTo, contentId) && is(text ?? ""),
    );
  }

  /** A bot that cannot remember stops: the next one finds out from the conversation what was done. */
  #keep(memory: Memory): void {
    try {
      this.#options.remember(JSON.stringify(memory));
    } catch (error) {
      this.#stopped = true;
      throw error;
    }
    this.#memory = memory;
  }

  #sleep(): void {
    clearTimeout(this.#timer);
    if (this.#stopped || this.#memory.reminders.length === 0) return;
    const next = Math.min(...this.#memory.reminders.map(({ atMs }) => atMs));
    const waitMs = Math.min(LONGEST_SLEEP_MS, Math.max(0, next - this.#options.clock.now()));
    this.#timer = setTimeout(() => void this.look(), waitMs);
  }
}

/** The memory in a file; undefined when there is none yet. */
export function memoryIn(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
