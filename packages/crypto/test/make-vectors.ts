// Writes vectors/threshold/kem.json: `node packages/crypto/test/make-vectors.ts`. The values come from the second
// implementation, the product's code is tested against them.
import { writeFileSync } from "node:fs";
import { toHex, utf8 } from "@portcullis/protocol";
import { seededRandom } from "@portcullis/testkit";
import { sha256 } from "../src/index.ts";
import { testKeyset } from "./keysets.ts";
import * as noble from "./second-implementation.ts";

const random = seededRandom("threshold vectors");
const keysets = [
  testKeyset("vector state", 2, 2),
  testKeyset("vector civic", 2, 3),
  testKeyset("vector wide", 3, 5),
];

const cases = [[0], [0, 1], [2, 1, 0]].map((used, number) => {
  const quorums = used.map((at) => keysets[at]!);
  const seed = random(32);
  const label = number === 0 ? new Uint8Array(0) : random(40 * number);
  const binding = sha256(utf8(`binding ${number}`));
  const { capsules, key } = noble.encapsulate(
    seed,
    label,
    quorums.map((quorum) => quorum.public),
  );
  return {
    seed: toHex(seed),
    label: toHex(label),
    binding: toHex(binding),
    key: toHex(key),
    quorums: quorums.map(({ public: quorum, shares }, j) => {
      const input = { label, j, quorum, capsule: capsules[j]!, binding };
      const made = shares.map((share) => {
        const fresh = random(32);
        return { share, fresh, bytes: noble.share(input, share.index, share.secret, fresh) };
      });
      return {
        keysetId: toHex(quorum.keysetId),
        groupKey: toHex(quorum.groupKey),
        threshold: quorum.threshold,
        verificationShares: quorum.verificationShares.map(toHex),
        capsule: toHex(capsules[j]!),
        shares: made.map(({ share, fresh, bytes }) => ({
          secret: toHex(share.secret),
          fresh: toHex(fresh),
          share: toHex(bytes),
        })),
        rY: toHex(noble.combine(made.slice(0, quorum.threshold).map(({ bytes }) => bytes))),
      };
    }),
  };
});

const file = new URL("../../../vectors/threshold/kem.json", import.meta.url);
writeFileSync(file, `${JSON.stringify({ specification: "spec/threshold.md", cases }, null, 1)}\n`);
