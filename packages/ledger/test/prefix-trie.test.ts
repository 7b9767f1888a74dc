import assert from "node:assert/strict";
import { test } from "node:test";
import { sha256 } from "@portcullis/crypto";
import { concatBytes, equalBytes, toHex, utf8 } from "@portcullis/protocol";
import { seededRandom } from "@portcullis/testkit";
import fc from "fast-check";
import {
  findLeaf,
  findPath,
  insertLeaf,
  rootOfPath,
  trieRoot,
  type Trie,
  type TrieLeaf,
} from "../src/identity/prefix-trie.ts";

const random = seededRandom("trie");
const leafOf = (label: Uint8Array, value = random(32)): TrieLeaf => ({ label, value });
const trieOf = (leaves: readonly TrieLeaf[]) =>
  leaves.reduce<Trie<TrieLeaf>>((trie, leaf) => insertLeaf(trie, leaf), undefined);
const leaves = Array.from({ length: 100 }, () => leafOf(random(32)));

/** The root by its definition, all at once. */
function rootByDefinition(all: readonly TrieLeaf[], depth = 0): Uint8Array {
  if (all.length === 0) return sha256(Uint8Array.of(4));
  if (all.length === 1) return sha256(Uint8Array.of(2), all[0]!.label, all[0]!.value);
  const bit = ({ label }: TrieLeaf) => (label[depth >> 3]! >> (7 - (depth & 7))) & 1;
  const [zero, one] = [0, 1].map((side) =>
    rootByDefinition(
      all.filter((leaf) => bit(leaf) === side),
      depth + 1,
    ),
  );
  return sha256(Uint8Array.of(3), zero!, one!);
}

test("IDN-09: a set of leaves has one root, in whatever order they came", () => {
  fc.assert(
    fc.property(fc.shuffledSubarray(leaves, { maxLength: 40 }), (some) => {
      assert.deepEqual(trieRoot(trieOf(some)), rootByDefinition(some));
    }),
    { numRuns: 40 },
  );
});

test("IDN-09: labels that share all but the last bit stand beside each other, 256 steps down", () => {
  const label = new Uint8Array(32).fill(0x5a);
  const pair = [leafOf(label), leafOf(label.with(31, 0x5b))];
  const trie = trieOf(pair);
  assert.deepEqual(trieRoot(trie), rootByDefinition(pair));
  const path = findPath(trie, label);
  assert.equal(path.siblings.length, 256);
  assert.deepEqual(rootOfPath(label, path), trieRoot(trie));
  assert.equal(rootOfPath(label, { ...path, siblings: [...path.siblings, random(32)] }), undefined);
});

test("IDN-09: a leaf of the same label takes the old one's place, and the old trie stays as it was", () => {
  const before = trieOf(leaves);
  const root = toHex(trieRoot(before));
  const next = leafOf(leaves[7]!.label);
  const after = insertLeaf(before, next);
  assert.equal(findLeaf(after, next.label), next);
  assert.equal(findLeaf(before, next.label), leaves[7]);
  assert.equal(toHex(trieRoot(before)), root);
  assert.notEqual(toHex(trieRoot(after)), root);
});

test("IDN-10: a path leads to the root for every label, whether it is there or not", () => {
  for (const count of [0, 1, 2, 3, 100]) {
    const trie = trieOf(leaves.slice(0, count));
    for (const label of [
      ...leaves.map((leaf) => leaf.label),
      ...Array.from({ length: 50 }, () => random(32)),
    ]) {
      const path = findPath(trie, label);
      assert.deepEqual(rootOfPath(label, path), trieRoot(trie));
      const there = path.end !== undefined && equalBytes(path.end.label, label);
      assert.equal(there, findLeaf(trie, label) !== undefined);
    }
  }
});

test("IDN-10: no other end, sibling or order leads to the root", () => {
  const trie = trieOf(leaves);
  const root = toHex(trieRoot(trie));
  const [leaf] = leaves as [TrieLeaf];
  const path = findPath(trie, leaf.label);
  const reached = (change: Partial<typeof path>, label = leaf.label): string | undefined => {
    const result = rootOfPath(label, { ...path, ...change });
    return result && toHex(result);
  };
  assert.equal(reached({}), root);
  assert.notEqual(reached({ end: undefined }), root);
  assert.notEqual(reached({ end: leafOf(leaf.label) }), root);
  assert.notEqual(reached({ siblings: path.siblings.slice(1) }), root);
  assert.notEqual(reached({ siblings: path.siblings.toReversed() }), root);
  const elsewhere = leaf.label.with(0, leaf.label[0]! ^ 0x80);
  assert.equal(reached({}, elsewhere), undefined, "a leaf that cannot stand on that way");
});

test("IDN-09: a leaf, a branch and nothing are hashed apart, and apart from the log's own hashes", () => {
  const [a, b] = [random(32), random(32)];
  const hashes = [0, 1, 2, 3].map((prefix) => toHex(sha256(concatBytes(Uint8Array.of(prefix), a, b))));
  assert.equal(toHex(trieRoot(leafOf(a, b))), hashes[2]);
  assert.equal(new Set([...hashes, toHex(trieRoot(undefined)), toHex(sha256(utf8("")))]).size, 6);
});
