import assert from "node:assert/strict";
import { test } from "node:test";
import { ristretto255 } from "@noble/curves/ed25519.js";
import fc from "fast-check";
import { concatBytes, utf8 } from "@portcullis/protocol";
import { seededRandom } from "@portcullis/testkit";
import {
  combineShares,
  createShare,
  deriveBucketKey,
  encapsulate,
  sha256,
  verifyCapsule,
  verifyShare,
  type VerifiedCapsule,
} from "../src/index.ts";
import { stuckRandom, testKeyset } from "./keysets.ts";
import * as noble from "./second-implementation.ts";

const { Point } = ristretto255;
const { Fn } = Point;
const state = testKeyset("state", 2, 2);
const civic = testKeyset("civic", 2, 3);
const quorums = [state.public, civic.public];
const seed = new Uint8Array(32).fill(0x5e);
const label = utf8("label of a bucket");
const binding = sha256(utf8("order and recipient"));
const random = seededRandom("shares");
const { capsules, key } = encapsulate({ seed, label, quorums });

const verified = (j: number, bytes = capsules[j]!) =>
  verifyCapsule({ label, quorumIndex: j, quorum: quorums[j]!, capsule: bytes });
const civicCapsule = verified(1);
const civicShare = (index: number) =>
  createShare({ capsule: civicCapsule, share: civic.shares[index - 1]!, binding, random });
const changed = (bytes: Uint8Array, at: number) => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));
const replaced = (bytes: Uint8Array, at: number, part: Uint8Array) =>
  concatBytes(bytes.slice(0, at), part, bytes.slice(at + part.length));

function open(
  capsuleList: readonly VerifiedCapsule[],
  shares: readonly (readonly Uint8Array[])[],
): Uint8Array {
  return deriveBucketKey({
    label,
    quorums: capsuleList.map((capsule, j) => ({
      quorum: quorums[j]!,
      capsule,
      rY: combineShares({ capsule, threshold: 2, shares: shares[j]! }),
    })),
  });
}

test("KEM-04: shares of a threshold of every quorum give the key that encapsulation gave", () => {
  const list = [verified(0), civicCapsule];
  const stateShares = state.shares.map((share) => createShare({ capsule: list[0]!, share, binding, random }));
  for (const [a, b] of [
    [1, 2],
    [3, 1],
    [2, 3],
  ] as const)
    assert.deepEqual(open(list, [stateShares, [civicShare(a), civicShare(b)]]), key);
});

test("KEM-02: the second implementation gives the same bytes at every step", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.uint8Array({ maxLength: 80 }),
      (seed, label) => {
        const ours = encapsulate({ seed, label, quorums });
        const theirs = noble.encapsulate(seed, label, quorums);
        assert.deepEqual(ours.capsules, theirs.capsules);
        assert.deepEqual(ours.key, theirs.key);
        const capsule = verifyCapsule({
          label,
          quorumIndex: 1,
          quorum: quorums[1]!,
          capsule: ours.capsules[1]!,
        });
        assert.equal(noble.capsuleHolds(label, 1, quorums[1]!, ours.capsules[1]!), true);
        assert.equal(noble.capsuleHolds(label, 0, quorums[1]!, ours.capsules[1]!), false);
        const input = { label, j: 1, quorum: quorums[1]!, capsule: ours.capsules[1]!, binding };
        const shares = civic.shares.map((share) =>
          createShare({ capsule, share, binding, random: stuckRandom }),
        );
        for (const { index, secret } of civic.shares)
          assert.deepEqual(noble.share(input, index, secret, new Uint8Array(32)), shares[index - 1]);
        const used = [shares[2]!, shares[0]!];
        assert.deepEqual(noble.combine(used), combineShares({ capsule, threshold: 2, shares: used }));
      },
    ),
    { numRuns: 4 },
  );
});

test("KEM-05: A1: a capsule of one label, place, keyset or group key is none of another", () => {
  const honest = { label, quorumIndex: 1, quorum: quorums[1]!, capsule: capsules[1]! };
  for (let at = 0; at < label.length; at++)
    assert.throws(() => verifyCapsule({ ...honest, label: changed(label, at) }), { code: "CAPSULE_INVALID" });
  const others = [
    { ...honest, label: label.slice(1) },
    { ...honest, label: concatBytes(label, Uint8Array.of(0)) },
    { ...honest, quorumIndex: 0 },
    { ...honest, quorum: quorums[0]! },
    { ...honest, quorum: { ...quorums[1]!, keysetId: changed(quorums[1]!.keysetId, 0) } },
    { ...honest, quorum: { ...quorums[1]!, groupKey: quorums[0]!.groupKey } },
    { ...honest, capsule: capsules[0]! },
  ];
  for (const other of others) assert.throws(() => verifyCapsule(other), { code: "CAPSULE_INVALID" });
});

