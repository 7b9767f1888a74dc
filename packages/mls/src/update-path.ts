import { equalBytes } from "@portcullis/protocol";
import type { CiphersuiteImpl } from "ts-mls";
import { decryptWithLabel, encryptWithLabel } from "ts-mls/crypto/hpke.js";
import { encodeGroupContext, type GroupContext } from "ts-mls/groupContext.js";
import type { HPKECiphertext } from "ts-mls/hpkeCiphertext.js";
import { signLeafNodeCommit } from "ts-mls/leafNode.js";
import {
  filteredDirectPathAndCopathResolution,
  getHpkePublicKey,
  type Node,
  type RatchetTree,
} from "ts-mls/ratchetTree.js";
import {
  directPath,
  isAncestor,
  leafToNodeIndex,
  leafWidth,
  toLeafIndex,
  type NodeIndex,
} from "ts-mls/treemath.js";
import type { UpdatePath } from "ts-mls/updatePath.js";
import { MlsError } from "./errors.ts";
import { deriveSecret } from "./labels.ts";
import { leafAt } from "./members.ts";
import type { Setting } from "./setting.ts";
import { parentHash, rootHash } from "./tree-hash.ts";

const NOTHING = new Uint8Array();

type Kem = Pick<Setting, "primitives" | "cipherSuite">;

/** The private keys that a path gives one member, by node index, and the epoch's commit secret. */
export interface PathSecrets {
  readonly privateKeys: Readonly<Record<number, Uint8Array>>;
  readonly commitSecret: Uint8Array;
}

export interface CreatedPath extends PathSecrets {
  readonly path: UpdatePath;
  readonly tree: RatchetTree;
  /** By node index: what newcomers are told in the Welcome. */
  readonly pathSecrets: ReadonlyMap<number, Uint8Array>;
}

/** Where a Commit's path goes. */
export interface PathPlace {
  /** The tree behind the Commit's proposals. */
  readonly tree: RatchetTree;
  readonly committer: number;
  /** Of the epoch that ends. */
  readonly context: GroupContext;
  /** Leaves that the same Commit adds: they get their path secret in the Welcome. */
  readonly added: readonly number[];
}

/** Fresh keys from the committer's leaf up to the root. RFC 9420 sections 7.4 to 7.6, 7.9. */
export async function createPath(
  kem: Kem,
  { tree, committer, context, added }: PathPlace,
  { seed, fresh }: { readonly seed: Uint8Array; readonly fresh: Uint8Array },
): Promise<CreatedPath> {
  const { cipherSuite, primitives } = kem;
  const own = leafToNodeIndex(toLeafIndex(committer));
  const before = leafAt(tree, committer);
  if (before === undefined) throw new MlsError("MLS_MEMBER_UNKNOWN", { leafIndex: committer });
  const steps = filteredDirectPathAndCopathResolution(toLeafIndex(committer), tree);
  const after = blankPath(tree, own);
  const pathSecrets = new Map<number, Uint8Array>();
  const privateKeys: Record<number, Uint8Array> = {};

  const leafKeys = await nodeKeys(kem, fresh);
  privateKeys[own] = leafKeys.privateKey;
  let secret = fresh;
  for (const { nodeIndex } of steps) {
    secret = await deriveSecret(primitives, secret, "path");
    const { publicKey, privateKey } = await nodeKeys(kem, secret);
    pathSecrets.set(nodeIndex, secret);
    privateKeys[nodeIndex] = privateKey;
    after[nodeIndex] = parentNode(publicKey, NOTHING);
  }
  const commitSecret = await deriveSecret(primitives, secret, "path");
  await setParentHashes(kem, after, steps);
  const leafNode = await signLeafNodeCommit(
    {
      leafNodeSource: "commit",
      hpkePublicKey: leafKeys.publicKey,
      extensions: before.extensions,
      capabilities: before.capabilities,
      credential: before.credential,
      signaturePublicKey: before.signaturePublicKey,
      parentHash: await parentHash(primitives, after, own),
      groupId: context.groupId,
      leafIndex: committer,
    },
    seed,
    cipherSuite.signature,
  );
  after[own] = { nodeType: "leaf", leaf: leafNode };

  const info = await pathContext(kem, context, after);
  const nodes = await Promise.all(
    steps.map(async ({ nodeIndex, resolution }) => ({
      hpkePublicKey: getHpkePublicKey(nodeAt(after, nodeIndex)),
      encryptedPathSecret: await Promise.all(
        receivers(resolution, added).map((receiver) =>
          sealTo(cipherSuite, nodeAt(tree, receiver), info, pathSecrets.get(nodeIndex) ?? NOTHING),
        ),
      ),
    })),
  );
  return { path: { leafNode, nodes }, tree: after, pathSecrets, privateKeys, commitSecret };
}

