import assert from "node:assert/strict";
import { equalBytes, fromUtf8 } from "@portcullis/protocol";
import { merkleRoot } from "@portcullis/crypto";
import { decodeEntryBundle, decodeTile, newTiles, tilePath } from "@portcullis/ledger";
import type { FileOperations } from "@portcullis/ledger/node";
import { openCheckpoint, type WitnessPolicy } from "@portcullis/ledger/verify";

interface Checked {
  /** The published entries. */
  readonly entries: readonly Uint8Array[];
  readonly signedSize: number;
}

/** Some hundred times as fast as deepEqual, and called as often. */
export function assertSame(actual: Uint8Array | undefined, expected: Uint8Array, what: string): void {
  assert.ok(actual !== undefined && equalBytes(actual, expected), what);
}

/** All entries of a tree of `size`; each of its tiles and bundles is read and computed again from the entries. */
async function readTree(files: FileOperations, folder: string, size: number): Promise<Uint8Array[]> {
  const entries: Uint8Array[] = [];
  const tiles = newTiles(0, size);
  const read = async (tile: (typeof tiles)[number]): Promise<Uint8Array> => {
    const path = `${folder}/${tilePath(tile)}`;
    const full = `${folder}/${tilePath({ ...tile, width: 256 })}`;
    const bytes = (await files.read(path)) ?? (await files.read(full));
    assert.ok(bytes !== undefined, `${path} is missing`);
    return bytes;
  };
  for (const tile of tiles.filter((it) => it.level === "entries")) {
    entries.push(...decodeEntryBundle(await read(tile), tile));
  }
  for (const tile of tiles) {
    if (tile.level === "entries") continue;
    const span = 256 ** tile.level;
    decodeTile(await read(tile), tile).forEach((hash, i) => {
      const start = (tile.index * 256 + i) * span;
      assertSame(hash, merkleRoot(entries.slice(start, start + span)), `${tilePath(tile)} hash ${i}`);
    });
  }
  return entries;
}

/** The oracle: whatever happened, what is published is whole, signed, cosigned, and what is signed continues it. */
export async function checkEverything(
  files: FileOperations,
  directory: string,
  policy: WitnessPolicy,
): Promise<Checked> {
  const read = async (name: string): Promise<string | undefined> => {
    const bytes = await files.read(`${directory}/${name}`);
    return bytes === undefined ? undefined : fromUtf8(bytes);
  };
  const [signedNote, publishedNote] = [await read("signed"), await read("public/checkpoint")];
  if (signedNote === undefined) {
    assert.equal(publishedNote, undefined, "nothing is published before it is signed");
    return { entries: [], signedSize: 0 };
  }
  const signed = openCheckpoint(signedNote, { ...policy, threshold: 0 });
  const signedEntries = await readTree(files, `${directory}/public`, signed.size);
  assert.deepEqual(signed.root, merkleRoot(signedEntries), "the signed root");
  if (publishedNote === undefined) return { entries: [], signedSize: signed.size };
  const published = openCheckpoint(publishedNote, policy);
  assert.ok(published.size <= signed.size, "what is published was signed");
  const entries = await readTree(files, `${directory}/public`, published.size);
  assert.deepEqual(published.root, merkleRoot(entries), "the published root");
  return { entries, signedSize: signed.size };
}
