import assert from "node:assert/strict";
import { test } from "node:test";
import { applyUpdatePathSecret } from "ts-mls/createCommit.js";
import { verifyLeafNodeSignature } from "ts-mls/leafNode.js";
import { getCommitSecret, pathToPathSecrets, pathToRoot } from "ts-mls/pathSecrets.js";
import { toPrivateKeyPath, updateLeafKey, type PrivateKeyPath } from "ts-mls/privateKeyPath.js";
import { decodeProposal, encodeProposal } from "ts-mls/proposal.js";
import {
  addLeafNode,
  decodeRatchetTree,
  encodeRatchetTree,
  getHpkePublicKey,
  removeLeafNode,
  resolution,
  updateLeafNode,
  type RatchetTree,
} from "ts-mls/ratchetTree.js";
import { treeHash, treeHashRoot } from "ts-mls/treeHash.js";
import { toLeafIndex, toNodeIndex } from "ts-mls/treemath.js";
import {
  applyUpdatePath,
  createUpdatePath,
  decodeUpdatePath,
  encodeUpdatePath,
  type UpdatePath,
} from "ts-mls/updatePath.js";
import { fromHex, toHex } from "@portcullis/protocol";
import { leafAt } from "../src/members.ts";
import { checkNodes } from "../src/validate-tree.ts";
import { coded } from "./forger.ts";
import { decodeHex, fits, groupContext, providers, vectors } from "./rfc-vectors.ts";

const decodeTree = (hex: string): RatchetTree => decodeHex([decodeRatchetTree, encodeRatchetTree], hex);

type TreeOperation = Record<
  "proposal" | "tree_before" | "tree_after" | "tree_hash_before" | "tree_hash_after",
  string
> & { readonly proposal_sender: number };

interface TreeValidation {
  readonly tree: string;
  readonly group_id: string;
  readonly resolutions: number[][];
  readonly tree_hashes: string[];
}

interface TreeKem {
  readonly group_id: string;
  readonly epoch: number;
  readonly confirmed_transcript_hash: string;
  readonly ratchet_tree: string;
  readonly leaves_private: {
    index: number;
    encryption_priv: string;
    signature_priv: string;
    path_secrets: { node: number; path_secret: string }[];
  }[];
  readonly update_paths: {
    sender: number;
    update_path: string;
    path_secrets: (string | null)[];
    commit_secret: string;
    tree_hash_after: string;
  }[];
}

function apply(tree: RatchetTree, vector: TreeOperation): RatchetTree {
  const proposal = decodeHex([decodeProposal, encodeProposal], vector.proposal);
  if ("add" in proposal) return addLeafNode(tree, proposal.add.keyPackage.leafNode)[0];
  if ("remove" in proposal) return removeLeafNode(tree, toLeafIndex(proposal.remove.removed));
  if ("update" in proposal)
    return updateLeafNode(tree, proposal.update.leafNode, toLeafIndex(vector.proposal_sender));
  return assert.fail();
}