/**
 * The tree with another member's path on it; its signature and its leaf's identity are the caller's to check. RFC 9420
 * sections 7.5, 7.9.
 * @throws MlsError MLS_COMMIT_INVALID
 */
export async function applyPath(
  kem: Kem,
  { tree, committer, added }: Omit<PathPlace, "context">,
  path: UpdatePath,
): Promise<RatchetTree> {
  const own = leafToNodeIndex(toLeafIndex(committer));
  const steps = filteredDirectPathAndCopathResolution(toLeafIndex(committer), tree);
  const isWhole =
    path.nodes.length === steps.length &&
    steps.every(
      ({ resolution }, i) =>
        path.nodes[i]?.encryptedPathSecret.length === receivers(resolution, added).length,
    );
  if (!isWhole) refuse("length of the path");
  const after = blankPath(tree, own);
  after[own] = { nodeType: "leaf", leaf: path.leafNode };
  for (const [i, { nodeIndex }] of steps.entries())
    after[nodeIndex] = parentNode(path.nodes[i]?.hpkePublicKey ?? NOTHING, NOTHING);
  checkKeysAreNew(tree, after, [own, ...steps.map(({ nodeIndex }) => nodeIndex)]);
  await setParentHashes(kem, after, steps);
  if (!equalBytes(await parentHash(kem.primitives, after, own), path.leafNode.parentHash))
    refuse("parent hash");
  return after;
}

/**
 * What a path, once it is on the tree `after`, tells the member on this leaf: every key must fit the tree. RFC 9420
 * section 7.5.
 * @throws MlsError MLS_COMMIT_INVALID
 */
export async function openPath(
  kem: Kem,
  { tree, committer, context, added }: PathPlace,
  { after, path }: { readonly after: RatchetTree; readonly path: UpdatePath },
  own: { readonly leafIndex: number; readonly privateKeys: Readonly<Record<number, Uint8Array>> },
): Promise<PathSecrets> {
  const leaf = leafToNodeIndex(toLeafIndex(own.leafIndex));
  const steps = filteredDirectPathAndCopathResolution(toLeafIndex(committer), tree);
  const shared = steps.findIndex(({ nodeIndex }) => isAncestor(leaf, nodeIndex, tree.length));
  const step = steps[shared];
  if (step === undefined) return refuse("no common ancestor");
  const addressees = receivers(step.resolution, added);
  const place = addressees.findIndex((node) => own.privateKeys[node] !== undefined);
  const key = own.privateKeys[addressees[place] ?? -1];
  const sealed = path.nodes[shared]?.encryptedPathSecret[place];
  if (key === undefined || sealed === undefined) return refuse("no path secret for this member");
  const info = await pathContext(kem, context, after);
  let secret = await openSealed(kem.cipherSuite, key, info, sealed);
  const privateKeys: Record<number, Uint8Array> = {};
  for (const [i, { nodeIndex }] of steps.slice(shared).entries()) {
    if (i > 0) secret = await deriveSecret(kem.primitives, secret, "path");
    const { publicKey, privateKey } = await nodeKeys(kem, secret);
    if (!equalBytes(publicKey, getHpkePublicKey(nodeAt(after, nodeIndex)))) refuse("path secret");
    privateKeys[nodeIndex] = privateKey;
  }
  return { privateKeys, commitSecret: await deriveSecret(kem.primitives, secret, "path") };
}