test("KEM-05: A2: a capsule re-randomised under the attacker's own label is refused before any secret is used", () => {
  const delta = Fn.create(123_456_789n);
  const attackersLabel = utf8("label of the attacker's order");
  const bytes = capsules[1]!;
  const u = Point.fromBytes(bytes.slice(0, 32)).add(Point.BASE.multiply(delta)).toBytes();
  // The attacker knows delta, not r + delta: it can only try to fit the proof that it has, or prove delta alone.
  const own = noble.encapsulate(new Uint8Array(32).fill(1), attackersLabel, quorums).capsules[1]!;
  for (const forged of [replaced(bytes, 0, u), replaced(own, 0, u), replaced(own, 0, bytes.slice(0, 64))])
    assert.throws(
      () => verifyCapsule({ label: attackersLabel, quorumIndex: 1, quorum: quorums[1]!, capsule: forged }),
      { code: "CAPSULE_INVALID", facts: { quorumIndex: 1, reason: "proof" } },
    );
});

const order = Uint8Array.from({ length: 32 }, (_, i) => Number((Fn.ORDER >> BigInt(8 * i)) & 255n));
function plusOrder(scalar: Uint8Array): Uint8Array {
  let carry = 0;
  return scalar.map((byte, i) => {
    carry = byte + order[i]! + (carry >> 8);
    return carry & 255;
  });
}

test("KEM-06: A3: a capsule with any byte changed is refused", () => {
  for (let at = 0; at < 128; at++)
    assert.throws(() => verified(1, changed(capsules[1]!, at)), { code: "CAPSULE_INVALID" });
});

test("KEM-06: A3: the identity, encodings that are not canonical and wrong lengths are refused", () => {
  const bytes = capsules[1]!;
  const negative = Point.BASE.toBytes().map((byte, i) => (i === 0 ? byte ^ 1 : byte));
  const beyondField = new Uint8Array(32).fill(0xff);
  const encoding = { code: "CAPSULE_INVALID", facts: { quorumIndex: 1, reason: "encoding" } };
  for (const at of [0, 32])
    for (const bad of [new Uint8Array(32), negative, beyondField])
      assert.throws(() => verified(1, replaced(bytes, at, bad)), encoding);
  for (const at of [64, 96])
    for (const bad of [plusOrder(bytes.slice(at, at + 32)), order, new Uint8Array(32), beyondField])
      assert.throws(() => verified(1, replaced(bytes, at, bad)), encoding);
  // The top bit, which libsodium's multiplication ignores.
  assert.throws(
    () =>
      verified(
        1,
        bytes.map((byte, i) => (i === 127 ? byte | 0x80 : byte)),
      ),
    encoding,
  );
  for (const length of [0, 127])
    assert.throws(() => verified(1, bytes.slice(0, length)), { code: "CAPSULE_INVALID" });
  assert.throws(() => verified(1, concatBytes(bytes, Uint8Array.of(0))), { code: "CAPSULE_INVALID" });
});

test("KEM-03: A4: r and s differ with label, place, keyset, group key and seed", () => {
  const [one, two] = [{ ...quorums[1]! }, { ...quorums[1]!, keysetId: sha256(utf8("next period")) }];
  const runs = [
    noble.encapsulate(seed, label, [one, one]),
    noble.encapsulate(seed, utf8("next label"), [one]),
    noble.encapsulate(seed, label, [two]),
    noble.encapsulate(seed, label, [{ ...one, groupKey: quorums[0]!.groupKey }]),
    noble.encapsulate(sha256(seed), label, [one]),
  ];
  const scalars = runs.flatMap(({ nonces }) => nonces.flatMap(({ r, s }) => [r, s]));
  assert.equal(new Set(scalars).size, 12);
  // The product's capsules have these U, so these are its r.
  const made = encapsulate({ seed, label, quorums: [one, one] }).capsules.map((capsule) =>
    capsule.slice(0, 32),
  );
  const expected = runs[0]!.nonces.map(({ r }) => Point.BASE.multiply(r).toBytes());
  assert.deepEqual(made, expected);
});

