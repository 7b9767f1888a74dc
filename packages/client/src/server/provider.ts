import {
  decodeOpening,
  entryOf,
  keysetsFor,
  verifyKeyset,
  verifyPolicy,
  type Policy,
  type VerifiedKeyset,
  type VerifiedPolicy,
} from "@portcullis/access";
import { parseVerifierKey, verifyTlogProof, type WitnessPolicy } from "@portcullis/ledger/verify";
import {
  asPolicyId,
  equalBytes,
  fromBase64Url,
  fromUtf8,
  toBase64Url,
  type BucketStart,
  type ConversationTerms,
  type ServerAnswer,
} from "@portcullis/protocol";
import { ClientError } from "../errors.ts";
import { ReceiptVerifier } from "./receipt.ts";
import type { ServerApi } from "./server-api.ts";

/** What a person was given out of band, and what everything that the server says is measured against. trust.json */
export interface TrustConfig {
  /** base64url; without one this client takes part in sealed conversations only. */
  readonly policyId?: string;
  /** Verifier keys as lines of signed-note. */
  readonly log: string;
  readonly identityLog: string;
  /** base64url: proves whose a label in the identity log is. */
  readonly vrfKey: string;
  readonly witnesses: readonly string[];
  readonly witnessThreshold: number;
}

/** Where no policy says otherwise. */
const BUCKET_SECONDS = 900;

/**
 * The provider, measured against the trust configuration: its policy, the keysets that its witnessed ledger holds, and
 * the log in which it lists devices. What the server says counts only after `verify`.
 */
export class Provider {
  /** Its host, as in URIs. */
  readonly name: string;
  /** 32 bytes. */
  readonly frankingKey: Uint8Array;
  readonly identityPolicy: WitnessPolicy;
  /** 32 bytes. */
  readonly vrfKey: Uint8Array;
  /** One for all conversations: the server signs one root for what it took in together, in whichever of them. */
  readonly receipts: ReceiptVerifier;
  readonly #api: ServerApi;
  readonly #trust: TrustConfig;
  #verified = false;
  #policy: VerifiedPolicy | undefined;
  #keysets: readonly VerifiedKeyset[] = [];
  readonly #current = new Map<BucketStart, readonly VerifiedKeyset[]>();

  /** `pinned`: what the account saw of its provider on first contact. @throws LedgerError LEDGER_KEY_MALFORMED */
  constructor(api: ServerApi, trust: TrustConfig, pinned: { provider: string; frankingKey: Uint8Array }) {
    this.#api = api;
    this.#trust = trust;
    this.name = pinned.provider;
    this.frankingKey = pinned.frankingKey;
    this.receipts = new ReceiptVerifier(pinned.frankingKey);
    const { vrfKey, identityPolicy } = identityTrustOf(trust);
    this.vrfKey = vrfKey;
    this.identityPolicy = identityPolicy;
  }

  get bucketSeconds(): number {
    return this.#policy?.policy.bucketSeconds ?? BUCKET_SECONDS;
  }

