import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { fromHex, toHex } from "@portcullis/protocol";
import {
  buildMerkleTree,
  merkleLeafHash,
  merkleNodeHash,
  merklePath,
  merkleRoot,
  rootFromPath,
  sha256,
} from "../src/index.ts";

// The reference leaves and roots of the certificate-transparency test suite for RFC 6962 trees of 1 to 8 leaves.
const referenceLeaves = [
  "",
  "00",
  "10",
  "2021",
  "3031",
  "40414243",
  "5051525354555657",
  "606162636465666768696a6b6c6d6e6f",
].map(fromHex);
const referenceRoots = [
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

test("trees of 0 to 8 leaves have the reference roots", () => {
  assert.deepEqual(merkleRoot([]), sha256());
  for (const [i, root] of referenceRoots.entries())
    assert.equal(toHex(merkleRoot(referenceLeaves.slice(0, i + 1))), root);
});

/** RFC 6962 section 2.1 word for word: split at the largest power of two smaller than n. */
function recursiveRoot(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 1) return merkleLeafHash(leaves[0]!);
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return merkleNodeHash(recursiveRoot(leaves.slice(0, split)), recursiveRoot(leaves.slice(split)));
}

const numbered = (size: number) => Array.from({ length: size }, (_, i) => Uint8Array.of(i >> 8, i & 0xff));

test("every path of every small tree leads to the root", () => {
  for (let size = 1; size <= 33; size++) {
    const leaves = numbered(size);
    const tree = buildMerkleTree(leaves);
    assert.deepEqual(tree.root, recursiveRoot(leaves));
    for (const [index, leaf] of leaves.entries()) {
      const path = tree.path(index);
      assert.deepEqual(rootFromPath({ index, size, leafHash: merkleLeafHash(leaf), path }), tree.root);
    }
  }
});

test("a path with a hash too many or too few, of another index or another leaf, does not lead to the root", () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 300 }), fc.nat(), (size, anyIndex) => {
      const leaves = numbered(size);
      const index = anyIndex % size;
      const root = merkleRoot(leaves);
      const path = merklePath(leaves, index);
      const leafHash = merkleLeafHash(leaves[index]!);
      assert.deepEqual(rootFromPath({ index, size, leafHash, path }), root);
      const wrong = (change: { index?: number; leafHash?: Uint8Array; path?: Uint8Array[] }) => {
        try {
          return rootFromPath({ index, size, leafHash, path, ...change });
        } catch (error) {
          assert.equal((error as { code?: string }).code, "MERKLE_PATH");
          return undefined;
        }
      };
      assert.notDeepEqual(wrong({ index: (index + 1) % size }), root);
      assert.notDeepEqual(wrong({ leafHash: merkleLeafHash(leaves[(index + 1) % size]!) }), root);
      assert.equal(wrong({ path: path.slice(1) }), undefined);
      assert.equal(wrong({ path: [...path, root] }), undefined);
    }),
    { numRuns: 60 },
  );
});

test("a node cannot pass for a leaf", () => {
  const leaves = numbered(4);
  const left = merkleNodeHash(merkleLeafHash(leaves[0]!), merkleLeafHash(leaves[1]!));
  const right = merkleNodeHash(merkleLeafHash(leaves[2]!), merkleLeafHash(leaves[3]!));
  const nodeAsData = Uint8Array.of(...merkleLeafHash(leaves[0]!), ...merkleLeafHash(leaves[1]!));
  assert.notDeepEqual(merkleLeafHash(nodeAsData), left);
  assert.notDeepEqual(
    rootFromPath({ index: 0, size: 2, leafHash: merkleLeafHash(nodeAsData), path: [right] }),
    merkleRoot(leaves),
  );
});

test("indexes outside the tree and sizes beyond 2^31 are handled", () => {
  const leaves = numbered(3);
  for (const index of [-1, 3, 0.5, Number.NaN])
    assert.throws(() => merklePath(leaves, index), { code: "MERKLE_INDEX" });
  const leafHash = merkleLeafHash(leaves[0]!);
  for (const [index, size] of [
    [0, 0],
    [1, 1],
    [-1, 1],
    [0.5, 1],
    [0, 2 ** 53],
  ] as const)
    assert.throws(() => rootFromPath({ index, size, leafHash, path: [] }), { code: "MERKLE_PATH" });
  assert.throws(() => rootFromPath({ index: 0, size: 2, leafHash, path: [new Uint8Array(31)] }), {
    code: "MERKLE_PATH",
  });
  // The last leaf of a tree of 2^40 + 1 leaves hangs directly below the root.
  const left = sha256(Uint8Array.of(1));
  assert.deepEqual(
    rootFromPath({ index: 2 ** 40, size: 2 ** 40 + 1, leafHash, path: [left] }),
    merkleNodeHash(left, leafHash),
  );
});
