import { createShare, sha256, type SigningKey } from "@portcullis/crypto";
import { equalBytes, toBase64Url, toHex, utf8, type Random } from "@portcullis/protocol";
import { custodianOf, statementOf } from "./approval.ts";
import type { VerifiedSealedBucket } from "./capsule.ts";
import { sealOpening } from "./entry.ts";
import { AccessError } from "./errors.ts";
import type { HeldShare } from "./held-share.ts";
import type { VerifiedOrder } from "./order.ts";
import type { VerifiedPolicy } from "./policy.ts";
import { shareBinding, signRelease } from "./release.ts";
import { sealShareBatch } from "./sealed-batch.ts";
import { encodeShareBatch, type LabelShare } from "./share-batch.ts";
import type { VerifiedTargets } from "./target-verification.ts";

interface ReleaseInput {
  readonly policy: VerifiedPolicy;
  readonly custodian: string;
  readonly order: VerifiedOrder;
  readonly targets: VerifiedTargets;
  readonly key: SigningKey;
  readonly shares: readonly HeldShare[];
  readonly random: Random;
}

/**
 * One custodian's shares for every bucket of an order, sealed to the order's recipient, and the ledger opening that
 * commits to them.
 * @throws AccessError CUSTODIAN_SHARE_MISSING
 */
export async function makeRelease(input: ReleaseInput): Promise<{ opening: Uint8Array; batch: Uint8Array }> {
  const { policy, custodian, order, targets, key, random } = input;
  const shares = targets.buckets.map((bucket) => shareOf(bucket, input));
  const batch = { orderHash: order.hash, custodian, shares };
  const sealed = await sealShareBatch(batch, order.recipient.hpkeKey);
  const statement = statementOf({ policy, custodian, orderHash: order.hash, labels: targets.labels });
  const sharesHash = toBase64Url(sha256(encodeShareBatch(batch)));
  const jws = await signRelease({ ...statement, sharesHash, batchHash: toBase64Url(sha256(sealed)) }, key);
  return { opening: sealOpening("release", utf8(jws), random).opening, batch: sealed };
}

function shareOf(bucket: VerifiedSealedBucket, input: ReleaseInput): LabelShare {
  const { quorumIndex, shareIndex } = custodianOf(input.policy, input.custodian);
  const keyset = bucket.keysets[quorumIndex];
  const capsule = bucket.capsules[quorumIndex];
  const held = input.shares.find(({ keysetId }) => keyset !== undefined && equalBytes(keysetId, keyset.id));
  if (keyset === undefined || capsule === undefined || held?.share.index !== shareIndex)
    throw new AccessError("CUSTODIAN_SHARE_MISSING", {
      keyset: keyset === undefined ? "" : toHex(keyset.id),
    });
  const binding = shareBinding(input.order.hash, input.order.recipient.hpkeKey);
  const share = createShare({ capsule, share: held.share, binding, random: input.random });
  return { labelHash: bucket.label.hash, share };
}
