import { concatBytes, encodeJoining, JOINING_EXTENSION, type Joining } from "@portcullis/protocol";
import { emptyPskIndex, type KeyPackage, type Proposal, type Welcome } from "ts-mls";
import { applyProposals, validateLeafNodeUpdateOrCommit } from "ts-mls/clientState.js";
import { encodeCommit, type Commit } from "ts-mls/commit.js";
import type { GroupContext } from "ts-mls/groupContext.js";
import { signGroupInfo } from "ts-mls/groupInfo.js";
import { initializeEpoch } from "ts-mls/keySchedule.js";
import type { RatchetTree } from "ts-mls/ratchetTree.js";
import { leafWidth, toLeafIndex, type LeafIndex } from "ts-mls/treemath.js";
import { firstCommonAncestor } from "ts-mls/updatePath.js";
import { encryptGroupInfo, encryptGroupSecrets } from "ts-mls/welcome.js";
import { readProposals } from "./commit-rules.ts";
import { readFreshEpoch, toClientState, type Epoch, type FreshEpoch } from "./epoch.ts";
import { MlsError } from "./errors.ts";
import { keyPackageReference } from "./key-package.ts";
import {
  contentTypes,
  framedContent,
  PRIVATE_MESSAGE,
  signFramed,
  type EpochKeys,
} from "./message-protection.ts";
import { CIPHER_SUITE, HASH_BYTES, type Primitives } from "./provider.ts";
import { encodeRatchetTree } from "./ratchet-tree.ts";
import { deriveLeafRatchets } from "./secret-tree.ts";
import type { Setting } from "./setting.ts";
import { opaque, uint16 } from "./tls.ts";
import { rootHash } from "./tree-hash.ts";
import { applyPath, createPath, openPath } from "./update-path.ts";

const NO_PSK = new Uint8Array(HASH_BYTES);

/** A Commit that this device makes. */
export interface Intent {
  readonly proposals: readonly Proposal[];
  readonly authenticatedData: Uint8Array;
  /** For those who are added. */
  readonly joining: Joining;
}

/** A signed Commit, and the epoch that it begins. */
export interface MadeCommit {
  /** The Commit as it is encoded. */
  readonly content: Uint8Array;
  readonly signature: Uint8Array;
  readonly confirmationTag: Uint8Array;
  readonly welcome: Welcome | undefined;
  readonly fresh: FreshEpoch;
}

/** RFC 9420 section 12.4.1. @throws MlsError, and what `validateMember` throws */
export async function makeCommit(
  setting: Setting,
  keys: EpochKeys,
  epoch: Epoch,
  { proposals, authenticatedData, joining }: Intent,
): Promise<MadeCommit> {
  const { device, primitives, random } = setting;
  const { ownLeaf, groupContext: context } = epoch;
  const { seed } = device.signingKey;
  const byValue = proposals.map((proposal) => ({ proposalOrRefType: "proposal", proposal }) as const);
  const { tree, added, needsPath } = await propose(setting, epoch, ownLeaf, byValue);
  const place = { tree, committer: ownLeaf, context, added: added.map(([leafIndex]) => leafIndex) };
  const path = needsPath ? await createPath(setting, place, { seed, fresh: random(HASH_BYTES) }) : undefined;

  const content = encodeCommit({ proposals: byValue, path: path?.path });
  const framed = framedContent(keys, ownLeaf, authenticatedData, contentTypes.commit, content);
  const signature = await signFramed(primitives, keys, framed, seed);
  const next = await beginEpoch(setting, epoch, { framed, signature, tree: path?.tree ?? tree, path });
  const welcome = await welcomeAll(setting, next, {
    added,
    joining,
    pathSecrets: path?.pathSecrets,
    signer: ownLeaf,
  });
  next.joinerSecret.fill(0);
  next.welcomeSecret.fill(0);
  const fresh = await next.finish();
  return { content, signature, confirmationTag: next.confirmationTag, welcome, fresh };
}

/** Another member's Commit, decrypted and its signature verified. */
export interface SignedCommit {
  readonly committer: number;
  readonly commit: Commit;
  /** FramedContent, as it was signed. */
  readonly framed: Uint8Array;
  readonly signature: Uint8Array;
  readonly confirmationTag: Uint8Array;
}

