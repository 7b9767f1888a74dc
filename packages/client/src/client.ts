import type { Policy } from "@portcullis/access";
import {
  prepareHandle,
  toBase64Url,
  type AccountId,
  type ConversationId,
  type DeviceId,
} from "@portcullis/protocol";
import type { Role } from "@portcullis/protocol/content";
import { decodeAccountRecord } from "./account/account-record.ts";
import { acknowledgeList } from "./account/device-list.ts";
import { makeInvite, type InviteTerms } from "./account/invite.ts";
import { makeRecoveryCode } from "./account/recover-account.ts";
import { AttachmentRoom } from "./attachments/attachment-room.ts";
import type { BackupStatus } from "./backup/backup.ts";
import {
  conversationState,
  demandOpen,
  type ConversationState,
  type KnownAccounts,
} from "./conversation/conversation-state.ts";
import type { Conversation } from "./conversation/conversation.ts";
import { addAccounts, createConversation, type NewConversation } from "./conversation/creation.ts";
import { changeState } from "./conversation/state-changes.ts";
import type { WantedChange } from "./conversation/wanted-change.ts";
import { DeviceSession, type SessionOptions } from "./device-session.ts";
import { ClientError } from "./errors.ts";
import type { ClientEvents, Counters } from "./host.ts";
import { ownDevices, type OwnDevice } from "./identity/own-devices.ts";
import { unlist } from "./linking/unlink.ts";
import { linkByCode } from "./linking/approve-link.ts";
import { compareSafetyCodes, encodeSafetyCode, safetyNumberOf } from "./identity/safety-number.ts";
import { VerifiedAccounts } from "./identity/verified-accounts.ts";
import {
  joinLinksOf,
  makeJoinLink,
  revokeJoinLink,
  type JoinLinkTerms,
  type StandingJoinLink,
} from "./joining/join-links.ts";
import type { WaitingJoinRequest } from "./joining/own-join-requests.ts";
import { sessionOptionsOf, type ClientOptions } from "./options.ts";
import { Drafts } from "./messages/drafts.ts";
import { MessageRoom } from "./messages/message-room.ts";
import { exportConversation, type ExportTerms } from "./portable/export.ts";
import { isOwnConversation } from "./preferences/own-conversation.ts";
import type { Preferences } from "./preferences/preferences.ts";
import { ImportRoom } from "./portable/import-room.ts";
import { reportMessage, type Report } from "./reporting/report.ts";
import { readNotices, type ReadNotice } from "./server/notices.ts";
import { openSearch } from "./search/open-search.ts";
import type { SearchRoom } from "./search/search-room.ts";
import type { ServerApi } from "./server/server-api.ts";
import type { Settings } from "./settings.ts";
import type { ClientStore, StoredState } from "./store.ts";

/** One device of one account. Everything it shows was verified; what it says was sent is durable at the server. */
export class PortcullisClient {
  readonly #session: DeviceSession;
  readonly #api: ServerApi;
  readonly #store: ClientStore;
  readonly #handles = new Map<string, string>();
  readonly #verified: VerifiedAccounts;
  /** What is too large for a message. */
  readonly attachments: AttachmentRoom;
  /** What people say to each other. */
  readonly messages: MessageRoom;
  /** Chats of other messengers. */
  readonly imports: ImportRoom;
  /** What was said, by its words. */
  readonly search: SearchRoom;

  private constructor(session: DeviceSession, state: StoredState, options: SessionOptions) {
    const { api, store, platform, searchPart } = options;
    this.#session = session;
    this.#verified = new VerifiedAccounts(state, (changes) => session.write(changes));
    this.#api = api;
    this.#store = store;
    const drafts = new Drafts(state.secrets, (changes) => session.write(changes));
    const { secrets } = state;
    this.attachments = new AttachmentRoom(session, { api, platform, secrets });
    this.messages = new MessageRoom(session, { store, drafts });
    this.imports = new ImportRoom(session, { facts: state.facts, messages: this.messages });
    this.search = openSearch(session, { store, messages: this.messages, size: searchPart });
    this.#handles.set(toBase64Url(session.account.accountId), session.account.handle);
  }

