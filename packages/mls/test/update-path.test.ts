import assert from "node:assert/strict";
import { test } from "node:test";
import type { CiphersuiteImpl } from "ts-mls";
import type { UpdatePath } from "ts-mls/updatePath.js";
import { nodeProvider } from "@portcullis/mls/node";
import { decodeSnapshot, type Epoch } from "../src/epoch.ts";
import { MlsError } from "../src/errors.ts";
import { applyPath, createPath, openPath, type PathPlace } from "../src/update-path.ts";
import { cipherSuite } from "./forger.ts";
import { converse, person, random } from "./people.ts";

const { primitives } = nodeProvider;
const kem = { primitives, cipherSuite };

/** A group of four: its last member, and what the first one's Commits go by. */
async function fourPeople(): Promise<{ reader: Epoch; place: PathPlace; seed: Uint8Array }> {
  const people = [person(), person(), person(), person()];
  const { epochs } = await converse(people);
  const { tree, groupContext: context, ownLeaf } = decodeSnapshot(epochs[0]!.snapshot);
  const place = { tree, committer: ownLeaf, context, added: [] };
  return { reader: decodeSnapshot(epochs[3]!.snapshot), place, seed: people[0]!.device.signingKey.seed };
}

const refused = (what: string) => (error: unknown) =>
  error instanceof MlsError && error.code === "MLS_COMMIT_INVALID" && error.facts["what"] === what;

test("MLS-47: a path that is opened gives its author's commit secret, and keys that fit the tree", async () => {
  const { reader, place, seed } = await fourPeople();
  const made = await createPath(kem, place, { seed, fresh: random(32) });
  const after = await applyPath(kem, place, made.path);
  assert.deepEqual(after, made.tree);
  const own = { leafIndex: reader.ownLeaf, privateKeys: reader.privateKeys };
  const opened = await openPath(kem, place, { after, path: made.path }, own);
  assert.deepEqual(opened.commitSecret, made.commitSecret);
  for (const [node, key] of Object.entries(opened.privateKeys))
    assert.deepEqual(key, made.privateKeys[Number(node)]);
});

test("MLS-47: a key that stands on the tree already, or twice on the path, is refused", async () => {
  const { place, seed } = await fourPeople();
  const { path } = await createPath(kem, place, { seed, fresh: random(32) });
  const [first, ...rest] = path.nodes;
  const old = place.tree[6];
  assert(first !== undefined && old?.nodeType === "leaf");
  const used = { ...path, nodes: [{ ...first, hpkePublicKey: old.leaf.hpkePublicKey }, ...rest] };
  await assert.rejects(applyPath(kem, place, used), refused("a key of the path is not new"));
  const twice = {
    ...path,
    nodes: path.nodes.map((node) => ({ ...node, hpkePublicKey: first.hpkePublicKey })),
  };
  assert.ok(twice.nodes.length > 1);
  await assert.rejects(applyPath(kem, place, twice), refused("a key of the path is not new"));
  const before = place.tree[2 * place.committer];
  assert(before?.nodeType === "leaf");
  const { hpkePublicKey } = before.leaf;
  const same = { ...path, leafNode: { ...path.leafNode, hpkePublicKey } };
  await assert.rejects(applyPath(kem, place, same), refused("a key of the path is not new"));
});

test("MLS-47: a path of another length, or not for everybody below it, is refused", async () => {
  const { place, seed } = await fourPeople();
  const { path } = await createPath(kem, place, { seed, fresh: random(32) });
  const [first, ...rest] = path.nodes;
  const short = { ...path, nodes: rest };
  const long = { ...path, nodes: [...path.nodes, first!] };
  const fewer = { ...path, nodes: [{ ...first!, encryptedPathSecret: [] }, ...rest] };
  for (const wrong of [short, long, fewer])
    await assert.rejects(applyPath(kem, place, wrong), refused("length of the path"));
});

test("MLS-47: a leaf that names another parent hash is refused", async () => {
  const { place, seed } = await fourPeople();
  const { path } = await createPath(kem, place, { seed, fresh: random(32) });
  const parentHash = path.leafNode.parentHash.map((byte, i) => (i === 0 ? byte ^ 1 : byte));
  const wrong: UpdatePath = { ...path, leafNode: { ...path.leafNode, parentHash } };
  await assert.rejects(applyPath(kem, place, wrong), refused("parent hash"));
});

test("MLS-47: a path secret from which another key follows than stands on the tree is refused", async () => {
  const { reader, place, seed } = await fourPeople();
  let keys = 0;
  const { hpke } = cipherSuite;
  /** The author of this path puts a key of its own choice on the root. */
  const lying: CiphersuiteImpl = {
    ...cipherSuite,
    hpke: { ...hpke, deriveKeyPair: (ikm) => hpke.deriveKeyPair(++keys === 3 ? random(32) : ikm) },
  };
  const made = await createPath({ primitives, cipherSuite: lying }, place, { seed, fresh: random(32) });
  assert.equal(keys, 3);
  const after = await applyPath(kem, place, made.path);
  const own = { leafIndex: reader.ownLeaf, privateKeys: reader.privateKeys };
  await assert.rejects(openPath(kem, place, { after, path: made.path }, own), refused("path secret"));
});

test("MLS-47: whoever knows no key of those that a path is sealed to opens nothing", async () => {
  const { reader, place, seed } = await fourPeople();
  const { path, tree: after } = await createPath(kem, place, { seed, fresh: random(32) });
  const stranger = { leafIndex: reader.ownLeaf, privateKeys: {} };
  await assert.rejects(
    openPath(kem, place, { after, path }, stranger),
    refused("no path secret for this member"),
  );
});
