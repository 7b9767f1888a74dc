import { createMlsEngine, type MlsEngine } from "@portcullis/mls";
import {
  asConversationId,
  toBase64Url,
  type AccountId,
  type ClientFrame,
  type Clock,
  type ConversationClass,
  type ConversationId,
  type Random,
  type ServerFrame,
} from "@portcullis/protocol";
import { encodeAccountRecord, type AccountRecord } from "./account/account-record.ts";
import { KeyPackageClaims } from "./account/key-package-claims.ts";
import { KeyPackageSupply } from "./account/key-package-supply.ts";
import { Backup, type BackupPace } from "./backup/backup.ts";
import { decodeConversationRecord } from "./conversation/conversation-record.ts";
import { Conversation } from "./conversation/conversation.ts";
import { createConversation } from "./conversation/creation.ts";
import { Lane } from "./lane.ts";
import { MemberDevicesKeeper } from "./conversation/member-devices.ts";
import { OwnDevicesKeeper } from "./conversation/own-devices.ts";
import type { Warming } from "./conversation/warm-path.ts";
import { ClientError, isTransient } from "./errors.ts";
import { EventHub } from "./event-hub.ts";
import type { Answer, ClientEvents, Counters, Host } from "./host.ts";
import { DeviceDirectory } from "./identity/device-directory.ts";
import { LogView } from "./identity/log-view.ts";
import { OwnEntryWatch } from "./identity/own-entry-watch.ts";
import { Doorkeeper } from "./joining/doorkeeper.ts";
import { OwnJoinRequests } from "./joining/own-join-requests.ts";
import { HistoryTransfer } from "./linking/history-transfer.ts";
import { decodeOutboxEntry } from "./outbox/outbox-entry.ts";
import { MessageKeeper } from "./messages/message-keeper.ts";
import { OWN_CONVERSATION } from "./preferences/own-conversation.ts";
import { Preferences } from "./preferences/preferences.ts";
import type { Platform } from "./platform.ts";
import { Answers } from "./server/answers.ts";
import { Connection } from "./server/connection.ts";
import { Provider, type TrustConfig } from "./server/provider.ts";
import type { ServerApi } from "./server/server-api.ts";
import { Settings } from "./settings.ts";
import type { ClientStore, StoreChange, StoredState } from "./store.ts";
import { Timers } from "./timers.ts";

/** The client's files are cleaned of what is used up when nothing was written for so long, and twice the gathering time. */
const REST_MS = 200;
/** Under this name the store has what was last verified of the identity log. */
const LOG_VIEW = "identity-log";

export interface SessionOptions {
  readonly api: ServerApi;
  readonly store: ClientStore;
  readonly trust: TrustConfig;
  readonly platform: Platform;
  readonly clock: Clock;
  readonly realClock: Clock;
  readonly random: Random;
  readonly keyPackages: number;
  readonly gatherMs: number;
  /** So often the account's own entry in the identity log is looked at. Milliseconds. */
  readonly ownEntryMs: number;
  /** At most one proof that the identity log only grew is asked for in so long. Milliseconds. */
  readonly logProofMs: number;
  readonly joinTurnMs: number;
  /** A server that has not answered for so long is asked again over a new connection. Milliseconds. */
  readonly answerMs: number;
  readonly warming: Warming;
  /** Whether receipts are sent where the person has not switched them off. */
  readonly receipts: boolean;
  readonly searchPart: number;
  readonly backup: BackupPace;
}

/**
 * One device at work: its store, its connection and its conversations, and what these share. Owns them all; the store
 * is closed with it.
 */