/** None of the path's keys stands anywhere else: not on the old tree, not twice on the new one. RFC 9420 section 7.5. */
function checkKeysAreNew(before: RatchetTree, after: RatchetTree, path: readonly NodeIndex[]): void {
  for (const [i, index] of path.entries()) {
    const key = getHpkePublicKey(nodeAt(after, index));
    const stands = (node: Node | undefined): boolean =>
      node !== undefined && equalBytes(getHpkePublicKey(node), key);
    if (before.some(stands) || path.slice(i + 1).some((other) => stands(after[other])))
      refuse("a key of the path is not new");
  }
}

function refuse(what: string): never {
  throw new MlsError("MLS_COMMIT_INVALID", { what });
}

function nodeAt(tree: RatchetTree, index: number): Node {
  return tree[index] ?? refuse("blank node on the path");
}

function parentNode(hpkePublicKey: Uint8Array, hash: Uint8Array): Node {
  return { nodeType: "parent", parent: { hpkePublicKey, parentHash: hash, unmergedLeaves: [] } };
}

function blankPath(tree: RatchetTree, leaf: NodeIndex): RatchetTree {
  const blanked = tree.slice();
  for (const index of directPath(leaf, leafWidth(tree.length))) blanked[index] = undefined;
  return blanked;
}

/** From the top down: each names the one above it. */
async function setParentHashes(
  { primitives }: Kem,
  tree: RatchetTree,
  steps: readonly { readonly nodeIndex: NodeIndex }[],
): Promise<void> {
  for (const { nodeIndex } of steps.toReversed())
    tree[nodeIndex] = parentNode(
      getHpkePublicKey(nodeAt(tree, nodeIndex)),
      await parentHash(primitives, tree, nodeIndex),
    );
}

function receivers(resolution: readonly NodeIndex[], added: readonly number[]): NodeIndex[] {
  return resolution.filter((node) => !added.some((leaf) => leafToNodeIndex(toLeafIndex(leaf)) === node));
}

/** To which context path secrets are sealed: that of the next epoch, but for its transcript. RFC 9420 section 12.4.1. */
async function pathContext(
  { primitives }: Kem,
  context: GroupContext,
  after: RatchetTree,
): Promise<Uint8Array> {
  const treeHash = await rootHash(primitives, after);
  return encodeGroupContext({ ...context, treeHash, epoch: context.epoch + 1n });
}

/** RFC 9420 section 7.4. */
async function nodeKeys(
  { cipherSuite: { hpke }, primitives }: Kem,
  pathSecret: Uint8Array,
): Promise<{ publicKey: Uint8Array; privateKey: Uint8Array }> {
  const pair = await hpke.deriveKeyPair(await deriveSecret(primitives, pathSecret, "node"));
  return {
    publicKey: await hpke.exportPublicKey(pair.publicKey),
    privateKey: await hpke.exportPrivateKey(pair.privateKey),
  };
}

async function sealTo(
  { hpke }: CiphersuiteImpl,
  receiver: Node,
  info: Uint8Array,
  secret: Uint8Array,
): Promise<HPKECiphertext> {
  const key = await hpke.importPublicKey(getHpkePublicKey(receiver));
  const { ct, enc } = await encryptWithLabel(key, "UpdatePathNode", info, secret, hpke);
  return { kemOutput: enc, ciphertext: ct };
}

async function openSealed(
  { hpke }: CiphersuiteImpl,
  privateKey: Uint8Array,
  info: Uint8Array,
  { kemOutput, ciphertext }: HPKECiphertext,
): Promise<Uint8Array> {
  const key = await hpke.importPrivateKey(privateKey);
  return decryptWithLabel(key, "UpdatePathNode", info, kemOutput, ciphertext, hpke);
}
