import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeAuthenticatedContent } from "ts-mls/authenticatedContent.js";
import { refhash } from "ts-mls/crypto/hash.js";
import { decryptWithLabel, encryptWithLabel } from "ts-mls/crypto/hpke.js";
import { expandWithLabel as tsMlsExpand } from "ts-mls/crypto/kdf.js";
import { signWithLabel as tsMlsSign, verifyWithLabel as tsMlsVerify } from "ts-mls/crypto/signature.js";
import { encodeGroupContext } from "ts-mls/groupContext.js";
import { initializeEpoch, type KeySchedule } from "ts-mls/keySchedule.js";
import { createConfirmedHash, createInterimHash } from "ts-mls/transcriptHash.js";
import { isLeaf, left, nodeWidth, parent, right, root, sibling, toNodeIndex } from "ts-mls/treemath.js";
import { fromHex, toHex } from "@portcullis/protocol";
import { createExporter } from "../src/exporter.ts";
import { deriveSecret, deriveTreeSecret, expandWithLabel, signContent } from "../src/labels.ts";
import { opaque } from "../src/tls.ts";
import { groupContext, providers, vectors } from "./rfc-vectors.ts";

test("MLS-45: vectors of tree math", () => {
  interface TreeMath {
    readonly n_leaves: number;
    readonly n_nodes: number;
    readonly root: number;
    readonly left: (number | null)[];
    readonly right: (number | null)[];
    readonly parent: (number | null)[];
    readonly sibling: (number | null)[];
  }
  for (const vector of vectors<TreeMath>("tree-math")) {
    const { n_leaves: leaves, n_nodes: nodes } = vector;
    assert.equal(nodeWidth(leaves), nodes);
    assert.equal(root(leaves), vector.root);
    for (let i = 0; i < nodes; i++) {
      const node = toNodeIndex(i);
      assert.equal(isLeaf(node) ? null : left(node), vector.left[i]);
      assert.equal(isLeaf(node) ? null : right(node), vector.right[i]);
      assert.equal(i === vector.root ? null : parent(node, leaves), vector.parent[i]);
      assert.equal(i === vector.root ? null : sibling(node, leaves), vector.sibling[i]);
    }
  }
});

test("MLS-45: vectors of the lengths of vectors", () => {
  for (const { vlbytes_header, length } of vectors<{ vlbytes_header: string; length: number }>(
    "deserialization",
  )) {
    if (length > 100_000) continue;
    const encoded = opaque(new Uint8Array(length));
    assert.equal(toHex(encoded.subarray(0, encoded.length - length)), vlbytes_header);
  }
});

interface CryptoBasics {
  readonly ref_hash: { label: string; value: string; out: string };
  readonly expand_with_label: { secret: string; label: string; context: string; length: number; out: string };
  readonly derive_secret: { secret: string; label: string; out: string };
  readonly derive_tree_secret: {
    secret: string;
    label: string;
    generation: number;
    length: number;
    out: string;
  };
  readonly sign_with_label: { priv: string; pub: string; content: string; label: string; signature: string };
  readonly encrypt_with_label: {
    priv: string;
    pub: string;
    label: string;
    context: string;
    plaintext: string;
    kem_output: string;
    ciphertext: string;
  };
}