test("KEM-03: A4: what the derivation prevents: equal r and s under two labels give r away", () => {
  const r = 77_777n;
  const s = 88_888n;
  const [e1, e2] = [111_111n, 999_999n];
  const [f1, f2] = [e1, e2].map((e) => Fn.add(s, Fn.mul(r, e))) as [bigint, bigint];
  assert.equal(Fn.div(Fn.sub(f1, f2), Fn.sub(e1, e2)), r);
});

test("KEM-04: A9: the key depends on every quorum, its order, the label and the seed; no two buckets' keys agree", () => {
  const keys = [
    key,
    encapsulate({ seed, label, quorums: [quorums[0]!] }).key,
    encapsulate({ seed, label, quorums: [quorums[1]!] }).key,
    encapsulate({ seed, label, quorums: [quorums[1]!, quorums[0]!] }).key,
    encapsulate({ seed, label: utf8("next bucket"), quorums }).key,
    encapsulate({ seed: sha256(seed), label, quorums }).key,
  ];
  assert.equal(new Set(keys.map(String)).size, keys.length);
});

test("KEM-04: capsules of another label, order or keyset derive no key", () => {
  const rY = combineShares({ capsule: civicCapsule, threshold: 2, shares: [civicShare(1), civicShare(2)] });
  const entry = { quorum: quorums[1]!, capsule: civicCapsule, rY };
  assert.throws(() => deriveBucketKey({ label, quorums: [entry] }), { code: "CAPSULE_MISMATCH" });
  const first = { quorum: quorums[0]!, capsule: verified(0), rY };
  assert.throws(() => deriveBucketKey({ label: utf8("other"), quorums: [first] }), {
    code: "CAPSULE_MISMATCH",
  });
  assert.throws(() => deriveBucketKey({ label, quorums: [{ ...first, quorum: quorums[1]! }] }), {
    code: "CAPSULE_MISMATCH",
  });
  assert.throws(() => deriveBucketKey({ label, quorums: [] }), { code: "QUORUM_KEY" });
});

test("KEM-01: keys that are no element, the identity, and wrong lengths are refused; so is a list without quorums", () => {
  const quorum = quorums[0]!;
  for (const bad of [
    { ...quorum, groupKey: new Uint8Array(32) },
    { ...quorum, groupKey: new Uint8Array(32).fill(0xff) },
    { ...quorum, groupKey: quorum.groupKey.slice(1) },
    { ...quorum, keysetId: quorum.keysetId.slice(1) },
  ])
    assert.throws(() => encapsulate({ seed, label, quorums: [bad] }), { code: "QUORUM_KEY" });
  assert.throws(() => encapsulate({ seed, label, quorums: [] }), { code: "QUORUM_KEY" });
  assert.throws(() => encapsulate({ seed: seed.slice(1), label, quorums }), { code: "CRYPTO_LENGTH" });
});

test("KEM-09: B1: fewer shares than the threshold give nothing, and with a forged one another key", () => {
  const one = civicShare(1);
  assert.throws(() => combineShares({ capsule: civicCapsule, threshold: 2, shares: [one] }), {
    code: "SHARE_COUNT",
  });
  const forged = replaced(civicShare(2), 2, Point.BASE.multiply(5n).toBytes());
  const right = combineShares({ capsule: civicCapsule, threshold: 2, shares: [one, civicShare(2)] });
  assert.notDeepEqual(combineShares({ capsule: civicCapsule, threshold: 2, shares: [one, forged] }), right);
  // One share taken for the whole is not the whole either.
  assert.notDeepEqual(one.slice(2, 34), right);
});

test("KEM-09: B2: indexes that are double, zero, beyond n or equal modulo the group order are refused", () => {
  const one = civicShare(1);
  const renumbered = (index: number) => replaced(one, 0, Uint8Array.of(index >> 8, index & 255));
  const combine = (shares: Uint8Array[]) =>
    combineShares({ capsule: civicCapsule, threshold: 2, shares, participants: 3 });
  assert.throws(() => combine([one, one]), { code: "SHARE_DUPLICATE" });
  assert.throws(() => combine([one, civicShare(2), one]), { code: "SHARE_DUPLICATE" });
  assert.throws(() => combine([one, renumbered(0)]), { code: "SHARE_INVALID" });
  assert.throws(() => combine([one, renumbered(4)]), { code: "SHARE_INVALID" });
  for (const index of [0, 2, 4, 65_535])
    assert.throws(
      () => verifyShare({ capsule: civicCapsule, keyset: civic.public, share: renumbered(index), binding }),
      { code: "SHARE_INVALID" },
    );
  for (const index of [0, 65_536, 1.5])
    assert.throws(
      () =>
        createShare({
          capsule: civicCapsule,
          share: { index, secret: civic.shares[0]!.secret },
          binding,
          random,
        }),
      { code: "SHARE_SECRET" },
    );
});