for (const { name, cipherSuite, isFast } of providers) {
  /** All of them, or on the slow library the small ones: the code above the two is the same. */
  const some = <T>(all: T[]): T[] => (isFast ? all : all.slice(0, 3));

  test(`MLS-45: vectors of tree operations, on ${name}`, async () => {
    for (const vector of vectors<TreeOperation>("tree-operations")) {
      const before = decodeTree(vector.tree_before);
      assert.equal(toHex(await treeHashRoot(before, cipherSuite.hash)), vector.tree_hash_before);
      const after = apply(before, vector);
      assert.equal(toHex(encodeRatchetTree(after)), vector.tree_after);
      assert.equal(toHex(await treeHashRoot(after, cipherSuite.hash)), vector.tree_hash_after);
    }
  });

  test(`MLS-45: vectors of tree validation, on ${name}`, async () => {
    for (const vector of some(vectors<TreeValidation>("tree-validation"))) {
      const tree = decodeTree(vector.tree);
      for (const [node, expected] of vector.tree_hashes.entries()) {
        assert.deepEqual(resolution(tree, toNodeIndex(node)), vector.resolutions[node]);
        assert.equal(toHex(await treeHash(tree, toNodeIndex(node), cipherSuite.hash)), expected);
      }
      const root = await treeHashRoot(tree, cipherSuite.hash);
      await checkNodes(tree, root, cipherSuite);
      for (let leafIndex = 0; 2 * leafIndex < tree.length; leafIndex++) {
        const leaf = leafAt(tree, leafIndex);
        if (leaf === undefined) continue;
        const groupId = fromHex(vector.group_id);
        assert(await verifyLeafNodeSignature(leaf, groupId, leafIndex, cipherSuite.signature));
      }
      await assertParentHashMatters(tree, root);
    }
  });

  /** No tree with another parent hash on any node is taken, whatever its tree hash. */
  async function assertParentHashMatters(tree: RatchetTree, root: Uint8Array): Promise<void> {
    const index = tree.findIndex((node) => node?.nodeType === "parent");
    const node = tree[index];
    if (node?.nodeType !== "parent") return;
    const other = tree.with(index, {
      nodeType: "parent",
      parent: { ...node.parent, parentHash: new Uint8Array(32).fill(1) },
    });
    await assert.rejects(checkNodes(other, root, cipherSuite), coded("MLS_WELCOME_INVALID"));
    const itsRoot = await treeHashRoot(other, cipherSuite.hash);
    await assert.rejects(checkNodes(other, itsRoot, cipherSuite), coded("MLS_WELCOME_INVALID"));
  }

  test(`MLS-45: vectors of TreeKEM, on ${name}`, async () => {
    for (const vector of some(vectors<TreeKem>("treekem"))) {
      const tree = decodeTree(vector.ratchet_tree);
      const context = groupContext({
        groupId: fromHex(vector.group_id),
        epoch: BigInt(vector.epoch),
        confirmedTranscriptHash: fromHex(vector.confirmed_transcript_hash),
      });
      const paths = new Map<number, PrivateKeyPath>();
      for (const { index, encryption_priv, path_secrets } of vector.leaves_private) {
        const secrets = pathToPathSecrets(
          path_secrets.map(({ node, path_secret }) => ({
            nodeIndex: node,
            secret: fromHex(path_secret),
            sendTo: [],
          })),
        );
        const above = await toPrivateKeyPath(secrets, index, cipherSuite);
        const path = updateLeafKey(above, fromHex(encryption_priv));
        for (const [node, key] of Object.entries(path.privateKeys)) {
          const onTree = tree[Number(node)];
          assert(onTree !== undefined && (await fits(cipherSuite, key, getHpkePublicKey(onTree))));
        }
        paths.set(index, path);
      }
      /** The path secret and the Commit secret as this leaf gets them. */
      const receive = async (
        leafIndex: number,
        sender: number,
        path: UpdatePath,
        after: RatchetTree,
      ): Promise<{ pathSecret: string; commitSecret: string }> => {
        const { nodeIndex, pathSecret } = await applyUpdatePathSecret(
          tree,
          paths.get(leafIndex)!,
          toLeafIndex(sender),
          { ...context, treeHash: await treeHashRoot(after, cipherSuite.hash) },
          path,
          [],
          cipherSuite,
        );
        await pathToRoot(after, nodeIndex, pathSecret, cipherSuite.kdf);
        const commitSecret = await getCommitSecret(after, nodeIndex, pathSecret, cipherSuite.kdf);
        return { pathSecret: toHex(pathSecret), commitSecret: toHex(commitSecret) };
      };
      const [first] = vector.update_paths;
      for (const expected of vector.update_paths) {
        const { sender } = expected;
        const path = decodeHex([decodeUpdatePath, encodeUpdatePath], expected.update_path);
        const after = await applyUpdatePath(tree, toLeafIndex(sender), path, cipherSuite.hash);
        assert.equal(toHex(await treeHashRoot(after, cipherSuite.hash)), expected.tree_hash_after);
        for (const [leafIndex, pathSecret] of expected.path_secrets.entries()) {
          if (pathSecret === null || leafIndex === sender) continue;
          const received = await receive(leafIndex, sender, path, after);
          assert.deepEqual(received, { pathSecret, commitSecret: expected.commit_secret });
        }
        if (expected !== first) continue;
        const { signature_priv } = vector.leaves_private.find(({ index }) => index === sender)!;
        const [ownTree, ownPath] = await createUpdatePath(
          tree,
          toLeafIndex(sender),
          { ...context, epoch: context.epoch - 1n },
          fromHex(signature_priv),
          cipherSuite,
        );
        const merged = await applyUpdatePath(tree, toLeafIndex(sender), ownPath, cipherSuite.hash);
        assert.deepEqual(
          await treeHashRoot(merged, cipherSuite.hash),
          await treeHashRoot(ownTree, cipherSuite.hash),
        );
        const others = [...paths.keys()].filter((leafIndex) => leafIndex !== sender);
        const received = await Promise.all(others.map((leaf) => receive(leaf, sender, ownPath, merged)));
        assert.equal(new Set(received.map(({ commitSecret }) => commitSecret)).size, 1);
      }
    }
  });
}
