import assert from "node:assert/strict";
import { test } from "node:test";
import { merkleLeafHash } from "@portcullis/crypto";
import { concatBytes } from "@portcullis/protocol";
import { consistencyPath, inclusionPath, type TileReader } from "@portcullis/ledger";
import {
  formatTlogProof,
  openCheckpoint,
  parseTlogProof,
  verifyConsistency,
  verifyInclusion,
  verifyTlogProof,
} from "@portcullis/ledger/verify";
import { growEdge, edgeRoot, readRoot } from "../src/tree.ts";
import { makeEntries, ORIGIN, policyOf, signedBy, witnesses } from "./log-fixtures.ts";
import { referenceConsistency, referencePath, referenceRoot } from "./reference-tree.ts";

const ENTRIES = makeEntries(600);
/** All the tiles that the largest tree has, from the grower that writes them. */
const ROWS = growEdge([], ENTRIES.map(merkleLeafHash)).rows;
const readTile: TileReader = ({ level, index, width }) =>
  Promise.resolve((ROWS[level as number] ?? []).slice(index * 256, index * 256 + width));

const checkpointOf = (size: number, root = referenceRoot(ENTRIES.slice(0, size))) =>
  openCheckpoint(signedBy({ origin: ORIGIN, size, root }, witnesses.slice(0, 2)), policyOf(2));

const SIZES = [1, 2, 3, 5, 8, 9, 255, 256, 257, 513, 600];

test("LOG-07: roots and inclusion proofs are those of RFC 6962, at every boundary", async () => {
  for (const size of [0, ...SIZES]) {
    const entries = ENTRIES.slice(0, size);
    assert.deepEqual(await readRoot(size, readTile), referenceRoot(entries), `root of ${size}`);
    assert.deepEqual(edgeRoot(growEdge([], entries.map(merkleLeafHash)).edge), referenceRoot(entries));
    const checkpoint = checkpointOf(size);
    for (const index of new Set([0, 1, size >> 1, size - 2, size - 1])) {
      if (index < 0 || index >= size) continue;
      const path = await inclusionPath(index, size, readTile);
      assert.deepEqual(path, referencePath(index, entries), `${index} in ${size}`);
      assert.equal(verifyInclusion({ checkpoint, index, entry: ENTRIES[index]!, path }).index, index);
    }
  }
});

test("LOG-07: another index, entry, root or path is refused; so is an index beyond the tree (D6)", async () => {
  const checkpoint = checkpointOf(257);
  const entry = ENTRIES[100]!;
  const path = await inclusionPath(100, 257, readTile);
  const refused = (change: Partial<Parameters<typeof verifyInclusion>[0]>): void => {
    assert.throws(() => verifyInclusion({ checkpoint, index: 100, entry, path, ...change }), {
      code: "LEDGER_INCLUSION",
    });
  };
  for (const index of [99, 101, 256, 257, 100 + 2 ** 32, -1, 0.5, Number.NaN]) refused({ index });
  refused({ entry: ENTRIES[101]! });
  refused({ path: path.slice(1) });
  refused({ path: path.slice(0, -1) });
  refused({ path: [...path, path[0]!] });
  refused({ path: path.map((hash) => hash.slice(1)) });
  refused({ checkpoint: checkpointOf(256) });
  refused({ checkpoint: checkpointOf(258) });
  assert.throws(
    () => verifyInclusion({ checkpoint: checkpointOf(0), index: 0, entry, path: [] }),
    { code: "LEDGER_INCLUSION" },
    "nothing is in the empty tree",
  );
});

test("LOG-07: a node of the tree is not an entry, and an entry is not a node (D6)", async () => {
  const [left, right] = [merkleLeafHash(ENTRIES[0]!), merkleLeafHash(ENTRIES[1]!)];
  const path = await inclusionPath(0, 4, readTile);
  const refused = (size: number, index: number, entry: Uint8Array, path: Uint8Array[]): void => {
    assert.throws(
      () =>
        verifyInclusion({
          checkpoint: checkpointOf(size, referenceRoot(ENTRIES.slice(0, 4))),
          index,
          entry,
          path,
        }),
      { code: "LEDGER_INCLUSION" },
    );
  };
  for (const size of [2, 3, 4]) {
    refused(size, 0, concatBytes(left, right), path.slice(1));
    refused(size, 0, concatBytes(Uint8Array.of(1), left, right), path.slice(1));
  }
});

test("LOG-08: consistency proofs are those of RFC 6962, at every boundary", async () => {
  const roots = new Map(SIZES.map((size) => [size, referenceRoot(ENTRIES.slice(0, size))]));
  for (const newSize of SIZES) {
    for (const oldSize of SIZES.filter((size) => size <= newSize)) {
      const path = await consistencyPath(oldSize, newSize, readTile);
      const expected = oldSize === newSize ? [] : referenceConsistency(oldSize, ENTRIES.slice(0, newSize));
      assert.deepEqual(path, expected, `${oldSize} to ${newSize}`);
      verifyConsistency({
        oldSize,
        oldRoot: roots.get(oldSize)!,
        newSize,
        newRoot: roots.get(newSize)!,
        path,
      });
    }
  }
});