export class DeviceSession implements Host {
  readonly engine: MlsEngine;
  readonly provider: Provider;
  readonly clock: Clock;
  readonly random: Random;
  readonly counters: Counters = { decrypted: 0, sent: 0, verifiedRecords: 0, rejected: 0 };
  readonly events = new EventHub<ClientEvents>((error) => console.error(error));
  readonly keyPackages: KeyPackageSupply;
  readonly joinRequests: OwnJoinRequests;
  readonly log: LogView;
  readonly devices: DeviceDirectory;
  readonly claims: KeyPackageClaims;
  readonly messages: MessageKeeper;
  readonly ownEntry: OwnEntryWatch;
  readonly conversations = new Map<string, Conversation>();
  /** Keeps the account's own devices in all conversations. */
  readonly ownDevices = new OwnDevicesKeeper(this);
  /** Keeps devices that were lost out of them. */
  readonly memberDevices: MemberDevicesKeeper;
  /** To a device that this one has linked, or from the one that has linked it. */
  readonly history: HistoryTransfer;
  readonly settings: Settings;
  readonly preferences: Preferences;
  readonly backup: Backup;
  readonly listLane = new Lane();
  readonly #doorkeeper: Doorkeeper;
  readonly #options: SessionOptions;
  #account: AccountRecord;
  readonly #timers = new Timers();
  readonly #answers: Answers;
  readonly #connected = Promise.withResolvers<void>();
  #connection: Connection | undefined;
  #place: number;
  #restTimer: ReturnType<typeof setTimeout> | undefined;
  #stopped: Error | undefined;
  #supply: Promise<void> = Promise.resolve();

  constructor(options: SessionOptions, account: AccountRecord, state: StoredState) {
    const { api, store, clock, platform, random, realClock, backup: pace } = options;
    this.#options = options;
    this.#account = account;
    this.clock = clock;
    this.random = random;
    this.provider = new Provider(api, options.trust, account);
    this.log = this.#openLog(state);
    const lookUp = (accounts: readonly AccountId[]): Promise<Uint8Array> => api.lookUp(accounts);
    this.devices = new DeviceDirectory(this.provider, lookUp, () => clock.now(), this.log);
    this.devices.admit([{ ...account, signatureKey: account.deviceKey.publicKey }]);
    this.keyPackages = new KeyPackageSupply(state.secrets);
    this.engine = createMlsEngine({
      provider: platform.cryptoProvider,
      clock: realClock,
      random,
      device: { signingKey: account.deviceKey, accountId: account.accountId, deviceId: account.deviceId },
      validateMember: (leaf) => this.devices.verify(leaf),
    });
    this.#connected.promise.catch(() => undefined);
    this.#answers = new Answers(this, options.answerMs);
    this.#place = Math.max(0, ...state.outbox.map(({ order }) => order));
    this.joinRequests = new OwnJoinRequests(this, api, state.secrets);
    this.claims = new KeyPackageClaims(this, api);
    this.ownEntry = new OwnEntryWatch(this, {
      everyMs: options.ownEntryMs,
      onUnlinked: () => this.#connected.reject(new ClientError("CLIENT_DEVICE_UNLINKED")),
    });
    const { ownEntryMs: everyMs, joinTurnMs: turnMs } = options;
    this.memberDevices = new MemberDevicesKeeper(this, { everyMs, turnMs });
    const { claims, memberDevices } = this;
    this.#doorkeeper = new Doorkeeper(this, { api, claims, memberDevices, turnMs });
    this.events.on("state", ({ conversationId }) =>
      this.#doorkeeper.stateChanged(this.conversation(conversationId)),
    );
    this.history = new HistoryTransfer(this, { api, store, secrets: state.secrets });
    this.settings = new Settings(state.facts, (changes) => this.write(changes));
    this.preferences = new Preferences(this, state.facts, () =>
      createConversation(this, { class: "sealed", members: [], name: OWN_CONVERSATION }),
    );
    const tells = (what: string) => () => options.receipts && this.settings.get(`receipts.${what}`) !== "off";
    const receipts = { delivered: tells("delivered"), read: tells("read") };
    const tellsTyping = (): boolean => this.settings.get("typing") !== "off";
    this.messages = new MessageKeeper(this, { store, facts: state.facts, receipts, tellsTyping });
    this.backup = new Backup(this, { api, store, stored: state, settings: this.settings, pace });
    this.#restore(state);
  }

  get account(): AccountRecord {
    return this.#account;
  }

  get ready(): boolean {
    return this.#connection?.ready === true && this.#stopped === undefined;
  }

  get trust(): TrustConfig {
    return this.#options.trust;
  }

  get gatherMs(): number {
    return this.#options.gatherMs;
  }

