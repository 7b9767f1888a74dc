import {
  CustodianState,
  decodeDocument,
  policyDocument,
  signPolicy,
  verifyPolicy,
  type CustodianEffect,
  type LedgerUpdate,
  type OrderStatus,
  type Policy,
  type Review,
} from "@portcullis/access";
import { sha256 } from "@portcullis/crypto";
import {
  equalBytes,
  toBase64Url,
  toHex,
  type Clock,
  type OrderHash,
  type Random,
} from "@portcullis/protocol";
import type { CustodianFiles } from "./custodian-files.ts";
import { CustodianError } from "./errors.ts";

export interface CustodianHostOptions {
  readonly id: string;
  readonly files: CustodianFiles;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * Keeps access's state machine durable: whatever changes it is on disk before anything that follows from it leaves the
 * house. It judges nothing itself.
 */
export class CustodianHost {
  readonly #options: CustodianHostOptions;
  #state: CustodianState | undefined;
  #saved: Uint8Array | undefined;
  /** Changes follow one another: two at once could save an older state over a newer one. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(options: CustodianHostOptions) {
    this.#options = options;
  }

  static async open(options: CustodianHostOptions): Promise<CustodianHost> {
    const host = new CustodianHost(options);
    await host.#reload();
    return host;
  }

  async #reload(): Promise<void> {
    this.#saved = this.#options.files.readState();
    this.#state = this.#saved && (await CustodianState.restore(this.#saved));
  }

  get id(): string {
    return this.#options.id;
  }

  /** Undefined until the person has signed a policy and all others have too. */
  get adopted(): CustodianState | undefined {
    return this.#state;
  }

  /** @throws CustodianError CUSTODIAN_POLICY_MISSING */
  get state(): CustodianState {
    if (this.#state === undefined) throw new CustodianError("CUSTODIAN_POLICY_MISSING");
    return this.#state;
  }

  /**
   * The person consents to a policy: this custodian's signature on it, noted before it leaves.
   * @throws CustodianError CUSTODIAN_POLICY_NOT_NAMED; AccessError POLICY_… when it is unsound
   */
  async signPolicy(policy: Policy): Promise<string> {
    const { files, id } = this.#options;
    const jws = await signPolicy(policy, [files.identityKey]);
    const { value, payload } = decodeDocument(policyDocument, jws);
    const key = toBase64Url(files.identityKey.publicKey);
    const own = value.quorums.flatMap(({ custodians }) => custodians).find((it) => it.id === id);
    if (own?.key !== key) throw new CustodianError("CUSTODIAN_POLICY_NOT_NAMED", { id });
    files.noteSigned(sha256(payload));
    return jws;
  }

  /**
   * The policy that all have signed, this custodian among them, is the one it serves from now on.
   * @throws CustodianError CUSTODIAN_POLICY_UNSIGNED, CUSTODIAN_POLICY_SET; AccessError DOCUMENT_…, POLICY_…
   */
  async adoptPolicy(jws: string): Promise<void> {
    const policy = await verifyPolicy(jws);
    const { files, id } = this.#options;
    if (!files.hasSigned(policy.id))
      throw new CustodianError("CUSTODIAN_POLICY_UNSIGNED", { policy: toHex(policy.id) });
    await this.#exclusive(async () => {
      if (this.#state === undefined) {
        this.#state = await CustodianState.begin({ policyJws: jws, custodian: id });
        await this.#save();
      } else if (!equalBytes(this.#state.policy.id, policy.id)) {
        throw new CustodianError("CUSTODIAN_POLICY_SET", { policy: toHex(this.#state.policy.id) });
      }
    });
  }

  /** Reads on in the ledger. @throws LedgerError for a checkpoint that is not the pinned log's */
  async sync(update: LedgerUpdate): Promise<void> {
    await this.#change((state) => state.sync(update));
  }

  status(orderHash: OrderHash): OrderStatus | undefined {
    return this.state.orders().find((order) => equalBytes(order.orderHash, orderHash));
  }

  async review(orderHash: OrderHash, targets: Uint8Array): Promise<Review> {
    return this.state.review({ orderHash, targets, nowMs: this.#options.clock.now() });
  }

  /** The person said yes. @throws CustodianError CUSTODIAN_REFUSED; AccessError as review would refuse */
  async approve(orderHash: OrderHash, targets: Uint8Array): Promise<void> {
    const { files, clock, random } = this.#options;
    if (files.hasRefused(orderHash)) throw new CustodianError("CUSTODIAN_REFUSED");
    const key = files.identityKey;
    await this.#change((state) => state.approve({ orderHash, targets, nowMs: clock.now(), key, random }));
  }

  /** The person said no, for good. @throws CustodianError CUSTODIAN_ORDER_UNKNOWN, CUSTODIAN_DECIDED */
  async refuse(orderHash: OrderHash): Promise<void> {
    await this.#exclusive(async () => {
      const status = this.status(orderHash);
      if (status === undefined)
        throw new CustodianError("CUSTODIAN_ORDER_UNKNOWN", { order: toHex(orderHash) });
      if (status.stage !== "new") throw new CustodianError("CUSTODIAN_DECIDED", { stage: status.stage });
      this.#options.files.noteRefused(orderHash);
      await Promise.resolve();
    });
  }

  hasRefused(orderHash: OrderHash): boolean {
    return this.#options.files.hasRefused(orderHash);
  }

  /** Approved here, by a threshold of every quorum, and not yet released: what the second phase waits for. */
  releasable(): OrderHash[] {
    const ready = this.state.orders().filter(({ stage, standing }) => {
      const complete = standing?.every(({ approved, threshold }) => approved.length >= threshold);
      return stage === "approved" && complete === true;
    });
    return ready.map(({ orderHash }) => orderHash);
  }

  /** Makes the sealed batch, once. @throws AccessError */
  async prepareRelease(orderHash: OrderHash, targets: Uint8Array): Promise<void> {
    const { files, clock, random } = this.#options;
    const nowMs = clock.now();
    const shares = files.shares();
    await this.#change((state) =>
      state.prepareRelease({ orderHash, targets, nowMs, key: files.identityKey, shares, random }),
    );
  }

  async publishNotice(orderHash: OrderHash): Promise<void> {
    const { clock, random } = this.#options;
    await this.#change((state) => state.publishNotice({ orderHash, nowMs: clock.now(), random }));
  }

  async confirmSent(orderHash: OrderHash): Promise<void> {
    await this.#change((state) => state.confirmSent(orderHash));
  }

  /** What is to be done now; all of it follows from what is on disk. */
  async effects(): Promise<CustodianEffect[]> {
    let effects: CustodianEffect[] = [];
    await this.#exclusive(async () => {
      effects = this.#state?.effects() ?? [];
      await Promise.resolve();
    });
    return effects;
  }

  async #change(action: (state: CustodianState) => Promise<void> | void): Promise<void> {
    await this.#exclusive(async () => {
      await action(this.state);
      await this.#save();
    });
  }

  /** A state that can not be written is not the state: what the disk holds is. */
  async #save(): Promise<void> {
    const bytes = this.state.encode();
    if (this.#saved !== undefined && equalBytes(bytes, this.#saved)) return;
    try {
      this.#options.files.writeState(bytes);
      this.#saved = bytes;
    } catch (error) {
      await this.#reload();
      throw error;
    }
  }

  async #exclusive(action: () => Promise<void>): Promise<void> {
    const mine = this.#turn.then(action);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }
}
