import type { CustodianEffect, VerifiedPolicy } from "@portcullis/access";
import { PortcullisError, toHex, type Clock, type OrderHash } from "@portcullis/protocol";
import type { CustodianHost } from "./custodian-host.ts";
import type { ServerClient } from "./server-client.ts";

/** Submit, read it in the ledger, release, read that, send: no order needs more in one go. */
const MOST_STEPS = 5;
/** Any custodian may publish a notice; each waits its turn, so that one suffices where nobody is missing. */
const NOTICE_TURN_MS = 60_000;

export interface RoundsOptions {
  readonly host: CustodianHost;
  readonly server: ServerClient;
  readonly clock: Clock;
}

/** What a custodian does without being asked: reads the ledger, and carries out what its person decided. */
export class Rounds {
  readonly #options: RoundsOptions;
  readonly #problems = new Map<string, PortcullisError>();
  #running: Promise<void> | undefined;

  constructor(options: RoundsOptions) {
    this.#options = options;
  }

  /** What stood in the way of an order's release the last time. */
  problem(orderHash: OrderHash): PortcullisError | undefined {
    return this.#problems.get(toHex(orderHash));
  }

  /** One round; those who ask while it runs wait for the same one. Does nothing while there is no policy. */
  async run(): Promise<void> {
    this.#running ??= this.#round().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #round(): Promise<void> {
    if (this.#options.host.adopted === undefined) return;
    for (let step = 0; step < MOST_STEPS; step++) {
      await this.sync();
      await this.#release();
      await this.#publishNotices();
      const effects = await this.#options.host.effects();
      if (effects.length === 0) return;
      await this.#carryOut(effects);
    }
  }

  /** When the round under way, if there is one, has ended, however it ends. */
  async settled(): Promise<void> {
    await this.#running?.catch(() => undefined);
  }

  /** Reads on in the ledger. */
  async sync(): Promise<void> {
    const { host, server } = this.#options;
    await host.sync(await server.update(host.state.size));
  }

  /** An order that can not be released now says why and does not hold up the others. */
  async #release(): Promise<void> {
    const { host, server } = this.#options;
    for (const orderHash of host.releasable()) {
      try {
        await host.prepareRelease(orderHash, await server.targets(orderHash));
        this.#problems.delete(toHex(orderHash));
      } catch (error) {
        if (!(error instanceof PortcullisError)) throw error;
        this.#problems.set(toHex(orderHash), error);
      }
    }
  }

  /** Not while one of this custodian's waits for the ledger, or everything does. */
  async #publishNotices(): Promise<void> {
    const { host, clock } = this.#options;
    const waiting = (await host.effects()).some((it) => it.type === "submit" && it.kind === "notice");
    if (waiting || host.state.frozen !== undefined) return;
    const turn = placeOf(host.id, host.state.policy) * NOTICE_TURN_MS;
    for (const orderHash of host.state.dueNotices(clock.now() - turn)) await host.publishNotice(orderHash);
  }

  async #carryOut(effects: readonly CustodianEffect[]): Promise<void> {
    const { host, server } = this.#options;
    const done = await Promise.allSettled(
      effects.map(async (effect) => {
        if (effect.type === "submit") return void (await server.submit(effect.opening));
        await server.sendBatch(effect.orderHash, effect.batch);
        return host.confirmSent(effect.orderHash);
      }),
    );
    for (const outcome of done) if (outcome.status === "rejected") throw outcome.reason;
  }
}

function placeOf(id: string, { policy }: VerifiedPolicy): number {
  return policy.quorums.flatMap(({ custodians }) => custodians).findIndex((custodian) => custodian.id === id);
}
