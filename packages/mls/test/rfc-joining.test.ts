import assert from "node:assert/strict";
import { test } from "node:test";
import {
  bytesToBase64,
  decodeMlsMessage,
  encodeMlsMessage,
  joinGroup,
  makePskIndex,
  processPublicMessage,
  type KeyPackage,
  type MLSMessage,
  type Welcome,
} from "ts-mls";
import {
  ratchetTreeFromExtension,
  verifyGroupInfoConfirmationTag,
  verifyGroupInfoSignature,
} from "ts-mls/groupInfo.js";
import { deriveKeySchedule } from "ts-mls/keySchedule.js";
import { decodeRatchetTree, encodeRatchetTree } from "ts-mls/ratchetTree.js";
import { decryptGroupInfo } from "ts-mls/welcome.js";
import { fromHex, toHex } from "@portcullis/protocol";
import { signingKeyFromSeed } from "@portcullis/crypto";
import { deriveEpoch, openGroupSecrets } from "../src/join.ts";
import { keyPackageReference } from "../src/key-package.ts";
import { leafAt } from "../src/members.ts";
import { checkNodes } from "../src/validate-tree.ts";
import { coded } from "./forger.ts";
import { decodeHex, fits, openConfig, providers, vectors, type Provider } from "./rfc-vectors.ts";

const NO_PSK = new Uint8Array(32);

interface PassiveClient {
  readonly key_package: string;
  readonly signature_priv: string;
  readonly encryption_priv: string;
  readonly init_priv: string;
  readonly welcome: string;
  readonly ratchet_tree: string | null;
  readonly initial_epoch_authenticator: string;
  readonly external_psks: { psk_id: string; psk: string }[];
  readonly epochs: { proposals: string[]; commit: string; epoch_authenticator: string }[];
}

type WelcomeVector = Record<"init_priv" | "signer_pub" | "key_package" | "welcome", string>;

const decodeMessage = (hex: string): MLSMessage => decodeHex([decodeMlsMessage, encodeMlsMessage], hex);

function read({ key_package, welcome }: { key_package: string; welcome: string }): {
  keyPackage: KeyPackage;
  welcome: Welcome;
} {
  const [first, second] = [decodeMessage(key_package), decodeMessage(welcome)];
  assert(first.wireformat === "mls_key_package" && second.wireformat === "mls_welcome");
  return { keyPackage: first.keyPackage, welcome: second.welcome };
}

/** Joins with the engine's own functions, as far as they go without our credentials and extensions. */
async function join(provider: Provider, vector: PassiveClient): Promise<string> {
  const { cipherSuite } = provider;
  const { keyPackage, welcome } = read(vector);
  const reference = await keyPackageReference(cipherSuite, keyPackage);
  const secrets = await openGroupSecrets(provider, welcome, reference, fromHex(vector.init_priv));
  const groupInfo = await decryptGroupInfo(welcome, secrets.joinerSecret, NO_PSK, cipherSuite);
  assert(groupInfo !== undefined);
  const tree =
    vector.ratchet_tree === null
      ? ratchetTreeFromExtension(groupInfo)
      : decodeHex([decodeRatchetTree, encodeRatchetTree], vector.ratchet_tree);
  assert(tree !== undefined);
  const signer = leafAt(tree, groupInfo.signer)!;
  assert(await verifyGroupInfoSignature(groupInfo, signer.signaturePublicKey, cipherSuite.signature));
  await checkNodes(tree, groupInfo.groupContext.treeHash, cipherSuite);
  const [keySchedule] = await deriveKeySchedule(
    secrets.joinerSecret,
    NO_PSK,
    groupInfo.groupContext,
    cipherSuite.kdf,
  );
  const leafPrivateKey = fromHex(vector.encryption_priv);
  const { epoch, exporterSecret } = await deriveEpoch(provider, {
    groupInfo,
    tree,
    secrets,
    keyPackage,
    leafPrivateKey,
  });
  assert.deepEqual(exporterSecret, keySchedule.exporterSecret);
  assert.deepEqual(epoch.senderDataSecret, keySchedule.senderDataSecret);
  return toHex(keySchedule.epochAuthenticator);
}

for (const provider of providers) {
  const { name, cipherSuite } = provider;

  test(`MLS-45: vectors of the Welcome, on ${name}`, async () => {
    for (const vector of vectors<WelcomeVector>("welcome")) {
      const { keyPackage, welcome } = read(vector);
      const reference = await keyPackageReference(cipherSuite, keyPackage);
      const secrets = await openGroupSecrets(provider, welcome, reference, fromHex(vector.init_priv));
      const groupInfo = await decryptGroupInfo(welcome, secrets.joinerSecret, NO_PSK, cipherSuite);
      assert(groupInfo !== undefined);
      const signer = fromHex(vector.signer_pub);
      assert(await verifyGroupInfoSignature(groupInfo, signer, cipherSuite.signature));
      assert(await verifyGroupInfoConfirmationTag(groupInfo, secrets.joinerSecret, NO_PSK, cipherSuite));
    }
  });

  test(`MLS-45: vectors of joining, on ${name}; a pre-shared key is refused`, async () => {
    let joined = 0;
    for (const vector of vectors<PassiveClient>("passive-client-welcome")) {
      const { keyPackage } = read(vector);
      const { signaturePublicKey, hpkePublicKey } = keyPackage.leafNode;
      assert.deepEqual(signingKeyFromSeed(fromHex(vector.signature_priv)).publicKey, signaturePublicKey);
      assert(await fits(cipherSuite, fromHex(vector.encryption_priv), hpkePublicKey));
      assert(await fits(cipherSuite, fromHex(vector.init_priv), keyPackage.initKey));
      if (vector.external_psks.length > 0) {
        await assert.rejects(join(provider, vector), coded("MLS_PROPOSAL_FORBIDDEN"));
        continue;
      }
      assert.equal(await join(provider, vector), vector.initial_epoch_authenticator);
      joined++;
    }
    assert.equal(joined, 4);
  });

  test(`MLS-45: vectors of Commits, on ${name}, by ts-mls, to whose epochs ours are held (MLS-46)`, async () => {
    for (const vector of vectors<PassiveClient>("passive-client-handling-commit")) {
      const { keyPackage, welcome } = read(vector);
      const secrets = {
        initPrivateKey: fromHex(vector.init_priv),
        hpkePrivateKey: fromHex(vector.encryption_priv),
        signaturePrivateKey: fromHex(vector.signature_priv),
      };
      const external = Object.fromEntries(
        vector.external_psks.map(({ psk_id, psk }) => [bytesToBase64(fromHex(psk_id)), fromHex(psk)]),
      );
      let state = await joinGroup(
        welcome,
        keyPackage,
        secrets,
        makePskIndex(undefined, external),
        cipherSuite,
        undefined,
        undefined,
        openConfig,
      );
      const authenticator = (): string => toHex(state.keySchedule.epochAuthenticator);
      assert.equal(authenticator(), vector.initial_epoch_authenticator);
      for (const { proposals, commit, epoch_authenticator } of vector.epochs) {
        for (const message of [...proposals, commit]) {
          const decoded = decodeMessage(message);
          assert(decoded.wireformat === "mls_public_message");
          const psks = makePskIndex(state, external);
          ({ newState: state } = await processPublicMessage(state, decoded.publicMessage, psks, cipherSuite));
        }
        assert.equal(authenticator(), epoch_authenticator);
      }
    }
  });
}
