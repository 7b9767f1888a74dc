import { sha256 } from "@portcullis/crypto";
import { equalBytes } from "@portcullis/protocol";

// A binary trie over labels of 32 bytes, first bit first. A subtree without labels is empty, one with a single label is
// that leaf, whatever its depth; so a set of leaves has one root. Tries never change: what grows is a new one that
// shares all that stays, and an old root can still be proven.

/** 32 bytes each. */
export interface TrieLeaf {
  readonly label: Uint8Array;
  readonly value: Uint8Array;
}

interface Branch<Leaf> {
  readonly zero: Trie<Leaf>;
  readonly one: Trie<Leaf>;
  hash: Uint8Array | undefined;
}

/** Undefined: no label. */
export type Trie<Leaf> = Leaf | Branch<Leaf> | undefined;

/** The way from the root to where a label stands or would stand. */
export interface TriePath {
  /** The hashes beside the way, from the root down. */
  readonly siblings: readonly Uint8Array[];
  /** The leaf at its end: the label's own, another one in its place, or none. */
  readonly end: TrieLeaf | undefined;
}

export const LABEL_BITS = 256;
const LEAF_PREFIX = Uint8Array.of(2);
const NODE_PREFIX = Uint8Array.of(3);
const EMPTY_HASH = sha256(Uint8Array.of(4));

/** The trie with the leaf in it, in place of the one of the same label if there is one. */
export function insertLeaf<Leaf extends TrieLeaf>(trie: Trie<Leaf>, leaf: Leaf, depth = 0): Trie<Leaf> {
  if (trie === undefined) return leaf;
  if (!isBranch(trie)) return equalBytes(trie.label, leaf.label) ? leaf : fork(trie, leaf, depth);
  return bitAt(leaf.label, depth) === 0
    ? branch(insertLeaf(trie.zero, leaf, depth + 1), trie.one)
    : branch(trie.zero, insertLeaf(trie.one, leaf, depth + 1));
}

/** Two labels part where their bits first differ. */
function fork<Leaf extends TrieLeaf>(a: Leaf, b: Leaf, depth: number): Trie<Leaf> {
  const [bitOfA, bitOfB] = [bitAt(a.label, depth), bitAt(b.label, depth)];
  if (bitOfA !== bitOfB) return bitOfA === 0 ? branch(a, b) : branch(b, a);
  const below = fork(a, b, depth + 1);
  return bitOfA === 0 ? branch(below, undefined) : branch(undefined, below);
}

/** The leaf at the end of the label's way, which may be another one's. */
function endOf<Leaf extends TrieLeaf>(
  trie: Trie<Leaf>,
  label: Uint8Array,
  beside: (sibling: Trie<Leaf>) => void,
): Leaf | undefined {
  let here = trie;
  for (let depth = 0; here !== undefined && isBranch(here); depth++) {
    const zero = bitAt(label, depth) === 0;
    beside(zero ? here.one : here.zero);
    here = zero ? here.zero : here.one;
  }
  return here;
}

export function findLeaf<Leaf extends TrieLeaf>(trie: Trie<Leaf>, label: Uint8Array): Leaf | undefined {
  const end = endOf(trie, label, () => undefined);
  return end !== undefined && equalBytes(end.label, label) ? end : undefined;
}

export function findPath<Leaf extends TrieLeaf>(trie: Trie<Leaf>, label: Uint8Array): TriePath {
  const siblings: Uint8Array[] = [];
  const end = endOf(trie, label, (sibling) => siblings.push(trieRoot(sibling)));
  return { siblings, end };
}

export function trieRoot<Leaf extends TrieLeaf>(trie: Trie<Leaf>): Uint8Array {
  if (trie === undefined) return EMPTY_HASH;
  if (!isBranch(trie)) return leafHash(trie);
  trie.hash ??= nodeHash(trieRoot(trie.zero), trieRoot(trie.one));
  return trie.hash;
}

/**
 * The root to which a label's path leads. Undefined when no trie has such a path: too long, or ending in a leaf that
 * belongs elsewhere.
 */
export function rootOfPath(label: Uint8Array, { siblings, end }: TriePath): Uint8Array | undefined {
  if (siblings.length > LABEL_BITS) return undefined;
  const strays = siblings.some((_, depth) => end && bitAt(end.label, depth) !== bitAt(label, depth));
  if (strays) return undefined;
  return siblings.reduceRight(
    (hash, sibling, depth) => (bitAt(label, depth) === 0 ? nodeHash(hash, sibling) : nodeHash(sibling, hash)),
    end === undefined ? EMPTY_HASH : leafHash(end),
  );
}

function branch<Leaf>(zero: Trie<Leaf>, one: Trie<Leaf>): Branch<Leaf> {
  return { zero, one, hash: undefined };
}

function isBranch<Leaf extends TrieLeaf>(trie: Leaf | Branch<Leaf>): trie is Branch<Leaf> {
  return "zero" in trie;
}

function leafHash({ label, value }: TrieLeaf): Uint8Array {
  return sha256(LEAF_PREFIX, label, value);
}

function nodeHash(zero: Uint8Array, one: Uint8Array): Uint8Array {
  return sha256(NODE_PREFIX, zero, one);
}

function bitAt(label: Uint8Array, depth: number): number {
  return ((label[depth >> 3] ?? 0) >> (7 - (depth & 7))) & 1;
}
