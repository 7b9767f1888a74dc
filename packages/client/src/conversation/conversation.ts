import {
  bucketStartAt,
  isSameDevice,
  PortcullisError,
  type ConversationClass,
  type ConversationId,
  type Item,
  type WelcomeFrame,
} from "@portcullis/protocol";
import type { SharedState } from "@portcullis/protocol/content";
import { Batch } from "./batch.ts";
import { admittedBy, checkCommit, checkLookup, senderOf } from "./commit-check.ts";
import {
  encodeConversationRecord,
  type ConversationRecord,
  type StoredConversation,
} from "./conversation-record.ts";
import { Epoch, type EpochBeginning, type EpochFacts } from "./epoch.ts";
import { ClientError, isTransient } from "../errors.ts";
import type { Host } from "../host.ts";
import { foundGroup } from "./founding.ts";
import { Inbox } from "./inbox.ts";
import { Lane } from "../lane.ts";
import { MessageIntake } from "./message-intake.ts";
import type { ReceivedMessage } from "../messages/placement.ts";
import type { Addition } from "../outbox/outbox-entry.ts";
import type { Accepted } from "../outbox/outbox-held.ts";
import { Outbox } from "../outbox/outbox.ts";
import { secretNames, type SecretNames } from "./secret-names.ts";
import { removeLeaving, repeatState, settleChange } from "./state-changes.ts";
import { StateKeeper } from "./state-keeper.ts";
import { warmIntent, warmPath } from "./warm-path.ts";
import type { StoreChange } from "../store.ts";
import { Watchers } from "./watchers.ts";
import { openWelcome } from "./welcome.ts";

/**
 * One conversation on one device: its current epoch, its cursor and its outbox. Everything that changes it runs in its
 * lane, one thing after the other; every change is durable before anybody is told.
 */
export class Conversation {
  readonly id: ConversationId;
  readonly names: SecretNames;
  readonly outbox: Outbox;
  readonly watchers = new Watchers();
  readonly #host: Host;
  readonly #lane = new Lane();
  readonly #intake: MessageIntake;
  readonly #inbox: Inbox;
  #record: ConversationRecord | undefined;
  #epoch: Epoch | undefined;
  #states: StateKeeper | undefined;
  #cursor = 0;
  #latestMs = 0;
  /** Items are being taken in: what follows from them may have to be sent. */
  #isDelivering = false;
  /** While creating: the server knows of it. */
  #announced = false;

