import { CONVERSATION_EXTENSION, equalBytes, toHex } from "@portcullis/protocol";
import type { CiphersuiteImpl, ClientConfig } from "ts-mls";
import { extensionsSupportedByCapabilities } from "ts-mls/extension.js";
import type { GroupContext } from "ts-mls/groupContext.js";
import { verifyLeafNodeSignature } from "ts-mls/leafNode.js";
import { verifyParentHashes } from "ts-mls/parentHash.js";
import { getHpkePublicKey, type RatchetTree } from "ts-mls/ratchetTree.js";
import { directPath, leafToNodeIndex, leafWidth, toLeafIndex, toNodeIndex } from "ts-mls/treemath.js";
import { MlsError } from "./errors.ts";
import { leafAt, readMembers } from "./members.ts";
import { rootHash } from "./tree-hash.ts";

/**
 * The ratchet tree that a Welcome brings. RFC 9420 section 12.4.3.1. ts-mls has the same function, but it demands that
 * all non-blank ancestors of an unmerged leaf list the same unmerged leaves, and so refuses sound trees (MLS-41).
 * Lifetimes are not looked at: they bind whoever adds a member, and must not keep newcomers out of an old group.
 * @throws MlsError MLS_WELCOME_INVALID, MLS_CREDENTIAL, MLS_MEMBER_TWICE, and what `validateMember` throws
 */
export async function validateTree(
  tree: RatchetTree,
  context: GroupContext,
  config: ClientConfig,
  cipherSuite: CiphersuiteImpl,
): Promise<void> {
  await checkNodes(tree, context.treeHash, cipherSuite);
  for (const { leafIndex } of readMembers(tree))
    await checkLeaf(tree, leafIndex, context, config, cipherSuite);
}

/** All but what the leaves say of their devices. @throws MlsError MLS_WELCOME_INVALID */
export async function checkNodes(
  tree: RatchetTree,
  treeHash: Uint8Array,
  { hash }: CiphersuiteImpl,
): Promise<void> {
  checkShape(tree);
  checkKeysAreUnique(tree);
  checkUnmergedLeaves(tree);
  if (!equalBytes(await rootHash({ hash: (input) => hash.digest(input) }, tree), treeHash))
    refuse("tree hash");
  if (!(await verifyParentHashes(tree, hash))) refuse("parent hash");
}

function refuse(what: string): never {
  throw new MlsError("MLS_WELCOME_INVALID", { what });
}

function checkShape(tree: RatchetTree): void {
  for (const [index, node] of tree.entries())
    if (node !== undefined && (node.nodeType === "leaf") !== (index % 2 === 0)) refuse("shape of the tree");
}

function checkKeysAreUnique(tree: RatchetTree): void {
  const nodes = tree.filter((node) => node !== undefined);
  const leaves = nodes.filter((node) => node.nodeType === "leaf");
  const encryptionKeys = new Set(nodes.map((node) => toHex(getHpkePublicKey(node))));
  const signatureKeys = new Set(leaves.map(({ leaf }) => toHex(leaf.signaturePublicKey)));
  if (encryptionKeys.size !== nodes.length) refuse("encryption keys are not unique");
  if (signatureKeys.size !== leaves.length) refuse("signature keys are not unique");
}

/** Each is a leaf below its node, and every node between the two lists it as well. RFC 9420 section 7.9. */
function checkUnmergedLeaves(tree: RatchetTree): void {
  for (const [index, node] of tree.entries()) {
    if (node?.nodeType !== "parent") continue;
    for (const unmerged of node.parent.unmergedLeaves) {
      const path = directPath(leafToNodeIndex(toLeafIndex(unmerged)), leafWidth(tree.length));
      const place = path.indexOf(toNodeIndex(index));
      if (place === -1 || leafAt(tree, unmerged) === undefined) refuse("unmerged leaf is not below its node");
      for (const between of path.slice(0, place)) {
        const other = tree[between];
        if (other?.nodeType === "parent" && !other.parent.unmergedLeaves.includes(unmerged))
          refuse("unmerged leaf is not listed throughout");
      }
    }
  }
}

/** Signature, credential, capabilities. RFC 9420 section 7.3. */
async function checkLeaf(
  tree: RatchetTree,
  leafIndex: number,
  context: GroupContext,
  config: ClientConfig,
  cipherSuite: CiphersuiteImpl,
): Promise<void> {
  const leaf = leafAt(tree, leafIndex);
  if (leaf === undefined) return;
  if (!(await verifyLeafNodeSignature(leaf, context.groupId, leafIndex, cipherSuite.signature)))
    throw new MlsError("MLS_SIGNATURE", { leafIndex });
  const { capabilities, credential, extensions, signaturePublicKey } = leaf;
  const isCapable =
    capabilities.extensions.includes(CONVERSATION_EXTENSION) &&
    capabilities.credentials.includes("basic") &&
    extensionsSupportedByCapabilities(extensions, capabilities);
  if (!isCapable) throw new MlsError("MLS_WELCOME_INVALID", { leafIndex, what: "capabilities" });
  await config.authService.validateCredential(credential, signaturePublicKey);
}
