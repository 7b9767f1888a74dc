import type { SigningKey } from "@portcullis/crypto";
import { equalBytes, PortcullisError, toHex, utf8, type OrderHash, type Random } from "@portcullis/protocol";
import { custodianOf, signApproval, statementOf } from "./approval.ts";
import { canonicalJson } from "./canonical-json.ts";
import {
  decodeCustodianData,
  encodeCustodianData,
  freshData,
  type CustodianCase,
  type CustodianData,
} from "./custodian-state.ts";
import { sealOpening } from "./entry.ts";
import { AccessError, type AccessErrorCode } from "./errors.ts";
import type { HeldShare } from "./held-share.ts";
import { findOrder, noDocuments, readDocuments, type LedgerDocuments } from "./ledger-documents.ts";
import { extendView, type LedgerUpdate } from "./ledger-view.ts";
import { encodeNoticeEntry } from "./order-entry.ts";
import { reviewOrder, type AcceptableOrder } from "./order-review.ts";
import type { Order } from "./order.ts";
import { verifyPolicy, type VerifiedPolicy } from "./policy.ts";
import { quorumStanding, requireEveryQuorum, type QuorumStanding } from "./quorum-standing.ts";
import { makeRelease } from "./share-release.ts";
import { parseUtcTime } from "./utc-time.ts";

/** What is to be done outside, in this order. Doing one twice does no harm: the bytes are the same. */
export type CustodianEffect =
  | {
      readonly type: "submit";
      readonly kind: "approve" | "release" | "notice";
      /** For the ledger. */
      readonly opening: Uint8Array;
    }
  | { readonly type: "send"; readonly orderHash: OrderHash; readonly batch: Uint8Array };

/** What the person who decides is shown. */
export type Review =
  | ({ readonly decision: "acceptable" } & AcceptableOrder)
  | {
      readonly decision: "refused";
      readonly code: string;
      readonly message: string;
      readonly facts: Readonly<Record<string, unknown>>;
    };

/** An order in the ledger, as this custodian stands to it. */
export interface OrderStatus {
  readonly orderHash: OrderHash;
  readonly index: number;
  readonly order: Order;
  readonly stage: "new" | "approved" | "released" | "sent";
  /** Only once this custodian has approved: what counts is approval of the same buckets. */
  readonly standing?: readonly QuorumStanding[];
}

export interface ReviewRequest {
  readonly orderHash: OrderHash;
  /** As the server sent them (encodeTargets). */
  readonly targets: Uint8Array;
  /** The custodian's own clock. */
  readonly nowMs: number;
}

/**
 * One custodian: believes nothing that it has not checked, and says what to do instead of doing it. The host keeps
 * `encode()` durably after every call that changes something, and then carries out `effects()`; they follow from the
 * state alone, so after a crash the same ones are there again with the same bytes. No key is kept.
 */
export class CustodianState {
  readonly policy: VerifiedPolicy;
  #data: CustodianData;
  #documents: LedgerDocuments;
  /** One call at a time: two concurrent releases must not make two batches. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(policy: VerifiedPolicy, data: CustodianData, documents: LedgerDocuments) {
    this.policy = policy;
    this.#data = data;
    this.#documents = documents;
  }

  /** A custodian that has seen nothing yet. @throws AccessError as verifyPolicy; APPROVAL_CUSTODIAN when the policy does not list it */
  static async begin(input: { policyJws: string; custodian: string }): Promise<CustodianState> {
    const policy = await verifyPolicy(input.policyJws);
    custodianOf(policy, input.custodian);
    return new CustodianState(policy, freshData(input.policyJws, input.custodian), noDocuments);
  }

  /** Where `encode()` left it. Trusted: whoever can write these bytes is this custodian. @throws ProtocolError, AccessError */
  static async restore(bytes: Uint8Array): Promise<CustodianState> {
    const data = decodeCustodianData(bytes);
    const policy = await verifyPolicy(data.policyJws);
    const documents = await readDocuments(noDocuments, data.view.entries, policy);
    return new CustodianState(policy, data, documents);
  }

