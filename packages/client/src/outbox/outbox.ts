import {
  asMessageId,
  bucketStartAt,
  equalBytes,
  PortcullisError,
  type BucketStart,
  type Item,
} from "@portcullis/protocol";
import { AcceptedRecords } from "./accepted-records.ts";
import { buildCommit, isMoot } from "./commit-build.ts";
import type { Epoch } from "../conversation/epoch.ts";
import { ClientError, isTransient } from "../errors.ts";
import type { Answer, Host, OutboxOwner } from "../host.ts";
import type { CommitAttempt, Intent, OutboxEntry } from "./outbox-entry.ts";
import { frameOf } from "./outbox-frame.ts";
import {
  hold,
  isDoneOnceAccepted,
  storeEntry,
  type Accepted,
  type Confirmed,
  type Held,
  type Outcome,
} from "./outbox-held.ts";
import { sealMessage } from "./seal-message.ts";
import type { StoreChange } from "../store.ts";

const LONGEST_EPOCH_MS = 7 * 24 * 3600 * 1000;
const MESSAGES_PER_WRITE = 64;
const RETRY_MS = 250;

/**
 * What one conversation still has to send, in order. An attempt is stored together with the ratchet that it used
 * before it leaves, and sent again byte for byte until it is answered; a stale one is encrypted again under the same
 * message id. Its row goes in the transaction that takes its item in.
 */
export class Outbox {
  readonly #host: Host;
  readonly #owner: OutboxOwner;
  #held: Held[] = [];
  readonly #acceptedRecords = new AcceptedRecords();
  /** The bucket whose label and capsules went along with a message, as "epoch/bucket". */
  #uploaded = "";
  /** The epoch that our Commit on the way would begin. Secret. */
  #pending: Uint8Array | undefined;

