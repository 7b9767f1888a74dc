import { concatBytes } from "@portcullis/protocol";
import { LedgerError } from "./errors.ts";

/** Hashes in a full tile, entries in a full bundle. */
export const TILE_WIDTH = 256;
/** A bundle states the length of each entry in two bytes. */
export const MAXIMUM_ENTRY_BYTES = 65_535;

/** Which tile (by level) or entry bundle. `width`: 1 to 256, how many hashes or entries it has. */
export interface Tile {
  readonly level: number | "entries";
  readonly index: number;
  readonly width: number;
}

/** Where it is served, relative to the log's prefix: `tile/0/x001/x234/067.p/5`. C2SP tlog-tiles, "Merkle Tree". */
export function tilePath(tile: Tile): string {
  const digits = tile.index.toString();
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, "0").match(/\d{3}/g) ?? [];
  const index = groups.map((group, i) => (i < groups.length - 1 ? `x${group}` : group)).join("/");
  const partial = tile.width < TILE_WIDTH ? `.p/${tile.width}` : "";
  return `tile/${tile.level}/${index}${partial}`;
}

/** How many hashes the level has in a tree of `size` entries. */
export function levelWidth(level: number | "entries", size: number): number {
  return level === "entries" ? size : Math.floor(size / TILE_WIDTH ** level);
}

/** The tile as a tree of `size` entries has it; width 0 if it has none. */
export function tileAt(level: number | "entries", index: number, size: number): Tile {
  const width = Math.min(TILE_WIDTH, Math.max(0, levelWidth(level, size) - index * TILE_WIDTH));
  return { level, index, width };
}

/** Tiles and bundles that a tree of `newSize` has and one of `oldSize` has not, lowest level first. */
export function newTiles(oldSize: number, newSize: number): Tile[] {
  const tiles: Tile[] = [];
  const addLevel = (level: number | "entries"): void => {
    const [before, after] = [levelWidth(level, oldSize), levelWidth(level, newSize)];
    if (after === before) return;
    const last = Math.floor((after - 1) / TILE_WIDTH);
    for (let index = Math.floor(before / TILE_WIDTH); index <= last; index++) {
      tiles.push(tileAt(level, index, newSize));
    }
  };
  addLevel("entries");
  for (let level = 0; levelWidth(level, newSize) > 0; level++) addLevel(level);
  return tiles;
}

/** Tiles and bundles that were partial in a tree of `oldSize` and are full in one of `newSize`. */
export function filledTiles(oldSize: number, newSize: number): Tile[] {
  return newTiles(oldSize, newSize).filter(
    ({ level, index, width }) => width === TILE_WIDTH && tileAt(level, index, oldSize).width > 0,
  );
}

/** @throws LedgerError LEDGER_TILE when the bytes are not `width` hashes */
export function decodeTile(bytes: Uint8Array, tile: Tile): Uint8Array[] {
  if (bytes.length !== tile.width * 32) throw new LedgerError("LEDGER_TILE", { path: tilePath(tile) });
  return Array.from({ length: tile.width }, (_, i) => bytes.slice(32 * i, 32 * i + 32));
}

/** @throws LedgerError LEDGER_ENTRY_LENGTH when it does not fit, or has nothing in it */
export function checkEntry(entry: Uint8Array): void {
  if (entry.length > 0 && entry.length <= MAXIMUM_ENTRY_BYTES) return;
  throw new LedgerError("LEDGER_ENTRY_LENGTH", { length: entry.length, maximum: MAXIMUM_ENTRY_BYTES });
}

/** C2SP tlog-tiles, "Log entries": a big-endian uint16 before each entry. @throws LedgerError LEDGER_ENTRY_LENGTH */
export function encodeEntryBundle(entries: readonly Uint8Array[]): Uint8Array {
  return concatBytes(
    ...entries.flatMap((entry) => {
      checkEntry(entry);
      return [Uint8Array.of(entry.length >> 8, entry.length & 0xff), entry];
    }),
  );
}

/** @throws LedgerError LEDGER_TILE when the bytes are not exactly `width` entries */
export function decodeEntryBundle(bytes: Uint8Array, tile: Tile): Uint8Array[] {
  const fail = (): never => {
    throw new LedgerError("LEDGER_TILE", { path: tilePath(tile) });
  };
  const entries: Uint8Array[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    if (entries.length === tile.width || offset + 2 > bytes.length) return fail();
    const length = ((bytes[offset] as number) << 8) | (bytes[offset + 1] as number);
    const end = offset + 2 + length;
    if (end > bytes.length) return fail();
    entries.push(bytes.slice(offset + 2, end));
    offset = end;
  }
  return entries.length === tile.width ? entries : fail();
}
