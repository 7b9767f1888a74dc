import { encodeParentHashInput } from "ts-mls/parentHash.js";
import { findFirstNonBlankAncestor, type Node, type RatchetTree } from "ts-mls/ratchetTree.js";
import { encodeLeafNodeHashInput, encodeParentNodeHashInput } from "ts-mls/treeHash.js";
import {
  isLeaf,
  left,
  leafWidth,
  nodeToLeafIndex,
  right,
  root,
  toNodeIndex,
  type NodeIndex,
} from "ts-mls/treemath.js";
import { MlsError } from "./errors.ts";
import type { Primitives } from "./provider.ts";

type Hasher = Pick<Primitives, "hash">;

// A Commit changes one path; all other nodes go from tree to tree as the objects that they are, and none is changed.
const leafHashes = new WeakMap<Node, { readonly index: NodeIndex; readonly hash: Uint8Array }>();
/** By the hash of the left child, which is one object for as long as nothing below it changes. */
const parentHashes = new WeakMap<
  Uint8Array,
  { readonly node: Node | undefined; readonly right: Uint8Array; readonly hash: Uint8Array }
>();
/** By node index. */
const blankLeafHashes: Uint8Array[] = [];

/** RFC 9420 section 7.8. @throws MlsError MLS_MALFORMED */
export async function treeHash(hasher: Hasher, tree: RatchetTree, index: NodeIndex): Promise<Uint8Array> {
  if (isLeaf(index)) return leafHash(hasher, tree[index], index);
  const node = tree[index];
  if (node?.nodeType === "leaf") throw new MlsError("MLS_MALFORMED", { what: "ratchet tree" });
  const leftHash = await treeHash(hasher, tree, left(index));
  const rightHash = await treeHash(hasher, tree, right(index));
  const known = parentHashes.get(leftHash);
  if (known !== undefined && known.node === node && known.right === rightHash) return known.hash;
  const input = { nodeType: "parent", parentNode: node?.parent, leftHash, rightHash } as const;
  const hash = await hasher.hash(encodeParentNodeHashInput(input));
  parentHashes.set(leftHash, { node, right: rightHash, hash });
  return hash;
}

/** Of the whole tree. @throws MlsError MLS_MALFORMED */
export function rootHash(hasher: Hasher, tree: RatchetTree): Promise<Uint8Array> {
  return treeHash(hasher, tree, root(leafWidth(tree.length)));
}

async function leafHash(hasher: Hasher, node: Node | undefined, index: NodeIndex): Promise<Uint8Array> {
  if (node?.nodeType === "parent") throw new MlsError("MLS_MALFORMED", { what: "ratchet tree" });
  const known = node && leafHashes.get(node);
  if (known?.index === index) return known.hash;
  const blank = node === undefined ? blankLeafHashes[index] : undefined;
  if (blank !== undefined) return blank;
  const leafIndex = nodeToLeafIndex(index);
  const hash = await hasher.hash(
    encodeLeafNodeHashInput({ nodeType: "leaf", leafIndex, leafNode: node?.leaf }),
  );
  if (node === undefined) blankLeafHashes[index] = hash;
  else leafHashes.set(node, { index, hash });
  return hash;
}

/**
 * What the node below says of the next one above it that is not blank; empty for the root. RFC 9420 section 7.9.
 * @throws MlsError MLS_MALFORMED
 */
export async function parentHash(hasher: Hasher, tree: RatchetTree, index: NodeIndex): Promise<Uint8Array> {
  if (index === root(leafWidth(tree.length))) return new Uint8Array();
  const above = findFirstNonBlankAncestor(tree, index);
  const node = tree[above];
  if (node === undefined) return new Uint8Array();
  if (node.nodeType !== "parent") throw new MlsError("MLS_MALFORMED", { what: "ratchet tree" });
  const { hpkePublicKey: encryptionKey, parentHash: next, unmergedLeaves } = node.parent;
  const sibling = index < above ? right(above) : left(above);
  const originalSiblingTreeHash = await treeHash(hasher, withoutLeaves(tree, unmergedLeaves), sibling);
  return hasher.hash(encodeParentHashInput({ encryptionKey, parentHash: next, originalSiblingTreeHash }));
}

/** The tree as it was before these leaves were added. */
function withoutLeaves(tree: RatchetTree, leaves: readonly number[]): RatchetTree {
  if (leaves.length === 0) return tree;
  return tree.map((node, index) => {
    if (node?.nodeType !== "parent")
      return leaves.includes(nodeToLeafIndex(toNodeIndex(index))) ? undefined : node;
    const unmergedLeaves = node.parent.unmergedLeaves.filter((leaf) => !leaves.includes(leaf));
    if (unmergedLeaves.length === node.parent.unmergedLeaves.length) return node;
    return { ...node, parent: { ...node.parent, unmergedLeaves } };
  });
}