  constructor(
    host: Host,
    owner: OutboxOwner,
    stored: { entries: readonly { place: number; entry: OutboxEntry }[]; pending: Uint8Array | undefined },
  ) {
    this.#pending = stored.pending;
    this.#host = host;
    this.#owner = owner;
    this.#held = stored.entries.map(({ place, entry }) => hold(place, entry, true));
    for (const { outcome } of this.#held) outcome.promise.catch(() => undefined);
  }

  get isEmpty(): boolean {
    return this.#held.length === 0;
  }

  /** After a restart. */
  resume(epoch: Epoch): void {
    const entries = this.#held.map(({ entry }) => entry);
    this.#acceptedRecords.resume(entries, epoch);
  }

  /** The same as `add`, but stored with the caller's batch, and sent when the outbox is flushed next. `outcome`: who waits for it already. */
  enqueue(intent: Intent, outcome?: Outcome): StoreChange {
    const held = this.#hold(intent, outcome);
    held.stored = true;
    held.outcome.promise.catch(() => undefined);
    this.#held.push(held);
    return storeEntry(held);
  }

  /** Resolves when the server has accepted it. */
  async add(intent: Intent): Promise<Accepted> {
    const held = this.#hold(intent);
    this.#held.push(held);
    this.#owner.run(() => this.flush());
    return held.outcome.promise;
  }

  /** What is new, under a message id and a place of its own. */
  #hold(intent: Intent, outcome?: Outcome): Held {
    const messageId = asMessageId(this.#host.random(16));
    const entry = { conversationId: this.#owner.id, messageId, intent };
    return hold(this.#host.nextPlace(), entry, false, outcome);
  }

  #find({ messageId }: Item): Held | undefined {
    return this.#held.find(({ entry }) => equalBytes(entry.messageId, messageId));
  }

  /** The connection is there: whatever was on its way goes again, byte for byte. */
  resend(): void {
    for (const held of this.#held)
      if (held.entry.attempt !== undefined && held.state !== "accepted") this.#transmit(held);
  }

  /** Encrypts, stores and sends what can go now. */
  async flush(): Promise<void> {
    for (;;) {
      const waiting = this.#held.filter(({ state }) => state === "waiting");
      const [first] = waiting;
      if (first === undefined) return;
      const epoch = this.#owner.sendingEpoch;
      if (!this.#host.ready || epoch === undefined) {
        await this.#storeIntents(waiting);
        return;
      }
      if (!(await this.#advance(epoch, first, waiting))) return;
    }
  }

  /** One step of `flush`; false when the next one has to wait for an answer or a Commit. */
  async #advance(epoch: Epoch, first: Held, waiting: readonly Held[]): Promise<boolean> {
    const sent = this.#held.filter(({ state }) => state === "sent");
    // One that is answered too: until its item comes, the epoch that it begins is the one that is pending.
    const isCommitting = this.#held.some(
      ({ state, entry }) => state !== "waiting" && entry.intent.kind === "commit",
    );
    const blocked = first.notBeforeEpoch > epoch.group.epoch || isCommitting;
    if (blocked) return this.#storeIntents(waiting);
    if (first.entry.intent.kind === "commit") {
      if (sent.length > 0) return this.#storeIntents(waiting);
      return (await this.#sendCommit(epoch, first)) || this.#storeIntents(waiting);
    }
    if (epoch.group.epoch === 0) return this.#storeIntents(waiting);
    if (this.#isExpired(epoch)) {
      this.#renewFirst();
      return true;
    }
    const bucketStart = this.#bucketNow(epoch);
    // One bucket at a time: whatever becomes stale does so in order, and the chain of records has no gap.
    const inOrder = sent.every(
      ({ entry: { attempt } }) =>
        attempt?.kind === "message" &&
        attempt.epoch === epoch.group.epoch &&
        attempt.bucketStart === bucketStart &&
        first.entry.attempt === undefined,
    );
    if (!inOrder) return this.#storeIntents(waiting);
    if (!(await this.#hasKeysets(epoch, bucketStart))) return this.#storeIntents(waiting);
    if (sent.length === 0) epoch.setRecords(epoch.group.ownLeaf, this.#acceptedRecords.chain);
    const end = waiting.findIndex(({ entry }) => entry.intent.kind === "commit");
    const most = Math.min(end < 0 ? waiting.length : end, MESSAGES_PER_WRITE);
    await this.#sendMessages(epoch, bucketStart, waiting.slice(0, most));
    return true;
  }

  /** Custodians may be late with the keysets of a new period: what is to be sent waits for them. */
  async #hasKeysets(epoch: Epoch, bucketStart: BucketStart): Promise<boolean> {
    if (epoch.group.terms.class === "sealed") return true;
    try {
      await this.#host.provider.ensureKeysets(bucketStart);
      this.#host.provider.keysetsFor(bucketStart);
      return true;
    } catch (error) {
      this.#host.events.emit("fault", error);
      this.#host.later(RETRY_MS, () => this.#owner.run(() => this.flush()));
      return false;
    }
  }

  async #sendMessages(epoch: Epoch, bucketStart: BucketStart, messages: readonly Held[]): Promise<void> {
    for (const held of messages) await this.#seal(epoch, bucketStart, held);
    const changes = epoch.leafChanges(this.#owner.names, [epoch.group.ownLeaf]);
    await this.#host.write([...changes, ...messages.map(storeEntry)]);
    for (const held of messages) this.#transmit(held);
  }

  async #seal(epoch: Epoch, bucketStart: BucketStart, held: Held): Promise<void> {
    const { messageId, intent } = held.entry;
    if (intent.kind !== "message") return;
    const bucket = `${epoch.group.epoch}/${bucketStart}`;
    const withSealedBucket = this.#uploaded !== bucket;
    const message = { ...intent, messageId, bucketStart, withSealedBucket };
    const attempt = await sealMessage(this.#host, epoch, message);
    this.#uploaded = bucket;
    held.entry = { ...held.entry, attempt };
  }

  /** False when it cannot be made now, and will be tried again. */
  async #sendCommit(epoch: Epoch, held: Held): Promise<boolean> {
    const { intent } = held.entry;
    if (intent.kind !== "commit") return true;
    if (isMoot(epoch, intent) && !this.#isExpired(epoch)) {
      await this.#host.write([{ erase: "outbox", order: held.place }]);
      this.#held = this.#held.filter((other) => other !== held);
      held.outcome.resolve({ sequence: 0, acceptedAtMs: epoch.facts.startedAtMs });
      return true;
    }
    const built = await this.#build(epoch, held, intent);
    if (built === undefined) return !this.#held.includes(held);
    const { attempt, pending, ratchet } = built;
    epoch.setRatchet(ratchet);
    held.entry = { ...held.entry, attempt };
    await this.#host.write([
      { put: "secret", name: this.#owner.names.pending, value: pending },
      ...epoch.leafChanges(this.#owner.names, [epoch.group.ownLeaf]),
      storeEntry(held),
    ]);
    this.#pending = pending;
    this.#transmit(held);
    return true;
  }

  /**
   * Undefined when it cannot be made: for good, since a device has no proof or a KeyPackage is not valid; or not now,
   * since the server cannot be asked.
   */
  async #build(epoch: Epoch, held: Held, intent: Parameters<typeof buildCommit>[1]) {
    try {
      const { states } = this.#owner;
      if (states === undefined) throw new ClientError("CLIENT_CONVERSATION_UNKNOWN");
      const { account, devices: directory, log } = this.#host;
      const context = { startBucket: this.#bucketNow(epoch), committer: account.accountId };
      return await buildCommit(epoch, intent, { ...context, states, directory, log });
    } catch (error) {
      if (!(error instanceof PortcullisError)) throw error;
      if (isTransient(error)) {
        this.#host.later(RETRY_MS, () => this.#owner.run(() => this.flush()));
        return undefined;
      }
      await this.#giveUp(held, error);
      return undefined;
    }
  }

  #transmit(held: Held): void {
    const ticket = {};
    held.ticket = ticket;
    held.state = "sent";
    held.stored = true;
    this.#host.request(
      (requestId) => frameOf(held.entry, requestId),
      (answer) =>
        this.#owner.run(async () => {
          if (held.ticket === ticket) await this.#answered(held, answer);
        }),
    );
  }

  async #answered(held: Held, answer: Answer): Promise<void> {
    if (!this.#held.includes(held)) return;
    held.ticket = undefined;
    if (answer.type === "rejected") {
      await this.#rejected(held, answer.code);
      return;
    }
    held.state = "accepted";
    held.receipt = answer.receipt;
    this.#acceptedRecords.note(held.entry, this.#owner.sendingEpoch?.group.epoch);
    if (answer.receipt !== undefined && isDoneOnceAccepted(held))
      held.outcome.resolve({ sequence: answer.sequence, acceptedAtMs: answer.receipt.acceptedAtMs });
    await this.flush();
  }

  async #rejected(held: Held, code: string): Promise<void> {
    const { attempt } = held.entry;
    switch (code) {
      case "EPOCH_STALE":
        held.notBeforeEpoch = (attempt?.epoch ?? 0) + 1;
        break;
      case "SEALED_BUCKET_MISSING":
        this.#uploaded = "";
        break;
      case "BUCKET_STALE":
      case "BUCKET_FUTURE":
        if (attempt?.kind === "message" && attempt.bucketStart === this.#bucketNow(this.#owner.sendingEpoch))
          return this.#againLater(held);
        break;
      case "EPOCH_EXPIRED":
        this.#renewFirst();
        break;
      case "RATE_LIMITED":
      case "SERVER_FAILED":
      case "SERVER_STOPPING":
        return this.#againLater(held);
      default:
        await this.#giveUp(held, new ClientError("CLIENT_SERVER_REFUSED", { refusal: code }));
        await this.flush();
        return;
    }
    await this.#takeBack(held);
    await this.flush();
  }

  /** Our clock and the server's disagree, or it is busy: again in a moment. */
  #againLater(held: Held): void {
    this.#host.later(RETRY_MS, () => {
      if (held.ticket === undefined && held.state === "sent" && this.#host.ready)
        this.#owner.run(async () => {
          await this.#takeBack(held);
          await this.flush();
        });
    });
  }

  /** To be encrypted again. A Commit's pending epoch is erased; a message's old attempt stays until the next replaces it. */
  async #takeBack(held: Held): Promise<void> {
    held.state = "waiting";
    if (held.entry.attempt?.kind !== "commit") return;
    await this.#host.write(this.#withdraw(held));
  }

  #withdraw(held: Held): StoreChange[] {
    const { conversationId, messageId, intent } = held.entry;
    held.entry = { conversationId, messageId, intent };
    this.#pending = undefined;
    return [{ erase: "secret", name: this.#owner.names.pending }, storeEntry(held)];
  }

  async #giveUp(held: Held, error: PortcullisError): Promise<void> {
    this.#held = this.#held.filter((other) => other !== held);
    const erase: StoreChange[] = [{ erase: "outbox", order: held.place }];
    if (held.entry.intent.kind === "commit") erase.push({ erase: "secret", name: this.#owner.names.pending });
    await this.#host.write(erase);
    held.outcome.reject(error);
  }

  /** Its item came: it leaves the outbox in the transaction of `changes`. Undefined when this device sent no such thing. */
  confirm(item: Item): Confirmed | undefined {
    const held = this.#find(item);
    if (held === undefined) return undefined;
    this.#held = this.#held.filter((other) => other !== held);
    held.ticket = undefined;
    this.#acceptedRecords.note(held.entry, this.#owner.sendingEpoch?.group.epoch);
    const { entry, outcome } = held;
    const { sequence, acceptedAtMs } = item;
    if (isDoneOnceAccepted(held)) outcome.resolve({ sequence, acceptedAtMs });
    const changes: StoreChange[] = [{ erase: "outbox", order: held.place }];
    return { entry, receipt: item.receipt ?? held.receipt, outcome, changes };
  }

  /** Our Commit that the server has ordered, with the epoch that it begins. Undefined when this device made no such one. */
  takeCommit(
    item: Item,
  ): { attempt: CommitAttempt; pending: Uint8Array; changes: StoreChange[] } | undefined {
    const pending = this.#pending;
    const held = this.#find(item);
    const attempt = held?.entry.attempt;
    if (attempt?.kind !== "commit" || pending === undefined) return undefined;
    this.#pending = undefined;
    const changes = this.confirm(item)?.changes ?? [];
    return { attempt, pending, changes: [...changes, { erase: "secret", name: this.#owner.names.pending }] };
  }

  /** A new epoch began. Our own Commit for an older one has lost: it is made anew on top of the one that won. */
  rebase(epoch: Epoch): StoreChange[] {
    this.#acceptedRecords.restart();
    const lost = this.#held.filter(
      ({ entry: { attempt } }) => attempt?.kind === "commit" && attempt.epoch < epoch.group.epoch,
    );
    return lost.flatMap((held) => {
      held.state = "waiting";
      held.ticket = undefined;
      return this.#withdraw(held);
    });
  }

  /** Nothing of it will ever be sent. */
  abandon(error: Error): StoreChange[] {
    const held = this.#held;
    this.#held = [];
    for (const { outcome } of held) outcome.reject(error);
    return held.map(({ place }) => ({ erase: "outbox", order: place }));
  }

  /** The client stops; what is stored goes on with the next one. */
  stop(error: Error): void {
    for (const { outcome } of this.#held) outcome.reject(error);
  }

  /** Nothing more can be done with them now; a crash does not lose them. */
  async #storeIntents(waiting: readonly Held[]): Promise<false> {
    const fresh = waiting.filter(({ stored }) => !stored);
    if (fresh.length > 0) await this.#host.write(fresh.map(storeEntry));
    for (const held of fresh) held.stored = true;
    return false;
  }

  /** Before anything else, an empty Commit: DESIGN section 6, "Epochs last at most 7 days". */
  #renewFirst(): void {
    const queued = this.#held.some(({ entry }) => entry.intent.kind === "commit");
    if (queued) return;
    const held = this.#hold({ kind: "commit", add: [], remove: [] });
    held.outcome.promise.catch(() => undefined);
    this.#held.unshift(held);
  }

  #isExpired(epoch: Epoch): boolean {
    return this.#nowMs() - epoch.facts.startedAtMs > LONGEST_EPOCH_MS;
  }

  /** Never behind what the server was seen to accept, even if this device's clock is. */
  #nowMs(): number {
    return Math.max(this.#host.clock.now(), this.#owner.latestMs);
  }

  #bucketNow(epoch: Epoch | undefined): BucketStart {
    const bucketStart = bucketStartAt(this.#nowMs(), this.#host.provider.bucketSeconds);
    return Math.max(bucketStart, epoch?.oldestBucket ?? 0);
  }
}
