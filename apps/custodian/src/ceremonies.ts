import { CeremonyParticipant, type CeremonyTerms } from "@portcullis/access";
import { toBase64Url, type Random } from "@portcullis/protocol";
import type { CustodianFiles } from "./custodian-files.ts";
import type { CustodianHost } from "./custodian-host.ts";
import { CustodianError } from "./errors.ts";

/** Each holds secrets in memory until it ends: what a coordinator left behind is given up for what it begins anew. */
const MOST_AT_ONCE = 4;

export interface CeremoniesOptions {
  readonly host: CustodianHost;
  readonly files: CustodianFiles;
  readonly random: Random;
}

/**
 * The ceremonies that this custodian takes part in, by their id. They live in memory alone: after a crash a ceremony
 * begins anew under a fresh id, since the context of the old one is claimed on disk.
 */
export class Ceremonies {
  readonly #options: CeremoniesOptions;
  readonly #running = new Map<string, CeremonyParticipant>();

  constructor(options: CeremoniesOptions) {
    this.#options = options;
  }

  /** @throws AccessError KEYSET_…, CEREMONY_CONTEXT; CustodianError CUSTODIAN_POLICY_MISSING */
  async begin(terms: CeremonyTerms): Promise<string> {
    const { host, files, random } = this.#options;
    const participant = new CeremonyParticipant({
      policy: host.state.policy,
      terms,
      custodianId: host.id,
      identityKey: files.identityKey,
      random,
      claimContext: (context) => Promise.resolve(files.claimCeremony(context)),
    });
    const commit = await participant.commit();
    this.#running.set(toBase64Url(terms.id), participant);
    for (const [id, oldest] of this.#running) {
      if (this.#running.size <= MOST_AT_ONCE) break;
      oldest.abort();
      this.#running.delete(id);
    }
    return commit;
  }

  async reveal(id: string, commits: readonly string[]): Promise<string> {
    return this.#step(id, (participant) => participant.reveal(commits));
  }

  async shares(id: string, reveals: readonly string[]): Promise<string> {
    return this.#step(id, (participant) => participant.shares(reveals));
  }

  /** The keyset with this custodian's signature, which leaves only when the share is on disk. */
  async finish(id: string, shares: readonly string[]): Promise<string> {
    return this.#step(id, async (participant) => {
      const { share, keyset } = await participant.finish(shares);
      this.#options.files.keepShare(share);
      return keyset;
    });
  }

  /** The keyset with the signatures of all. */
  async complete(id: string, keysets: readonly string[]): Promise<string> {
    return this.#step(id, async (participant) => {
      const keyset = await participant.complete(keysets);
      this.#running.delete(id);
      return keyset.jws;
    });
  }

  /** Forgets what is under way. */
  abort(): void {
    for (const participant of this.#running.values()) participant.abort();
    this.#running.clear();
  }

  async #step(id: string, action: (participant: CeremonyParticipant) => Promise<string>): Promise<string> {
    const participant = this.#running.get(id);
    if (participant === undefined) throw new CustodianError("CUSTODIAN_CEREMONY", { ceremony: id });
    try {
      return await action(participant);
    } catch (error) {
      participant.abort();
      this.#running.delete(id);
      throw error;
    }
  }
}
