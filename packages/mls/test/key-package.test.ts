import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { encodeMlsMessage, type KeyPackage } from "ts-mls";
import { signLeafNodeKeyPackage } from "ts-mls/leafNode.js";
import { signKeyPackage } from "ts-mls/keyPackage.js";
import { createCommit } from "ts-mls";
import { utf8 } from "@portcullis/protocol";
import { assertDecoder, FixedClock } from "@portcullis/testkit";
import {
  decodeKeyPackage,
  decodeKeyPackageSecrets,
  encodeKeyPackage,
  encodeKeyPackageSecrets,
} from "../src/key-package.ts";
import { cipherSuite, coded, rawState } from "./forger.ts";
import { converse, createAlone, joining, person, type Person } from "./people.ts";

const NOTHING = new Uint8Array();
const DAY_MS = 86_400_000;

/** A KeyPackage with something else in it, signed again by its device. */
async function altered(by: Person, change: (keyPackage: KeyPackage) => KeyPackage): Promise<Uint8Array> {
  const { leafNode, ...rest } = change(decodeKeyPackage(await by.keyPackage()));
  const { seed } = by.device.signingKey;
  const signed = await signLeafNodeKeyPackage(leafNode, seed, cipherSuite.signature);
  return encodeKeyPackage(await signKeyPackage({ ...rest, leafNode: signed }, seed, cipherSuite.signature));
}

async function adding(keyPackage: Uint8Array, adder = person()): Promise<unknown> {
  const { group } = await createAlone(adder);
  return group.commit({ add: [keyPackage], remove: [], authenticatedData: NOTHING, joining });
}

test("MLS-01: a KeyPackage of another cipher suite is refused", async () => {
  const keyPackage = await altered(person(), (own) => ({
    ...own,
    cipherSuite: "MLS_128_DHKEMP256_AES128GCM_SHA256_P256",
  }));
  await assert.rejects(adding(keyPackage), coded("MLS_CIPHER_SUITE"));
});

test("MLS-06: a KeyPackage is read as its device's only if both signatures, lifetime and credential hold", async () => {
  const [owner, reader] = [person(), person()];
  const keyPackage = await owner.keyPackage();
  const { accountId, deviceId, signingKey } = owner.device;
  const identity = { accountId, deviceId, signatureKey: signingKey.publicKey };
  assert.deepEqual(await reader.engine.verifyKeyPackage(keyPackage), identity);

  const { leafNode, ...rest } = decodeKeyPackage(keyPackage);
  const { seed } = signingKey;
  const otherInit = encodeKeyPackage({ ...rest, leafNode, initKey: new Uint8Array(32).fill(9) });
  await assert.rejects(reader.engine.verifyKeyPackage(otherInit), coded("MLS_SIGNATURE"));
  const otherLeaf = { ...leafNode, hpkePublicKey: new Uint8Array(32).fill(9) };
  const resigned = await signKeyPackage({ ...rest, leafNode: otherLeaf }, seed, cipherSuite.signature);
  await assert.rejects(reader.engine.verifyKeyPackage(encodeKeyPackage(resigned)), coded("MLS_SIGNATURE"));
  const noKey = encodeKeyPackage({ ...rest, leafNode: { ...leafNode, signaturePublicKey: NOTHING } });
  await assert.rejects(reader.engine.verifyKeyPackage(noKey), coded("MLS_SIGNATURE"));
  const late = person({ clock: new FixedClock(Date.now() + 91 * DAY_MS) });
  await assert.rejects(late.engine.verifyKeyPackage(keyPackage), coded("MLS_LIFETIME"));
  const nobody = await altered(owner, (own) => ({
    ...own,
    leafNode: { ...own.leafNode, credential: { credentialType: "basic", identity: new Uint8Array(3) } },
  }));
  await assert.rejects(reader.engine.verifyKeyPackage(nobody), coded("MLS_CREDENTIAL"));
  await assert.rejects(reader.engine.verifyKeyPackage(keyPackage.subarray(1)), coded("MLS_MALFORMED"));
});

test("MLS-07: one KeyPackage of last resort joins several conversations, and says what it is", async () => {
  const [ann, bob, reader] = [person(), person(), person()];
  const lastResort = await reader.keyPackage({ lastResort: true });
  const types = decodeKeyPackage(lastResort).extensions.map(({ extensionType }) => extensionType);
  assert.deepEqual(types, [0x000a]);
  assert.deepEqual(decodeKeyPackage(await reader.keyPackage()).extensions, []);
  for (const creator of [ann, bob]) {
    const { group } = await createAlone(creator);
    const add = { add: [lastResort], remove: [], authenticatedData: NOTHING, joining };
    const { welcome, pending } = await group.commit(add);
    const joined = await reader.join(welcome as Uint8Array);
    const { message } = await (await group.merge(pending)).group.protect(utf8("hello"), NOTHING);
    assert.deepEqual((await joined.group.unprotect(message)).plaintext, utf8("hello"));
  }
});

