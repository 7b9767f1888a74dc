import type { Order, OrderStatus, QuorumStanding } from "@portcullis/access";
import { toBase64Url, type ErrorBody, type OrderHash } from "@portcullis/protocol";
import type { CustodianHost } from "./custodian-host.ts";
import { CustodianError } from "./errors.ts";
import type { Rounds } from "./rounds.ts";
import type { ServerClient } from "./server-client.ts";

/** What the checks found, for a person to read before deciding. */
export type ReviewSummary =
  | {
      readonly decision: "acceptable";
      /** How many buckets would open, and the root over exactly those. */
      readonly buckets: number;
      readonly labelsRoot: string;
    }
  | ({ readonly decision: "refused" } & ErrorBody);

/** One order, with all that a person needs to decide. */
export interface OrderView {
  readonly orderHash: string;
  /** Where it stands in the ledger. */
  readonly index: number;
  readonly stage: OrderStatus["stage"] | "refused";
  readonly order: Order;
  /** While it is new. */
  readonly review?: ReviewSummary;
  /** Once it is approved here. */
  readonly standing?: readonly QuorumStanding[];
  /** What stood in the way of the release the last time. */
  readonly problem?: ErrorBody;
}

/** GET /v1/orders */
export interface OrdersView {
  readonly orders: readonly OrderView[];
  /** Why nothing can be approved now. */
  readonly frozen?: { readonly code: string; readonly facts: Readonly<Record<string, unknown>> };
}

/** Where a person reads orders and decides. */
export class OrderDesk {
  readonly #host: CustodianHost;
  readonly #working: () => { server: ServerClient; rounds: Rounds };

  /** `working` gives what exists once there is a policy. @throws CustodianError CUSTODIAN_POLICY_MISSING from `working` */
  constructor(host: CustodianHost, working: () => { server: ServerClient; rounds: Rounds }) {
    this.#host = host;
    this.#working = working;
  }

  async list(): Promise<OrdersView> {
    const { state } = this.#host;
    await this.#working().rounds.sync();
    const orders: OrderView[] = [];
    for (const status of state.orders()) orders.push(await this.#view(status));
    return { orders, ...(state.frozen && { frozen: state.frozen }) };
  }

  /** Answers when the approval is on disk; the ledger gets it in the round that then begins. */
  async approve(orderHash: OrderHash): Promise<OrderView> {
    const { server, rounds } = this.#working();
    await rounds.sync();
    await this.#host.approve(orderHash, await server.targets(orderHash));
    // A failure here is of the way out, not of the decision: the next round takes it up.
    rounds.run().catch(() => undefined);
    return this.#one(orderHash);
  }

  /** @throws CustodianError CUSTODIAN_ORDER_UNKNOWN, CUSTODIAN_DECIDED */
  async refuse(orderHash: OrderHash): Promise<OrderView> {
    await this.#working().rounds.sync();
    await this.#host.refuse(orderHash);
    return this.#one(orderHash);
  }

  async #one(orderHash: OrderHash): Promise<OrderView> {
    const status = this.#host.status(orderHash);
    if (status === undefined)
      throw new CustodianError("CUSTODIAN_ORDER_UNKNOWN", { order: toBase64Url(orderHash) });
    return this.#view(status);
  }

  async #view({ orderHash, index, stage, order, standing }: OrderStatus): Promise<OrderView> {
    const { rounds } = this.#working();
    const refused = stage === "new" && this.#host.hasRefused(orderHash);
    const review = stage === "new" && !refused ? await this.#review(orderHash) : undefined;
    const problem = stage === "approved" ? rounds.problem(orderHash) : undefined;
    return {
      orderHash: toBase64Url(orderHash),
      index,
      stage: refused ? "refused" : stage,
      order,
      ...(review && { review }),
      ...(standing && { standing }),
      ...(problem && { problem: { code: problem.code, message: problem.message, facts: problem.facts } }),
    };
  }

  async #review(orderHash: OrderHash): Promise<ReviewSummary> {
    const review = await this.#host.review(orderHash, await this.#working().server.targets(orderHash));
    if (review.decision === "refused") return review;
    const { buckets, labels } = review.targets;
    return { decision: "acceptable", buckets: buckets.length, labelsRoot: toBase64Url(labels.root) };
  }
}
