import {
  asConversationId,
  equalBytes,
  prepareHandle,
  toBase64Url,
  type AccountId,
  type Clock,
  type ConversationClass,
  type ConversationId,
  type DeviceId,
  type Random,
} from "@portcullis/protocol";
import { textMessage, type Role } from "@portcullis/protocol/content";
import { decodeAccountRecord } from "./account-record.ts";
import { messageOf, type ConversationMessage } from "./conversation-message.ts";
import type { ConversationRecord, Freeze } from "./conversation-record.ts";
import type { Conversation } from "./conversation.ts";
import { registerAccount } from "./create-account.ts";
import { DeviceSession } from "./device-session.ts";
import { ClientError } from "./errors.ts";
import type { ClientEvents, Counters } from "./host.ts";
import { makeInvite, type InviteTerms } from "./invite.ts";
import { readNotices, type ReadNotice } from "./notices.ts";
import type { Accepted } from "./outbox-held.ts";
import { ownDevices, type OwnDevice } from "./own-devices.ts";
import type { Platform } from "./platform.ts";
import { identityPolicyOf, type TrustConfig } from "./provider.ts";
import { makeRecoveryCode, takeAccountBack } from "./recover-account.ts";
import { ServerApi, type Admission } from "./server-api.ts";
import { changeState, renewEpoch } from "./state-changes.ts";
import { changed, firstState, isLower, roleOf, type StateChange } from "./state-rules.ts";
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

/** With the operator's registration token or an invitation (`acceptInvite`). */
export type AccountOptions = ClientOptions & Admission & { readonly handle: string };

export interface ConversationMember {
  readonly accountId: AccountId;
  readonly deviceId: DeviceId;
  readonly leafIndex: number;
  readonly role: Role;
  /** It has said that it leaves, and is removed by whoever comes first. */
  readonly leaving: boolean;
  /** When this client has looked the account up by it. */
  readonly handle: string | undefined;
}

/** What a person should see of a conversation. */
export interface ConversationState {
  readonly conversationId: ConversationId;
  /** From signed group state; never changes. */
  readonly class: ConversationClass;
  readonly condition: ConversationRecord["condition"];
  readonly name: string;
  /** An image, as a member set it: not trusted. */
  readonly picture: Uint8Array | undefined;
  readonly epoch: number;
  /** Everything up to here is durable on this device. */
  readonly sequence: number;
  readonly members: readonly ConversationMember[];
  readonly freeze: Freeze | undefined;
}

/**
 * Makes an account with this as its first device, registered at the server; not connected yet. After a crash in the
 * middle, the same call goes on with the same account.
 * @throws ProtocolError HANDLE_*; ClientError CLIENT_ACCOUNT_EXISTS, CLIENT_HANDLE_TAKEN, CLIENT_HANDLE_CONFUSABLE,
 * CLIENT_SERVER_REFUSED, CLIENT_SERVER_UNREACHABLE
 */
export async function createAccount(options: AccountOptions): Promise<PortcullisClient> {
  const { store, random = systemRandom, handle } = options;
  await registerAccount({ api: apiOf(options), store, random, admission: options, handle });
  return PortcullisClient.open(options);
}

/** An account to come back to: without any of its devices, with its recovery code. */
export type RecoveryOptions = ClientOptions & { readonly handle: string; readonly code: string };

/**
 * Makes this the account's only device, in place of those that were lost; not connected yet. After a crash in the middle,
 * the same call goes on with the same device.
 * @throws ProtocolError HANDLE_*; ClientError CLIENT_RECOVERY_CODE, CLIENT_RECOVERY_BLOB, CLIENT_ACCOUNT_UNKNOWN,
 * CLIENT_ACCOUNT_EXISTS, CLIENT_SERVER_REFUSED (RECOVERY_REFUSED, RECOVERY_LOCKED), CLIENT_SERVER_UNREACHABLE
 */
