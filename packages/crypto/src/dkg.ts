import { ristretto255_FROST } from "@noble/curves/ed25519.js";
import { equalBytes, type Random } from "@portcullis/protocol";
import {
  commitmentTo,
  decodeRound1,
  decodeRound2,
  encodeRound1,
  encodeRound2,
  hashContext,
  hashTranscript,
  type Round1,
} from "./dkg-messages.ts";
import { CryptoError } from "./errors.ts";
import type { SecretShare } from "./share.ts";

// FROST's key generation (Komlo and Goldberg 2020, figure 1), which noble does; here are the rules around it that make
// it fit for a ceremony over an untrusted relay, and the naming of whoever breaks them. spec/threshold.md, DKG-xx.

const { DKG, Identifier } = ristretto255_FROST;
const MAX_PARTICIPANTS = 255;
const NOTHING = new Uint8Array(0);

export interface DkgResult {
  readonly groupKey: Uint8Array;
  /** `Y_i` at index i - 1. */
  readonly verificationShares: readonly Uint8Array[];
  /** Secret. */
  readonly share: SecretShare;
  /** Over context, commitments and first rounds: what every participant must sign alike before the key is used. */
  readonly transcriptHash: Uint8Array;
}

type Step = "commit" | "reveal" | "share" | "finish" | "done";

/**
 * One participant of one key generation: `commitment`, `round1`, `round2`, `finish`, each once and in this order.
 * After an error it can only be wiped: begin again with a new context.
 */
export class DkgParticipant {
  readonly #index: number;
  readonly #threshold: number;
  readonly #size: number;
  readonly #contextHash: Uint8Array;
  readonly #own: ReturnType<typeof DKG.round1>;
  #step: Step = "commit";
  #commitments: readonly Uint8Array[] = [];
  #round1s: readonly Uint8Array[] = [];
  #opened: readonly Round1[] = [];
  #transcriptHash: Uint8Array = NOTHING;

  /**
   * `context`: unique to this attempt. `participants`: the identity of each, distinct, in the order of their indexes.
   * @throws CryptoError DKG_PARAMETERS
   */
  constructor(input: {
    readonly context: Uint8Array;
    /** Own place, from 1. */
    readonly index: number;
    readonly threshold: number;
    readonly participants: readonly Uint8Array[];
    readonly random: Random;
  }) {
    const { context, index, threshold, participants, random } = input;
    const size = participants.length;
    const distinct = participants.every((a, i) => participants.every((b, j) => i === j || !equalBytes(a, b)));
    const possible =
      Number.isInteger(threshold) && threshold >= 2 && threshold <= size && size <= MAX_PARTICIPANTS;
    if (!possible || !distinct || !Number.isInteger(index) || index < 1 || index > size)
      throw new CryptoError("DKG_PARAMETERS", { index, threshold, participants: size });
    this.#index = index;
    this.#threshold = threshold;
    this.#size = size;
    this.#contextHash = hashContext(context, threshold, participants);
    const signers = { min: threshold, max: size };
    this.#own = DKG.round1(Identifier.fromNumber(index), signers, undefined, (length = 32) => random(length));
  }