test("MLS-02: ts-mls is 1.6.4, which alone keeps the removed out", async () => {
  const manifest = new URL("../../package.json", import.meta.resolve("ts-mls"));
  const { version } = JSON.parse(await readFile(manifest, "utf8")) as { version: string };
  assert.equal(version, "1.6.4");
  const own = JSON.parse(await readFile(new URL("../package.json", import.meta.url), "utf8")) as {
    dependencies: Record<string, string>;
  };
  assert.equal(own.dependencies["ts-mls"], "1.6.4");
});

test("MLS-03: a credential of another kind, or not in our form, is refused", async () => {
  const malformed = await altered(person(), (own) => ({
    ...own,
    leafNode: { ...own.leafNode, credential: { credentialType: "basic", identity: new Uint8Array(3) } },
  }));
  await assert.rejects(adding(malformed), coded("MLS_CREDENTIAL"));
  const otherKind = await altered(person(), (own) => ({
    ...own,
    leafNode: {
      ...own.leafNode,
      credential: { credentialType: "x509", certificates: [] },
      capabilities: { ...own.leafNode.capabilities, credentials: ["basic", "x509"] },
    },
  }));
  await assert.rejects(adding(otherKind), (error) => error instanceof Error);
});

test("MLS-03: every leaf is shown to the caller, who may refuse it: when adding, when another adds, when joining", async () => {
  const stranger = new Error("not in the device list");
  const outsider = person();
  const refuse = async ({ deviceId }: { deviceId: Uint8Array }): Promise<void> => {
    if (Buffer.from(deviceId).equals(outsider.device.deviceId)) throw stranger;
  };
  await assert.rejects(adding(await outsider.keyPackage(), person({ validateMember: refuse })), stranger);

  const watchful = person({ validateMember: refuse });
  const { epochs } = await converse([person(), watchful]);
  const { message, welcome } = await epochs[0]!.group.commit({
    add: [await outsider.keyPackage()],
    remove: [],
    authenticatedData: NOTHING,
    joining,
  });
  await assert.rejects(
    epochs[1]!.group.process(message, () => undefined),
    stranger,
  );
  const joined = await outsider.join(welcome!);
  assert.deepEqual(
    outsider.validated.map(({ signatureKey }) => signatureKey),
    joined.group.members.map(({ signatureKey }) => signatureKey),
  );
  const next = person({ validateMember: refuse });
  const more = await joined.group.commit({
    add: [await next.keyPackage()],
    remove: [],
    authenticatedData: NOTHING,
    joining,
  });
  await assert.rejects(next.join(more.welcome!), stranger);
});

test("MLS-04: a device that does not know conversation terms is not added", async () => {
  const incapable = await altered(person(), (own) => ({
    ...own,
    leafNode: { ...own.leafNode, capabilities: { ...own.leafNode.capabilities, extensions: [] } },
  }));
  await assert.rejects(adding(incapable), coded("MLS_COMMIT_INVALID"));
});

test("MLS-13: a KeyPackage is valid from an hour ago for 90 days", async () => {
  const clock = new FixedClock(1_800_000_000_000);
  const { leafNode } = decodeKeyPackage(await person({ clock }).keyPackage());
  assert.equal(leafNode.lifetime.notBefore, 1_800_000_000n - 3600n);
  assert.equal(leafNode.lifetime.notAfter, 1_800_000_000n + 90n * 86_400n);
});

test("MLS-13: nobody adds a KeyPackage that is expired, not yet valid or valid for too long", async () => {
  for (const days of [-91, 1]) {
    const clock = new FixedClock(Date.now() + days * DAY_MS);
    await assert.rejects(adding(await person({ clock }).keyPackage()), coded("MLS_LIFETIME"), `${days} days`);
  }
  const forever = await altered(person(), (own) => ({
    ...own,
    leafNode: { ...own.leafNode, lifetime: { notBefore: 0n, notAfter: 2n ** 63n - 1n } },
  }));
  await assert.rejects(adding(forever), coded("MLS_LIFETIME"));
});

test("MLS-13: nor accepts a Commit that adds one", async () => {
  const [alice, bob] = [person(), person()];
  const { epochs } = await converse([alice, bob]);
  const keyPackage = decodeKeyPackage(
    await altered(person(), (own) => ({
      ...own,
      leafNode: { ...own.leafNode, lifetime: { notBefore: 0n, notAfter: 2n ** 63n - 1n } },
    })),
  );
  const { commit } = await createCommit(
    { state: rawState(epochs[0]!, alice), cipherSuite },
    { extraProposals: [{ proposalType: "add", add: { keyPackage } }] },
  );
  await assert.rejects(
    epochs[1]!.group.process(encodeMlsMessage(commit), () => undefined),
    coded("MLS_LIFETIME"),
  );
});

test("MLS-31: KeyPackages and their secrets decode strictly", async () => {
  const { keyPackage, secrets } = await person().engine.createKeyPackage();
  assertDecoder(keyPackage, decodeKeyPackage, encodeKeyPackage);
  assertDecoder(secrets, decodeKeyPackageSecrets, encodeKeyPackageSecrets);
});
