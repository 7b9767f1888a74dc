import { sha256 } from "@portcullis/crypto";
import { equalBytes, toHex } from "@portcullis/protocol";
import { custodianOf } from "./approval.ts";
import { isSound } from "./bucket-opening.ts";
import { AccessError } from "./errors.ts";
import type { VerifiedOrder } from "./order.ts";
import type { VerifiedPolicy } from "./policy.ts";
import { shareBinding, verifyRelease } from "./release.ts";
import { decodeShareBatch } from "./share-batch.ts";
import type { VerifiedTargets } from "./target-verification.ts";

/**
 * That a custodian released, over its signature, a share which is not its own share of a bucket of the order. Nobody's
 * secret is needed to check it: the release names the hash of the batch as it was before sealing.
 */
export interface ShareCheat {
  readonly custodian: string;
  /** The bucket. */
  readonly labelHash: Uint8Array;
  /** The batch, opened (encodeShareBatch). */
  readonly batch: Uint8Array;
  /** The custodian's release, a JWS. */
  readonly release: string;
}

/**
 * The cheat, once the proof of it holds; rule EVD-21.
 * @throws AccessError SHARE_PROOF when the share is sound or the custodian did not sign it; as verifyRelease
 */
export async function verifyShareCheat(
  cheat: ShareCheat,
  context: { policy: VerifiedPolicy; order: VerifiedOrder; targets: VerifiedTargets },
): Promise<ShareCheat> {
  const { policy, order, targets } = context;
  const release = await verifyRelease(cheat.release, policy);
  const batch = decodeShareBatch(cheat.batch);
  const bucket = targets.buckets.find(({ label }) => equalBytes(label.hash, cheat.labelHash));
  const signed =
    release.custodian === cheat.custodian &&
    batch.custodian === cheat.custodian &&
    equalBytes(release.orderHash, order.hash) &&
    equalBytes(release.sharesHash, sha256(cheat.batch)) &&
    equalBytes(release.labels.root, targets.labels.root);
  if (!signed || bucket === undefined) throw new AccessError("SHARE_PROOF", { custodian: cheat.custodian });
  const share = batch.shares.find(({ labelHash }) => equalBytes(labelHash, cheat.labelHash))?.share;
  const binding = shareBinding(order.hash, order.recipient.hpkeKey);
  const { quorumIndex } = custodianOf(policy, cheat.custodian);
  if (isSound({ policy, bucket, binding }, quorumIndex, { custodian: cheat.custodian, share }))
    throw new AccessError("SHARE_PROOF", { custodian: cheat.custodian, label: toHex(cheat.labelHash) });
  return cheat;
}
