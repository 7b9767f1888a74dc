import { DkgParticipant, sha256, wipe, type SigningKey } from "@portcullis/crypto";
import { generateHpkeKey, hpkeOpen, hpkeSeal, type HpkeKey } from "@portcullis/crypto/hpke";
import {
  asKeysetId,
  encodeCbor,
  equalBytes,
  fromBase64Url,
  PortcullisError,
  toBase64Url,
  utf8,
  type Random,
} from "@portcullis/protocol";
import {
  describeCeremony,
  readRound,
  signMessage,
  type Ceremony,
  type CeremonyRound,
  type CeremonyTerms,
} from "./ceremony-message.ts";
import { decodeDocument, documentPayload, mergeSignatures } from "./documents.ts";
import { AccessError } from "./errors.ts";
import type { HeldShare } from "./held-share.ts";
import { keysetDocument, signKeyset, verifyKeyset, type Keyset, type VerifiedKeyset } from "./keyset.ts";
import type { Custodian, VerifiedPolicy } from "./policy.ts";

const SHARE_INFO = utf8("portcullis/ceremony-share/v1");

export interface CeremonyOptions {
  readonly policy: VerifiedPolicy;
  readonly terms: CeremonyTerms;
  readonly custodianId: string;
  /** The identity key that the policy names for this custodian. */
  readonly identityKey: SigningKey;
  readonly random: Random;
  /**
   * Durably notes that the ceremony of this context (32 bytes) begins; false when it began before. What was made under
   * a context is never made again under it: after any failure a ceremony starts anew, under a new id.
   */
  readonly claimContext: (context: Uint8Array) => Promise<boolean>;
}

/** What the custodian must store durably before its signature on the keyset leaves the house. */
export interface CeremonyOutcome {
  readonly share: HeldShare;
  /** The keyset, signed by this custodian alone so far. */
  readonly keyset: string;
}

type Step = "new" | "commit" | "reveal" | "shares" | "finish" | "closed";

/**
 * One custodian in the making of its quorum's keyset. Nobody deals, and the coordinator who carries the messages is
 * trusted with nothing: each call takes the messages of all custodians (this one's included) and gives the next one.
 *
 *     commit() → reveal(commits) → shares(reveals) → finish(shares) → complete(keysets)
 *
 * Whatever throws also ends the ceremony and wipes what it held. Rules ACC-70 to ACC-77.
 */
export class CeremonyParticipant {
  readonly #ceremony: Ceremony;
  readonly #custodian: Custodian;
  readonly #index: number;
  readonly #options: CeremonyOptions;
  readonly #dkg: DkgParticipant;
  #hpke: HpkeKey | undefined;
  #peerKeys: readonly Uint8Array[] = [];
  #view: Uint8Array;
  #sent = "";
  #step: Step = "new";