  encode(): Uint8Array {
    return encodeCustodianData(this.#data);
  }

  get custodian(): string {
    return this.#data.custodian;
  }

  /** How many ledger entries were read: the next update begins there. */
  get size(): number {
    return this.#data.view.size;
  }

  /** Keysets, authorities, orders and the rest, as the ledger has them. */
  get documents(): LedgerDocuments {
    return this.#documents;
  }

  /** Why nothing is approved or released until a sound update comes. */
  get frozen(): { code: AccessErrorCode; facts: Record<string, unknown> } | undefined {
    const { frozen } = this.#data;
    return frozen === undefined
      ? undefined
      : (JSON.parse(frozen) as { code: AccessErrorCode; facts: Record<string, unknown> });
  }

  /**
   * Reads on in the ledger; rules CUS-01 to CUS-03. An update that is not sound moves nothing and freezes the custodian
   * until a sound one comes.
   * @throws LedgerError for a checkpoint that is not this log's, which changes nothing
   */
  async sync(update: LedgerUpdate): Promise<void> {
    await this.#exclusive(async () => {
      const { view, frozen: _, ...rest } = this.#data;
      try {
        const next = extendView(view, update, this.policy.witnessPolicy("access"));
        const added = next.entries.slice(view.entries.length);
        this.#documents = await readDocuments(this.#documents, added, this.policy);
        this.#data = { ...rest, view: next };
      } catch (error) {
        if (!(error instanceof AccessError)) throw error;
        const frozen = canonicalJson({ code: error.code, facts: error.facts });
        this.#data = { ...rest, view, frozen };
      }
    });
  }

  /** Every order in the ledger, oldest first. */
  orders(): OrderStatus[] {
    return this.#documents.orders.map(({ index, document }) => {
      const own = this.#case(document.hash);
      const status = { orderHash: document.hash, index, order: document.order };
      if (own === undefined) return { ...status, stage: "new" };
      const stage = own.release === undefined ? "approved" : own.sent ? "sent" : "released";
      return { ...status, stage, standing: this.#standing(own) };
    });
  }

  /** All checks, none of the decision. */
  async review(request: ReviewRequest): Promise<Review> {
    try {
      return { decision: "acceptable", ...(await this.#check(request)) };
    } catch (error) {
      if (!(error instanceof PortcullisError)) throw error;
      const { code, message, facts } = error as PortcullisError;
      return { decision: "refused", code, message, facts };
    }
  }

  /**
   * First phase: a person said yes. Approves the exact buckets, once; approving again changes nothing.
   * @throws AccessError as review would refuse; CUSTODIAN_UNKNOWN, ORDER_TARGETS when other buckets were approved before
   */
  async approve(request: ReviewRequest & { key: SigningKey; random: Random }): Promise<void> {
    await this.#exclusive(async () => {
      const { order, targets, index } = await this.#check(request);
      const own = this.#case(order.hash);
      if (own !== undefined) return requireSameLabels(own, targets.labels);
      const approval = await signApproval(
        statementOf({ ...this.#self(), orderHash: order.hash, labels: targets.labels }),
        this.#own(request.key),
      );
      const { opening } = sealOpening("approve", utf8(approval), request.random);
      const { labels } = targets;
      this.#keep({ orderHash: order.hash, index, labels, approval: opening, sent: false });
    });
  }

  /** How far every quorum has come with an order that this custodian approved. @throws AccessError ORDER_NOT_APPROVED */
  standing(orderHash: OrderHash): QuorumStanding[] {
    return this.#standing(this.#approved(orderHash));
  }

  /**
   * Second phase: makes the shares, sealed to the order's recipient, and the release that commits to them. Everything is
   * checked again first. Once made, the batch never changes.
   * @throws AccessError as review would refuse; ORDER_NOT_APPROVED, ORDER_QUORUM_SHORT, CUSTODIAN_UNKNOWN, CUSTODIAN_SHARE_MISSING
   */
  async prepareRelease(
    request: ReviewRequest & { key: SigningKey; shares: readonly HeldShare[]; random: Random },
  ): Promise<void> {
    await this.#exclusive(async () => {
      const own = this.#approved(request.orderHash);
      if (own.release !== undefined) return;
      const { order, targets } = await this.#check({ ...request, index: own.index });
      requireSameLabels(own, targets.labels);
      requireEveryQuorum(this.#standing(own));
      if (!this.#isLogged(own.approval)) throw new AccessError("ORDER_NOT_APPROVED", { logged: false });
      const key = this.#own(request.key);
      const { shares, random } = request;
      const release = await makeRelease({ ...this.#self(), order, targets, key, shares, random });
      this.#keep({ ...own, release });
    });
  }

  /** The server has the batch: it need not be sent again. */
  confirmSent(orderHash: OrderHash): void {
    this.#keep({ ...this.#approved(orderHash), sent: true });
  }

  /** Orders that released something, whose notice is due and not yet in the ledger. */
  dueNotices(nowMs: number): OrderHash[] {
    const { orders, releases, notices } = this.#documents;
    const released = orders.filter(
      ({ document }) =>
        releases.some((release) => equalBytes(release.document.orderHash, document.hash)) &&
        !notices.some((notice) => equalBytes(notice.document.orderHash, document.hash)) &&
        parseUtcTime(document.order.notice.due) <= nowMs,
    );
    return released.map(({ document }) => document.hash);
  }

  /** Publishes the notice of an order from this custodian's own copy; rule CUS-40. @throws AccessError ORDER_NOT_IN_LEDGER, NOTICE_NOT_DUE */
  async publishNotice(request: { orderHash: OrderHash; nowMs: number; random: Random }): Promise<void> {
    await this.#exclusive(async () => {
      const { orderHash, nowMs, random } = request;
      const logged = findOrder(this.#documents, orderHash);
      if (logged === undefined) throw new AccessError("ORDER_NOT_IN_LEDGER", { order: toHex(orderHash) });
      const { due } = logged.document.order.notice;
      if (parseUtcTime(due) > nowMs) throw new AccessError("NOTICE_NOT_DUE", { due });
      const { sealedNotices } = logged.document.entry;
      const { opening } = sealOpening("notice", encodeNoticeEntry({ orderHash, sealedNotices }), random);
      this.#data = { ...this.#data, notices: [...this.#data.notices, opening] };
    });
  }

  /** What is to be done now. A batch is sent only when its release stands in the witnessed ledger; rule CUS-32. */
  effects(): CustodianEffect[] {
    if (this.#data.frozen !== undefined) return [];
    const submit = (kind: "approve" | "release" | "notice", opening: Uint8Array): CustodianEffect[] =>
      this.#isLogged(opening) ? [] : [{ type: "submit", kind, opening }];
    const ofCases = this.#data.cases.flatMap(({ orderHash, approval, release, sent }): CustodianEffect[] => {
      if (release === undefined) return submit("approve", approval);
      if (!this.#isLogged(release.opening)) return submit("release", release.opening);
      return sent ? [] : [{ type: "send", orderHash, batch: release.batch }];
    });
    return [...ofCases, ...this.#data.notices.flatMap((opening) => submit("notice", opening))];
  }

  async #check(request: ReviewRequest & { index?: number }): Promise<AcceptableOrder> {
    const { frozen } = this;
    if (frozen !== undefined) throw new AccessError(frozen.code, frozen.facts);
    const { policy } = this;
    return reviewOrder({ ...request, policy, view: this.#data.view, documents: this.#documents });
  }

  #self(): { policy: VerifiedPolicy; custodian: string } {
    return { policy: this.policy, custodian: this.custodian };
  }

  #own(key: SigningKey): SigningKey {
    if (equalBytes(key.publicKey, custodianOf(this.policy, this.custodian).key)) return key;
    throw new AccessError("CUSTODIAN_UNKNOWN", { custodian: this.custodian });
  }

  #case(orderHash: OrderHash): CustodianCase | undefined {
    return this.#data.cases.find((own) => equalBytes(own.orderHash, orderHash));
  }

  #approved(orderHash: OrderHash): CustodianCase {
    const own = this.#case(orderHash);
    if (own === undefined) throw new AccessError("ORDER_NOT_APPROVED", { order: toHex(orderHash) });
    return own;
  }

  #standing(own: CustodianCase): QuorumStanding[] {
    const approvals = this.#documents.approvals.map(({ document }) => document);
    return quorumStanding(this.policy, approvals, own);
  }

  #keep(own: CustodianCase): void {
    const others = this.#data.cases.filter(({ orderHash }) => !equalBytes(orderHash, own.orderHash));
    this.#data = { ...this.#data, cases: [...others, own] };
  }

  #isLogged(opening: Uint8Array): boolean {
    return this.#data.view.entries.some((entry) => equalBytes(entry.opening.bytes, opening));
  }

  async #exclusive(action: () => Promise<void>): Promise<void> {
    const mine = this.#turn.then(action);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }
}

function requireSameLabels(own: CustodianCase, labels: CustodianCase["labels"]): void {
  if (own.labels.count !== labels.count || !equalBytes(own.labels.root, labels.root))
    throw new AccessError("ORDER_TARGETS", { approved: own.labels.count, offered: labels.count });
}
