import assert from "node:assert/strict";
import { test } from "node:test";
import { generateVrfKey, proveVrf } from "@portcullis/crypto";
import { limits, toHex, type AccountId } from "@portcullis/protocol";
import { assertDecoder, seededRandom } from "@portcullis/testkit";
import {
  auditIndex,
  commitToList,
  decodeLookup,
  emptyIndex,
  encodeLookup,
  proveLabel,
  rootOfIndex,
  verifyLookup,
  type IdentityOpening,
  type Lookup,
  type LookupAnswer,
} from "@portcullis/ledger/identity";
import { findLeaf, type TrieLeaf } from "../src/identity/prefix-trie.ts";
import { POLICY, TestAccount, TestIdentityLog, VRF } from "./identity-log.ts";
import { NOW, policyOf } from "./log-fixtures.ts";

const random = seededRandom("lookups");
const [ann, bob, cem, nobody] = ["ann", "bob", "cem", "nobody"].map((name) => new TestAccount(name)) as [
  TestAccount,
  TestAccount,
  TestAccount,
  TestAccount,
];
const MINUTE = 60_000;

/** Ann with two versions, Bob and Cem with one; the index root is the last entry. */
function makeLog(): TestIdentityLog {
  const log = new TestIdentityLog();
  for (const account of [ann, bob, cem]) account.lists.length = 0;
  log.append(ann.next(), bob.next(2));
  log.append(ann.next(2), cem.next());
  return log;
}

const verify = (lookup: Lookup, accounts: readonly AccountId[], changes: { vrfKey?: Uint8Array } = {}) =>
  verifyLookup({ lookup, accounts, vrfKey: VRF.publicKey, policy: POLICY, ...changes });
const refused = (code: string, lookup: Lookup, accounts: readonly AccountId[] = [ann.accountId]) =>
  assert.throws(() => verify(lookup, accounts), { code });
const answering = (lookup: Lookup, change: Partial<LookupAnswer>): Lookup => ({
  ...lookup,
  answers: [{ ...(lookup.answers[0] as LookupAnswer), ...change }],
});

test("IDN-10: a lookup gives each account's latest list, and says of others that they have none", () => {
  const log = makeLog();
  const { lists, checkpoint } = verify(log.lookup([ann.accountId, nobody.accountId, bob.accountId]), [
    ann.accountId,
    nobody.accountId,
    bob.accountId,
  ]);
  assert.deepEqual(
    lists.map((list) => list && [list.version, list.devices.length]),
    [[2, 2], undefined, [1, 2]],
  );
  assert.equal(checkpoint.size, 6);
});

test("IDN-10: of an empty log every account is proven absent", () => {
  const log = new TestIdentityLog();
  log.append();
  assert.deepEqual(verify(log.lookup([ann.accountId]), [ann.accountId]).lists, [undefined]);
});

test("IDN-10: a lookup has one encoding", () => {
  const log = makeLog();
  const lookup = log.lookup([ann.accountId, nobody.accountId]);
  const empty = answering(lookup, { end: { kind: "nothing" }, siblings: [] });
  for (const one of [lookup, empty]) assertDecoder(encodeLookup(one), decodeLookup, encodeLookup);
  const many = { ...lookup, answers: Array(limits.accountsPerLookup + 1).fill(lookup.answers[0]) };
  assert.throws(() => decodeLookup(encodeLookup(many)), { code: "DECODE_LENGTH" });
  const long = answering(lookup, { siblings: Array(257).fill(random(32)) });
  assert.throws(() => decodeLookup(encodeLookup(long)), { code: "DECODE_LENGTH" });
});

test("E1, IDN-10: a ghost device that is signed and not logged is shown to nobody", () => {
  const log = makeLog();
  const honest = log.lookup([ann.accountId]);
  const ghost = ann.next(3);
  const { end } = honest.answers[0]!;
  assert.ok(end.kind === "list");
  refused("INDEX_PATH", answering(honest, { end: { ...end, signedList: ghost } }));
  const forged = new TestIdentityLog();
  forged.append(bob.lists[0]!, ...ann.lists.slice(0, 1));
  refused("INDEX_PATH", { ...honest, answers: forged.lookup([ann.accountId]).answers });
});

test("E1, IDN-11: a tree that the witnesses did not cosign convinces nobody, and under an honest root no ghost stands", () => {
  const log = makeLog();
  log.add(ann.next(3));
  const lookup = { ...log.lookup([ann.accountId]), proof: log.proof(5) };
  refused("LEDGER_INCLUSION", lookup);
  const { proof } = makeLog().lookup([ann.accountId]);
  assert.throws(
    () =>
      verifyLookup({
        lookup: { ...log.lookup([ann.accountId]), proof },
        accounts: [ann.accountId],
        vrfKey: VRF.publicKey,
        policy: policyOf(3),
      }),
    { code: "LEDGER_WITNESS_QUORUM" },
  );
});

test("E2, IDN-10: a device that was added and removed again leaves its mark: the version is two higher", () => {
  const log = makeLog();
  const before = verify(log.lookup([ann.accountId]), [ann.accountId]).lists[0]!.version;
  log.append(ann.next(3));
  log.append(ann.next(2));
  assert.equal(verify(log.lookup([ann.accountId]), [ann.accountId]).lists[0]!.version, before + 2);
  const { end } = log.lookup([ann.accountId]).answers[0]!;
  assert.ok(end.kind === "list");
  const hidden = { ...end, signedList: ann.lists[1]!, salt: log.opened.values().next().value![1]!.salt };
  refused("INDEX_PATH", answering(log.lookup([ann.accountId]), { end: hidden }));
});

