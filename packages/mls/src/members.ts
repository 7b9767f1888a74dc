import { decodeLeafIdentity, equalBytes, ProtocolError, toHex } from "@portcullis/protocol";
import type { Credential } from "ts-mls";
import type { LeafNode } from "ts-mls/leafNode.js";
import type { RatchetTree } from "ts-mls/ratchetTree.js";
import type { LeafIdentity, Member } from "./engine.ts";
import { MlsError } from "./errors.ts";

/** Leaves go from tree to tree as the objects that they are. */
const identities = new WeakMap<LeafNode, LeafIdentity>();

function identityOf(leaf: LeafNode): LeafIdentity {
  let identity = identities.get(leaf);
  if (identity === undefined) {
    identity = decodeCredential(leaf.credential, leaf.signaturePublicKey);
    identities.set(leaf, identity);
  }
  return identity;
}

/** Whose leaf it claims to be. Only BasicCredentials with our identity are known. @throws MlsError MLS_CREDENTIAL */
export function decodeCredential(credential: Credential, signatureKey: Uint8Array): LeafIdentity {
  if (credential.credentialType !== "basic")
    throw new MlsError("MLS_CREDENTIAL", { credentialType: credential.credentialType });
  try {
    return { ...decodeLeafIdentity(credential.identity), signatureKey };
  } catch (error) {
    if (error instanceof ProtocolError) throw new MlsError("MLS_CREDENTIAL", { reason: error.code });
    throw error;
  }
}

/** The leaf at `leafIndex`; undefined when it is blank or beyond the tree. */
export function leafAt(tree: RatchetTree, leafIndex: number): LeafNode | undefined {
  const node = tree[2 * leafIndex];
  return node?.nodeType === "leaf" ? node.leaf : undefined;
}

/** Everybody on the tree, by leaf index. @throws MlsError MLS_CREDENTIAL, MLS_MEMBER_TWICE */
export function readMembers(tree: RatchetTree): Member[] {
  const members: Member[] = [];
  const devices = new Set<string>();
  for (let leafIndex = 0; 2 * leafIndex < tree.length; leafIndex++) {
    const leaf = leafAt(tree, leafIndex);
    if (leaf === undefined) continue;
    const identity = identityOf(leaf);
    const device = toHex(identity.accountId) + toHex(identity.deviceId);
    if (devices.has(device)) throw new MlsError("MLS_MEMBER_TWICE", { leafIndex });
    devices.add(device);
    members.push({ leafIndex, ...identity });
  }
  return members;
}

export function isSameIdentity(a: LeafIdentity, b: LeafIdentity): boolean {
  return (
    equalBytes(a.accountId, b.accountId) &&
    equalBytes(a.deviceId, b.deviceId) &&
    equalBytes(a.signatureKey, b.signatureKey)
  );
}
