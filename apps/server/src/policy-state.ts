import {
  AccessError,
  decodeOpening,
  verifyKeyset,
  verifyPolicy,
  verifySealedBucket,
  type VerifiedKeyset,
  type VerifiedPolicy,
} from "@portcullis/access/verify";
import {
  equalBytes,
  fromUtf8,
  PortcullisError,
  type AccountId,
  type BucketStart,
} from "@portcullis/protocol";
import type { Store } from "@portcullis/store";
import type { ConversationState } from "./delivery/conversation-state.ts";
import { ServerError } from "./errors.ts";

/** Of conversations at a server without a policy. */
const DEFAULT_BUCKET_SECONDS = 900;

/** The policy in force and its keysets, as they stand in the access log's openings. */
export class PolicyState {
  readonly #store: Store;
  #policy: VerifiedPolicy | undefined;
  #keysets: readonly VerifiedKeyset[] = [];

  constructor(store: Store) {
    this.#store = store;
  }

  get current(): VerifiedPolicy | undefined {
    return this.#policy;
  }

  /** @throws ServerError POLICY_NOT_SET */
  require(): VerifiedPolicy {
    if (this.#policy === undefined) throw new ServerError("POLICY_NOT_SET");
    return this.#policy;
  }

  get bucketSeconds(): number {
    return this.#policy?.policy.bucketSeconds ?? DEFAULT_BUCKET_SECONDS;
  }

  /** Reads again what the log holds. To be called at the start and when a policy or keyset has come in. */
  async reload(): Promise<void> {
    const [policy] = await this.#bodies("policy");
    if (policy === undefined) return;
    this.#policy = await verifyPolicy(policy);
    const keysets = (await this.#bodies("keyset")).map((jws) => verifyKeyset(jws, this.require()));
    this.#keysets = await Promise.all(keysets);
  }

  async #bodies(kind: string): Promise<string[]> {
    const openings = await this.#store.openings.ofKind("access", kind);
    return openings.flatMap(({ opening }) => (opening ? [fromUtf8(decodeOpening(opening).body)] : []));
  }

  /**
   * A sealed bucket is stored only when everything in it that this server can know is so, and when every quorum could
   * open it (DEL-08). The leaf and the transcript hash are for the members to check.
   * @throws ServerError SEALED_BUCKET_INVALID, POLICY_NOT_SET
   */
  checkSealedBucket(
    bytes: Uint8Array,
    conversation: ConversationState,
    accountId: AccountId,
    bucketStart: BucketStart,
  ): void {
    const label = this.#verifiedLabel(bytes);
    const { rosterRoot } = conversation;
    const fields: Readonly<Record<string, boolean>> = {
      conversation: equalBytes(label.conversationId, conversation.conversationId),
      epoch: label.epoch === conversation.epoch,
      account: equalBytes(label.accountId, accountId),
      roster: rosterRoot !== undefined && equalBytes(label.rosterRoot, rosterRoot),
      bucket: label.bucketStart === bucketStart,
    };
    const wrong = Object.keys(fields).find((name) => fields[name] === false);
    if (wrong !== undefined) throw new ServerError("SEALED_BUCKET_INVALID", { field: wrong });
  }

  #verifiedLabel(bytes: Uint8Array) {
    try {
      return verifySealedBucket(bytes, { policy: this.require(), keysets: this.#keysets }).label;
    } catch (error) {
      // A keyset that is missing is the custodians' lapse, and the sender should be told so.
      if (error instanceof AccessError && error.code === "KEYSET_MISSING") throw error;
      if (error instanceof PortcullisError && !(error instanceof ServerError))
        throw new ServerError("SEALED_BUCKET_INVALID", { reason: error.code });
      throw error;
    }
  }
}