  constructor(host: Host, id: ConversationId, stored?: StoredConversation) {
    this.#host = host;
    this.id = id;
    this.names = secretNames(id);
    this.#record = stored?.record;
    this.#cursor = stored?.cursor ?? 0;
    this.#states = stored && new StateKeeper(stored.record.shared);
    this.#intake = new MessageIntake(host, id, (item, state, batch) => this.#takeState(item, state, batch));
    this.#inbox = new Inbox(host.gatherMs, (delayMs) => this.#deliverIn(delayMs));
    const pending = stored?.secrets.get(this.names.pending);
    this.outbox = new Outbox(host, this, { entries: stored?.outbox ?? [], pending });
    if (stored !== undefined) this.run(() => this.#restore(stored));
  }

  /** Undefined until this device has joined or created it. */
  get record(): ConversationRecord | undefined {
    return this.#record;
  }

  get epoch(): Epoch | undefined {
    return this.#epoch;
  }

  get states(): StateKeeper | undefined {
    return this.#states;
  }

  get cursor(): number {
    return this.#cursor;
  }

  get latestMs(): number {
    return this.#latestMs;
  }

  get sendingEpoch(): Epoch | undefined {
    const condition = this.#record?.condition;
    return condition === "open" || this.#announced ? this.#epoch : undefined;
  }

  get isIdle(): boolean {
    return this.outbox.isEmpty && this.#inbox.isEmpty && !this.#isDelivering;
  }

  /** Runs a task in the lane; what it throws stops the client, for then nobody knows what state things are in. */
  run(task: () => Promise<void>): void {
    this.#lane
      .run(task)
      .catch((error: unknown) => this.#host.stop(error))
      .finally(() => this.watchers.look());
  }

  drained(): Promise<void> {
    return this.#lane.drained();
  }

  /** Epoch 0 with this device alone, and in the same write the Commits that add the others. Returns what becomes of these. */
  async create(
    conversationClass: ConversationClass,
    state: SharedState,
    additions: readonly (readonly Addition[])[],
  ): Promise<Promise<unknown>[]> {
    const { start, facts } = await foundGroup(this.#host, this.id, conversationClass);
    const batch = new Batch();
    await this.#begin(batch, { start, facts, condition: "creating", states: StateKeeper.begun(state) });
    const commits = additions.map((add) => {
      const outcome = Promise.withResolvers<Accepted>();
      batch.add(this.outbox.enqueue({ kind: "commit", add, remove: [] }, outcome));
      return outcome.promise;
    });
    await this.#host.write(batch.changes(this.#epoch, this.names));
    batch.settle();
    return commits;
  }

  /** The server lets this device in: what the Welcome holds is checked against what everybody else sees. */
  join(frame: WelcomeFrame): void {
    this.run(async () => {
      // What was delivered before it comes first: among that may be the Commit that removed this device.
      while (!this.#inbox.isEmpty && this.sendingEpoch !== undefined) await this.#deliver();
      if (this.#record === undefined || frame.sequence > this.#cursor) await this.#join(frame);
      if (this.#record !== undefined) this.#tellCursor();
    });
  }

  /** What another device of the account keeps, or kept, of a conversation that goes on for neither, `cursor` items of it. Durable when it resolves. */
  async adopt(record: ConversationRecord, cursor = 0): Promise<void> {
    await this.#lane.run(async () => {
      if (this.#record !== undefined) return;
      const { id: conversationId } = this;
      await this.#host.write([
        { put: "conversation", conversationId, value: encodeConversationRecord(record) },
        { put: "cursor", conversationId, sequence: cursor },
      ]);
      this.#cursor = cursor;
      this.#states = new StateKeeper(record.shared);
      this.#record = record;
    });
  }

  /** What another device of the account knows of the past. Durable, with `changes`, when it resolves. */
  async importMessages(messages: readonly ReceivedMessage[], changes: readonly StoreChange[]): Promise<void> {
    await this.#lane.run(async () => {
      const imported = await this.#host.messages.importing(messages);
      const all = [...imported.changes, ...changes];
      if (all.length > 0) await this.#host.write(all);
      imported.tell();
    });
  }

  /** Items in the order of the sequence. They are taken in one transaction, as many as have come by then. */
  receive(items: readonly Item[]): void {
    this.#inbox.put(items);
  }

  #deliverIn(delayMs: number): void {
    const deliver = async (): Promise<void> => {
      this.#isDelivering = true;
      await this.#deliver().finally(() => (this.#isDelivering = false));
    };
    if (delayMs === 0) this.run(deliver);
    else this.#host.later(delayMs, () => this.run(deliver));
  }

  /** The connection broke: the server will deliver again from the cursor. */
  disconnected(): void {
    this.#inbox.clear();
  }

