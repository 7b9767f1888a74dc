import {
  decodeItems,
  decodeTargets,
  emptyView,
  encodeItems,
  encodeShareBatch,
  extendView,
  noDocuments,
  openOrder,
  readDocuments,
  verifyOrder,
  verifyTargets,
  type OpenedOrder,
  type VerifiedOrder,
  type VerifiedPolicy,
  type VerifiedTargets,
} from "@portcullis/access";
import { writeEvidence, type EvidenceSource, type Trust } from "@portcullis/access/evidence";
import { sign, type SigningKey } from "@portcullis/crypto";
import { decodeDeviceProof, verifyDeviceProof } from "@portcullis/ledger/identity";
import { parseCheckpoint, parseNote } from "@portcullis/ledger/verify";
import {
  encodeSessionChallenge,
  equalBytes,
  fromBase64Url,
  fromUtf8,
  toBase64Url,
  type AccountId,
  type BatchesAnswer,
  type ChallengeAnswer,
  type InclusionAnswer,
  type OpeningsAnswer,
  type OrderAccountsAnswer,
  type OrderHash,
  type SessionAnswer,
} from "@portcullis/protocol";
import { requestBytes, requestJson } from "../http.ts";

export interface RecipientKeys {
  readonly hpke: { readonly publicKey: Uint8Array; readonly privateKey: Uint8Array };
  readonly signing: SigningKey;
}

export interface RecipientOptions {
  readonly server: string;
  readonly operatorToken: string;
  readonly policy: VerifiedPolicy;
  readonly orderHash: OrderHash;
  readonly keys: RecipientKeys;
  /** Who is who, by the provider's word. */
  readonly handleOf: (accountId: AccountId) => string;
}

/** An opened order, with all that proves it. */
export interface RecipientOpening {
  readonly order: VerifiedOrder;
  readonly targets: VerifiedTargets;
  readonly opened: OpenedOrder;
  readonly source: EvidenceSource;
}

/** The tool of the one whom an order names as recipient: fetches, verifies, combines, opens. */
export class Recipient {
  readonly #options: RecipientOptions;
  readonly #token: string;

  private constructor(options: RecipientOptions, token: string) {
    this.#options = options;
    this.#token = token;
  }

  /** Opens a session with the signing key that the order names. */
  static async connect(options: RecipientOptions): Promise<Recipient> {
    const { server, policy, orderHash, keys } = options;
    const { nonce } = await requestJson<ChallengeAnswer>(`${server}/v1/challenges`, { method: "POST" });
    const signature = sign(
      keys.signing,
      encodeSessionChallenge(policy.policy.provider, fromBase64Url(nonce)),
    );
    const { token } = await requestJson<SessionAnswer>(`${server}/v1/sessions`, {
      body: {
        subject: { kind: "recipient", orderHash: toBase64Url(orderHash) },
        nonce,
        signature: toBase64Url(signature),
      },
    });
    return new Recipient(options, token);
  }

  /** The custodians whose shares have come. */
  async batches(): Promise<{ custodian: string; sealed: Uint8Array }[]> {
    const { batches } = await this.#json<BatchesAnswer>("batches");
    return batches.map(({ custodian, batch }) => ({ custodian, sealed: fromBase64Url(batch) }));
  }