/** `fresh` is absent when the Commit removed this device. `tree`: behind the Commit. */
export interface TakenCommit {
  readonly tree: RatchetTree;
  readonly fresh: FreshEpoch | undefined;
}

/** RFC 9420 section 12.4.2. @throws MlsError, and what `validateMember` throws */
export async function takeCommit(setting: Setting, epoch: Epoch, signed: SignedCommit): Promise<TakenCommit> {
  const { ownLeaf, privateKeys, groupContext: context } = epoch;
  const { committer, commit, framed, signature } = signed;
  const { tree, added, needsPath } = await propose(setting, epoch, committer, commit.proposals);
  const { path } = commit;
  if (path === undefined && needsPath) throw new MlsError("MLS_COMMIT_INVALID", { what: "no path" });
  if (path !== undefined) await checkLeaf(setting, context, committer, path.leafNode);
  // Its leaf may have another member on it by now.
  if (readProposals(commit).remove.includes(ownLeaf)) return { tree, fresh: undefined };

  const place = { tree, committer, context, added: added.map(([leafIndex]) => leafIndex) };
  const after = path === undefined ? tree : await applyPath(setting, place, path);
  const own = { leafIndex: ownLeaf, privateKeys };
  const secrets = path && (await openPath(setting, place, { after, path }, own));
  const next = await beginEpoch(setting, epoch, { framed, signature, tree: after, path: secrets });
  next.joinerSecret.fill(0);
  next.welcomeSecret.fill(0);
  if (!(await next.isConfirmedBy(signed.confirmationTag)))
    throw new MlsError("MLS_COMMIT_INVALID", { what: "confirmation tag" });
  return { tree: after, fresh: await next.finish() };
}

/** What a Commit's proposals make of the tree. RFC 9420 sections 12.2, 12.3. */
async function propose(
  { cipherSuite, clientConfig, device }: Setting,
  epoch: Epoch,
  committer: number,
  proposals: Commit["proposals"],
): Promise<{
  readonly tree: RatchetTree;
  readonly added: readonly (readonly [LeafIndex, KeyPackage])[];
  readonly needsPath: boolean;
}> {
  const state = toClientState(epoch, device.signingKey.seed, clientConfig);
  const isOwn = committer === epoch.ownLeaf;
  const applied = await applyProposals(
    state,
    proposals,
    toLeafIndex(committer),
    emptyPskIndex,
    isOwn,
    cipherSuite,
  );
  const { additionalResult, tree, needsUpdatePath: needsPath } = applied;
  // The others were refused before (MLS-10).
  if (additionalResult.kind !== "memberCommit") throw new MlsError("MLS_COMMIT_INVALID");
  return { tree, added: additionalResult.addedLeafNodes, needsPath };
}

/** Its device and key are those of before, which `summariseCommit` sees to. RFC 9420 section 7.3. */
async function checkLeaf(
  { cipherSuite, clientConfig }: Setting,
  context: GroupContext,
  committer: number,
  leafNode: Parameters<typeof validateLeafNodeUpdateOrCommit>[0],
): Promise<void> {
  const { authService } = clientConfig;
  const { signature } = cipherSuite;
  const error = await validateLeafNodeUpdateOrCommit(leafNode, committer, context, authService, signature);
  if (error !== undefined) throw error;
}

interface NextEpoch {
  readonly context: GroupContext;
  readonly tree: RatchetTree;
  readonly confirmationTag: Uint8Array;
  readonly joinerSecret: Uint8Array;
  readonly welcomeSecret: Uint8Array;
  isConfirmedBy(tag: Uint8Array): Promise<boolean>;
  /** Derives what it is used with, and erases what that came from. */
  finish(): Promise<FreshEpoch>;
}

