import assert from "node:assert/strict";
import { test } from "node:test";
import { ristretto255 } from "@noble/curves/ed25519.js";
import { decodeCbor, encodeCbor, utf8, type CborValue } from "@portcullis/protocol";
import { seededRandom } from "@portcullis/testkit";
import { combineShares, createShare, DkgParticipant, encapsulate, verifyCapsule } from "../src/index.ts";
import { commitmentTo, hashContext } from "../src/dkg-messages.ts";
import { generate, testKeyset } from "./keysets.ts";

const context = utf8("ceremony 1");
const participants = ["anna", "ben", "clara"].map(utf8);

function participant(
  index: number,
  change: { context?: Uint8Array; threshold?: number; seed?: string } = {},
) {
  const { seed = "dkg", ...rest } = change;
  return new DkgParticipant({
    context,
    index,
    threshold: 2,
    participants,
    random: seededRandom(`${seed} ${index}`),
    ...rest,
  });
}

/** Everybody up to the published first rounds. */
function published() {
  const all = [1, 2, 3].map((index) => participant(index));
  const commitments = all.map((one) => one.commitment());
  const round1s = all.map((one) => one.round1(commitments));
  return { all, commitments, round1s };
}

/** What a cheat may send in place of its first round: committed to before, so that only what it says is wrong. */
function withRound1(index: number, forge: (fields: CborValue[]) => CborValue) {
  const all = [1, 2, 3].map((one) => participant(one));
  const honest = published().round1s[index - 1]!;
  const forged = encodeCbor(forge([...(decodeCbor(honest, "round 1") as CborValue[])]));
  const contextHash = hashContext(context, 2, participants);
  const commitments = all.map((one) => one.commitment());
  commitments[index - 1] = commitmentTo(contextHash, index, forged);
  const round1s = all.map((one, i) => (i === index - 1 ? forged : one.round1(commitments)));
  return () => all[0]!.round2(round1s);
}

test("DKG-01: all participants end with the same key, and any threshold of their shares opens a capsule", () => {
  for (const [threshold, size] of [
    [2, 2],
    [2, 3],
    [3, 5],
  ] as const) {
    const results = generate(`${threshold} of ${size}`, threshold, size);
    for (const result of results) {
      assert.deepEqual(result.groupKey, results[0]!.groupKey);
      assert.deepEqual(result.verificationShares, results[0]!.verificationShares);
      assert.deepEqual(result.transcriptHash, results[0]!.transcriptHash);
    }
    const keyset = testKeyset(`${threshold} of ${size}`, threshold, size);
    const label = utf8("label");
    const { capsules } = encapsulate({ seed: new Uint8Array(32).fill(1), label, quorums: [keyset.public] });
    const capsule = verifyCapsule({ label, quorumIndex: 0, quorum: keyset.public, capsule: capsules[0]! });
    const shares = keyset.shares.map((share) =>
      createShare({ capsule, share, binding: label, random: seededRandom("share") }),
    );
    const first = combineShares({ capsule, threshold, shares: shares.slice(0, threshold) });
    const last = combineShares({ capsule, threshold, shares: shares.slice(-threshold).reverse() });
    assert.deepEqual(first, last);
  }
});

test("DKG-01: impossible parameters are refused", () => {
  const attempts = [
    () => participant(0),
    () => participant(4),
    () => participant(1.5),
    () => participant(1, { threshold: 1 }),
    () => participant(1, { threshold: 4 }),
    () => participant(1, { threshold: 2.5 }),
    () =>
      new DkgParticipant({
        context,
        index: 1,
        threshold: 2,
        participants: [participants[0]!, participants[1]!, participants[0]!],
        random: seededRandom("x"),
      }),
  ];
  for (const attempt of attempts) assert.throws(attempt, { code: "DKG_PARAMETERS" });
});

test("DKG-02: a first round that is not the committed one is refused and its sender named", () => {
  const { all, round1s } = published();
  const other = participant(2, { seed: "chosen after the others" });
  const commitments = [participant(1), other, participant(3)].map((one) => one.commitment());
  const swapped = [round1s[0]!, other.round1(commitments), round1s[2]!];
  assert.throws(() => all[0]!.round2(swapped), { code: "DKG_COMMITMENT", facts: { index: 2 } });
});

test("DKG-02: nobody opens before all commitments are there, or when its own is not among them", () => {
  const { commitments } = published();
  const begin = () => {
    const one = participant(1);
    one.commitment();
    return one;
  };
  assert.throws(() => begin().round1(commitments.slice(0, 2)), { code: "DKG_COMMITMENT" });
  assert.throws(() => begin().round1([commitments[1]!, commitments[1]!, commitments[2]!]), {
    code: "DKG_COMMITMENT",
    facts: { index: 1 },
  });
});

test("DKG-03: C1: a share that does not fit the commitments is refused and its sender named", () => {
  const { all, round1s } = published();
  const round2s = all.map((one) => one.round2(round1s));
  const forged = decodeCbor(round2s[1]![0]!, "round 2") as CborValue[];
  const wrong = (forged[4] as Uint8Array).slice();
  wrong[0]! ^= 1;
  const message = encodeCbor([...forged.slice(0, 4), wrong]);
  assert.throws(() => all[0]!.finish([new Uint8Array(0), message, round2s[2]![0]!]), {
    code: "DKG_SHARE",
    facts: { index: 2, reason: "commitment" },
  });
});