  /** @throws AccessError OPENING_SHARES_SHORT and the like */
  async open(): Promise<RecipientOpening> {
    const { policy, orderHash, keys } = this.#options;
    const { entries, documents } = await this.#ledger();
    const logged = documents.orders.find(({ document }) => equalBytes(document.hash, orderHash));
    if (logged === undefined) throw new Error("the order does not stand in the ledger");
    const authorities = documents.authorities.map(({ document }) => document);
    const order = await verifyOrder(logged.document.entry, { policy, authorities });
    const targetBytes = await this.#bytes("targets");
    const keysets = documents.keysets.map(({ document }) => document);
    const targets = verifyTargets(decodeTargets(targetBytes), order, { policy, keysets });
    const itemBytes = await this.#bytes("items");
    const accounts = await this.#accounts();
    const releases = documents.releases.filter(({ document }) => equalBytes(document.orderHash, orderHash));
    const jwsOf = (index: number): string =>
      fromUtf8(entries.find((entry) => entry.index === index)?.opening.body ?? new Uint8Array(0));
    const batches = (await this.batches()).flatMap(({ custodian, sealed }) => {
      const release = releases.find(({ document }) => document.custodian === custodian);
      if (release === undefined) return [];
      return [{ custodian, sealed, release: release.document, releaseJws: jwsOf(release.index) }];
    });
    const opened = await openOrder({
      policy,
      order,
      targets,
      batches,
      items: decodeItems(itemBytes).items,
      accounts: accounts.map(({ accountId, handle, lists }) => ({ accountId, handle, lists })),
      deliveryKeys: authorities
        .filter(({ authority }) => authority.role === "delivery")
        .map(({ key }) => key),
      recipient: keys.hpke,
    });
    const concerns = new Set([
      ...documents.keysets.map(({ index }) => index),
      ...documents.authorities.map(({ index }) => index),
      logged.index,
      ...documents.approvals
        .filter(({ document }) => equalBytes(document.orderHash, orderHash))
        .map(({ index }) => index),
      ...releases.map(({ index }) => index),
    ]);
    const proven = entries.filter(({ index, opening }) => opening.kind === "policy" || concerns.has(index));
    const source = {
      entries: await Promise.all(
        proven.map(async ({ index, opening }) => ({
          opening: opening.bytes,
          proof: await this.#proof(index),
        })),
      ),
      targets: targetBytes,
      items: encodeItems({ orderHash, items: opened.items }),
      batches: opened.batches.map((batch) => encodeShareBatch(batch)),
      accounts: accounts.map(({ accountId, handle, deviceProofs }) => ({ accountId, handle, deviceProofs })),
    };
    return { order, targets, opened, source };
  }

  /** The bundle's files by path. */
  async evidence(
    { source }: RecipientOpening,
    trust: Trust,
    nowMs: number,
  ): Promise<Map<string, Uint8Array>> {
    return writeEvidence({ source, trust, key: this.#options.keys.signing, nowMs });
  }

  async #ledger() {
    const { policy } = this.#options;
    const openings: Uint8Array[] = [];
    let answer: OpeningsAnswer;
    do {
      answer = await this.#operator<OpeningsAnswer>(`/v1/ledger/openings?from=${openings.length}`);
      openings.push(...answer.openings.map((opening) => fromBase64Url(opening)));
    } while (
      answer.openings.length > 0 &&
      openings.length < parseCheckpoint(parseNote(answer.checkpoint).text).size
    );
    const { entries } = extendView(
      emptyView,
      { openings, checkpoint: answer.checkpoint },
      policy.witnessPolicy("access"),
    );
    return { entries, documents: await readDocuments(noDocuments, entries, policy) };
  }

  async #accounts() {
    const { policy, handleOf } = this.#options;
    const { deviceProofs } = await this.#json<OrderAccountsAnswer>("accounts");
    const proven = deviceProofs.map((text) => {
      const proof = fromBase64Url(text);
      return { proof, list: verifyDeviceProof(decodeDeviceProof(proof), policy.witnessPolicy("identity")) };
    });
    const byAccount = Map.groupBy(proven, ({ list }) => toBase64Url(list.accountId));
    return [...byAccount.values()].map((group) => {
      const { accountId } = (group[0] as (typeof proven)[number]).list;
      return {
        accountId,
        handle: handleOf(accountId),
        lists: group.map(({ list }) => list),
        deviceProofs: group.map(({ proof }) => proof),
      };
    });
  }

  async #proof(index: number): Promise<string> {
    return (await requestJson<InclusionAnswer>(`${this.#options.server}/v1/ledger/proof/${index}`)).proof;
  }

  #bytes(what: string): Promise<Uint8Array> {
    return requestBytes(this.#url(what), { token: this.#token });
  }

  #json<T>(what: string): Promise<T> {
    return requestJson<T>(this.#url(what), { token: this.#token });
  }

  #operator<T>(path: string): Promise<T> {
    return requestJson<T>(`${this.#options.server}${path}`, { token: this.#options.operatorToken });
  }

  #url(what: string): string {
    return `${this.#options.server}/v1/orders/${toBase64Url(this.#options.orderHash)}/${what}`;
  }
}
