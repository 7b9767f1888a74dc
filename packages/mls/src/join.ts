import {
  asConversationId,
  decodeJoining,
  equalBytes,
  JOINING_EXTENSION,
  ProtocolError,
  type Joining,
} from "@portcullis/protocol";
import { decodeMlsMessage, encodeMlsMessage, type KeyPackage, type Welcome } from "ts-mls";
import {
  ratchetTreeFromExtension,
  verifyGroupInfoConfirmationTag,
  verifyGroupInfoSignature,
  type GroupInfo,
} from "ts-mls/groupInfo.js";
import type { GroupSecrets } from "ts-mls/groupSecrets.js";
import { deriveKeySchedule } from "ts-mls/keySchedule.js";
import { pathToRoot } from "ts-mls/pathSecrets.js";
import { findLeafIndex, getHpkePublicKey, type RatchetTree } from "ts-mls/ratchetTree.js";
import { leafToNodeIndex, leafWidth, toLeafIndex } from "ts-mls/treemath.js";
import { firstCommonAncestor } from "ts-mls/updatePath.js";
import { decryptGroupInfo, decryptGroupSecrets } from "ts-mls/welcome.js";
import { readTerms } from "./context.ts";
import type { StoredKeyPackage } from "./engine.ts";
import { decodeWhole, readFreshEpoch, type FreshEpoch } from "./epoch.ts";
import { MlsError } from "./errors.ts";
import { decodeKeyPackage, decodeKeyPackageSecrets, keyPackageReference } from "./key-package.ts";
import { deriveSecret } from "./labels.ts";
import { leafAt } from "./members.ts";
import { CIPHER_SUITE, HASH_BYTES, type Eventually } from "./provider.ts";
import { deriveLeafRatchets } from "./secret-tree.ts";
import type { Setting } from "./setting.ts";
import { tsMls } from "./ts-mls.ts";
import { validateTree } from "./validate-tree.ts";

const NO_PSK = new Uint8Array(HASH_BYTES);

export interface JoinedEpoch {
  readonly fresh: FreshEpoch;
  readonly joining: Joining;
  /** The leaf of the one who signed the GroupInfo. */
  readonly signer: number;
  readonly reference: Uint8Array;
}

/** RFC 9420 section 12.4.3.1. @throws MlsError */
export async function joinEpoch(
  setting: Setting,
  welcomeMessage: Uint8Array,
  keyPackages: (reference: Uint8Array) => Eventually<StoredKeyPackage | undefined>,
): Promise<JoinedEpoch> {
  const welcome = decodeWelcome(welcomeMessage);
  const { reference, stored } = await findKeyPackage(welcome, keyPackages);
  const keyPackage = decodeKeyPackage(stored.keyPackage);
  if (!equalBytes(await keyPackageReference(setting.cipherSuite, keyPackage), reference))
    throw new MlsError("MLS_WELCOME_UNKNOWN");
  const { initPrivateKey, leafPrivateKey } = decodeKeyPackageSecrets(stored.secrets);
  return tsMls("MLS_WELCOME_INVALID", async () => {
    const secrets = await openGroupSecrets(setting, welcome, reference, initPrivateKey);
    const groupInfo = await openGroupInfo(setting, welcome, secrets.joinerSecret);
    const joining = readJoining(groupInfo);
    const tree = await verifyGroupInfo(setting, groupInfo);
    const fresh = await deriveEpoch(setting, { groupInfo, tree, secrets, keyPackage, leafPrivateKey });
    return { fresh, joining, signer: groupInfo.signer, reference };
  });
}

function decodeWelcome(bytes: Uint8Array): Welcome {
  const message = decodeWhole(decodeMlsMessage, encodeMlsMessage, bytes);
  if (message.wireformat !== "mls_welcome")
    throw new MlsError("MLS_WIRE_FORMAT", { wireFormat: message.wireformat });
  const { cipherSuite } = message.welcome;
  if (cipherSuite !== CIPHER_SUITE) throw new MlsError("MLS_CIPHER_SUITE", { cipherSuite });
  return message.welcome;
}

async function findKeyPackage(
  welcome: Welcome,
  keyPackages: (reference: Uint8Array) => Eventually<StoredKeyPackage | undefined>,
): Promise<{ reference: Uint8Array; stored: StoredKeyPackage }> {
  for (const { newMember: reference } of welcome.secrets) {
    const stored = await keyPackages(reference);
    if (stored !== undefined) return { reference, stored };
  }
  throw new MlsError("MLS_WELCOME_UNKNOWN");
}

/** Decrypts what the Welcome holds for one KeyPackage. RFC 9420 section 12.4.3.1. @throws MlsError MLS_WELCOME_INVALID, MLS_PROPOSAL_FORBIDDEN */
export async function openGroupSecrets(
  { cipherSuite }: Pick<Setting, "cipherSuite">,
  welcome: Welcome,
  reference: Uint8Array,
  initPrivateKey: Uint8Array,
): Promise<GroupSecrets> {
  const key = await cipherSuite.hpke.importPrivateKey(initPrivateKey);
  const secrets = await decryptGroupSecrets(key, reference, welcome, cipherSuite.hpke);
  if (secrets === undefined) throw new MlsError("MLS_WELCOME_INVALID", { what: "group secrets" });
  if (secrets.psks.length > 0) throw new MlsError("MLS_PROPOSAL_FORBIDDEN", { proposal: "psk" });
  return secrets;
}

