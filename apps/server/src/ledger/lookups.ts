import type { VrfKey } from "@portcullis/crypto";
import {
  answerLookup,
  encodeLookup,
  findInIndex,
  proveLabel,
  rootOfIndex,
  type IdentityIndex,
  type LookupAnswer,
} from "@portcullis/ledger/identity";
import { toBase64Url, type AccountId, type Clock } from "@portcullis/protocol";
import type { Store } from "@portcullis/store";
import { ServerError } from "../errors.ts";
import type { IndexHistory } from "./index-history.ts";
import type { OriginLog } from "./origin-log.ts";

/** What is published is cosigned anew when somebody asks after so long: no answer is older. */
const LONGEST_AGE_MS = 60_000;
const REMEMBERED_LABELS = 65_536;

type Label = ReturnType<typeof proveLabel>;

interface Parts {
  readonly store: Store;
  readonly log: OriginLog;
  readonly index: IndexHistory;
  readonly vrf: VrfKey;
  readonly clock: Clock;
  readonly longestWaitMs: number;
}

/** Answers what the identity log says of accounts, with proofs that it is the latest and that it is all. */
export class Lookups {
  readonly #parts: Parts;
  readonly #labels = new Map<string, Label>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** The account's name in the log, and the proof of it. */
  label(accountId: AccountId): Label {
    const key = toBase64Url(accountId);
    const known = this.#labels.get(key);
    if (known !== undefined) return known;
    const label = proveLabel(this.#parts.vrf, accountId);
    if (this.#labels.size >= REMEMBERED_LABELS) this.#labels.clear();
    this.#labels.set(key, label);
    return label;
  }

  /** An encoded lookup of these accounts, once their latest lists are published. @throws ServerError NOT_PUBLISHED */
  async of(accounts: readonly AccountId[]): Promise<Uint8Array> {
    const { log, clock, longestWaitMs, index: history } = this.#parts;
    for (const accountId of accounts) await this.#settled(accountId);
    const stale = clock.now() - log.askedAtMs > LONGEST_AGE_MS;
    if (stale && !(await log.renew(longestWaitMs))) throw new ServerError("NOT_PUBLISHED");
    const size = log.tiles.published?.size ?? 0;
    const index = history.at(size);
    if (index === undefined || size === 0) throw new ServerError("NOT_PUBLISHED");
    const [proof, ...answers] = await Promise.all([
      log.tiles.readTlogProof(size - 1),
      ...accounts.map((accountId) => this.#answer(index, accountId)),
    ]);
    return encodeLookup({ proof, root: rootOfIndex(index).root, answers });
  }

  async #settled(accountId: AccountId): Promise<void> {
    const { store, log, longestWaitMs } = this.#parts;
    const list = await store.accounts.currentList(accountId);
    if (list !== undefined && (await log.publication(list.entry, longestWaitMs)) === undefined)
      throw new ServerError("NOT_PUBLISHED");
  }

  async #answer(index: IdentityIndex, accountId: AccountId): Promise<LookupAnswer> {
    const name = this.label(accountId);
    const indexed = findInIndex(index, name.label);
    const lists = indexed === undefined ? [] : await this.#parts.store.accounts.lists(accountId);
    const opened = lists.find(({ version }) => version === indexed?.version);
    return answerLookup(index, name, opened);
  }
}