  /** Sends what was stored but not answered, then what waits. */
  connected(): void {
    this.run(async () => {
      if (!(await this.#announce())) return;
      this.outbox.resend();
      await this.outbox.flush();
      removeLeaving(this.#host, this);
      warmPath(this.#host, this);
    });
  }

  /** A member, this device among them, sets the state. @throws ClientError CLIENT_STATE_… */
  #takeState(item: Item, state: SharedState, batch: Batch): void {
    const [states, record] = [this.#states, this.#record];
    if (states === undefined || record === undefined) return;
    states.take(item.senderAccountId, state, this.#epoch?.group.members ?? []);
    this.#setRecord(batch, record);
    const { id: conversationId } = this;
    batch.afterwards(() => this.#host.events.emit("state", { conversationId }));
    batch.afterwards(() => removeLeaving(this.#host, this));
  }

  /** Tells the server of a conversation that begins; again is the same as once. */
  async #announce(): Promise<boolean> {
    if (this.#record?.condition !== "creating") return true;
    try {
      await this.#host.announce(this.id, this.#record.class);
      this.#announced = true;
      return true;
    } catch (error) {
      if (isTransient(error)) this.#host.reconnect(error);
      else this.watchers.fail(error);
      return false;
    }
  }

  async #restore(stored: StoredConversation): Promise<void> {
    const { record, secrets } = stored;
    if (record.condition !== "open" && record.condition !== "creating") return;
    const { engine, provider } = this.#host;
    this.#epoch = await Epoch.restore({ engine, names: this.names, secrets, record, provider });
    this.#host.devices.admit(this.#epoch.group.members);
    this.#latestMs = record.epochStartedAtMs;
    this.outbox.resume(this.#epoch);
  }

  async #join(frame: WelcomeFrame): Promise<void> {
    const before = this.#epoch;
    try {
      const { start, facts } = await openWelcome(this.#host, frame, this.#record);
      const states = StateKeeper.welcomed(start.joining.state, start.welcomedBy.accountId);
      const batch = new Batch();
      await this.#begin(batch, { start, facts, condition: "open", states });
      // Its leaf key is one that others may know from elsewhere, and goes first of all.
      if (this.#host.keyPackages.isLastResort(start.reference)) batch.add(this.outbox.enqueue(warmIntent));
      const asked = this.#host.joinRequests.joined(this.id);
      batch.add(this.#host.keyPackages.spend(start.reference), ...asked.changes);
      batch.afterwards(asked.settle);
      await this.#store(batch, frame.sequence);
      this.#host.replenish();
      await this.outbox.flush();
    } catch (error) {
      if (!(error instanceof PortcullisError) || this.#epoch !== before) throw error;
      if (isTransient(error)) return this.#host.reconnect(error);
      this.#host.events.emit("refused", { conversationId: this.id, code: error.code });
    }
  }

  async #deliver(): Promise<void> {
    if (this.sendingEpoch === undefined) this.#inbox.clear();
    const items = this.#inbox.take();
    if (items.length === 0) return;
    const batch = new Batch();
    const before = this.#cursor;
    let cursor = before;
    let trouble: unknown;
    for (const item of items) {
      if (item.sequence <= cursor) continue;
      try {
        if (item.sequence !== cursor + 1) throw new ClientError("CLIENT_ITEM_SEQUENCE", { cursor });
        if (!(await this.#take(item, batch))) break;
      } catch (error) {
        if (!isTransient(error)) throw error;
        trouble = error;
        break;
      }
      cursor = item.sequence;
    }
    if (cursor !== before || !batch.isEmpty) await this.#store(batch, cursor);
    if (trouble !== undefined) this.#host.reconnect(trouble);
    this.#inbox.delivered();
    await this.outbox.flush();
  }

  async #store(batch: Batch, cursor: number): Promise<void> {
    const { id: conversationId } = this;
    await this.#host.write([
      ...batch.changes(this.#epoch, this.names),
      { put: "cursor", conversationId, sequence: cursor },
    ]);
    this.#cursor = cursor;
    this.#tellCursor();
    batch.settle();
  }

  #tellCursor(): void {
    this.#host.tell({ type: "cursor", conversationId: this.id, sequence: this.#cursor });
  }

  /** One item; false when nothing after it can be taken. */
  async #take(item: Item, batch: Batch): Promise<boolean> {
    const epoch = this.#epoch;
    if (epoch === undefined || this.sendingEpoch === undefined) return false;
    const own = isSameDevice(senderOf(item), this.#host.account);
    if (item.kind === "commit") return own ? this.#merge(item, batch) : this.#process(epoch, item, batch);
    if (own) await this.#confirm(item, batch);
    else if (!(await this.#intake.open(epoch, item, batch))) return true;
    this.#latestMs = Math.max(this.#latestMs, item.acceptedAtMs);
    if (epoch.advance(bucketStartAt(item.acceptedAtMs, this.#host.provider.bucketSeconds)))
      batch.touchChains();
    return true;
  }

  async #confirm(item: Item, batch: Batch): Promise<void> {
    const confirmed = this.outbox.confirm(item);
    const before = this.#states?.state;
    await this.#intake.confirm(item, confirmed, batch);
    if (confirmed === undefined || before === undefined) return;
    settleChange(this.#host, this, { item, confirmed, before }, batch);
  }

  async #merge(item: Item, batch: Batch): Promise<boolean> {
    const taken = this.outbox.takeCommit(item);
    if (taken === undefined || this.#epoch === undefined)
      return this.#freeze(item, "CLIENT_COMMIT_LOST", batch);
    const start = await this.#epoch.group.merge(taken.pending);
    const wasChanged = this.#states?.isChangedInEpoch === true;
    this.#states?.beginEpoch(start.group.members, admittedBy(taken.attempt.message));
    const { startBucket, rosterRoot } = taken.attempt;
    const facts = { startBucket, rosterRoot, startedAtMs: item.acceptedAtMs };
    await this.#begin(batch, { start, facts, condition: "open" });
    batch.add(...taken.changes);
    // Whoever was welcomed was told the state from before that.
    if (wasChanged && taken.attempt.welcomed.length > 0) repeatState(this.#host, this, batch);
    return true;
  }

  async #process(epoch: Epoch, item: Item, batch: Batch): Promise<boolean> {
    try {
      if (item.message === undefined) throw new ClientError("CLIENT_ITEM_MALFORMED");
      const { devices, provider, log } = this.#host;
      const { bucketSeconds } = provider;
      const lists = checkLookup(item, devices, bucketSeconds);
      devices.learn(lists);
      let facts: EpochFacts | undefined;
      const processed = await epoch.group.process(item.message, (summary) => {
        const stated = checkCommit(summary, item, { epoch, lists, bucketSeconds });
        const { startBucket, rosterRoot, treeHead, admitted = [], unlisted = [] } = stated;
        const before = epoch.group.members;
        this.#states?.demandRight(summary.committer.accountId, { ...summary, unlisted, before });
        this.#states?.demandAdmissions(admitted, { before, startBucket });
        batch.afterwards(() => log.hear(treeHead, senderOf(item)));
        facts = { startBucket, rosterRoot: rosterRoot.slice(), startedAtMs: item.acceptedAtMs };
      });
      if (processed.kind === "removed") return this.#leave(epoch, batch);
      if (facts === undefined) throw new ClientError("CLIENT_COMMIT_MEMBERS");
      this.#states?.beginEpoch(processed.group.members, admittedBy(item.message));
      await this.#begin(batch, { start: processed, facts, condition: "open" });
      return true;
    } catch (error) {
      if (!(error instanceof PortcullisError) || isTransient(error)) throw error;
      return this.#freeze(item, error.code, batch);
    }
  }

  /** The group steps into another epoch, or this device into the group; that beginning is stored with the batch. */
  async #begin(batch: Batch, next: EpochBeginning): Promise<void> {
    const { start, facts, condition, states = this.#states } = next;
    const previous = this.#epoch;
    const epoch = await Epoch.begin(start, facts, this.#host.provider);
    const { group } = epoch;
    this.#host.devices.admit(group.members);
    const joined = condition === "open" && this.#record?.condition !== "open";
    this.#epoch = epoch;
    this.#states = states;
    this.#latestMs = Math.max(this.#latestMs, facts.startedAtMs);
    batch.replaceEpoch(previous);
    this.#setRecord(batch, { condition, ...epoch.described });
    batch.add(...epoch.beginningChanges(this.names, start.snapshot, previous), ...this.outbox.rebase(epoch));
    const { events } = this.#host;
    const { id: conversationId } = this;
    batch.afterwards(() => events.emit("epoch", { conversationId, epoch: group.epoch }));
    if (!joined) return;
    batch.afterwards(() => events.emit("conversation", { conversationId }));
    batch.afterwards(() => warmPath(this.#host, this));
  }

  #setRecord(batch: Batch, facts: Omit<ConversationRecord, "shared">): void {
    if (this.#states === undefined) throw new RangeError("a conversation without a state");
    const record = { ...facts, shared: this.#states.kept };
    this.#record = record;
    const value = encodeConversationRecord(record);
    batch.add({ put: "conversation", conversationId: this.id, value });
  }

  /** Nothing more is accepted, and everybody who looks can see why. The epoch's secrets stay, for a remedy. */
  #freeze(item: Item, code: string, batch: Batch): false {
    if (this.#record === undefined) return false;
    const freeze = { sequence: item.sequence, code, committer: senderOf(item) };
    this.#setRecord(batch, { ...this.#record, condition: "frozen", freeze });
    const { id: conversationId } = this;
    batch.afterwards(() => this.#host.events.emit("frozen", { conversationId, ...freeze }));
    this.#end(batch, new ClientError("CLIENT_CONVERSATION_FROZEN", { code, sequence: item.sequence }));
    return false;
  }

  /** A Commit removed this device: what it could still open is erased. */
  #leave(epoch: Epoch, batch: Batch): true {
    if (this.#record === undefined) return true;
    batch.replaceEpoch(epoch);
    batch.add(...epoch.endingChanges(this.names));
    this.#setRecord(batch, { ...this.#record, condition: "left" });
    this.#epoch = undefined;
    const { id: conversationId } = this;
    batch.afterwards(() => this.#host.events.emit("left", { conversationId }));
    this.#end(batch, new ClientError("CLIENT_CONVERSATION_LEFT"));
    return true;
  }

  #end(batch: Batch, error: ClientError): void {
    batch.add(...this.outbox.abandon(error));
    batch.afterwards(() => this.watchers.fail(error));
  }
}
