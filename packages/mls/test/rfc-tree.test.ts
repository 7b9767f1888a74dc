import assert from "node:assert/strict";
import { test } from "node:test";
import { verifyLeafNodeSignature } from "ts-mls/leafNode.js";
import { calculateParentHash } from "ts-mls/parentHash.js";
import { pathToPathSecrets } from "ts-mls/pathSecrets.js";
import { toPrivateKeyPath, updateLeafKey, type PrivateKeyPath } from "ts-mls/privateKeyPath.js";
import { decodeProposal, encodeProposal } from "ts-mls/proposal.js";
import {
  addLeafNode,
  decodeRatchetTree,
  getHpkePublicKey,
  removeLeafNode,
  resolution,
  updateLeafNode,
  type RatchetTree,
} from "ts-mls/ratchetTree.js";
import { toLeafIndex, toNodeIndex } from "ts-mls/treemath.js";
import { decodeUpdatePath, encodeUpdatePath } from "ts-mls/updatePath.js";
import { fromHex, toHex } from "@portcullis/protocol";
import { leafAt } from "../src/members.ts";
import { encodeRatchetTree } from "../src/ratchet-tree.ts";
import { parentHash, rootHash, treeHash } from "../src/tree-hash.ts";
import { applyPath, createPath, openPath } from "../src/update-path.ts";
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

for (const { name, cipherSuite, primitives, isFast } of providers) {
  /** All of them, or on the slow library the small ones: the code above the two is the same. */
  const some = <T>(all: T[]): T[] => (isFast ? all : all.slice(0, 3));

  test(`MLS-45: vectors of tree operations, on ${name}`, async () => {
    for (const vector of vectors<TreeOperation>("tree-operations")) {
      const before = decodeTree(vector.tree_before);
      assert.equal(toHex(await rootHash(primitives, before)), vector.tree_hash_before);
      const after = apply(before, vector);
      assert.equal(toHex(encodeRatchetTree(after)), vector.tree_after);
      assert.equal(toHex(await rootHash(primitives, after)), vector.tree_hash_after);
    }
  });

  test(`MLS-45: vectors of tree validation, on ${name}`, async () => {
    for (const vector of some(vectors<TreeValidation>("tree-validation"))) {
      const tree = decodeTree(vector.tree);
      for (const [node, expected] of vector.tree_hashes.entries()) {
        assert.deepEqual(resolution(tree, toNodeIndex(node)), vector.resolutions[node]);
        // Again, for that is answered from memory.
        for (let time = 0; time < 2; time++)
          assert.equal(toHex(await treeHash(primitives, tree, toNodeIndex(node))), expected);
        const [itsParentHash] = await calculateParentHash(tree, toNodeIndex(node), cipherSuite.hash);
        assert.deepEqual(await parentHash(primitives, tree, toNodeIndex(node)), itsParentHash);
      }
      const root = await rootHash(primitives, tree);
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
    const itsRoot = await rootHash(primitives, other);
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
      const [first] = vector.update_paths;
      for (const expected of vector.update_paths) {
        const { sender } = expected;
        const path = decodeHex([decodeUpdatePath, encodeUpdatePath], expected.update_path);
        // The vectors' context is that of the epoch which begins.
        const place = {
          tree,
          committer: sender,
          context: { ...context, epoch: context.epoch - 1n },
          added: [],
        };
        const kem = { cipherSuite, primitives };
        const after = await applyPath(kem, place, path);
        assert.equal(toHex(await rootHash(primitives, after)), expected.tree_hash_after);
        for (const [leafIndex, pathSecret] of expected.path_secrets.entries()) {
          if (pathSecret === null || leafIndex === sender) continue;
          const opened = await openPath(kem, place, { after, path }, paths.get(leafIndex)!);
          assert.equal(toHex(opened.commitSecret), expected.commit_secret);
        }
        if (expected !== first) continue;
        const { signature_priv } = vector.leaves_private.find(({ index }) => index === sender)!;
        const fresh = new Uint8Array(32).fill(sender);
        const made = await createPath(kem, place, { seed: fromHex(signature_priv), fresh });
        assert.deepEqual(await applyPath(kem, place, made.path), made.tree);
        for (const [leafIndex, own] of paths) {
          if (leafIndex === sender) continue;
          const opened = await openPath(kem, place, { after: made.tree, path: made.path }, own);
          assert.deepEqual(opened.commitSecret, made.commitSecret);
        }
      }
    }
  });
}
