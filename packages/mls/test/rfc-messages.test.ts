import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeMlsMessage, encodeMlsMessage } from "ts-mls";
import { decodeCommit, encodeCommit } from "ts-mls/commit.js";
import { encodeGroupContext } from "ts-mls/groupContext.js";
import { decodeGroupSecrets, encodeGroupSecrets } from "ts-mls/groupSecrets.js";
import { unprotectPrivateMessage } from "ts-mls/messageProtection.js";
import {
  decodeProposalAdd,
  decodeProposalExternalInit,
  decodeProposalGroupContextExtensions,
  decodeProposalPSK,
  decodeProposalReinit,
  decodeProposalRemove,
  decodeProposalUpdate,
  encodeProposalAdd,
} from "ts-mls/proposal.js";
import { decodeRatchetTree, encodeRatchetTree } from "ts-mls/ratchetTree.js";
import { createSecretTree } from "ts-mls/secretTree.js";
import { concatBytes, fromHex, toHex } from "@portcullis/protocol";
import { commitLength } from "../src/commit-rules.ts";
import {
  applicationDataLength,
  contentTypes,
  decodePrivateMessage,
  openContent,
  openSenderData,
  protectApplication,
  senderDataKey,
  type EpochKeys,
} from "../src/message-protection.ts";
import { advanceRatchet, deriveLeafRatchets, turnRatchet, type Ratchet } from "../src/secret-tree.ts";
import { opaque, uint16 } from "../src/tls.ts";
import { coded } from "./forger.ts";
import { random } from "./people.ts";
import { decodeHex, groupContext, openConfig, providers, vectors, type Provider } from "./rfc-vectors.ts";

const NOTHING = new Uint8Array();

interface SecretTree {
  readonly sender_data: { sender_data_secret: string; ciphertext: string; key: string; nonce: string };
  readonly encryption_secret: string;
  readonly leaves: {
    generation: number;
    handshake_key: string;
    handshake_nonce: string;
    application_key: string;
    application_nonce: string;
  }[][];
}

type MessageProtection = Record<
  | "group_id"
  | "tree_hash"
  | "confirmed_transcript_hash"
  | "signature_priv"
  | "signature_pub"
  | "encryption_secret"
  | "sender_data_secret"
  | "proposal"
  | "proposal_priv"
  | "proposal_pub"
  | "commit"
  | "commit_priv"
  | "commit_pub"
  | "application"
  | "application_priv",
  string
> & { readonly epoch: number };

const SENDER = 1;
const MEMBERS = 2;

/** The epoch of a vector, with the sender's ratchets. */
async function epochOf({ primitives }: Provider, vector: MessageProtection) {
  const context = groupContext({
    groupId: fromHex(vector.group_id),
    epoch: BigInt(vector.epoch),
    treeHash: fromHex(vector.tree_hash),
    confirmedTranscriptHash: fromHex(vector.confirmed_transcript_hash),
  });
  const keys: EpochKeys = {
    groupId: context.groupId,
    epoch: vector.epoch,
    groupContext: encodeGroupContext(context),
    senderDataSecret: fromHex(vector.sender_data_secret),
  };
  const leaves = await deriveLeafRatchets(primitives, fromHex(vector.encryption_secret), MEMBERS);
  return { context, keys, ratchets: leaves[SENDER]! };
}