test("KEM-07: B3: a share for another label, binding, place or keyset does not verify", () => {
  const share = civicShare(1);
  const honest = { capsule: civicCapsule, keyset: civic.public, share, binding };
  assert.deepEqual(verifyShare(honest), share);
  const next = utf8("next label");
  const nextCapsule = verifyCapsule({
    label: next,
    quorumIndex: 1,
    quorum: civic.public,
    capsule: encapsulate({ seed, label: next, quorums }).capsules[1]!,
  });
  const others = [
    { ...honest, capsule: nextCapsule },
    { ...honest, binding: sha256(utf8("another order")) },
    { ...honest, capsule: verified(0) },
    { ...honest, keyset: state.public },
    { ...honest, keyset: { ...civic.public, keysetId: sha256(utf8("next period")) } },
    { ...honest, keyset: { ...civic.public, verificationShares: state.public.verificationShares } },
  ];
  for (const other of others) assert.throws(() => verifyShare(other), { code: "SHARE_INVALID" });
});

test("KEM-07: B4: a wrong share is refused whatever is changed, and names its custodian", () => {
  const share = civicShare(3);
  const verify = (bytes: Uint8Array) =>
    verifyShare({ capsule: civicCapsule, keyset: civic.public, share: bytes, binding });
  for (let at = 2; at < 98; at += 5)
    assert.throws(
      () => verify(changed(share, at)),
      (error: { code: string; facts: { index: number } }) => {
        assert.deepEqual([error.code, error.facts.index], ["SHARE_INVALID", 3]);
        return true;
      },
    );
  const wrongPart = replaced(share, 2, Point.BASE.multiply(9n).toBytes());
  assert.throws(() => verify(wrongPart), { code: "SHARE_INVALID", facts: { index: 3, reason: "proof" } });
  for (const at of [34, 66])
    assert.throws(() => verify(replaced(share, at, plusOrder(share.slice(at, at + 32)))), {
      code: "SHARE_INVALID",
      facts: { index: 3, reason: "encoding" },
    });
  for (const bad of [
    share.slice(1),
    concatBytes(share, Uint8Array.of(0)),
    replaced(share, 2, new Uint8Array(32)),
  ])
    assert.throws(() => verify(bad), { code: "SHARE_INVALID" });
});

test("KEM-08: B10: with a stuck generator two statements still get two nonces, and with a working one each proof its own", () => {
  const part = (share: Uint8Array) => ({
    e: Fn.fromBytes(share.slice(34, 66)),
    f: Fn.fromBytes(share.slice(66)),
  });
  const make = (binding: Uint8Array, source = stuckRandom) =>
    createShare({ capsule: civicCapsule, share: civic.shares[0]!, binding, random: source });
  const [first, second] = [make(utf8("order 1")), make(utf8("order 2"))].map(part) as [
    ReturnType<typeof part>,
    ReturnType<typeof part>,
  ];
  // Were the nonces equal, this quotient would be the custodian's secret.
  const leak = Fn.div(Fn.sub(first.f, second.f), Fn.sub(first.e, second.e));
  assert.notDeepEqual(Fn.toBytes(leak), civic.shares[0]!.secret);
  assert.deepEqual(make(utf8("order 1")), make(utf8("order 1")));
  assert.notDeepEqual(make(utf8("order 1"), random), make(utf8("order 1"), random));
});

test("KEM-08: a secret that is no scalar makes no share", () => {
  for (const secret of [
    new Uint8Array(32),
    order,
    plusOrder(civic.shares[0]!.secret),
    new Uint8Array(31).fill(1),
  ])
    assert.throws(
      () => createShare({ capsule: civicCapsule, share: { index: 1, secret }, binding, random }),
      {
        code: "SHARE_SECRET",
      },
    );
});