/** The key schedule's next step. `path`: what it gave this device; absent, the commit secret is zero. RFC 9420 sections 8, 8.2. */
async function beginEpoch(
  { cipherSuite, primitives }: Setting,
  epoch: Epoch,
  commit: {
    readonly framed: Uint8Array;
    readonly signature: Uint8Array;
    readonly tree: RatchetTree;
    readonly path:
      | { readonly privateKeys: Readonly<Record<number, Uint8Array>>; readonly commitSecret: Uint8Array }
      | undefined;
  },
): Promise<NextEpoch> {
  const { groupContext: before, initSecret, ownLeaf } = epoch;
  const { tree, path, framed, signature } = commit;
  const context = {
    ...before,
    epoch: before.epoch + 1n,
    treeHash: await rootHash(primitives, tree),
    confirmedTranscriptHash: await followTranscript(primitives, epoch, framed, signature),
  };
  const commitSecret = path?.commitSecret ?? new Uint8Array(HASH_BYTES);
  const secrets = await initializeEpoch(initSecret, commitSecret, context, NO_PSK, cipherSuite.kdf);
  commitSecret.fill(0);
  const { keySchedule, encryptionSecret, joinerSecret, welcomeSecret } = secrets;
  const { confirmationKey } = keySchedule;
  const { confirmedTranscriptHash } = context;
  const confirmationTag = await cipherSuite.hash.mac(confirmationKey, confirmedTranscriptHash);
  return {
    context,
    tree,
    confirmationTag,
    joinerSecret,
    welcomeSecret,
    isConfirmedBy: (tag) => cipherSuite.hash.verifyMac(confirmationKey, tag, confirmedTranscriptHash),
    async finish() {
      const ratchets = await deriveLeafRatchets(primitives, encryptionSecret, leafWidth(tree.length));
      encryptionSecret.fill(0);
      const privateKeys = { ...epoch.privateKeys, ...path?.privateKeys };
      const privatePath = { leafIndex: ownLeaf, privateKeys };
      return readFreshEpoch(
        { groupContext: context, ratchetTree: tree, privatePath, confirmationTag, keySchedule },
        (leafIndex) => ratchets[leafIndex],
      );
    },
  };
}

/** The confirmed transcript hash behind one more Commit. RFC 9420 section 8.2. */
async function followTranscript(
  primitives: Primitives,
  { groupContext, confirmationTag }: Epoch,
  framed: Uint8Array,
  signature: Uint8Array,
): Promise<Uint8Array> {
  const interim = await primitives.hash(
    concatBytes(groupContext.confirmedTranscriptHash, opaque(confirmationTag)),
  );
  return primitives.hash(concatBytes(interim, uint16(PRIVATE_MESSAGE), framed, opaque(signature)));
}

/** One Welcome for all who are added. RFC 9420 section 12.4.3.1. */
async function welcomeAll(
  { cipherSuite, device }: Setting,
  { context, tree, confirmationTag, joinerSecret, welcomeSecret }: NextEpoch,
  newcomers: {
    readonly added: readonly (readonly [LeafIndex, KeyPackage])[];
    readonly joining: Joining;
    readonly pathSecrets: ReadonlyMap<number, Uint8Array> | undefined;
    readonly signer: number;
  },
): Promise<Welcome | undefined> {
  const { added, joining, pathSecrets, signer } = newcomers;
  if (added.length === 0) return undefined;
  const extensions = [
    { extensionType: JOINING_EXTENSION, extensionData: encodeJoining(joining) },
    { extensionType: "ratchet_tree" as const, extensionData: encodeRatchetTree(tree) },
  ];
  const groupInfo = await signGroupInfo(
    { groupContext: context, extensions, confirmationTag, signer },
    device.signingKey.seed,
    cipherSuite.signature,
  );
  const encryptedGroupInfo = await encryptGroupInfo(groupInfo, welcomeSecret, cipherSuite);
  const secrets = await Promise.all(
    added.map(async ([leafIndex, keyPackage]) => {
      const pathSecret = pathSecrets?.get(firstCommonAncestor(tree, leafIndex, toLeafIndex(signer)));
      const key = await cipherSuite.hpke.importPublicKey(keyPackage.initKey);
      const groupSecrets = { joinerSecret, pathSecret, psks: [] };
      const { enc, ct } = await encryptGroupSecrets(key, encryptedGroupInfo, groupSecrets, cipherSuite.hpke);
      return {
        newMember: await keyPackageReference(cipherSuite, keyPackage),
        encryptedGroupSecrets: { kemOutput: enc, ciphertext: ct },
      };
    }),
  );
  return { cipherSuite: CIPHER_SUITE, secrets, encryptedGroupInfo };
}
