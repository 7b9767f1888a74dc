import assert from "node:assert/strict";
import { test } from "node:test";
import { sha256 } from "@portcullis/crypto";
import { asPolicyId, toBase64Url, utf8, type PolicyId } from "@portcullis/protocol";
import { authorityAt, signAuthority, verifyAuthority, type Authority } from "../src/authority.ts";
import { keysetsFor, signKeyset, verifyKeyset, type Keyset, type VerifiedKeyset } from "../src/keyset.ts";
import {
  BUCKET,
  custodianKeys,
  exampleKeyset,
  keyNamed,
  PERIOD,
  registrar,
  verifiedExamplePolicy,
} from "./foundation.ts";

const policy = await verifiedExamplePolicy();
const otherPolicyId = asPolicyId(sha256(utf8("another policy")));
const civic = [custodianKeys.press, custodianKeys.bar, custodianKeys.union];
const state = [custodianKeys.court, custodianKeys.ministry];
const point = (text: string) => toBase64Url(sha256(utf8(text)));

async function verified(changes: Partial<Keyset> = {}, signers = civic): Promise<VerifiedKeyset> {
  return verifyKeyset(await signKeyset(exampleKeyset(policy.id, changes), signers), policy);
}

const stateKeyset: Partial<Keyset> = {
  quorum: "state",
  custodians: ["court", "ministry"],
  verificationShares: [point("1"), point("2")],
};

test("ACC-20: a keyset is its quorum's, signed by all custodians of the quorum and nobody else", async () => {
  const keyset = await verified();
  assert.equal(keyset.quorumIndex, 1);
  assert.deepEqual(keyset.public.keysetId, keyset.id);
  assert.equal(keyset.public.threshold, 2);
  assert.equal(keyset.public.verificationShares.length, 3);
  await assert.rejects(verified({}, civic.slice(1)), { code: "DOCUMENT_SIGNER_MISSING" });
  await assert.rejects(verified({}, [...civic, custodianKeys.court]), { code: "DOCUMENT_SIGNER_UNKNOWN" });
});

test("ACC-20, A6: a keyset of another policy, quorum, threshold or list of custodians is refused", async () => {
  await assert.rejects(verified({ policyId: toBase64Url(otherPolicyId) }), { code: "KEYSET_POLICY" });
  for (const changes of [
    { quorum: "crown" },
    { quorum: "state" },
    { threshold: 1 },
    { threshold: 3 },
    { custodians: ["press", "union", "bar"] },
    { custodians: ["press", "bar"] },
  ])
    await assert.rejects(verified(changes), { code: "KEYSET_QUORUM" });
});

test("ACC-21: a keyset's period is not empty and is aligned to buckets", async () => {
  for (const period of [
    { from: PERIOD.to, to: PERIOD.from },
    { from: PERIOD.from, to: PERIOD.from },
    { from: "1970-04-01T00:00:01Z" },
    { to: "1970-05-01T00:07:30Z" },
  ])
    await assert.rejects(verified(period), { code: "KEYSET_PERIOD" });
  await assert.rejects(verified({ to: "1970-04-31T00:00:00Z" }), { code: "DOCUMENT_TIME" });
});

test("ACC-22: a keyset has one verification share for each custodian, no two alike", async () => {
  for (const verificationShares of [
    [point("1"), point("2")],
    [point("1"), point("2"), point("2")],
  ])
    await assert.rejects(verified({ verificationShares }), { code: "KEYSET_SHARES" });
});

test("ACC-23, A6: a bucket has the one keyset of each quorum whose period holds it, in the policy's order", async () => {
  const april = [await verified(), await verified(stateKeyset, state)];
  assert.deepEqual(
    keysetsFor(policy, april, BUCKET).map(({ keyset }) => keyset.quorum),
    ["state", "civic"],
  );
  const first = Date.parse(PERIOD.from) / 1000;
  const end = Date.parse(PERIOD.to) / 1000;
  assert.equal(keysetsFor(policy, april, first).length, 2);
  assert.equal(keysetsFor(policy, april, end - 900).length, 2);
  for (const outside of [first - 900, end])
    assert.throws(() => keysetsFor(policy, april, outside), { code: "KEYSET_MISSING" });
  assert.throws(() => keysetsFor(policy, april.slice(0, 1), BUCKET), { code: "KEYSET_MISSING" });
  const second = await verified({ transcriptHash: point("again") });
  assert.throws(() => keysetsFor(policy, [...april, second], BUCKET), { code: "KEYSET_AMBIGUOUS" });
  assert.equal(keysetsFor(policy, [...april, ...april], BUCKET).length, 2, "one keyset seen twice is one");
});

test("ACC-23, A8: a keyset of another policy does not count", async () => {
  const other = await verifiedExamplePolicy({ retentionDays: 91 });
  const keysets = [await verified(), await verified(stateKeyset, state)];
  assert.throws(() => keysetsFor(other, keysets, BUCKET), { code: "KEYSET_MISSING" });
});

function judge(policyId: PolicyId, changes: Partial<Authority> = {}): Authority {
  return {
    version: 1,
    policyId: toBase64Url(policyId),
    role: "judge",
    id: "judge-holt",
    name: "Judge Holt",
    key: toBase64Url(keyNamed("holt").publicKey),
    validFrom: "1970-01-01T00:00:00Z",
    validTo: "1971-01-01T00:00:00Z",
    ...changes,
  };
}

test("ACC-25: an authority is listed by the policy's registrar alone, under that policy, for some time", async () => {
  const listed = await verifyAuthority(await signAuthority(judge(policy.id), registrar), policy);
  assert.deepEqual(listed.key, keyNamed("holt").publicKey);
  await assert.rejects(verifyAuthority(await signAuthority(judge(policy.id), keyNamed("holt")), policy), {
    code: "DOCUMENT_SIGNER_MISSING",
  });
  await assert.rejects(verifyAuthority(await signAuthority(judge(otherPolicyId), registrar), policy), {
    code: "AUTHORITY_POLICY",
  });
  const never = judge(policy.id, { validTo: "1970-01-01T00:00:00Z" });
  await assert.rejects(verifyAuthority(await signAuthority(never, registrar), policy), {
    code: "AUTHORITY_PERIOD",
  });
});

test("ACC-26: the latest listing of an authority is the one that counts, within its validity", async () => {
  const list = async (changes: Partial<Authority>) =>
    verifyAuthority(await signAuthority(judge(policy.id, changes), registrar), policy);
  const old = await list({});
  const renewed = await list({
    key: toBase64Url(keyNamed("holt-2").publicKey),
    validTo: "1970-06-01T00:00:00Z",
  });
  const atMs = BUCKET * 1000;
  const wanted = { role: "judge", id: "judge-holt", atMs } as const;
  assert.equal(authorityAt([old], wanted), old);
  assert.equal(authorityAt([old, renewed], wanted), renewed);
  const july = Date.parse("1970-07-01T00:00:00Z");
  assert.equal(
    authorityAt([old, renewed], { ...wanted, atMs: july }),
    undefined,
    "no way back to the old key",
  );
  assert.equal(authorityAt([old], { ...wanted, atMs: old.validToMs }), undefined);
  assert.equal(authorityAt([old], { ...wanted, atMs: old.validFromMs }), old);
  assert.equal(authorityAt([old], { ...wanted, role: "issuer" }), undefined);
});