  /**
   * Asks the server for what it claims and checks it, once; rules CLT-01, CLT-02.
   * @throws ClientError CLIENT_TRUST, CLIENT_SERVER_UNREACHABLE; AccessError, LedgerError
   */
  async verify(): Promise<void> {
    if (this.#verified) return;
    const answer = await this.#api.server();
    if (answer.provider !== this.name) throw new ClientError("CLIENT_TRUST", { differs: "provider" });
    if (answer.frankingKey !== toBase64Url(this.frankingKey))
      throw new ClientError("CLIENT_TRUST", { differs: "frankingKey" });
    if (this.#trust.policyId !== undefined) {
      this.#policy = await demandedPolicy(answer, this.#trust, this.#trust.policyId);
      await this.#refreshKeysets();
    }
    this.#verified = true;
  }

  /** Undefined until it is verified, and where the trust configuration names none. */
  get policy(): Policy | undefined {
    return this.#policy?.policy;
  }

  /** @throws ClientError CLIENT_TRUST when the trust configuration names no policy */
  demandPolicy(): VerifiedPolicy {
    if (this.#policy === undefined) throw new ClientError("CLIENT_TRUST", { missing: "policy" });
    return this.#policy;
  }

  /** What a conversation that this device joins must state. @throws ClientError CLIENT_WELCOME_TERMS */
  checkTerms({ policyId, frankingKey }: ConversationTerms): void {
    const ours = policyId === undefined || equalBytes(policyId, this.demandPolicy().id);
    if (!ours || !equalBytes(frankingKey, this.frankingKey)) throw new ClientError("CLIENT_WELCOME_TERMS");
  }

  /** One keyset of each quorum, in policy order. @throws AccessError KEYSET_MISSING, KEYSET_AMBIGUOUS */
  keysetsFor(bucketStart: BucketStart): readonly VerifiedKeyset[] {
    const known = this.#current.get(bucketStart);
    if (known !== undefined) return known;
    const keysets = keysetsFor(this.demandPolicy(), this.#keysets, bucketStart);
    if (this.#current.size > 1) this.#current.clear();
    this.#current.set(bucketStart, keysets);
    return keysets;
  }

  /** Asks for keysets anew when those that are known do not cover a bucket. @throws ClientError, AccessError, LedgerError */
  async ensureKeysets(bucketStart: BucketStart): Promise<void> {
    if (this.#current.has(bucketStart)) return;
    const { policy } = this.demandPolicy();
    const covered = policy.quorums.every((_, quorumIndex) =>
      this.#keysets.some(
        (keyset) =>
          keyset.quorumIndex === quorumIndex &&
          keyset.fromSeconds <= bucketStart &&
          bucketStart < keyset.toSeconds,
      ),
    );
    if (!covered) await this.#refreshKeysets();
  }

  /** Takes the keysets that stand in the witnessed ledger, signed by all of their quorum. */
  async #refreshKeysets(): Promise<void> {
    const policy = this.demandPolicy();
    const witnessPolicy = policy.witnessPolicy("access");
    const keysets: VerifiedKeyset[] = [];
    for (const { opening, proof } of await this.#api.openings("keysets")) {
      verifyTlogProof({ proof, entry: entryOf(opening), policy: witnessPolicy });
      const { kind, body } = decodeOpening(opening);
      if (kind === "keyset") keysets.push(await verifyKeyset(fromUtf8(body), policy));
    }
    this.#keysets = keysets;
    this.#current.clear();
  }
}

/** What a lookup in the identity log is measured against, before the policy is known. @throws LedgerError LEDGER_KEY_MALFORMED */
export function identityTrustOf(
  trust: TrustConfig,
): Pick<Provider, "identityPolicy" | "vrfKey" | "bucketSeconds"> {
  return {
    identityPolicy: identityPolicyOf(trust),
    vrfKey: fromBase64Url(trust.vrfKey),
    bucketSeconds: BUCKET_SECONDS,
  };
}

/** In whose log device lists stand, and whose cosignatures it needs. @throws LedgerError LEDGER_KEY_MALFORMED */
function identityPolicyOf(trust: TrustConfig): WitnessPolicy {
  return {
    log: parseVerifierKey(trust.identityLog),
    witnesses: trust.witnesses.map((line) => parseVerifierKey(line)),
    threshold: trust.witnessThreshold,
  };
}

async function demandedPolicy(
  answer: ServerAnswer,
  trust: TrustConfig,
  policyId: string,
): Promise<VerifiedPolicy> {
  if (answer.policy === undefined) throw new ClientError("CLIENT_TRUST", { missing: "policy" });
  const verified = await verifyPolicy(answer.policy, asPolicyId(fromBase64Url(policyId)));
  const { provider, log, identityLog, witnesses, witnessThreshold } = verified.policy;
  const agrees =
    provider === answer.provider &&
    log === trust.log &&
    identityLog === trust.identityLog &&
    witnessThreshold === trust.witnessThreshold &&
    witnesses.join("\n") === trust.witnesses.join("\n");
  if (!agrees) throw new ClientError("CLIENT_TRUST", { differs: "policy" });
  return verified;
}
