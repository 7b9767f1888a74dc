import {
  equalBytes,
  toBase64Url,
  type AccountId,
  type ConversationId,
  type SignalToDeviceFrame,
} from "@portcullis/protocol";
import type { Conversation } from "../conversation/conversation.ts";
import type { Host } from "../host.ts";
import { openSignal, sealSignal, type Signal } from "./signal.ts";

/** While somebody goes on writing it is said again so often. */
const AGAIN_MS = 4000;
/** Who has not said it again for so long has stopped. */
const LAPSE_MS = 6000;
/** What was said that long ago, by the clock of whoever said it, was held back or is said again by somebody else. */
const FRESH_MS = 60_000;
/** In larger conversations it is not said, as receipts are not. */
const MOST_ACCOUNTS = 32;

/** What typing asks of its device. */
export type TypingHost = Pick<
  Host,
  "account" | "preferences" | "clock" | "random" | "events" | "conversations" | "ready" | "tell" | "later"
>;

interface Writer {
  readonly accountId: AccountId;
  /** Of the latest word about it, so that an older one's lapse does nothing. */
  word: number;
}

/** Who is writing now: said in passing to those who are there, sealed and signed, and kept by nobody. */
export class Typing {
  readonly #host: TypingHost;
  readonly #isTold: () => boolean;
  /** When this device said last that its person writes, by conversation. */
  readonly #told = new Map<string, number>();
  /** Who writes, by conversation, then by account. */
  readonly #writers = new Map<string, Map<string, Writer>>();
  /** The latest time that each device has named, by conversation and device: nothing older counts. */
  readonly #latest = new Map<string, number>();
  #words = 0;

  /** `isTold`: whether this person lets others know. */
  constructor(host: TypingHost, isTold: () => boolean) {
    this.#host = host;
    this.#isTold = isTold;
  }

  /** The person writes there, or has stopped; to be called with every key. */
  tell(conversation: Conversation, isTyping: boolean): void {
    const key = toBase64Url(conversation.id);
    const now = this.#host.clock.now();
    const told = this.#told.get(key);
    const isNews = isTyping ? told === undefined || Math.abs(now - told) >= AGAIN_MS : told !== undefined;
    if (!isNews || !this.#host.ready || !this.#isTold()) return;
    const payload = this.#seal(conversation, { isTyping, sentAtMs: now });
    if (payload === undefined) return;
    if (isTyping) this.#told.set(key, now);
    else this.#told.delete(key);
    this.#host.tell({ type: "signal", conversationId: conversation.id, payload });
  }

  /** Whatever the server says that somebody has said: what cannot be shown to be true is nothing. */
  take({ conversationId, senderAccountId, senderDeviceId, payload }: SignalToDeviceFrame): void {
    const conversation = this.#host.conversations.get(toBase64Url(conversationId));
    const { epoch } = conversation ?? {};
    if (conversation?.record?.condition !== "open" || epoch?.signalKey === undefined) return;
    const { account, preferences } = this.#host;
    if (equalBytes(senderAccountId, account.accountId) || preferences.isBlocked(senderAccountId)) return;
    const member = epoch.group.members.find(
      ({ accountId, deviceId }) =>
        equalBytes(accountId, senderAccountId) && equalBytes(deviceId, senderDeviceId),
    );
    if (member === undefined) return;
    const { accountId, deviceId } = member;
    const setting = { conversationId, epoch: epoch.group.epoch, accountId, deviceId, key: epoch.signalKey };
    const signal = openSignal(payload, setting, member);
    if (
      signal === undefined ||
      !this.#isNew(`${toBase64Url(conversationId)}/${toBase64Url(deviceId)}`, signal.sentAtMs)
    )
      return;
    this.#set(conversationId, accountId, signal.isTyping);
  }

  /** Whoever has said something has written it. */
  heard({
    conversationId,
    senderAccountId,
  }: {
    conversationId: ConversationId;
    senderAccountId: AccountId;
  }): void {
    if (equalBytes(senderAccountId, this.#host.account.accountId))
      this.#told.delete(toBase64Url(conversationId));
    else this.#set(conversationId, senderAccountId, false);
  }

  in(conversationId: ConversationId): AccountId[] {
    return [...(this.#writers.get(toBase64Url(conversationId))?.values() ?? [])].map(
      ({ accountId }) => accountId,
    );
  }

  #seal(conversation: Conversation, signal: Signal): Uint8Array | undefined {
    const { id: conversationId, epoch, record } = conversation;
    const { account, preferences, random } = this.#host;
    if (epoch?.signalKey === undefined || record?.condition !== "open") return undefined;
    if (preferences.blockedIn(conversation) !== undefined) return undefined;
    const accounts = new Set(epoch.group.members.map(({ accountId }) => toBase64Url(accountId)));
    if (accounts.size > MOST_ACCOUNTS) return undefined;
    const { accountId, deviceId, deviceKey } = account;
    const setting = { conversationId, epoch: epoch.group.epoch, accountId, deviceId, key: epoch.signalKey };
    return sealSignal(signal, setting, deviceKey, random);
  }

  #isNew(device: string, sentAtMs: number): boolean {
    const isFresh = Math.abs(this.#host.clock.now() - sentAtMs) <= FRESH_MS;
    if (!isFresh || sentAtMs <= (this.#latest.get(device) ?? -1)) return false;
    this.#latest.set(device, sentAtMs);
    return true;
  }

  #set(conversationId: ConversationId, accountId: AccountId, isTyping: boolean): void {
    const [key, who] = [toBase64Url(conversationId), toBase64Url(accountId)];
    const writers = this.#writers.get(key) ?? new Map<string, Writer>();
    this.#writers.set(key, writers);
    const isKnown = writers.has(who);
    if (isTyping) {
      const word = ++this.#words;
      writers.set(who, { accountId, word });
      this.#host.later(LAPSE_MS, () => {
        if (writers.get(who)?.word === word) this.#set(conversationId, accountId, false);
      });
    } else writers.delete(who);
    if (isTyping !== isKnown) this.#host.events.emit("typing", { conversationId, accountId, isTyping });
  }
}