test("E3, IDN-11: an index root that is not the last entry is refused, however fresh the checkpoint", () => {
  const log = makeLog();
  const old = log.lookup([ann.accountId]);
  log.append(ann.next(1));
  refused("INDEX_STALE_ROOT", { ...old, proof: log.proof(5) });
  const covered = log.lookup([ann.accountId]);
  log.add(bob.next());
  refused("INDEX_STALE_ROOT", { ...covered, proof: log.proof(7) });
});

test("E3, IDN-12: a lookup that was cosigned before the window, or after it, is refused", () => {
  const log = makeLog();
  const lookup = log.lookup([ann.accountId], NOW);
  const within = (notBeforeMs: number, notAfterMs: number) =>
    verifyLookup({
      lookup,
      accounts: [ann.accountId],
      vrfKey: VRF.publicKey,
      policy: POLICY,
      window: { notBeforeMs, notAfterMs },
    });
  assert.equal(within(NOW - MINUTE, NOW + MINUTE).lists.length, 1);
  assert.equal(within(NOW, NOW).lists.length, 1);
  assert.throws(() => within(NOW + 1000, NOW + MINUTE), { code: "LEDGER_STALE" });
  assert.throws(() => within(NOW - MINUTE, NOW - 1000), { code: "LEDGER_STALE" });
});

test("E4, IDN-08: a label by another key, of another account or without proof is refused", () => {
  const log = makeLog();
  const lookup = log.lookup([ann.accountId]);
  const other = generateVrfKey(random);
  refused("VRF_PROOF", answering(lookup, { labelProof: proveVrf(other, ann.accountId).proof }));
  refused("VRF_PROOF", answering(lookup, { labelProof: proveLabel(VRF, bob.accountId).proof }));
  refused("VRF_PROOF", answering(lookup, { labelProof: new Uint8Array(80) }));
  refused("VRF_PROOF", lookup, [bob.accountId]);
  assert.throws(() => verify(lookup, [ann.accountId], { vrfKey: other.publicKey }), { code: "VRF_PROOF" });
});

test("E4, IDN-10: an account that is there is not proven absent, in any of the ways to say so", () => {
  const log = makeLog();
  const lookup = log.lookup([ann.accountId]);
  refused("INDEX_PATH", answering(lookup, { end: { kind: "nothing" } }));
  for (const elsewhere of [bob, cem, nobody]) {
    const { siblings, end } = log.lookup([elsewhere.accountId]).answers[0]!;
    refused("INDEX_PATH", answering(lookup, { siblings, end }));
    const leaf = { label: proveLabel(VRF, elsewhere.accountId).label, value: random(32) };
    refused("INDEX_PATH", answering(lookup, { siblings, end: { kind: "other", leaf } }));
  }
  const leaf = leafOf(log, ann);
  refused("INDEX_PATH", answering(lookup, { end: { kind: "other", leaf } }));
});

/** What the trie holds for an account: shown as if it were another one's, it leads to the root. */
function leafOf(log: TestIdentityLog, { accountId }: TestAccount): TrieLeaf {
  return findLeaf(log.index.trie, proveLabel(VRF, accountId).label)!;
}

test("IDN-10: as many answers as accounts, each for its own", () => {
  const log = makeLog();
  const lookup = log.lookup([ann.accountId, bob.accountId]);
  refused("INDEX_PATH", lookup, [ann.accountId]);
  refused("VRF_PROOF", lookup, [bob.accountId, ann.accountId]);
});

test("E6, IDN-10: a list by another key under the account's label is not the account's", () => {
  const log = makeLog();
  const thief = new TestAccount("thief");
  const { label } = proveLabel(VRF, ann.accountId);
  thief.next();
  thief.next();
  const stolen = thief.next();
  const salt = random(32);
  const taken = new TestIdentityLog();
  for (const opening of log.openings) taken.push(opening);
  taken.opened.set(toHex(ann.accountId), [
    { signedList: stolen, salt },
    { signedList: stolen, salt },
    { signedList: stolen, salt },
  ]);
  taken.push({ kind: "device-list", label, version: 3, commitment: commitToList(salt, stolen) });
  taken.push(rootOfIndex(taken.index));
  refused("IDENTITY_ACCOUNT", taken.lookup([ann.accountId]));
});

test("IDN-13: whoever has the openings makes the index anew, in pieces too, and finds every root right", () => {
  const log = makeLog();
  const entries = log.entries();
  const audited = auditIndex(auditIndex(emptyIndex, entries.slice(0, 4)), entries.slice(4));
  assert.deepEqual(rootOfIndex(audited), rootOfIndex(log.index));
});

test("IDN-13: an audit names the first entry that lies", () => {
  const honest = makeLog().openings;
  const caught = (code: string, index: number, openings: readonly IdentityOpening[]): void => {
    const log = new TestIdentityLog();
    log.openings.push(...openings);
    assert.throws(
      () => auditIndex(emptyIndex, log.entries()),
      (error: { code?: string; facts?: unknown }) => {
        assert.deepEqual([error.code, (error.facts as { index: number }).index], [code, index]);
        return true;
      },
    );
  };
  const root = honest[5] as IdentityOpening & { kind: "index-root" };
  caught("INDEX_ROOT", 5, honest.with(5, { ...root, root: random(32) }));
  caught("INDEX_ROOT", 5, honest.with(5, { ...root, size: 4 }));
  const list = honest[3] as IdentityOpening & { kind: "device-list" };
  caught("INDEX_VERSION", 3, honest.with(3, { ...list, version: 3 }));
  caught("INDEX_ROOT", 5, honest.with(3, { ...list, commitment: random(32) }));
  const entries = makeLog().entries();
  assert.throws(() => auditIndex(emptyIndex, entries.with(1, { ...entries[1]!, entry: random(32) })), {
    code: "INDEX_OPENING",
    facts: { index: 1 },
  });
});
