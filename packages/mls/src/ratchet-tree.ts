import { concatBytes } from "@portcullis/protocol";
import { encodeNode, type Node, type RatchetTree } from "ts-mls/ratchetTree.js";
import { opaque } from "./tls.ts";

const ABSENT = Uint8Array.of(0);
const PRESENT = Uint8Array.of(1);

/** A Commit changes a path; all other nodes go from tree to tree as the objects that they are, and none is changed. */
const encodedNodes = new WeakMap<Node, Uint8Array>();

/** optional<Node> ratchet_tree<V>, without the blank nodes at the end. RFC 9420 section 12.4.3.3. */
export function encodeRatchetTree(tree: RatchetTree): Uint8Array {
  const end = tree.findLastIndex((node) => node !== undefined) + 1;
  return opaque(concatBytes(...tree.slice(0, end).map((node) => encodeOptionalNode(node))));
}

function encodeOptionalNode(node: Node | undefined): Uint8Array {
  if (node === undefined) return ABSENT;
  let encoded = encodedNodes.get(node);
  if (encoded === undefined) {
    encoded = concatBytes(PRESENT, encodeNode(node));
    encodedNodes.set(node, encoded);
  }
  return encoded;
}
