import { CryptoError } from "./errors.ts";
import { sha256 } from "./hash.ts";

const LEAF_PREFIX = Uint8Array.of(0);
const NODE_PREFIX = Uint8Array.of(1);

/** SHA-256(0x00 || data): no leaf can be taken for a node. RFC 6962 section 2.1. */
export function merkleLeafHash(data: Uint8Array): Uint8Array {
  return sha256(LEAF_PREFIX, data);
}

/** SHA-256(0x01 || left || right). */
export function merkleNodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(NODE_PREFIX, left, right);
}

/** A tree over leaf data that answers for all its leaves at the cost of one. */
export interface MerkleTree {
  readonly root: Uint8Array;
  /** Audit path of a leaf, lowest first. RFC 6962 section 2.1.1. @throws CryptoError MERKLE_INDEX */
  path(index: number): Uint8Array[];
}

/** The RFC 6962 tree over `leaves`: 2n - 1 hashes, kept. */
export function buildMerkleTree(leaves: readonly Uint8Array[]): MerkleTree {
  const levels = [leaves.map((leaf) => merkleLeafHash(leaf))];
  for (let level = levels[0] as Uint8Array[]; level.length > 1;) {
    level = parents(level);
    levels.push(level);
  }
  return {
    root: levels.at(-1)?.[0] ?? sha256(new Uint8Array(0)),
    path: (index) => pathInLevels(levels, index),
  };
}

/** One level up. A last hash without a sibling goes up as it is, which makes RFC 6962's split at the largest power of two. */
function parents(level: readonly Uint8Array[]): Uint8Array[] {
  const out: Uint8Array[] = [];
  for (let i = 0; i < level.length; i += 2) {
    const left = level[i] as Uint8Array;
    const right = level[i + 1];
    out.push(right === undefined ? left : merkleNodeHash(left, right));
  }
  return out;
}

function pathInLevels(levels: readonly (readonly Uint8Array[])[], index: number): Uint8Array[] {
  const size = levels[0]?.length ?? 0;
  if (!Number.isInteger(index) || index < 0 || index >= size)
    throw new CryptoError("MERKLE_INDEX", { index, size });
  const path: Uint8Array[] = [];
  let position = index;
  for (const level of levels) {
    const sibling = level[position ^ 1];
    if (sibling !== undefined) path.push(sibling);
    position >>= 1;
  }
  return path;
}

/** Root of the tree over `leaves`; of none, SHA-256 of nothing. RFC 6962 section 2.1. */
export function merkleRoot(leaves: readonly Uint8Array[]): Uint8Array {
  return buildMerkleTree(leaves).root;
}

/** For several leaves of one tree, `buildMerkleTree`. @throws CryptoError MERKLE_INDEX */
export function merklePath(leaves: readonly Uint8Array[], index: number): Uint8Array[] {
  return buildMerkleTree(leaves).path(index);
}

/**
 * The root that `path` gives to the leaf at `index` in a tree of `size` leaves; the caller compares it with the root
 * it trusts. RFC 9162 section 2.1.3.2.
 * @throws CryptoError MERKLE_PATH when no tree of this size has such a path
 */
export function rootFromPath(input: {
  readonly index: number;
  readonly size: number;
  readonly leafHash: Uint8Array;
  readonly path: readonly Uint8Array[];
}): Uint8Array {
  const { index, size, leafHash, path } = input;
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size)
    throw new CryptoError("MERKLE_PATH", { index, size });
  let position = index;
  let last = size - 1;
  let hash = leafHash;
  for (const sibling of path) {
    if (last === 0 || sibling.length !== 32) throw new CryptoError("MERKLE_PATH", { index, size });
    if (position % 2 === 1 || position === last) {
      hash = merkleNodeHash(sibling, hash);
      // A node without a sibling went up as it was: climb until it is a right child.
      while (position % 2 === 0 && position !== 0) [position, last] = [half(position), half(last)];
    } else {
      hash = merkleNodeHash(hash, sibling);
    }
    [position, last] = [half(position), half(last)];
  }
  if (last !== 0) throw new CryptoError("MERKLE_PATH", { index, size });
  return hash;
}

/** Without bit operations: trees of logs grow beyond 2^31. */
function half(value: number): number {
  return Math.floor(value / 2);
}
