import { frankingTag } from "@portcullis/access";
import {
  accountUri,
  asConversationId,
  conversationUri,
  equalBytes,
  toBase64Url,
  type AccountId,
  type Clock,
  type ConversationClass,
  type ConversationId,
  type DeviceId,
  type Random,
} from "@portcullis/protocol";
import { encodeMimiContent, textMessage } from "@portcullis/protocol/content";
import { decodeAccountRecord } from "./account-record.ts";
import { messageOf, type ConversationMessage } from "./conversation-message.ts";
import type { ConversationRecord, Freeze } from "./conversation-record.ts";
import type { Conversation } from "./conversation.ts";
import { registerAccount } from "./create-account.ts";
import { DeviceSession } from "./device-session.ts";
import { ClientError } from "./errors.ts";
import type { ClientEvents, Counters } from "./host.ts";
import { readNotices, type ReadNotice } from "./notices.ts";
import type { Accepted } from "./outbox.ts";
import type { Platform } from "./platform.ts";
import type { TrustConfig } from "./provider.ts";
import { ServerApi } from "./server-api.ts";
import type { ClientStore } from "./store.ts";

const KEY_PACKAGES = 16;
const GATHER_MS = 50;
const OWN_ENTRY_MS = 600_000;

export interface ClientOptions {
  /** http: or https: */
  readonly server: string;
  /** The client's from now on: it is closed with it. */
  readonly store: ClientStore;
  readonly trust: TrustConfig;
  readonly platform: Platform;
  /** For buckets. Default: the system's. */
  readonly clock?: Clock;
  /** For sessions and lifetimes of MLS. Default: the system's. */
  readonly realClock?: Clock;
  readonly random?: Random;
  /** How many KeyPackages to keep at the server. */
  readonly keyPackages?: number;
  /** When messages stream in, one transaction takes those of this time. Milliseconds; 50 by default. */
  readonly gatherMs?: number;
  /** So often the account's own entry in the identity log is looked at. Milliseconds; ten minutes by default. */
  readonly ownEntryMs?: number;
}

export interface AccountOptions extends ClientOptions {
  readonly registrationToken: string;
  readonly handle: string;
}

export interface ConversationMember {
  readonly accountId: AccountId;
  readonly deviceId: DeviceId;
  readonly leafIndex: number;
  /** When this client has looked the account up by it. */
  readonly handle: string | undefined;
}

/** What a person should see of a conversation. */
export interface ConversationState {
  readonly conversationId: ConversationId;
  /** From signed group state; never changes. */
  readonly class: ConversationClass;
  readonly condition: ConversationRecord["condition"];
  readonly epoch: number;
  /** Everything up to here is durable on this device. */
  readonly sequence: number;
  readonly members: readonly ConversationMember[];
  readonly freeze: Freeze | undefined;
}

/**
 * Makes an account with this as its first device, registered at the server; not connected yet. After a crash in the
 * middle, the same call goes on with the same account.
 * @throws ClientError CLIENT_ACCOUNT_EXISTS, CLIENT_HANDLE_TAKEN, CLIENT_SERVER_REFUSED, CLIENT_SERVER_UNREACHABLE
 */
export async function createAccount(options: AccountOptions): Promise<PortcullisClient> {
  const { store, random = systemRandom, registrationToken, handle } = options;
  await registerAccount({ api: apiOf(options), store, random, registrationToken, handle });
  return PortcullisClient.open(options);
}

/** One device of one account. Everything it shows was verified; what it says was sent is durable at the server. */
export class PortcullisClient {
  readonly #session: DeviceSession;
  readonly #api: ServerApi;
  readonly #store: ClientStore;
  readonly #handles = new Map<string, string>();

  private constructor(session: DeviceSession, api: ServerApi, store: ClientStore) {
    this.#session = session;
    this.#api = api;
    this.#store = store;
    this.#handles.set(toBase64Url(session.account.accountId), session.account.handle);
  }