  /** From what the store holds; asks nobody. @throws ClientError CLIENT_ACCOUNT_MISSING */
  static async open(options: ClientOptions): Promise<PortcullisClient> {
    const state = await options.store.load();
    const account = state.account && decodeAccountRecord(state.account);
    if (account?.registered !== true) throw new ClientError("CLIENT_ACCOUNT_MISSING");
    const settings = sessionOptionsOf(options);
    const client = new PortcullisClient(new DeviceSession(settings, account, state), state, settings);
    await client.imports.tidy();
    return client;
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

  /** Whether the server is there now. */
  get isConnected(): boolean {
    return this.#session.ready;
  }

  /** Returns what takes the listener away again. */
  on<Name extends keyof ClientEvents>(name: Name, listener: (event: ClientEvents[Name]) => void): () => void {
    return this.#session.events.on(name, (event) => {
      if (!this.#isOwnBusiness(event)) listener(event);
    });
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
   * Says that the person made this version of the account's device list, on another device: `version` of the list in the
   * alarm. This device is not alarmed about it again, and adds the account's devices to its conversations by it.
   * @throws ClientError CLIENT_DEVICES_VERSION when another one stands by now, CLIENT_DEVICE_UNLINKED, CLIENT_SERVER_…
   */
  async acknowledgeDevices(version: number): Promise<void> {
    const session = this.#session;
    await acknowledgeList(session, { directory: session.devices }, version);
    await session.ownDevices.look();
  }

  /** 60 digits that both people see alike when each has the other's true account. */
  safetyNumber(accountId: AccountId): string {
    return safetyNumberOf(this.accountId, accountId);
  }

  /** The same for a QR code, to be shown to whoever has that account. */
  safetyCode(accountId: AccountId): Uint8Array {
    return encodeSafetyCode({ own: this.accountId, other: accountId });
  }

  /**
   * Returns when what was scanned is the code that this account shows to ours.
   * @throws ClientError CLIENT_SAFETY_CODE, CLIENT_SAFETY_CODE_OWN, CLIENT_SAFETY_CODE_OTHER
   */
  compareSafetyCode(accountId: AccountId, scanned: Uint8Array): void {
    compareSafetyCodes(scanned, this.accountId, accountId);
  }

  /** The person has compared safety numbers, or takes that back. Durable when it resolves; members show it. */
  async markVerified(accountId: AccountId, isVerified = true): Promise<void> {
    await this.#verified.mark(accountId, isVerified);
  }

  /**
   * Makes the device that shows this code (`linkDevice`) one of the account's: with everything that the account is. Typed
   * or scanned; the person has the other device before it. Again with the same code is the same as once.
   * @throws ClientError CLIENT_LINK_CODE, CLIENT_LINK_OFFER, CLIENT_SERVER_REFUSED (LINK_UNKNOWN, LINK_TAKEN, LINK_LIMIT)
   */
  async approveLink(code: string): Promise<DeviceId> {
    const session = this.#session;
    const deviceId = await linkByCode(session, { api: this.#api, directory: session.devices }, code);
    session.ownDevices.lookSoon();
    session.history.go();
    return deviceId;
  }

  /**
   * Takes a device out of the account. Resolves when it has no session any more and is a member of no conversation that
   * this device is in.
   * @throws ClientError CLIENT_DEVICE_UNKNOWN, CLIENT_DEVICE_SELF, CLIENT_SERVER_…
   */
  async unlinkDevice(deviceId: DeviceId): Promise<void> {
    const session = this.#session;
    await unlist(session, { api: this.#api, directory: session.devices }, deviceId);
    await session.ownDevices.look();
  }

  /**
   * A fresh recovery code, to be written down: with it and nothing else the account can be taken back. The one before is
   * worth nothing from now on. A backup of this device is made anew under it.
   * @throws ClientError CLIENT_BACKUP_ELSEWHERE, CLIENT_SERVER_REFUSED (RECOVERY_NOT_NEXT), CLIENT_SERVER_UNREACHABLE
   */
  async setRecoveryCode(): Promise<string> {
    const { account, backup, random } = this.#session;
    const { code } = await backup.renewKey((keys) => makeRecoveryCode(this.#api, account, random, keys));
    return code;
  }

  /**
   * Keeps history and settings at the server too, sealed: the recovery code brings them back on a new device. Goes on by
   * itself from then on, also with the next `open`.
   * @throws ClientError CLIENT_BACKUP_CODE when this device has not set the recovery code that stands,
   * CLIENT_BACKUP_ELSEWHERE, CLIENT_SERVER_…
   */
  turnOnBackup(): Promise<void> {
    return this.#session.backup.turnOn();
  }

  /** Whichever device keeps it. Resolves when it is gone from the server; until then this device goes on trying. */
  turnOffBackup(): Promise<void> {
    return this.#session.backup.turnOff();
  }

  backup(): BackupStatus {
    return this.#session.backup.status;
  }

  /** Resolves when everything that this device has now is in the backup. @throws ClientError CLIENT_BACKUP_…, CLIENT_SERVER_… */
  backedUp(): Promise<void> {
    return this.#session.backup.saved();
  }

  /** Tries again when the backup was not all there. @throws ClientError CLIENT_BACKUP_…, CLIENT_SERVER_… */
  restoreBackup(): Promise<void> {
    return this.#session.backup.restore();
  }

  /** What the person has set about conversations and accounts, the same on all devices of the account. */
  get preferences(): Preferences {
    return this.#session.preferences;
  }

  /** What the application keeps for its person; it is in the backup. */
  get settings(): Settings {
    return this.#session.settings;
  }

  /**
   * Starts a conversation with this device and all devices of `members`, which this account owns. Its class never changes.
   * @throws ClientError CLIENT_STATE_SIZE, CLIENT_MEMBER_NO_DEVICE, CLIENT_DEVICE_UNKNOWN, CLIENT_TRUST, CLIENT_SERVER_…
   */
  async createConversation(request: NewConversation): Promise<ConversationId> {
    return (await createConversation(this.#session, request)).id;
  }

  /** Resolves when the accounts' devices are members. @throws ClientError CLIENT_COMMIT_ROLE, CLIENT_CONVERSATION_FULL, CLIENT_MEMBER_LOST, … */
  async addMembers(conversationId: ConversationId, accounts: readonly AccountId[]): Promise<void> {
    await addAccounts(this.#session, this.#open(conversationId), accounts);
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
  setRole(conversationId: ConversationId, accountId: AccountId, role: Role): Promise<void> {
    return this.#setState(conversationId, { accountId, role });
  }

  /**
   * A link by which others can ask to join, and are let in by the next owner or admin whose client is there. Resolves when
   * every member knows of it. Only this call ever tells the text.
   * @throws ClientError CLIENT_STATE_ROLE, CLIENT_JOIN_LIMIT
   */
  makeJoinLink(conversationId: ConversationId, terms: JoinLinkTerms = {}): Promise<string> {
    const server = this.#api.url;
    return makeJoinLink(this.#session, this.#open(conversationId), { server, terms });
  }

  /**
   * Asks to join the conversation to which a link leads: an owner or admin lets this account in, now or when one is there.
   * What becomes of it is told by the event `join-request`, and shows over restarts in `joinRequests`.
   * @throws ProtocolError JOIN_LINK; ClientError CLIENT_JOIN_SERVER, CLIENT_JOIN_MEMBER, CLIENT_SERVER_REFUSED (JOIN_NOT_TAKEN, JOIN_LIMIT)
   */
  askToJoin(link: string): Promise<ConversationId> {
    const { conversations, joinRequests } = this.#session;
    return joinRequests.ask(link, (id) => conversations.get(toBase64Url(id))?.record?.condition === "open");
  }

  /** What this account has asked and nobody has answered. */
  joinRequests(): WaitingJoinRequest[] {
    return this.#session.joinRequests.waiting;
  }

  /** Resolves when the request counts no more; it may have been answered by then. */
  withdrawJoinRequest(conversationId: ConversationId): Promise<void> {
    return this.#session.joinRequests.withdraw(conversationId);
  }

  /** The links by which others can join now. */
  joinLinks(conversationId: ConversationId): StandingJoinLink[] {
    return joinLinksOf(this.#open(conversationId), this.#session.clock.now());
  }

  /** Resolves when nobody can join by it any more. @throws ClientError CLIENT_STATE_ROLE */
  revokeJoinLink(conversationId: ConversationId, linkId: Uint8Array): Promise<void> {
    return revokeJoinLink(this.#session, this.#open(conversationId), linkId);
  }

  /**
   * Says that this account leaves. Resolves when everybody has seen it; the first other member who is there then removes
   * all its devices, which the event `left` tells.
   * @throws ClientError CLIENT_STATE_OWNERLESS: the last owner names another one first
   */
  leave(conversationId: ConversationId): Promise<void> {
    return this.#setState(conversationId, { leave: this.accountId });
  }

  conversations(): ConversationState[] {
    return [...this.#session.conversations.values()].flatMap((conversation) => {
      if (isOwnConversation(conversation, this.accountId)) return [];
      const state = conversationState(conversation, this.#known);
      return state === undefined ? [] : [state];
    });
  }

  /** @throws ClientError CLIENT_CONVERSATION_UNKNOWN */
  state(conversationId: ConversationId): ConversationState {
    const conversation = this.#session.conversations.get(toBase64Url(conversationId));
    const state = conversation && conversationState(conversation, this.#known);
    if (state === undefined) throw new ClientError("CLIENT_CONVERSATION_UNKNOWN");
    return state;
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

  /** What this device has of a conversation, as a text in pieces. @throws ClientError CLIENT_CONVERSATION_UNKNOWN */
  export(conversationId: ConversationId, terms: ExportTerms): AsyncGenerator<string, void, undefined> {
    const { messages } = this;
    const nowMs = this.#session.clock.now();
    return exportConversation({ conversation: this.state(conversationId), messages, nowMs }, terms);
  }

  /** Shows the operator this one message, provably as it was sent. @throws as `reportMessage` */
  report(conversationId: ConversationId, sequence: number, report: Report): Promise<string> {
    const parts = { api: this.#api, store: this.#store };
    return reportMessage(this.#session, parts, { ...report, conversationId, sequence });
  }

  /** What the ledger tells this account of orders that named it. @throws ClientError CLIENT_TRUST, LedgerError, AccessError */
  async notices(): Promise<ReadNotice[]> {
    const { account, provider } = this.#session;
    const policy = provider.demandPolicy();
    const published = await this.#api.openings("notices");
    return readNotices(published, { ...account, policyId: policy.id }, policy.witnessPolicy("access"));
  }

  /** By whom recorded conversations can be opened: as trusted, once this client has seen it since it was opened. */
  policy(): Policy | undefined {
    return this.#session.provider.policy;
  }

  /** How much this client has done since it was opened. */
  counters(): Readonly<Counters> {
    return { ...this.#session.counters };
  }

  /** Ends the connection and closes the store. What is not sent yet goes with the next `open`. */
  async close(): Promise<void> {
    await this.search.close();
    await this.#session.close();
  }

  get #known(): KnownAccounts {
    return { handles: this.#handles, verified: this.#verified };
  }

  /** Whether something happened where the account's devices talk among themselves. */
  #isOwnBusiness(event: unknown): boolean {
    if (typeof event !== "object" || event === null || !("conversationId" in event)) return false;
    const key = toBase64Url(event.conversationId as ConversationId);
    const conversation = this.#session.conversations.get(key);
    return conversation !== undefined && isOwnConversation(conversation, this.accountId);
  }

  #open(conversationId: ConversationId): Conversation {
    return demandOpen(this.#session.conversations.get(toBase64Url(conversationId)));
  }

  async #setState(conversationId: ConversationId, change: WantedChange): Promise<void> {
    await changeState(this.#session, this.#open(conversationId), change);
  }
}
