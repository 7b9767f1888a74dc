import assert from "node:assert/strict";
import { test } from "node:test";
import { sha256 } from "@portcullis/crypto";
import { asPolicyId, toBase64Url, utf8 } from "@portcullis/protocol";
import { mergeSignatures, signDocument } from "../src/documents.ts";
import { policyDocument, signPolicy, verifyPolicy, type Policy } from "../src/policy.ts";
import {
  custodian,
  custodianKeys,
  everySigner,
  examplePolicy,
  keyNamed,
  logKey,
  registrar,
  verifiedExamplePolicy,
  witnessKey,
} from "./foundation.ts";

/** Signs whatever it is given, as no honest signer would. */
async function forge(changes: Partial<Policy>, signers = everySigner): Promise<string> {
  return signDocument(policyDocument, examplePolicy(changes), signers);
}

async function refuses(code: string, changes: Partial<Policy>): Promise<void> {
  await assert.rejects(verifyPolicy(await forge(changes)), { code });
  await assert.rejects(signPolicy(examplePolicy(changes), everySigner), { code });
}

test("ACC-10: a policy is signed by every custodian and the registrar, each apart, and hashes to its id", async () => {
  const parts = await Promise.all(everySigner.map((key) => signPolicy(examplePolicy(), [key])));
  const policy = await verifyPolicy(mergeSignatures(policyDocument, parts));
  assert.deepEqual(policy.policy, examplePolicy());
  assert.deepEqual(policy.id, sha256(policy.payload));
  assert.equal(policy.witnessPolicy("access").log.name, "chat.example/access");
  assert.equal(policy.witnessPolicy("identity").log.name, "chat.example/identity");
  assert.deepEqual(
    policy.witnessPolicy("access").witnesses.map(({ name }) => name),
    ["witness.one", "witness.two"],
  );
  assert.equal(policy.witnessPolicy("access").threshold, 2);
});

test("ACC-10: one signature missing, or one of a stranger, and there is no policy", async () => {
  for (const absent of everySigner) {
    const jws = await forge(
      {},
      everySigner.filter((key) => key !== absent),
    );
    await assert.rejects(verifyPolicy(jws), { code: "DOCUMENT_SIGNER_MISSING" });
  }
  const jws = await forge({}, [...everySigner, keyNamed("stranger")]);
  await assert.rejects(verifyPolicy(jws), { code: "DOCUMENT_SIGNER_UNKNOWN" });
});

test("ACC-17, A8: a policy other than the one that is trusted is refused, be it milder or harder", async () => {
  const trusted = await verifiedExamplePolicy();
  assert.deepEqual((await verifyPolicy(trusted.jws, trusted.id)).id, trusted.id);
  const milder = await forge({ longestOrderSeconds: 900 });
  await assert.rejects(verifyPolicy(milder, trusted.id), { code: "POLICY_ID" });
  await assert.rejects(verifyPolicy(trusted.jws, asPolicyId(sha256(utf8("other")))), { code: "POLICY_ID" });
});

test("ACC-17, A8: no policy allows an emergency without an order", async () => {
  // @ts-expect-error the type forbids it
  await assert.rejects(forge({ emergency: { allowed: true } }), { code: "DOCUMENT_SHAPE" });
});

test("ACC-11: each quorum needs at least two of its custodians, and no threshold exceeds those who count", async () => {
  const [, civic] = examplePolicy().quorums as [unknown, Policy["quorums"][0]];
  const custodians = [custodian("court"), custodian("ministry")];
  for (const threshold of [1, 3])
    await refuses("POLICY_THRESHOLD", { quorums: [{ name: "state", threshold, custodians }, civic] });
  await refuses("POLICY_THRESHOLD", { witnessThreshold: 3 });
  await assert.rejects(forge({ witnessThreshold: 0 }), { code: "DOCUMENT_SHAPE" });
});

test("ACC-12: no two quorums, custodians, logs or witnesses share a name", async () => {
  const [state, civic] = examplePolicy().quorums as [Policy["quorums"][0], Policy["quorums"][0]];
  await refuses("POLICY_NAME_REPEATED", { quorums: [state, { ...civic, name: "state" }] });
  const [first, ...others] = civic.custodians;
  const namesake = { ...civic, custodians: [{ ...first!, id: "court" }, ...others] };
  await refuses("POLICY_NAME_REPEATED", { quorums: [state, namesake] });
  await refuses("POLICY_NAME_REPEATED", {
    witnesses: [witnessKey("witness.one"), witnessKey("witness.one", keyNamed("another"))],
  });
  await refuses("POLICY_NAME_REPEATED", { identityLog: logKey("chat.example/access") });
});

test("ACC-13: nobody holds two places: custodians of all quorums, the registrar, logs and witnesses have a key each", async () => {
  const [state, civic] = examplePolicy().quorums as [Policy["quorums"][0], Policy["quorums"][0]];
  const twice = { ...civic, custodians: [...civic.custodians, { ...custodian("court"), id: "court-2" }] };
  const signers = everySigner;
  await assert.rejects(verifyPolicy(await forge({ quorums: [state, twice] }, signers)), {
    code: "POLICY_KEY_REPEATED",
  });
  const key = toBase64Url(custodianKeys.press.publicKey);
  await assert.rejects(verifyPolicy(await forge({ registrarKey: key })), { code: "POLICY_KEY_REPEATED" });
  await refuses("POLICY_KEY_REPEATED", {
    witnesses: [witnessKey("witness.one"), witnessKey("witness.two", keyNamed("witness.one"))],
  });
});

test("ACC-14: buckets divide a day, and the longest order is a whole number of them", async () => {
  for (const bucketSeconds of [30, 59, 7 * 60, 86_401, 172_800])
    await refuses("POLICY_BUCKET_LENGTH", { bucketSeconds });
  await refuses("POLICY_BUCKET_LENGTH", { longestOrderSeconds: 1000 });
  await verifiedExamplePolicy({ bucketSeconds: 86_400 });
});

test("ACC-15: logs sign with Ed25519 and witnesses cosign with time, and their keys parse", async () => {
  await refuses("POLICY_LEDGER_KEY", { log: witnessKey("chat.example/access") });
  await refuses("POLICY_LEDGER_KEY", { identityLog: "chat.example/identity" });
  await refuses("POLICY_LEDGER_KEY", { witnesses: [witnessKey("witness.one"), logKey("witness.two")] });
});

test("ACC-16: a custodian's or the registrar's key is never a witness's", async () => {
  for (const key of [custodianKeys.union, registrar])
    await refuses("POLICY_CUSTODIAN_IS_WITNESS", {
      witnesses: [witnessKey("witness.one"), witnessKey("witness.two", key)],
    });
});
