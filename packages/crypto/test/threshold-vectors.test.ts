import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fromHex, toHex } from "@portcullis/protocol";
import {
  combineShares,
  createShare,
  deriveBucketKey,
  encapsulate,
  verifyCapsule,
  verifyShare,
} from "../src/index.ts";

interface Vectors {
  cases: {
    seed: string;
    label: string;
    binding: string;
    key: string;
    quorums: {
      keysetId: string;
      groupKey: string;
      threshold: number;
      verificationShares: string[];
      capsule: string;
      shares: { secret: string; fresh: string; share: string }[];
      rY: string;
    }[];
  }[];
}

const file = new URL("../../../vectors/threshold/kem.json", import.meta.url);
const { cases } = JSON.parse(readFileSync(file, "utf8")) as Vectors;

for (const [number, vector] of cases.entries()) {
  test(`KEM-02: vectors/threshold/kem.json, case ${number + 1}: capsules, shares and key`, () => {
    const [seed, label, binding] = [vector.seed, vector.label, vector.binding].map(fromHex) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    const keysets = vector.quorums.map(({ keysetId, groupKey, threshold, verificationShares }) => ({
      keysetId: fromHex(keysetId),
      groupKey: fromHex(groupKey),
      threshold,
      verificationShares: verificationShares.map(fromHex),
    }));
    const made = encapsulate({ seed, label, quorums: keysets });
    assert.deepEqual(
      made.capsules.map(toHex),
      vector.quorums.map(({ capsule }) => capsule),
    );
    assert.equal(toHex(made.key), vector.key);
    const opened = vector.quorums.map((quorum, quorumIndex) => {
      const keyset = keysets[quorumIndex]!;
      const capsule = verifyCapsule({ label, quorumIndex, quorum: keyset, capsule: fromHex(quorum.capsule) });
      const shares = quorum.shares.map(({ secret, fresh, share }, i) => {
        const random = () => fromHex(fresh);
        const bytes = createShare({
          capsule,
          share: { index: i + 1, secret: fromHex(secret) },
          binding,
          random,
        });
        assert.equal(toHex(bytes), share);
        return verifyShare({ capsule, keyset, share: bytes, binding });
      });
      const rY = combineShares({ capsule, threshold: quorum.threshold, shares });
      assert.equal(toHex(rY), quorum.rY);
      return { quorum: keyset, capsule, rY };
    });
    assert.equal(toHex(deriveBucketKey({ label, quorums: opened })), vector.key);
  });
}