  /** From what the store holds; asks nobody. @throws ClientError CLIENT_ACCOUNT_MISSING */
  static async open(options: ClientOptions): Promise<PortcullisClient> {
    const { store, trust, platform, clock = systemClock, realClock = systemClock } = options;
    const state = await store.load();
    const account = state.account && decodeAccountRecord(state.account);
    if (account?.registered !== true) throw new ClientError("CLIENT_ACCOUNT_MISSING");
    const { random = systemRandom, keyPackages = KEY_PACKAGES, gatherMs = GATHER_MS } = options;
    const { ownEntryMs = OWN_ENTRY_MS } = options;
    const api = apiOf(options);
    const session = new DeviceSession(
      { api, store, trust, platform, clock, realClock, random, keyPackages, gatherMs, ownEntryMs },
      account,
      state,
    );
    return new PortcullisClient(session, api, store);
  }

  get accountId(): AccountId {
    return this.#session.account.accountId;
  }

  get deviceId(): DeviceId {
    return this.#session.account.deviceId;
  }

  get handle(): string {
    return this.#session.account.handle;
  }

  /**
   * Verifies the provider and opens the stream, which is opened again whenever it breaks. Resolves when it is there for
   * the first time and KeyPackages lie at the server.
   * @throws ClientError CLIENT_TRUST, CLIENT_CLOSED
   */
  async connect(): Promise<void> {
    await this.#session.connect();
    await this.#session.supplied();
  }

  /** Returns what takes the listener away again. */
  on<Name extends keyof ClientEvents>(name: Name, listener: (event: ClientEvents[Name]) => void): () => void {
    return this.#session.events.on(name, listener);
  }

  async findAccount(handle: string): Promise<AccountId | undefined> {
    const accountId = await this.#api.accountByHandle(handle);
    if (accountId !== undefined) this.#handles.set(toBase64Url(accountId), handle);
    return accountId;
  }

  /**
   * Starts a conversation with this device and all devices of `members`. Its class never changes.
   * @throws ClientError CLIENT_MEMBER_NO_DEVICE, CLIENT_DEVICE_UNKNOWN, CLIENT_TRUST, CLIENT_SERVER_…
   */
  async createConversation(request: {
    readonly class: ConversationClass;
    readonly members: readonly AccountId[];
  }): Promise<ConversationId> {
    const others = request.members.filter((accountId) => !equalBytes(accountId, this.accountId));
    const add = await this.#session.claim(others);
    const conversation = this.#session.conversation(asConversationId(this.#session.random(32)));
    await conversation.create(request.class, add);
    conversation.connected();
    await conversation.watchers.until(() => conversation.record?.condition === "open");
    return conversation.id;
  }

