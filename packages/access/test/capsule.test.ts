import assert from "node:assert/strict";
import { test } from "node:test";
import {
  combineShares,
  createShare,
  deriveBucketKey,
  sha256,
  verifyCapsule,
  verifyShare,
} from "@portcullis/crypto";
import {
  asAccountId,
  asConversationId,
  asPolicyId,
  decodeSealedBucket,
  encodeSealedBucket,
  PortcullisError,
} from "@portcullis/protocol";
import { seededRandom } from "@portcullis/testkit";
import { chainSeed, startChain } from "../src/bucket-chain.ts";
import { recomputeBucket, sealBucket, verifySealedBucket } from "../src/capsule.ts";
import { keysetsFor } from "../src/keyset.ts";
import { encodeLabel, type Label } from "../src/label.ts";
import { ceremonyTerms, runCeremony } from "./ceremony-room.ts";
import { BUCKET, exampleLabel, verifiedExamplePolicy } from "./foundation.ts";

const policy = await verifiedExamplePolicy();
const [state, civic] = [
  await runCeremony(policy, ceremonyTerms("state")),
  await runCeremony(policy, ceremonyTerms("civic")),
];
const april = [civic.keyset, state.keyset];
const keysets = keysetsFor(policy, april, BUCKET);
const seed = chainSeed(startChain(seededRandom("c0")(32), BUCKET, 900), BUCKET);
const label = exampleLabel(policy.id);
const seal = sealBucket({ label, seed, keysets });

const swapped = {
  policyId: asPolicyId(sha256(label.policyId)),
  conversationId: asConversationId(sha256(label.conversationId)),
  epoch: 5,
  confirmedTranscriptHash: sha256(label.confirmedTranscriptHash),
  accountId: asAccountId(sha256(label.accountId)),
  leafIndex: 3,
  rosterRoot: sha256(label.rosterRoot),
  bucketStart: BUCKET + 900,
  bucketSeconds: 1800,
} satisfies { readonly [field in keyof Label]: Label[field] };

test("ACC-40: the custodians of both quorums together reach the key that the members have, and no other way does", () => {
  const { label: encoded, capsules } = decodeSealedBucket(seal.sealedBucket);
  const binding = sha256(encoded);
  const quorums = [state, civic].map(({ keyset, outcomes }, quorumIndex) => {
    const quorum = keyset.public;
    const capsule = verifyCapsule({ label: encoded, quorumIndex, quorum, capsule: capsules[quorumIndex]! });
    const shares = outcomes
      .slice(-2)
      .map(({ share: { share } }) => createShare({ capsule, share, binding, random: seededRandom("share") }));
    for (const share of shares) verifyShare({ capsule, keyset: quorum, share, binding });
    return { quorum, capsule, rY: combineShares({ capsule, threshold: quorum.threshold, shares }) };
  });
  assert.deepEqual(deriveBucketKey({ label: encoded, quorums }), seal.key);
});

test("ACC-42: every member computes the same bytes and the same key", () => {
  const again = recomputeBucket({ label, seed, keysets }, seal.sealedBucketHash);
  assert.deepEqual(again, seal);
  const checked = verifySealedBucket(seal.sealedBucket, { policy, keysets: april, expected: label });
  assert.deepEqual(checked.sealedBucketHash, seal.sealedBucketHash);
  assert.deepEqual(checked.label.hash, seal.labelHash);
});

for (const field of Object.keys(swapped) as (keyof Label)[])
  test(`ACC-43, A1: the capsules of a label do not fit one with another ${field}`, () => {
    const other = encodeLabel({ ...label, [field]: swapped[field] });
    const { capsules } = decodeSealedBucket(seal.sealedBucket);
    const moved = encodeSealedBucket({ label: other, capsules });
    assert.throws(() => verifySealedBucket(moved, { policy, keysets: april }), PortcullisError);
    for (const [quorumIndex, keyset] of keysets.entries())
      assert.throws(
        () =>
          verifyCapsule({
            label: other,
            quorumIndex,
            quorum: keyset.public,
            capsule: capsules[quorumIndex]!,
          }),
        { code: "CAPSULE_INVALID" },
      );
    assert.throws(
      () =>
        verifySealedBucket(seal.sealedBucket, {
          policy,
          keysets: april,
          expected: { ...label, [field]: swapped[field] },
        }),
      { code: "CAPSULE_LABEL" },
    );
  });

test("ACC-41, A7: of two forks of an epoch each has its own label, capsules and key", () => {
  const fork = { ...label, confirmedTranscriptHash: swapped.confirmedTranscriptHash };
  const other = sealBucket({ label: fork, seed, keysets });
  assert.notDeepEqual(other.key, seal.key);
  assert.throws(() => verifySealedBucket(other.sealedBucket, { policy, keysets: april, expected: label }), {
    code: "CAPSULE_LABEL",
  });
});

test("ACC-42, A5: a sealed bucket that is not the one that members compute is refused, though its proofs hold", () => {
  const own = sealBucket({ label, seed: seededRandom("another seed")(32), keysets });
  verifySealedBucket(own.sealedBucket, { policy, keysets: april, expected: label });
  assert.throws(() => recomputeBucket({ label, seed, keysets }, own.sealedBucketHash), {
    code: "CAPSULE_DIFFERS",
  });
});

test("ACC-40, A6: a capsule missing, too many, in another order or of another keyset is refused", async () => {
  const { label: encoded, capsules } = decodeSealedBucket(seal.sealedBucket);
  const [first, second] = capsules as [Uint8Array, Uint8Array];
  const check = (list: Uint8Array[]) =>
    verifySealedBucket(encodeSealedBucket({ label: encoded, capsules: list }), { policy, keysets: april });
  for (const list of [[first], [first, second, second]])
    assert.throws(() => check(list), { code: "CAPSULE_COUNT" });
  for (const list of [
    [second, first],
    [first, first],
  ])
    assert.throws(() => check(list), { code: "CAPSULE_INVALID" });
  const again = await runCeremony(policy, ceremonyTerms("civic", "again"));
  const wrong = sealBucket({ label, seed, keysets: [state.keyset, again.keyset] });
  assert.throws(() => verifySealedBucket(wrong.sealedBucket, { policy, keysets: april }), {
    code: "CAPSULE_INVALID",
  });
});

test("ACC-40, A6: a bucket outside every keyset's period has no capsule that counts", () => {
  const may = exampleLabel(policy.id, { bucketStart: civic.keyset.toSeconds });
  const late = sealBucket({ label: may, seed, keysets });
  assert.throws(() => verifySealedBucket(late.sealedBucket, { policy, keysets: april }), {
    code: "KEYSET_MISSING",
  });
});

test("ACC-35, A9: one bucket's key and capsules say nothing of the next bucket's", () => {
  const next = exampleLabel(policy.id, { bucketStart: BUCKET + 900 });
  const chain = startChain(seededRandom("c0")(32), BUCKET, 900);
  const following = sealBucket({ label: next, seed: chainSeed(chain, BUCKET + 900), keysets });
  for (const known of [seed, seal.key])
    assert.notDeepEqual(sealBucket({ label: next, seed: known, keysets }).key, following.key);
});
