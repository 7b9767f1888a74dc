import {
  asAccountId,
  compareBytes,
  equalBytes,
  fromBase64Url,
  PortcullisError,
  toBase64Url,
  type AccountId,
  type ConversationId,
} from "@portcullis/protocol";
import type { Preference } from "@portcullis/protocol/content";
import { sendAct } from "../conversation/content.ts";
import type { Conversation } from "../conversation/conversation.ts";
import type { Host } from "../host.ts";
import type { ReceivedMessage } from "../messages/placement.ts";
import type { StoreChange } from "../store.ts";
import { isOwnConversation } from "./own-conversation.ts";
import { decodeKeptPreferences, encodeKeptPreferences, isLater } from "./preference-record.ts";

/** Under this name the store has all of them. */
const FACT = "preferences";
const SET = "1";
const ALWAYS = "always";
const MOST_AT_ONCE = 64;

/** What a person has set about one conversation. */
export interface ConversationPreferences {
  /** Nothing there is to be told aloud until then; `Infinity` for always. Undefined when it is not muted now. */
  readonly mutedUntilMs: number | undefined;
  readonly isArchived: boolean;
  /** It stands first in the list. */
  readonly isPinned: boolean;
}

/**
 * What a person has set about conversations and accounts, the same on all devices of the account. Each change counts here
 * at once, and goes to the other devices through a sealed conversation of their own; of two changes of the same thing the one
 * counts that the server ordered later, everywhere.
 */
export class Preferences {
  readonly #host: Host;
  readonly #create: () => Promise<Conversation>;
  readonly #kept: Map<string, Preference>;
  /** What is on its way, so that it is not sent twice. */
  readonly #sent = new Map<string, string | undefined>();
  /** Who is in each of the account's own conversations, by id as text. */
  readonly #members = new Map<string, ReadonlySet<string>>();
  #isCreating = false;

