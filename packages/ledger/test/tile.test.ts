import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { merkleLeafHash } from "@portcullis/crypto";
import {
  decodeEntryBundle,
  decodeTile,
  encodeEntryBundle,
  filledTiles,
  MAXIMUM_ENTRY_BYTES,
  newTiles,
  tileAt,
  tilePath,
} from "@portcullis/ledger";
import { edgeRoot, growEdge, type Edge } from "../src/tree.ts";
import { makeEntries } from "./log-fixtures.ts";
import { referenceRoot } from "./reference-tree.ts";

const vectors = JSON.parse(
  readFileSync(new URL("../../../vectors/ledger/c2sp.json", import.meta.url), "utf8"),
) as { tilePath: { index: number; path: string } };

test("LOG-10: paths are those of the specification", () => {
  const { index, path } = vectors.tilePath;
  assert.equal(tilePath({ level: 0, index, width: 256 }), `tile/0/${path}`);
  assert.equal(tilePath({ level: 0, index: 0, width: 256 }), "tile/0/000");
  assert.equal(tilePath({ level: 2, index: 999, width: 17 }), "tile/2/999.p/17");
  assert.equal(tilePath({ level: "entries", index: 1000, width: 1 }), "tile/entries/x001/000.p/1");
});

test("LOG-10: a tree of 70,000 has the tiles that the specification counts", () => {
  const tiles = newTiles(0, 70_000);
  const level = (wanted: number) => tiles.filter((it) => it.level === wanted);
  assert.deepEqual(
    [0, 1, 2, 3].map((it) => level(it).filter((tile) => tile.width === 256).length),
    [273, 1, 0, 0],
  );
  assert.deepEqual(
    [0, 1, 2, 3].map((it) => level(it).find((tile) => tile.width < 256)?.width),
    [112, 17, 1, undefined],
  );
  assert.deepEqual(
    newTiles(0, 256).filter((it) => it.level !== "entries"),
    [
      { level: 0, index: 0, width: 256 },
      { level: 1, index: 0, width: 1 },
    ],
  );
  assert.equal(newTiles(0, 0).length, 0);
});

test("LOG-10: appending writes only what is new, and tells which partial tiles are full by now", () => {
  assert.deepEqual(newTiles(255, 257).map(tilePath), [
    "tile/entries/000",
    "tile/entries/001.p/1",
    "tile/0/000",
    "tile/0/001.p/1",
    "tile/1/000.p/1",
  ]);
  assert.deepEqual(newTiles(256, 257).map(tilePath), ["tile/entries/001.p/1", "tile/0/001.p/1"]);
  assert.deepEqual(filledTiles(255, 257).map(tilePath), ["tile/entries/000", "tile/0/000"]);
  assert.deepEqual(filledTiles(256, 512), []);
  assert.equal(tileAt(0, 1, 256).width, 0);
});

test("LOG-10: the right edge gives the same root however the entries come", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 3 }), (batches) => {
      const entries = makeEntries(batches.reduce((sum, batch) => sum + batch, 0));
      let edge: Edge = [];
      let from = 0;
      for (const batch of batches) {
        edge = growEdge(edge, entries.slice(from, from + batch).map(merkleLeafHash)).edge;
        from += batch;
      }
      assert.deepEqual(edgeRoot(edge), referenceRoot(entries));
    }),
    { numRuns: 10 },
  );
});

test("LOG-11: a bundle holds entries of 1 to 65,535 bytes (D7)", () => {
  const entries = [Uint8Array.of(7), new Uint8Array(MAXIMUM_ENTRY_BYTES).fill(1), Uint8Array.of(1, 2)];
  const tile = { level: "entries", index: 0, width: 3 } as const;
  const bytes = encodeEntryBundle(entries);
  assert.deepEqual(bytes.slice(0, 5), Uint8Array.of(0, 1, 7, 255, 255));
  assert.deepEqual(decodeEntryBundle(bytes, tile), entries);
  for (const length of [0, MAXIMUM_ENTRY_BYTES + 1]) {
    assert.throws(() => encodeEntryBundle([new Uint8Array(length)]), { code: "LEDGER_ENTRY_LENGTH" });
  }
});

test("LOG-11: a bundle or tile of another length is refused", () => {
  const bundle = encodeEntryBundle(makeEntries(3));
  const tile = { level: "entries", index: 0, width: 3 } as const;
  for (let length = 0; length < bundle.length; length++) {
    assert.throws(() => decodeEntryBundle(bundle.slice(0, length), tile), { code: "LEDGER_TILE" });
  }
  assert.throws(() => decodeEntryBundle(bundle, { ...tile, width: 2 }), { code: "LEDGER_TILE" });
  assert.throws(() => decodeEntryBundle(bundle, { ...tile, width: 4 }), { code: "LEDGER_TILE" });
  for (const length of [0, 63, 65, 96]) {
    assert.throws(() => decodeTile(new Uint8Array(length), { level: 0, index: 0, width: 2 }), {
      code: "LEDGER_TILE",
    });
  }
});