  get warming(): Warming {
    return this.#options.warming;
  }

  /** Resolves when frames flow for the first time; rejects when the provider is not the one that is trusted. */
  connect(): Promise<void> {
    this.#connection ??= new Connection({
      url: this.#options.api.streamUrl,
      transport: this.#options.platform.transport,
      token: () => this.#admission(),
      onReady: () => this.#onReady(),
      onFrame: (frame) => this.#onFrame(frame),
      onDown: (reason) => this.#onDown(reason),
      jitter: () => (this.random(1)[0] ?? 0) / 256,
    });
    return this.#connected.promise;
  }

  /** Resolves when the last attempt to publish KeyPackages has ended. */
  supplied(): Promise<void> {
    return this.#supply;
  }

  conversation(id: ConversationId): Conversation {
    const key = toBase64Url(id);
    const known = this.conversations.get(key);
    if (known !== undefined) return known;
    const fresh = new Conversation(this, asConversationId(id.slice()));
    this.conversations.set(key, fresh);
    return fresh;
  }

  async write(changes: readonly StoreChange[]): Promise<void> {
    if (this.#stopped !== undefined) throw this.#stopped;
    try {
      await this.#options.store.write(changes);
    } catch (error) {
      const reason = new ClientError("CLIENT_STORE_FAILED");
      this.stop(error, reason);
      throw reason;
    }
    this.#restSoon();
    this.backup.noticed(changes);
  }

  request(make: (requestId: number) => ClientFrame, onAnswer: (answer: Answer) => void): void {
    if (!this.ready) return;
    this.#connection?.send(make(this.#answers.expect(onAnswer)));
  }

  tell(frame: ClientFrame): void {
    this.#connection?.send(frame);
  }

  nextPlace(): number {
    return ++this.#place;
  }

  reconnect(reason: unknown): void {
    this.#connection?.restart(reason);
  }

  later(delayMs: number, task: () => void): void {
    this.#timers.later(delayMs, task);
  }

  announce(id: ConversationId, conversationClass: ConversationClass): Promise<void> {
    const recorded = conversationClass === "recorded" && { policyId: this.provider.demandPolicy().id };
    return this.#options.api.createConversation(this.account, { id, class: conversationClass, ...recorded });
  }

  async learnDevices(signedDeviceList: Uint8Array): Promise<void> {
    const account = { ...this.#account, signedDeviceList };
    await this.write([{ put: "account", value: encodeAccountRecord(account) }]);
    this.#account = account;
  }

  /** `reason`: what whoever wants something from now on gets to hear; the fault itself is told once. */
  stop(
    error: unknown,
    reason = error instanceof Error ? error : new ClientError("CLIENT_STORE_FAILED"),
  ): void {
    if (this.#stopped !== undefined) return;
    this.#stopped = reason;
    this.#halt(reason);
    this.events.emit("fault", error);
  }

  /** Lets what is running finish, then closes the store. What is not sent stays in the outbox. */
  async close(): Promise<void> {
    this.#stopped ??= new ClientError("CLIENT_CLOSED");
    this.#halt(new ClientError("CLIENT_CLOSED"));
    await Promise.all([...this.conversations.values()].map((conversation) => conversation.drained()));
    await this.history.drained();
    await this.backup.drained();
    for (const conversation of this.conversations.values()) conversation.epoch?.wipe();
    await this.#options.store.close();
  }

  /** Files hold nothing that is used up. */
  async forget(): Promise<void> {
    if (this.#stopped === undefined) await this.#options.store.forget();
  }

  #halt(error: Error): void {
    this.#connection?.close();
    clearTimeout(this.#restTimer);
    this.#timers.stop();
    this.#answers.clear();
    this.#connected.reject(error);
    for (const conversation of this.conversations.values()) {
      conversation.outbox.stop(error);
      conversation.watchers.fail(error);
    }
  }

  #restore(state: StoredState): void {
    const outbox = state.outbox.map(({ order, value }) => ({
      place: order,
      entry: decodeOutboxEntry(value),
    }));
    for (const { conversationId, cursor, value } of state.conversations) {
      const key = toBase64Url(conversationId);
      const stored = {
        record: decodeConversationRecord(value),
        cursor,
        secrets: new Map([...state.secrets].filter(([name]) => name.startsWith(`${key}/`))),
        outbox: outbox.filter(({ entry }) => toBase64Url(entry.conversationId) === key),
      };
      this.conversations.set(key, new Conversation(this, conversationId, stored));
    }
  }

  #openLog({ facts }: StoredState): LogView {
    const { api, logProofMs: everyMs } = this.#options;
    return new LogView(facts.get(LOG_VIEW), {
      everyMs,
      isConnected: () => this.ready,
      prove: (oldSize, newSize) => api.identityConsistency(oldSize, newSize),
      keep: (value) => this.write([{ put: "fact", name: LOG_VIEW, value }]),
      later: (delayMs, task) => this.later(delayMs, task),
      alarm: (alarm) => this.events.emit("log-alarm", alarm),
      fail: (error) => this.stop(error),
    });
  }

  #onReady(): void {
    this.#connected.resolve();
    this.messages.expiry.sweep().catch((error: unknown) => this.stop(error));
    for (const conversation of this.conversations.values()) {
      conversation.connected();
      this.#doorkeeper.resume(conversation);
    }
    this.joinRequests.resume();
    this.replenish();
    this.ownEntry.begin();
    this.ownDevices.lookSoon();
    this.memberDevices.begin();
    this.history.go();
    this.backup.connected();
    this.preferences.connected();
    this.events.emit("connection", { state: "ready" });
  }

  #onDown(reason: unknown): void {
    this.#answers.clear();
    this.#options.api.forgetSession();
    for (const conversation of this.conversations.values()) conversation.disconnected();
    this.events.emit("connection", { state: "down", reason });
  }

  #onFrame(frame: Exclude<ServerFrame, { type: "ready" }>): void {
    switch (frame.type) {
      case "items":
        this.conversation(frame.conversationId).receive(frame.items);
        break;
      case "welcome":
        this.conversation(frame.conversationId).join(frame);
        break;
      case "accepted":
      case "rejected":
        this.#answers.take(frame);
        break;
      case "join-requests":
        this.#doorkeeper.look(this.conversations.get(toBase64Url(frame.conversationId)));
        this.joinRequests.look(frame.conversationId);
        break;
      case "signal":
        this.messages.typing.take(frame);
        break;
      case "goodbye":
        // The server closes next, and the reason is told with that.
        break;
    }
  }

  replenish(): void {
    this.#supply = this.#supply.then(() => this.#supplyKeyPackages());
  }

  /** A session token, once the provider is the one that is trusted; one that is not is not spoken to again. */
  async #admission(): Promise<string> {
    try {
      await this.provider.verify();
    } catch (error) {
      if (!isTransient(error)) {
        this.#connected.reject(error);
        this.#connection?.close();
      }
      throw error;
    }
    try {
      return await this.#options.api.token(this.account);
    } catch (error) {
      const refused = error instanceof ClientError && error.facts["refusal"] === "SESSION_REFUSED";
      // Why the server gives this device no session, the identity log alone can say.
      if (refused) await this.ownEntry.look();
      if (this.ownEntry.isUnlinked) this.#connection?.close();
      throw error;
    }
  }

  /** Fills up what others have claimed. A failure is made good at the next connection. */
  async #supplyKeyPackages(): Promise<void> {
    const { api, keyPackages: wanted, realClock } = this.#options;
    if (!this.ready) return;
    try {
      const outdated = this.keyPackages.forgetRetired(realClock.now());
      if (outdated.length > 0) await this.write(outdated);
      const supply = await this.keyPackages.fill(this.engine, wanted, realClock.now());
      if (supply === undefined) return;
      await this.write(supply.before);
      await api.publishKeyPackages(this.account, supply);
      await this.write(supply.after());
    } catch (error) {
      if (this.#stopped === undefined) this.events.emit("fault", error);
    }
  }

  #restSoon(): void {
    clearTimeout(this.#restTimer);
    this.#restTimer = setTimeout(
      () => {
        this.forget().catch((error: unknown) => this.stop(error));
      },
      Math.max(REST_MS, 2 * this.gatherMs),
    );
  }
}