  /** Resolves when the accounts' devices are members. */
  async addMembers(conversationId: ConversationId, accounts: readonly AccountId[]): Promise<void> {
    const conversation = this.#open(conversationId);
    await conversation.outbox.add({ kind: "commit", add: await this.#session.claim(accounts), remove: [] });
  }

  /** Resolves when none of the accounts' devices is a member any more. */
  async removeMembers(conversationId: ConversationId, accounts: readonly AccountId[]): Promise<void> {
    await this.#open(conversationId).outbox.add({ kind: "commit", add: [], remove: accounts });
  }

  /**
   * Resolves when the server has accepted the message; until then it is kept and sent again, over crashes too.
   * @throws ClientError CLIENT_CONVERSATION_…, CLIENT_SERVER_REFUSED, CLIENT_CLOSED
   */
  async send(conversationId: ConversationId, message: { readonly text: string }): Promise<Accepted> {
    const conversation = this.#open(conversationId);
    const { account, random } = this.#session;
    const content = textMessage({
      salt: random(16),
      text: message.text,
      senderUri: accountUri(account.provider, account.accountId),
      roomUri: conversationUri(account.provider, conversationId),
    });
    const applicationData = encodeMimiContent(content);
    return conversation.send(applicationData, frankingTag(content.salt, applicationData));
  }

  conversations(): ConversationState[] {
    return [...this.#session.conversations.values()].flatMap((conversation) => {
      const state = this.#stateOf(conversation);
      return state === undefined ? [] : [state];
    });
  }

  /** @throws ClientError CLIENT_CONVERSATION_UNKNOWN */
  state(conversationId: ConversationId): ConversationState {
    const conversation = this.#session.conversations.get(toBase64Url(conversationId));
    const state = conversation && this.#stateOf(conversation);
    if (state === undefined) throw new ClientError("CLIENT_CONVERSATION_UNKNOWN");
    return state;
  }

  /** The newest messages before `beforeSequence`, oldest first. */
  async history(
    conversationId: ConversationId,
    range: { readonly limit?: number; readonly beforeSequence?: number } = {},
  ): Promise<ConversationMessage[]> {
    const { limit = 50, beforeSequence = Number.MAX_SAFE_INTEGER } = range;
    const stored = await this.#store.history(conversationId, { limit, beforeSequence });
    return stored.map((message) => messageOf(message));
  }

  /** Resolves when this device is a member of the conversation. */
  async waitForConversation(conversationId: ConversationId): Promise<void> {
    const conversation = this.#session.conversation(conversationId);
    await conversation.watchers.until(() => conversation.record?.condition === "open");
  }

  /** Resolves when everything up to `sequence` is durable on this device. @throws ClientError CLIENT_CONVERSATION_FROZEN, …_LEFT */
  async caughtUp(conversationId: ConversationId, sequence: number): Promise<void> {
    const conversation = this.#session.conversation(conversationId);
    await conversation.watchers.until(() => conversation.cursor >= sequence);
  }

  /** Resolves when everything that this device sent was ordered and everything that came was taken in. */
  async idle(): Promise<void> {
    const conversations = [...this.#session.conversations.values()];
    await Promise.all(conversations.map((one) => one.watchers.until(() => one.isIdle)));
    await Promise.all(conversations.map((one) => one.drained()));
  }

  /** `idle`, and no secret that is used up is left in any file. */
  async settled(): Promise<void> {
    await this.idle();
    await this.#session.forget();
  }

  /** What the ledger tells this account of orders that named it. @throws ClientError CLIENT_TRUST, LedgerError, AccessError */
  async notices(): Promise<ReadNotice[]> {
    const { account, provider } = this.#session;
    const policy = provider.demandPolicy();
    const published = await this.#api.openings("notices");
    return readNotices(published, { ...account, policyId: policy.id }, policy.witnessPolicy("access"));
  }

  /** How much this client has done since it was opened. */
  counters(): Readonly<Counters> {
    return { ...this.#session.counters };
  }

  /** Ends the connection and closes the store. What is not sent yet goes with the next `open`. */
  close(): Promise<void> {
    return this.#session.close();
  }

  #open(conversationId: ConversationId): Conversation {
    const conversation = this.#session.conversations.get(toBase64Url(conversationId));
    const condition = conversation?.record?.condition;
    if (conversation === undefined || condition === undefined)
      throw new ClientError("CLIENT_CONVERSATION_UNKNOWN");
    if (condition === "frozen") throw new ClientError("CLIENT_CONVERSATION_FROZEN");
    if (condition === "left") throw new ClientError("CLIENT_CONVERSATION_LEFT");
    return conversation;
  }

  #stateOf(conversation: Conversation): ConversationState | undefined {
    const { record, epoch } = conversation;
    if (record === undefined) return undefined;
    const members = epoch?.group.members ?? [];
    return {
      conversationId: conversation.id,
      class: record.class,
      condition: record.condition,
      epoch: record.epoch,
      sequence: conversation.cursor,
      members: members.map(({ accountId, deviceId, leafIndex }) => {
        const handle = this.#handles.get(toBase64Url(accountId));
        return { accountId, deviceId, leafIndex, handle };
      }),
      freeze: record.freeze,
    };
  }
}

const systemClock: Clock = { now: () => Date.now() };

function systemRandom(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length));
}

function apiOf({ server, platform, realClock = systemClock }: ClientOptions): ServerApi {
  return new ServerApi(server, platform.fetch, () => realClock.now());
}