for (const provider of providers) {
  const { name, primitives, cipherSuite } = provider;

  test(`MLS-45: vectors of the secret tree, on ${name}`, async () => {
    for (const { sender_data: data, encryption_secret, leaves } of vectors<SecretTree>("secret-tree")) {
      const secret = fromHex(data.sender_data_secret);
      const { key, nonce } = await senderDataKey(primitives, secret, fromHex(data.ciphertext));
      assert.deepEqual([toHex(key), toHex(nonce)], [data.key, data.nonce]);
      const ratchets = await deriveLeafRatchets(primitives, fromHex(encryption_secret), leaves.length);
      assert.equal(ratchets.length, leaves.length);
      for (const [leafIndex, generations] of leaves.entries())
        for (const expected of generations) {
          const at = async (ratchet: Ratchet): Promise<string[]> => {
            const advanced = await advanceRatchet(primitives, ratchet, expected.generation);
            const { messageKey } = await turnRatchet(primitives, advanced);
            return [toHex(messageKey.key), toHex(messageKey.nonce)];
          };
          const { handshake, application } = ratchets[leafIndex]!;
          assert.deepEqual(await at(handshake), [expected.handshake_key, expected.handshake_nonce]);
          assert.deepEqual(await at(application), [expected.application_key, expected.application_nonce]);
        }
    }
  });

  test(`MLS-45: vectors of message protection, on ${name}`, async () => {
    for (const vector of vectors<MessageProtection>("message-protection")) {
      const { keys, ratchets } = await epochOf(provider, vector);
      const signatureKey = fromHex(vector.signature_pub);
      const open = async (message: Uint8Array, length: (bytes: Uint8Array) => number): Promise<string> => {
        const addressed = await openSenderData(primitives, keys, decodePrivateMessage(message));
        assert.equal(addressed.leafIndex, SENDER);
        const isApplication = addressed.contentType === contentTypes.application;
        const ratchet = isApplication ? ratchets.application : ratchets.handshake;
        const { content } = await openContent(primitives, keys, addressed, { signatureKey, ratchet }, length);
        return toHex(content);
      };
      const application = fromHex(vector.application);
      assert.equal(
        await open(fromHex(vector.application_priv), applicationDataLength),
        toHex(opaque(application)),
      );
      assert.equal(await open(fromHex(vector.commit_priv), commitLength), vector.commit);
      assert.equal(
        await open(fromHex(vector.proposal_priv), () => vector.proposal.length / 2),
        vector.proposal,
      );
      for (const message of [vector.commit_pub, vector.proposal_pub])
        await assert.rejects(open(fromHex(message), commitLength), coded("MLS_WIRE_FORMAT"));

      const sender = {
        leafIndex: SENDER,
        seed: fromHex(vector.signature_priv),
        ratchet: ratchets.application,
      };
      const content = { plaintext: application, authenticatedData: NOTHING };
      const { message } = await protectApplication(primitives, keys, sender, content, random);
      assert.equal(await open(message, applicationDataLength), toHex(opaque(application)));
    }
  });

  test(`MLS-45: what message protection writes is opened by ts-mls, on ${name}`, async () => {
    for (const vector of vectors<MessageProtection>("message-protection")) {
      const { context, keys, ratchets } = await epochOf(provider, vector);
      const sender = {
        leafIndex: SENDER,
        seed: fromHex(vector.signature_priv),
        ratchet: ratchets.application,
      };
      const content = { plaintext: fromHex(vector.application), authenticatedData: NOTHING };
      const { message } = await protectApplication(primitives, keys, sender, content, random);
      const decoded = decodeMlsMessage(message, 0)?.[0];
      assert(decoded?.wireformat === "mls_private_message");
      const { content: opened } = await unprotectPrivateMessage(
        keys.senderDataSecret,
        decoded.privateMessage,
        await createSecretTree(MEMBERS, fromHex(vector.encryption_secret), cipherSuite.kdf),
        [],
        context,
        openConfig.keyRetentionConfig,
        cipherSuite,
        fromHex(vector.signature_pub),
      );
      assert(opened.content.contentType === "application");
      assert.equal(toHex(opened.content.applicationData), vector.application);
    }
  });
}

type Messages = Record<
  | "mls_welcome"
  | "mls_group_info"
  | "mls_key_package"
  | "ratchet_tree"
  | "group_secrets"
  | "add_proposal"
  | "update_proposal"
  | "remove_proposal"
  | "pre_shared_key_proposal"
  | "re_init_proposal"
  | "external_init_proposal"
  | "group_context_extensions_proposal"
  | "commit"
  | "public_message_application"
  | "public_message_proposal"
  | "public_message_commit"
  | "private_message",
  string
>;

test("MLS-45: vectors of the encodings, each structure in its one encoding", () => {
  for (const vector of vectors<Messages>("messages")) {
    for (const message of [
      vector.mls_welcome,
      vector.mls_group_info,
      vector.mls_key_package,
      vector.public_message_proposal,
      vector.public_message_commit,
      vector.public_message_application,
      vector.private_message,
    ])
      decodeHex([decodeMlsMessage, encodeMlsMessage], message);
    decodeHex([decodeRatchetTree, encodeRatchetTree], vector.ratchet_tree);
    decodeHex([decodeGroupSecrets, encodeGroupSecrets], vector.group_secrets);
    decodeHex([decodeCommit, encodeCommit], vector.commit);
    assert.equal(commitLength(fromHex(vector.commit)), vector.commit.length / 2);
    // The vectors leave the type out, which stands in front of a Proposal.
    const add = decodeHex(
      [decodeProposalAdd, (proposal) => encodeProposalAdd(proposal).subarray(2)],
      vector.add_proposal,
    );
    assert.deepEqual(encodeProposalAdd(add), concatBytes(uint16(1), fromHex(vector.add_proposal)));
    const others = [
      [decodeProposalUpdate, vector.update_proposal],
      [decodeProposalRemove, vector.remove_proposal],
      [decodeProposalPSK, vector.pre_shared_key_proposal],
      [decodeProposalReinit, vector.re_init_proposal],
      [decodeProposalExternalInit, vector.external_init_proposal],
      [decodeProposalGroupContextExtensions, vector.group_context_extensions_proposal],
    ] as const;
    for (const [decode, proposal] of others)
      assert.equal(decode(fromHex(proposal), 0)?.[1], proposal.length / 2);
    // Of these we read one ourselves.
    const message = decodePrivateMessage(fromHex(vector.private_message));
    assert(message.ciphertext.length > 0);
  }
});