for (const { name, primitives, cipherSuite } of providers) {
  test(`MLS-45: vectors of the basic functions, on ${name}`, async () => {
    for (const vector of vectors<CryptoBasics>("crypto-basics")) {
      const { ref_hash: ref, expand_with_label: expand, derive_secret: derive } = vector;
      assert.equal(toHex(await refhash(ref.label, fromHex(ref.value), cipherSuite.hash)), ref.out);
      const [secret, context] = [fromHex(expand.secret), fromHex(expand.context)];
      assert.equal(
        toHex(await expandWithLabel(primitives, secret, expand.label, context, expand.length)),
        expand.out,
      );
      assert.equal(
        toHex(await tsMlsExpand(secret, expand.label, context, expand.length, cipherSuite.kdf)),
        expand.out,
      );
      assert.equal(toHex(await deriveSecret(primitives, fromHex(derive.secret), derive.label)), derive.out);
      const tree = vector.derive_tree_secret;
      assert.equal(
        toHex(
          await deriveTreeSecret(primitives, fromHex(tree.secret), tree.label, tree.generation, tree.length),
        ),
        tree.out,
      );
      const signed = vector.sign_with_label;
      const [seed, publicKey, content] = [signed.priv, signed.pub, signed.content].map(fromHex) as [
        Uint8Array,
        Uint8Array,
        Uint8Array,
      ];
      const signature = fromHex(signed.signature);
      const message = signContent(signed.label, content);
      assert(await primitives.isSignature(publicKey, message, signature));
      assert.deepEqual(await primitives.sign(seed, message), signature);
      assert(await tsMlsVerify(publicKey, signed.label, content, signature, cipherSuite.signature));
      assert.deepEqual(await tsMlsSign(seed, signed.label, content, cipherSuite.signature), signature);

      const { hpke } = cipherSuite;
      const sealed = vector.encrypt_with_label;
      const key = await hpke.importPrivateKey(fromHex(sealed.priv));
      const open = (enc: Uint8Array, ct: Uint8Array): Promise<Uint8Array> =>
        decryptWithLabel(key, sealed.label, fromHex(sealed.context), enc, ct, hpke);
      assert.equal(
        toHex(await open(fromHex(sealed.kem_output), fromHex(sealed.ciphertext))),
        sealed.plaintext,
      );
      const own = await encryptWithLabel(
        await hpke.importPublicKey(fromHex(sealed.pub)),
        sealed.label,
        fromHex(sealed.context),
        fromHex(sealed.plaintext),
        hpke,
      );
      assert.equal(toHex(await open(own.enc, own.ct)), sealed.plaintext);
    }
  });

  test(`MLS-45: vectors of the key schedule and the exporter, on ${name}`, async () => {
    type Hex = Record<
      | "tree_hash"
      | "commit_secret"
      | "psk_secret"
      | "confirmed_transcript_hash"
      | "group_context"
      | "joiner_secret"
      | "welcome_secret"
      | "init_secret"
      | "encryption_secret"
      | "external_pub",
      string
    >;
    interface Epoch extends Hex {
      readonly exporter: { label: string; context: string; length: number; secret: string };
    }
    interface Vector {
      readonly group_id: string;
      readonly initial_init_secret: string;
      readonly epochs: Epoch[];
    }
    const fields: Record<keyof KeySchedule, string> = {
      senderDataSecret: "sender_data_secret",
      exporterSecret: "exporter_secret",
      externalSecret: "external_secret",
      confirmationKey: "confirmation_key",
      membershipKey: "membership_key",
      resumptionPsk: "resumption_psk",
      epochAuthenticator: "epoch_authenticator",
      initSecret: "init_secret",
    };
    for (const { group_id, initial_init_secret, epochs } of vectors<Vector>("key-schedule")) {
      let initSecret = fromHex(initial_init_secret);
      for (const [index, epoch] of epochs.entries()) {
        const context = groupContext({
          groupId: fromHex(group_id),
          epoch: BigInt(index),
          treeHash: fromHex(epoch.tree_hash),
          confirmedTranscriptHash: fromHex(epoch.confirmed_transcript_hash),
        });
        assert.equal(toHex(encodeGroupContext(context)), epoch.group_context);
        const secrets = await initializeEpoch(
          initSecret,
          fromHex(epoch.commit_secret),
          context,
          fromHex(epoch.psk_secret),
          cipherSuite.kdf,
        );
        assert.equal(toHex(secrets.joinerSecret), epoch.joiner_secret);
        assert.equal(toHex(secrets.welcomeSecret), epoch.welcome_secret);
        assert.equal(toHex(secrets.encryptionSecret), epoch.encryption_secret);
        for (const [field, hex] of Object.entries(fields))
          assert.equal(toHex(secrets.keySchedule[field as keyof KeySchedule]), epoch[hex as keyof Hex], hex);
        const { externalSecret, exporterSecret } = secrets.keySchedule;
        const external = await cipherSuite.hpke.deriveKeyPair(externalSecret);
        assert.equal(toHex(await cipherSuite.hpke.exportPublicKey(external.publicKey)), epoch.external_pub);
        const { label, context: exported, length, secret } = epoch.exporter;
        const exporter = createExporter(primitives, exporterSecret);
        assert.equal(toHex(await exporter.export(label, fromHex(exported), length)), secret);
        initSecret = secrets.keySchedule.initSecret;
      }
    }
  });

  test(`MLS-45: vectors of the transcript hashes, on ${name}`, async () => {
    type Vector = Record<
      | "confirmation_key"
      | "authenticated_content"
      | "interim_transcript_hash_before"
      | "confirmed_transcript_hash_after"
      | "interim_transcript_hash_after",
      string
    >;
    const { hash } = cipherSuite;
    for (const vector of vectors<Vector>("transcript-hashes")) {
      const decoded = decodeAuthenticatedContent(fromHex(vector.authenticated_content), 0);
      assert(decoded !== undefined);
      const [{ wireformat, content, auth }, length] = decoded;
      assert.equal(length, vector.authenticated_content.length / 2);
      assert(content.contentType === "commit" && auth.contentType === "commit");
      const confirmed = await createConfirmedHash(
        fromHex(vector.interim_transcript_hash_before),
        { wireformat, content, signature: auth.signature },
        hash,
      );
      assert.equal(toHex(confirmed), vector.confirmed_transcript_hash_after);
      const { confirmationTag } = auth;
      assert(await hash.verifyMac(fromHex(vector.confirmation_key), confirmationTag, confirmed));
      const interim = await createInterimHash(confirmed, confirmationTag, hash);
      assert.equal(toHex(interim), vector.interim_transcript_hash_after);
    }
  });
}