  /** The hash of the first round, sent before anyone opens theirs, so that nobody chooses last. DKG-02. */
  commitment(): Uint8Array {
    this.#advance("commit", "reveal");
    return commitmentTo(this.#contextHash, this.#index, this.#encodeRound1());
  }

  /** The first round, public; only once all commitments are here. @throws CryptoError DKG_COMMITMENT */
  round1(commitments: readonly Uint8Array[]): Uint8Array {
    this.#advance("reveal", "share");
    const own = this.#encodeRound1();
    if (commitments.length !== this.#size)
      throw new CryptoError("DKG_COMMITMENT", { given: commitments.length });
    const kept = commitments[this.#index - 1] as Uint8Array;
    if (!equalBytes(kept, commitmentTo(this.#contextHash, this.#index, own)))
      throw new CryptoError("DKG_COMMITMENT", { index: this.#index });
    this.#commitments = commitments.map((commitment) => commitment.slice());
    return own;
  }

  /**
   * One message for each participant, at index - 1; the own place stays empty. Each is SECRET: the caller seals it to
   * its receiver.
   * @throws CryptoError DKG_COMMITMENT, DKG_ROUND1, with the index at fault
   */
  round2(round1s: readonly Uint8Array[]): Uint8Array[] {
    this.#advance("share", "finish");
    if (round1s.length !== this.#size) throw new CryptoError("DKG_ROUND1", { given: round1s.length });
    this.#round1s = round1s.map((message) => message.slice());
    this.#opened = this.#round1s.map((message, i) => this.#openRound1(message, i + 1));
    this.#transcriptHash = hashTranscript(this.#contextHash, this.#commitments, this.#round1s);
    const shares = DKG.round2(this.#own.secret, this.#othersRound1());
    return this.#round1s.map((_, i) => {
      const share = shares[Identifier.fromNumber(i + 1)];
      if (share === undefined) return NOTHING;
      return encodeRound2(this.#transcriptHash, this.#index, i + 1, share.signingShare);
    });
  }

  /**
   * The key, from what every other participant sent to this one, at its index - 1.
   * @throws CryptoError DKG_TRANSCRIPT, DKG_SHARE, with the index at fault
   */
  finish(round2s: readonly Uint8Array[]): DkgResult {
    this.#advance("finish", "done");
    if (round2s.length !== this.#size) throw new CryptoError("DKG_SHARE", { given: round2s.length });
    const received = this.#others().map((from) => ({
      identifier: Identifier.fromNumber(from),
      signingShare: decodeRound2(round2s[from - 1] as Uint8Array, {
        transcriptHash: this.#transcriptHash,
        from,
        to: this.#index,
        commitments: (this.#opened[from - 1] as Round1).commitments,
      }),
    }));
    const key = DKG.round3(this.#own.secret, this.#othersRound1(), received);
    for (const { signingShare } of received) signingShare.fill(0);
    return {
      groupKey: new Uint8Array(key.public.commitments[0] as Uint8Array),
      verificationShares: Array.from(
        { length: this.#size },
        (_, i) => new Uint8Array(key.public.verifyingShares[Identifier.fromNumber(i + 1)] as Uint8Array),
      ),
      share: { index: this.#index, secret: new Uint8Array(key.secret.signingShare) },
      transcriptHash: this.#transcriptHash,
    };
  }

  /** Forgets the polynomial, as far as the engine lets it. Nothing can be called afterwards. */
  wipe(): void {
    this.#step = "done";
    DKG.clean(this.#own.secret);
  }

  #advance(from: Step, to: Step): void {
    if (this.#step !== from) throw new CryptoError("DKG_STATE", { expected: from, actual: this.#step });
    this.#step = to;
  }

  #encodeRound1(): Uint8Array {
    const { commitment, proofOfKnowledge } = this.#own.public;
    return encodeRound1(this.#contextHash, this.#index, { commitments: commitment, proof: proofOfKnowledge });
  }

  #openRound1(message: Uint8Array, index: number): Round1 {
    const commitment = commitmentTo(this.#contextHash, index, message);
    if (!equalBytes(commitment, this.#commitments[index - 1] as Uint8Array))
      throw new CryptoError("DKG_COMMITMENT", { index });
    return decodeRound1(message, { contextHash: this.#contextHash, index, threshold: this.#threshold });
  }

  #othersRound1() {
    return this.#others().map((index) => {
      const { commitments, proof } = this.#opened[index - 1] as Round1;
      return {
        identifier: Identifier.fromNumber(index),
        commitment: commitments.map((commitment) => commitment.slice()),
        proofOfKnowledge: proof.slice(),
      };
    });
  }

  #others(): number[] {
    return Array.from({ length: this.#size }, (_, i) => i + 1).filter((index) => index !== this.#index);
  }
}