  /** @throws AccessError KEYSET_QUORUM when the policy does not name this custodian, with this key, in this quorum */
  constructor(options: CeremonyOptions) {
    this.#ceremony = describeCeremony(options.policy, options.terms);
    const { quorum, context } = this.#ceremony;
    const ownKey = toBase64Url(options.identityKey.publicKey);
    const place = quorum.custodians.findIndex(({ id, key }) => id === options.custodianId && key === ownKey);
    const custodian = quorum.custodians[place];
    if (custodian === undefined)
      throw new AccessError("KEYSET_QUORUM", { quorum: quorum.name, custodian: options.custodianId });
    this.#custodian = custodian;
    this.#index = place + 1;
    this.#options = options;
    this.#view = context;
    this.#dkg = new DkgParticipant({
      context,
      index: this.#index,
      threshold: quorum.threshold,
      participants: quorum.custodians.map(({ key }) => fromBase64Url(key)),
      random: options.random,
    });
  }

  /** Round one: a hash of what will be revealed, and the key that this ceremony's shares are sealed to. */
  async commit(): Promise<string> {
    return this.#advance("new", "commit", async () => {
      if (!(await this.#options.claimContext(this.#ceremony.context)))
        throw new AccessError("CEREMONY_CONTEXT");
      this.#hpke = await generateHpkeKey();
      return this.#send("commit", [this.#hpke.publicKey, this.#dkg.commitment()]);
    });
  }

  /** Round two: what was committed to, once everybody has committed. */
  async reveal(commits: readonly string[]): Promise<string> {
    return this.#advance("commit", "reveal", async () => {
      const parts = await this.#receive("commit", 2, commits);
      this.#peerKeys = parts.map(([peerKey]) => peerKey as Uint8Array);
      const commitments = parts.map(([, commitment]) => commitment as Uint8Array);
      return this.#send("reveal", [this.#blame(() => this.#dkg.round1(commitments))]);
    });
  }

  /** Round three: to each peer its share of this custodian's secret, sealed to the peer. */
  async shares(reveals: readonly string[]): Promise<string> {
    return this.#advance("reveal", "shares", async () => {
      const parts = await this.#receive("reveal", 1, reveals);
      const slots = this.#blame(() => this.#dkg.round2(parts.map(([revealed]) => revealed as Uint8Array)));
      const sealed = await Promise.all(slots.map((slot, place) => this.#sealSlot(slot, place + 1)));
      wipe(...slots);
      return this.#send("shares", sealed);
    });
  }

  async #sealSlot(plaintext: Uint8Array, peer: number): Promise<Uint8Array> {
    if (peer === this.#index) return new Uint8Array(0);
    return hpkeSeal({
      publicKey: this.#peerKeys[peer - 1] as Uint8Array,
      info: SHARE_INFO,
      associatedData: encodeCbor([this.#view, this.#index, peer]),
      plaintext,
    });
  }

  /** The share, and the keyset with this custodian's signature. Store the one before the other leaves. */
  async finish(shares: readonly string[]): Promise<CeremonyOutcome> {
    return this.#advance("shares", "finish", async () => {
      const sealView = this.#view;
      const parts = await this.#receive("shares", this.#ceremony.quorum.custodians.length, shares);
      const slots = await Promise.all(
        parts.map((sent, place) => this.#openSlot(sent[this.#index - 1] as Uint8Array, place + 1, sealView)),
      );
      const { groupKey, verificationShares, share, transcriptHash } = this.#blame(() =>
        this.#dkg.finish(slots),
      );
      wipe(...slots);
      this.#wipe();
      const keyset = this.#keyset(groupKey, verificationShares, transcriptHash);
      const keysetId = asKeysetId(sha256(documentPayload(keysetDocument, keyset)));
      this.#sent = await signKeyset(keyset, [this.#options.identityKey]);
      return { share: { keysetId, share }, keyset: this.#sent };
    });
  }

  async #openSlot(sealed: Uint8Array, peer: number, view: Uint8Array): Promise<Uint8Array> {
    if (peer === this.#index) return new Uint8Array(0);
    const { publicKey, privateKey } = this.#hpke as HpkeKey;
    try {
      return await hpkeOpen({
        publicKey,
        privateKey,
        info: SHARE_INFO,
        associatedData: encodeCbor([view, peer, this.#index]),
        sealed,
      });
    } catch {
      throw new AccessError("CEREMONY_SHARE", { custodian: this.#name(peer) });
    }
  }

  #keyset(
    groupKey: Uint8Array,
    verificationShares: readonly Uint8Array[],
    dkgTranscript: Uint8Array,
  ): Keyset {
    const { policy, quorum, terms } = this.#ceremony;
    return {
      version: 1,
      policyId: toBase64Url(policy.id),
      quorum: quorum.name,
      from: terms.from,
      to: terms.to,
      threshold: quorum.threshold,
      custodians: quorum.custodians.map(({ id }) => id),
      groupKey: toBase64Url(groupKey),
      verificationShares: verificationShares.map((share) => toBase64Url(share)),
      transcriptHash: toBase64Url(sha256(encodeCbor([this.#view, dkgTranscript]))),
    };
  }

  /**
   * The keyset that all custodians of the quorum signed. Until this returns, the share is good for nothing.
   * @throws AccessError CEREMONY_SPLIT_VIEW when somebody signed another one, DOCUMENT_…, KEYSET_…
   */
  async complete(keysets: readonly string[]): Promise<VerifiedKeyset> {
    return this.#advance("finish", "closed", async () => {
      const own = decodeDocument(keysetDocument, this.#sent);
      for (const other of keysets.map((jws) => decodeDocument(keysetDocument, jws)))
        if (!equalBytes(other.id, own.id)) throw new AccessError("CEREMONY_SPLIT_VIEW", { round: "keyset" });
      return verifyKeyset(mergeSignatures(keysetDocument, keysets), this.#options.policy);
    });
  }

  /** Ends the ceremony and wipes what it held. */
  abort(): void {
    this.#step = "closed";
    this.#wipe();
  }

  async #advance<T>(from: Step, to: Step, action: () => Promise<T>): Promise<T> {
    if (this.#step !== from) throw new AccessError("CEREMONY_ORDER", { at: this.#step, wanted: from });
    // A second call while the first one runs must find the ceremony elsewhere.
    this.#step = "closed";
    try {
      const result = await action();
      this.#step = to;
      return result;
    } catch (error) {
      this.abort();
      throw error;
    }
  }

  async #send(round: CeremonyRound, parts: readonly Uint8Array[]): Promise<string> {
    const sender = { custodian: this.#custodian, key: this.#options.identityKey };
    this.#sent = await signMessage(this.#ceremony, sender, { round, view: this.#view, parts });
    return this.#sent;
  }

  /** Everybody's parts of a round, in which this custodian's own message must come back as it went out. */
  async #receive(
    round: CeremonyRound,
    parts: number,
    messages: readonly string[],
  ): Promise<readonly (readonly Uint8Array[])[]> {
    if (!messages.includes(this.#sent))
      throw new AccessError("CEREMONY_MESSAGE", { round, custodian: this.#custodian.id });
    const seen = await readRound(this.#ceremony, { round, view: this.#view, parts }, messages);
    this.#view = seen.view;
    return seen.parts;
  }

  /** Runs a step of the key generation; who broke it is named by its place in the quorum. */
  #blame<T>(step: () => T): T {
    try {
      return step();
    } catch (error) {
      if (!(error instanceof PortcullisError)) throw error;
      const index = error.facts["index"];
      const custodian = typeof index === "number" ? this.#name(index) : undefined;
      throw new AccessError("CEREMONY_CHEAT", { custodian, why: error.code });
    }
  }

  #name(index: number): string | undefined {
    return this.#ceremony.quorum.custodians[index - 1]?.id;
  }

  #wipe(): void {
    this.#dkg.wipe();
    if (this.#hpke !== undefined) wipe(this.#hpke.privateKey);
    this.#hpke = undefined;
  }
}