  /** `create`: begins the conversation of the account's own devices. */
  constructor(host: Host, facts: ReadonlyMap<string, Uint8Array>, create: () => Promise<Conversation>) {
    this.#host = host;
    this.#create = create;
    const stored = facts.get(FACT);
    const kept = stored ? decodeKeptPreferences(stored) : [];
    this.#kept = new Map(kept.map((one) => [one.name, one]));
    host.events.on("epoch", ({ conversationId }) => this.#epochBegan(conversationId));
  }

  of(conversationId: ConversationId): ConversationPreferences {
    const key = toBase64Url(conversationId);
    const muted = this.#value(`mute/${key}`);
    const mutedUntilMs = muted === ALWAYS ? Infinity : Number(muted ?? 0);
    return {
      mutedUntilMs: mutedUntilMs > this.#host.clock.now() ? mutedUntilMs : undefined,
      isArchived: this.#value(`archive/${key}`) !== undefined,
      isPinned: this.#value(`pin/${key}`) !== undefined,
    };
  }

  isBlocked(accountId: AccountId): boolean {
    return this.#value(`block/${toBase64Url(accountId)}`) !== undefined;
  }

  blocked(): AccountId[] {
    const names = [...this.#kept].flatMap(([name, { value }]) => (value === undefined ? [] : [name]));
    return names
      .filter((name) => name.startsWith("block/"))
      .map((name) => asAccountId(fromBase64Url(name.slice(6))));
  }

  /** Until a time, for always, or no more when undefined. Durable on this device when it resolves, as are the others. */
  mute(conversationId: ConversationId, until: number | "always" | undefined): Promise<void> {
    return this.#set(`mute/${toBase64Url(conversationId)}`, until === undefined ? undefined : String(until));
  }

  archive(conversationId: ConversationId, isArchived = true): Promise<void> {
    return this.#set(`archive/${toBase64Url(conversationId)}`, isArchived ? SET : undefined);
  }

  pin(conversationId: ConversationId, isPinned = true): Promise<void> {
    return this.#set(`pin/${toBase64Url(conversationId)}`, isPinned ? SET : undefined);
  }

  /**
   * What this account says is shown folded and told of no more, it is told nothing of receipts and typing, and between the
   * two of them alone nothing is said. It is not told that it is blocked; in groups it goes on reading what others say.
   */
  block(accountId: AccountId, isBlocked = true): Promise<void> {
    return this.#set(`block/${toBase64Url(accountId)}`, isBlocked ? SET : undefined);
  }

  /** The one other account of a conversation of two, if it is blocked. */
  blockedIn({ epoch }: Conversation): AccountId | undefined {
    const own = this.#host.account.accountId;
    const accounts = (epoch?.group.members ?? []).map(({ accountId }) => accountId);
    const others = new Map(
      accounts.flatMap((one) => (equalBytes(one, own) ? [] : [[toBase64Url(one), one] as const])),
    );
    const [other] = [...others.values()];
    return others.size === 1 && other !== undefined && this.isBlocked(other) ? other : undefined;
  }

  /** What one of the account's devices has said, in the order of the server or from the past: what to write. */
  take(message: Omit<ReceivedMessage, "applicationData">, said: readonly Preference[]): StoreChange[] {
    const { acceptedAtMs, conversationId, sequence, senderAccountId, senderDeviceId } = message;
    const { account } = this.#host;
    if (!equalBytes(senderAccountId, account.accountId)) return [];
    const here = { acceptedAtMs, conversationId, sequence };
    const isOwn = equalBytes(senderDeviceId, account.deviceId);
    let isChanged = false;
    for (const { name, value, place = here } of said) {
      const kept = this.#kept.get(name);
      const isOrdered =
        kept?.place === undefined ? isOwn && kept?.value === value : isLater(place, kept.place);
      if (kept !== undefined && !isOrdered) continue;
      this.#kept.set(name, { name, value, place });
      this.#sent.delete(name);
      isChanged = true;
    }
    return isChanged ? [this.#change()] : [];
  }

  /** Frames flow: what was set meanwhile is told. */
  connected(): void {
    for (const conversation of this.#conversations()) {
      const key = toBase64Url(conversation.id);
      if (!this.#members.has(key)) this.#members.set(key, devicesOf(conversation));
    }
    this.#spread();
  }

  #value(name: string): string | undefined {
    return this.#kept.get(name)?.value;
  }

  async #set(name: string, value: string | undefined): Promise<void> {
    if (this.#value(name) === value) return;
    this.#kept.set(name, { name, value });
    await this.#host.write([this.#change()]);
    this.#host.events.emit("preferences", {});
    this.#spread();
  }

  #change(): StoreChange {
    return { put: "fact", name: FACT, value: encodeKeptPreferences([...this.#kept.values()]) };
  }

  /** What is not ordered yet is said to the other devices, and again with the next connection if that fails. */
  #spread(): void {
    const waiting = this.#waiting();
    if (waiting.length === 0) return;
    const conversation = this.#conversation();
    if (conversation !== undefined) this.#send(conversation, waiting);
    else if (this.#host.ready && !this.#isCreating) this.#begin();
  }

  #begin(): void {
    this.#isCreating = true;
    this.#create()
      .then(() => this.#spread())
      .catch((error: unknown) => {
        if (!(error instanceof PortcullisError)) this.#host.stop(error);
      })
      .finally(() => (this.#isCreating = false));
  }

  #waiting(): Preference[] {
    return [...this.#kept.values()].filter(
      ({ name, value, place }) =>
        place === undefined && !(this.#sent.has(name) && this.#sent.get(name) === value),
    );
  }

  #send(conversation: Conversation, waiting: readonly Preference[]): void {
    for (let from = 0; from < waiting.length; from += MOST_AT_ONCE) {
      const preferences = waiting.slice(from, from + MOST_AT_ONCE);
      const fresh = preferences.filter(({ place }) => place === undefined);
      for (const { name, value } of fresh) this.#sent.set(name, value);
      sendAct(this.#host, conversation, { kind: "preferences", preferences }).catch(() => {
        for (const { name } of fresh) this.#sent.delete(name);
      });
    }
  }

  /** A device that has come in was told nothing of what was said before: the first of the others says it again. */
  #epochBegan(conversationId: ConversationId): void {
    const key = toBase64Url(conversationId);
    const conversation = this.#host.conversations.get(key);
    const { account } = this.#host;
    if (conversation?.epoch === undefined || !isOwnConversation(conversation, account.accountId)) return;
    const before = this.#members.get(key);
    const now = devicesOf(conversation);
    this.#members.set(key, now);
    if (before === undefined || [...now].every((device) => before.has(device))) return;
    const first = [...now].find((device) => before.has(device));
    if (first !== toBase64Url(account.deviceId)) return;
    const ordered = [...this.#kept.values()].filter(({ place }) => place !== undefined);
    if (conversation.record?.condition === "open") this.#send(conversation, ordered);
  }

  /** Those of the account's own devices; one, or more when several have begun one. */
  #conversations(): Conversation[] {
    const { accountId } = this.#host.account;
    return [...this.#host.conversations.values()].filter(
      (one) => one.record?.condition === "open" && isOwnConversation(one, accountId),
    );
  }

  #conversation(): Conversation | undefined {
    return this.#conversations().toSorted((a, b) => compareBytes(a.id, b.id))[0];
  }
}

/** In the order of the tree. */
function devicesOf({ epoch }: Conversation): ReadonlySet<string> {
  const members = (epoch?.group.members ?? []).toSorted((a, b) => a.leafIndex - b.leafIndex);
  return new Set(members.map(({ deviceId }) => toBase64Url(deviceId)));
}