test("DKG-03: a share for somebody else, out of range or malformed is refused", () => {
  const attempt = (change: (fields: CborValue[]) => CborValue) => {
    const { all, round1s } = published();
    const round2s = all.map((one) => one.round2(round1s));
    const fields = decodeCbor(round2s[2]![0]!, "round 2") as CborValue[];
    return () => all[0]!.finish([new Uint8Array(0), round2s[1]![0]!, encodeCbor(change([...fields]))]);
  };
  const refused = (reason: string) => ({ code: "DKG_SHARE", facts: { index: 3, reason } });
  assert.throws(
    attempt(([version, transcript, from, , share]) => [version!, transcript!, from!, 2, share!]),
    refused("address"),
  );
  assert.throws(
    attempt(([version, transcript, , to, share]) => [version!, transcript!, 2, to!, share!]),
    refused("address"),
  );
  assert.throws(
    attempt((fields) => [...fields.slice(0, 4), new Uint8Array(32).fill(0xff)]),
    refused("scalar"),
  );
  assert.throws(
    attempt((fields) => [...fields.slice(0, 4), new Uint8Array(31)]),
    refused("encoding"),
  );
  assert.throws(
    attempt(() => "nothing"),
    refused("encoding"),
  );
});

test("DKG-04: C2: a constant term that is not proven to be known is refused (rogue key)", () => {
  const anna = decodeCbor(published().round1s[0]!, "round 1") as CborValue[];
  const copied = withRound1(2, ([version, hash, index]) => [version!, hash!, index!, anna[3]!, anna[4]!]);
  assert.throws(copied, { code: "DKG_ROUND1", facts: { index: 2, reason: "proof" } });
});

test("DKG-05: C3: more or fewer commitments than the threshold are refused", () => {
  const extra = withRound1(3, ([version, hash, index, commitments, proof]) => {
    const list = commitments as Uint8Array[];
    return [version!, hash!, index!, [...list, list[0]!], proof!];
  });
  assert.throws(extra, { code: "DKG_ROUND1" });
  const fewer = withRound1(3, ([version, hash, index, commitments, proof]) => [
    version!,
    hash!,
    index!,
    (commitments as Uint8Array[]).slice(0, 1),
    proof!,
  ]);
  assert.throws(fewer, { code: "DKG_ROUND1", facts: { index: 3, reason: "threshold" } });
});

test("DKG-05: the identity and what is no element are refused as commitments", () => {
  for (const bad of [new Uint8Array(32), new Uint8Array(32).fill(0xff)]) {
    const attempt = withRound1(2, ([version, hash, index, commitments, proof]) => [
      version!,
      hash!,
      index!,
      [(commitments as Uint8Array[])[0]!, bad],
      proof!,
    ]);
    assert.throws(attempt, { code: "DKG_ROUND1", facts: { index: 2, reason: "element" } });
  }
});

test("DKG-06: C4: participants that saw different first rounds do not finish together", () => {
  const one = published();
  // The relay shows Clara another Ben, who committed and opened properly, but only to her.
  const otherBen = participant(2, { seed: "split" });
  const commitments = [one.commitments[0]!, otherBen.commitment(), one.commitments[2]!];
  const clara = participant(3);
  clara.commitment();
  const claraRound1 = clara.round1(commitments);
  const toAnna = clara.round2([one.round1s[0]!, otherBen.round1(commitments), claraRound1])[0]!;
  const anna = one.all[0]!;
  const ben = one.all[1]!;
  anna.round2(one.round1s);
  assert.throws(() => anna.finish([new Uint8Array(0), ben.round2(one.round1s)[0]!, toAnna]), {
    code: "DKG_TRANSCRIPT",
    facts: { index: 3 },
  });
});

test("DKG-07: C5: messages of another attempt, threshold or list of participants are refused", () => {
  for (const change of [{ context: utf8("ceremony 2") }, { threshold: 3 }]) {
    const all = [participant(1), participant(2, change), participant(3)];
    const foreign = [participant(1, change), participant(2, change), participant(3, change)];
    const foreignCommitments = foreign.map((one) => one.commitment());
    const round1 = foreign[1]!.round1(foreignCommitments);
    const commitments = all.map((one) => one.commitment());
    commitments[1] = commitmentTo(hashContext(context, 2, participants), 2, round1);
    const round1s = [all[0]!.round1(commitments), round1, all[2]!.round1(commitments)];
    assert.throws(() => all[0]!.round2(round1s), /DKG_ROUND1/);
  }
  const reordered = [participants[1]!, participants[0]!, participants[2]!];
  assert.notDeepEqual(hashContext(context, 2, participants), hashContext(context, 2, reordered));
});

test("DKG-07: each step runs once and in order", () => {
  const one = participant(1);
  assert.throws(() => one.round1([]), { code: "DKG_STATE" });
  one.commitment();
  assert.throws(() => one.commitment(), { code: "DKG_STATE" });
  assert.throws(() => one.round2([]), { code: "DKG_STATE" });
  const { all, round1s } = published();
  const round2s = all.map((each) => each.round2(round1s));
  const mine = round2s.map((messages) => messages[0]!);
  all[0]!.finish(mine);
  assert.throws(() => all[0]!.finish(mine), { code: "DKG_STATE" });
  all[1]!.wipe();
  assert.throws(() => all[1]!.finish(round2s.map((messages) => messages[1]!)), { code: "DKG_STATE" });
});

test("DKG-08: each share belongs to its verification share, and these to the group key, as noble computes them", () => {
  const { Point } = ristretto255;
  for (const { share, verificationShares, groupKey } of generate("frost", 2, 3)) {
    const own = Point.BASE.multiply(Point.Fn.fromBytes(share.secret));
    assert.deepEqual(own.toBytes(), verificationShares[share.index - 1]);
    const [first, second] = verificationShares.slice(0, 2).map((bytes) => Point.fromBytes(bytes));
    assert.deepEqual(first!.multiply(2n).subtract(second!).toBytes(), groupKey);
  }
});