async function openGroupInfo(
  { cipherSuite }: Setting,
  welcome: Welcome,
  joinerSecret: Uint8Array,
): Promise<GroupInfo> {
  const groupInfo = await decryptGroupInfo(welcome, joinerSecret, NO_PSK, cipherSuite);
  if (groupInfo === undefined) throw new MlsError("MLS_WELCOME_INVALID", { what: "GroupInfo" });
  asConversationId(groupInfo.groupContext.groupId);
  readTerms(groupInfo.groupContext);
  return groupInfo;
}

/** @throws MlsError MLS_JOINING_MISSING */
function readJoining(groupInfo: GroupInfo): Joining {
  const found = groupInfo.extensions.filter(({ extensionType }) => extensionType === JOINING_EXTENSION);
  const [only] = found;
  if (only === undefined || found.length > 1) throw new MlsError("MLS_JOINING_MISSING");
  try {
    return decodeJoining(only.extensionData);
  } catch (error) {
    if (error instanceof ProtocolError) throw new MlsError("MLS_JOINING_MISSING", { reason: error.code });
    throw error;
  }
}

/** The tree, once the members on it and the signature of the one who welcomes are verified. */
async function verifyGroupInfo(setting: Setting, groupInfo: GroupInfo): Promise<RatchetTree> {
  const tree = ratchetTreeFromExtension(groupInfo);
  const signer = tree && leafAt(tree, groupInfo.signer);
  if (tree === undefined || signer === undefined)
    throw new MlsError("MLS_WELCOME_INVALID", { what: "signer" });
  const { cipherSuite, clientConfig } = setting;
  if (!(await verifyGroupInfoSignature(groupInfo, signer.signaturePublicKey, cipherSuite.signature)))
    throw new MlsError("MLS_SIGNATURE", { leafIndex: groupInfo.signer });
  await validateTree(tree, groupInfo.groupContext, clientConfig, cipherSuite);
  return tree;
}

/** The epoch that a verified GroupInfo and tree begin for whom they welcome. @throws MlsError MLS_WELCOME_INVALID */
export async function deriveEpoch(
  setting: Pick<Setting, "cipherSuite" | "primitives">,
  welcomed: {
    readonly groupInfo: GroupInfo;
    readonly tree: RatchetTree;
    readonly secrets: GroupSecrets;
    readonly keyPackage: KeyPackage;
    readonly leafPrivateKey: Uint8Array;
  },
): Promise<FreshEpoch> {
  const { cipherSuite, primitives } = setting;
  const { groupInfo, tree, secrets, keyPackage, leafPrivateKey } = welcomed;
  const { groupContext, confirmationTag } = groupInfo;
  const ownLeaf = findLeafIndex(tree, keyPackage.leafNode);
  if (ownLeaf === undefined) throw new MlsError("MLS_WELCOME_INVALID", { what: "own leaf" });
  const privateKeys = {
    ...(await derivePathKeys(setting, tree, ownLeaf, groupInfo.signer, secrets.pathSecret)),
    [leafToNodeIndex(ownLeaf)]: leafPrivateKey,
  };
  if (!(await verifyGroupInfoConfirmationTag(groupInfo, secrets.joinerSecret, NO_PSK, cipherSuite)))
    throw new MlsError("MLS_WELCOME_INVALID", { what: "confirmation tag" });
  const [keySchedule, encryptionSecret] = await deriveKeySchedule(
    secrets.joinerSecret,
    NO_PSK,
    groupContext,
    cipherSuite.kdf,
  );
  const ratchets = await deriveLeafRatchets(primitives, encryptionSecret, leafWidth(tree.length));
  encryptionSecret.fill(0);
  secrets.joinerSecret.fill(0);
  const privatePath = { leafIndex: ownLeaf, privateKeys };
  return readFreshEpoch(
    { groupContext, ratchetTree: tree, privatePath, confirmationTag, keySchedule },
    (leafIndex) => ratchets[leafIndex],
  );
}

/** Private keys of the ancestors shared with the committer; each must fit the public key on the tree. */
async function derivePathKeys(
  { cipherSuite, primitives }: Pick<Setting, "cipherSuite" | "primitives">,
  tree: RatchetTree,
  ownLeaf: number,
  signer: number,
  pathSecret: Uint8Array | undefined,
): Promise<Record<number, Uint8Array>> {
  if (pathSecret === undefined) return {};
  const ancestor = firstCommonAncestor(tree, toLeafIndex(ownLeaf), toLeafIndex(signer));
  const keys: Record<number, Uint8Array> = {};
  for (const [index, secret] of Object.entries(
    await pathToRoot(tree, ancestor, pathSecret, cipherSuite.kdf),
  )) {
    const pair = await cipherSuite.hpke.deriveKeyPair(await deriveSecret(primitives, secret, "node"));
    const publicKey = await cipherSuite.hpke.exportPublicKey(pair.publicKey);
    const node = tree[Number(index)];
    if (node === undefined || !equalBytes(getHpkePublicKey(node), publicKey))
      throw new MlsError("MLS_WELCOME_INVALID", { what: "path secret" });
    keys[Number(index)] = await cipherSuite.hpke.exportPrivateKey(pair.privateKey);
  }
  return keys;
}