export async function recoverAccount(options: RecoveryOptions): Promise<PortcullisClient> {
  const { store, random = systemRandom, handle, code, trust } = options;
  const identityPolicy = identityPolicyOf(trust);
  await takeAccountBack({ api: apiOf(options), store, random, identityPolicy, handle, code });
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

  /** Whoever has the handle, typed in whatever case. @throws ProtocolError HANDLE_* */
  async findAccount(handle: string): Promise<AccountId | undefined> {
    const accountId = await this.#api.accountByHandle(handle);
    if (accountId !== undefined) this.#handles.set(toBase64Url(accountId), prepareHandle(handle));
    return accountId;
  }

  /**
   * A link with which somebody else can make an account, where the server lets members invite. It pins this client's own
   * trust configuration.
   * @throws ClientError CLIENT_SERVER_REFUSED, CLIENT_SERVER_UNREACHABLE
   */
  async createInvite(terms: InviteTerms = {}): Promise<string> {
    const { account, random, trust } = this.#session;
    return makeInvite(this.#api, await this.#api.token(account), { trust, random, terms });
  }

  /**
   * The devices of this account. One that its owner does not know is an alarm: whoever holds the account key listed it.
   * @throws ClientError CLIENT_SERVER_…; LedgerError when the list does not stand in the witnessed log
   */
  devices(): Promise<OwnDevice[]> {
    const { account, devices } = this.#session;
    return ownDevices(this.#api, account, devices);
  }

  /**
   * A fresh recovery code, to be written down: with it and nothing else the account can be taken back. The one before is
   * worth nothing from now on.
   * @throws ClientError CLIENT_SERVER_REFUSED (RECOVERY_NOT_NEXT), CLIENT_SERVER_UNREACHABLE
   */
  setRecoveryCode(): Promise<string> {
    return makeRecoveryCode(this.#api, this.#session.account, this.#session.random);
  }

  /**
   * Starts a conversation with this device and all devices of `members`, which this account owns. Its class never changes.
   * @throws ClientError CLIENT_STATE_SIZE, CLIENT_MEMBER_NO_DEVICE, CLIENT_DEVICE_UNKNOWN, CLIENT_TRUST, CLIENT_SERVER_…
   */
  async createConversation(request: {
    readonly class: ConversationClass;
    readonly members: readonly AccountId[];
    /** At most 256 bytes; none by default. */
    readonly name?: string;
    /** An image of at most 16 KiB. */
    readonly picture?: Uint8Array;
  }): Promise<ConversationId> {
    const { name = "", picture } = request;
    const state = firstState(this.accountId, { name, ...(picture && { picture }) });
    const others = request.members.filter((accountId) => !equalBytes(accountId, this.accountId));
    const add = await this.#session.claim(others);
    const conversation = this.#session.conversation(asConversationId(this.#session.random(32)));
    await conversation.create(request.class, state, add);
    conversation.connected();
    await conversation.watchers.until(() => conversation.record?.condition === "open");
    return conversation.id;
  }

  /** Resolves when the accounts' devices are members. @throws ClientError CLIENT_COMMIT_ROLE, CLIENT_KEY_PACKAGE, … */
  async addMembers(conversationId: ConversationId, accounts: readonly AccountId[]): Promise<void> {
    const conversation = this.#open(conversationId);
    const added = accounts.map((accountId) => ({ accountId }));
    conversation.states?.demandRight(this.accountId, { added, removed: [] });
    await conversation.outbox.add({ kind: "commit", add: await this.#session.claim(accounts), remove: [] });
  }

  /** Resolves when none of the accounts' devices is a member any more. @throws ClientError CLIENT_COMMIT_ROLE */
  async removeMembers(conversationId: ConversationId, accounts: readonly AccountId[]): Promise<void> {
    await this.#open(conversationId).outbox.add({ kind: "commit", add: [], remove: accounts });
  }

  /** Resolves when everybody sees the name. @throws ClientError CLIENT_STATE_ROLE, CLIENT_STATE_SIZE */
  setName(conversationId: ConversationId, name: string): Promise<void> {
    return this.#setState(conversationId, { name });
  }

  /** An image of at most 16 KiB; undefined takes it away. @throws ClientError CLIENT_STATE_ROLE, CLIENT_STATE_SIZE */
  setPicture(conversationId: ConversationId, picture: Uint8Array | undefined): Promise<void> {
    return this.#setState(conversationId, { picture });
  }

  /**
   * Resolves when the role counts. One that is taken away counts no more from the next epoch on, which this begins.
   * @throws ClientError CLIENT_STATE_ROLE, CLIENT_STATE_MEMBER, CLIENT_STATE_OWNERLESS
   */
  async setRole(conversationId: ConversationId, accountId: AccountId, role: Role): Promise<void> {
    const conversation = this.#open(conversationId);
    const before = conversation.states?.state;
    await this.#setState(conversationId, { accountId, role });
    if (before !== undefined && isLower(role, roleOf(before, accountId))) await renewEpoch(conversation);
  }

  /**
   * Says that this account leaves. Resolves when everybody has seen it; the first other member who is there then removes
   * all its devices, which the event `left` tells.
   * @throws ClientError CLIENT_STATE_OWNERLESS: the last owner names another one first
   */
  leave(conversationId: ConversationId): Promise<void> {
    return this.#setState(conversationId, { leave: this.accountId });
  }

  /**
   * Resolves when the server has accepted the message; until then it is kept and sent again, over crashes too.
   * @throws ClientError CLIENT_CONVERSATION_…, CLIENT_SERVER_REFUSED, CLIENT_CLOSED
   */
  async send(conversationId: ConversationId, message: { readonly text: string }): Promise<Accepted> {
    return this.#open(conversationId).sendContent((base) => textMessage({ ...base, text: message.text }));
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

  async #setState(conversationId: ConversationId, change: StateChange): Promise<void> {
    await changeState(this.#session, this.#open(conversationId), (state) => changed(state, change));
  }

  #stateOf(conversation: Conversation): ConversationState | undefined {
    const { record, epoch } = conversation;
    if (record === undefined) return undefined;
    const members = epoch?.group.members ?? [];
    const { state } = record.shared;
    return {
      conversationId: conversation.id,
      class: record.class,
      condition: record.condition,
      name: state.name,
      picture: state.picture,
      epoch: record.epoch,
      sequence: conversation.cursor,
      members: members.map(({ accountId, deviceId, leafIndex }) => {
        const handle = this.#handles.get(toBase64Url(accountId));
        const leaving = state.leaving.some((gone) => equalBytes(gone, accountId));
        return { accountId, deviceId, leafIndex, role: roleOf(state, accountId), leaving, handle };
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