test("LOG-08: another size, root or path is refused", async () => {
  for (const [oldSize, newSize] of [
    [3, 7],
    [4, 7],
    [6, 8],
    [255, 257],
    [256, 600],
  ] as [number, number][]) {
    const path = await consistencyPath(oldSize, newSize, readTile);
    const [oldRoot, newRoot] = [oldSize, newSize].map((size) => referenceRoot(ENTRIES.slice(0, size)));
    const good = { oldSize, oldRoot: oldRoot!, newSize, newRoot: newRoot!, path };
    const refused = (change: Partial<typeof good>, what: string): void => {
      assert.throws(() => verifyConsistency({ ...good, ...change }), { code: "LEDGER_CONSISTENCY" }, what);
    };
    verifyConsistency(good);
    refused({ oldRoot: newRoot! }, "the old root");
    refused({ newRoot: oldRoot! }, "the new root");
    refused({ path: path.slice(1) }, "the first hash missing");
    refused({ path: path.slice(0, -1) }, "the last hash missing");
    refused({ path: [...path, path[0]!] }, "a hash more");
    refused({ path: [] }, "no path");
    refused({ oldSize: newSize + 1 }, "backwards");
    refused({ oldSize: 0 }, "a path from the empty tree");
    refused({ oldSize: newSize }, "a path from a tree to itself");
    refused({ path: path.map((hash) => hash.slice(1)) }, "short hashes");
    for (let i = 0; i < path.length; i++) refused({ path: path.with(i, oldRoot!) }, `hash ${i}`);
  }
  const root = referenceRoot(ENTRIES.slice(0, 3));
  const same = { oldSize: 3, newSize: 3, oldRoot: root, newRoot: root, path: [] };
  verifyConsistency(same);
  assert.throws(() => verifyConsistency({ ...same, newRoot: referenceRoot([]) }), {
    code: "LEDGER_CONSISTENCY",
  });
  assert.throws(() => verifyConsistency({ ...same, oldSize: -1 }), { code: "LEDGER_CONSISTENCY" });
  assert.throws(() => verifyConsistency({ ...same, oldSize: 1.5 }), { code: "LEDGER_CONSISTENCY" });
});

test("LOG-09: a tlog-proof stands on its own, and its extra data are read back", async () => {
  const { note: checkpoint } = checkpointOf(257);
  const proof = { index: 256, path: await inclusionPath(256, 257, readTile), checkpoint };
  const text = formatTlogProof(proof);
  assert.ok(text.startsWith("c2sp.org/tlog-proof@v1\nindex 256\n"));
  assert.deepEqual(parseTlogProof(text), proof);
  const extra = { ...proof, extra: Uint8Array.of(1, 2, 3) };
  assert.deepEqual(parseTlogProof(formatTlogProof(extra)), extra);
  assert.equal(verifyTlogProof({ proof: text, entry: ENTRIES[256]!, policy: policyOf(2) }).index, 256);
  const single = formatTlogProof({ index: 0, path: [], checkpoint: checkpointOf(1).note });
  assert.equal(
    verifyTlogProof({ proof: single, entry: ENTRIES[0]!, policy: policyOf(2) }).checkpoint.size,
    1,
  );
});

test("LOG-09: a tlog-proof with any character changed, added or missing is refused", async () => {
  const proof = formatTlogProof({
    index: 2,
    path: await inclusionPath(2, 5, readTile),
    checkpoint: checkpointOf(5).note,
  });
  const refused = (text: string, what: string): void => {
    assert.throws(
      () => verifyTlogProof({ proof: text, entry: ENTRIES[2]!, policy: policyOf(2) }),
      { name: "LedgerError" },
      what,
    );
  };
  for (let i = 0; i < proof.length; i++) {
    refused(`${proof.slice(0, i)}${proof[i] === "3" ? "4" : "3"}${proof.slice(i + 1)}`, `changed at ${i}`);
    refused(proof.slice(0, i), `cut at ${i}`);
  }
  refused(`${proof}\n`, "a newline more");
  refused(proof.replace("index 2", "index 02"), "a leading zero");
  refused(proof.replace("index 2\n", ""), "no index");
  refused(proof.replace("index 2\n", `index 2\n${"AAAA\n".repeat(70)}`), "too many hashes");
  assert.throws(() => verifyTlogProof({ proof, entry: ENTRIES[2]!, policy: policyOf(3) }), {
    code: "LEDGER_WITNESS_QUORUM",
  });
});
