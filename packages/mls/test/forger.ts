import type { ClientState, CiphersuiteImpl, PrivateMessage, Proposal } from "ts-mls";
import { encodeMlsMessage } from "ts-mls";
import type { Commit } from "ts-mls/commit.js";
import { createContentCommitSignature } from "ts-mls/framedContent.js";
import { protect, protectApplicationData, protectProposal } from "ts-mls/messageProtection.js";
import type { EpochStart } from "@portcullis/mls";
import { nodeProvider } from "@portcullis/mls/node";
import { decodeSnapshot, toClientState } from "../src/epoch.ts";
import { decodeRatchetRow } from "../src/secret-tree.ts";
import { createClientConfig } from "../src/ts-mls.ts";
import { random, type Person } from "./people.ts";

export const cipherSuite: CiphersuiteImpl = nodeProvider.cipherSuite(random);
const NOTHING = new Uint8Array();

/** The state of a member who does not keep our rules, from what an honest one stores. `leafIndex`: whose ratchets are in it. */
export function rawState(
  start: EpochStart,
  { device }: Person,
  leafIndex = start.group.ownLeaf,
): ClientState {
  const epoch = decodeSnapshot(start.snapshot);
  const stored = start.ratchets.find((ratchet) => ratchet.leafIndex === leafIndex);
  const ratchets = decodeRatchetRow(stored!.row);
  const config = createClientConfig(async () => undefined);
  const state = toClientState(epoch, device.signingKey.seed, config);
  state.secretTree[2 * leafIndex] = {
    handshake: { ...ratchets.handshake, unusedGenerations: {} },
    application: { ...ratchets.application, unusedGenerations: {} },
  };
  return state;
}

function privateMessage(message: PrivateMessage): Uint8Array {
  return encodeMlsMessage({ version: "mls10", wireformat: "mls_private_message", privateMessage: message });
}

/** A Commit with any proposals at all, rightly signed and encrypted by the member. */
export async function forgeCommit(state: ClientState, commit: Commit): Promise<Uint8Array> {
  const { leafIndex } = state.privatePath;
  const sender = { senderType: "member" as const, leafIndex };
  const { signature, framedContent } = await createContentCommitSignature(
    state.groupContext,
    "mls_private_message",
    commit,
    sender,
    NOTHING,
    state.signaturePrivateKey,
    cipherSuite.signature,
  );
  const auth = { contentType: "commit" as const, signature, confirmationTag: new Uint8Array(32) };
  const sealed = await protect(
    state.keySchedule.senderDataSecret,
    NOTHING,
    state.groupContext,
    state.secretTree,
    { ...framedContent, auth },
    leafIndex,
    state.clientConfig.paddingConfig,
    cipherSuite,
  );
  return privateMessage(sealed.privateMessage);
}

export function byValue(...proposals: Proposal[]): Commit {
  return {
    proposals: proposals.map((proposal) => ({ proposalOrRefType: "proposal", proposal })),
    path: undefined,
  };
}

export async function forgeProposal(state: ClientState, proposal: Proposal): Promise<Uint8Array> {
  const sealed = await protectProposal(
    state.signaturePrivateKey,
    state.keySchedule.senderDataSecret,
    proposal,
    NOTHING,
    state.groupContext,
    state.secretTree,
    state.privatePath.leafIndex,
    state.clientConfig.paddingConfig,
    cipherSuite,
  );
  return privateMessage(sealed.privateMessage);
}

/** An application message as ts-mls makes it. `leafIndex`: whom it claims to be from. */
export async function tsMlsMessage(
  state: ClientState,
  plaintext: Uint8Array,
  authenticatedData: Uint8Array,
  leafIndex = state.privatePath.leafIndex,
  suite = cipherSuite,
): Promise<Uint8Array> {
  const sealed = await protectApplicationData(
    state.signaturePrivateKey,
    state.keySchedule.senderDataSecret,
    plaintext,
    authenticatedData,
    state.groupContext,
    state.secretTree,
    leafIndex,
    state.clientConfig.paddingConfig,
    suite,
  );
  return privateMessage(sealed.privateMessage);
}

/** The check for `assert.rejects`: an error with that code. */
export function coded(code: string): (error: unknown) => boolean {
  return (error) => error instanceof Error && "code" in error && error.code === code;
}
