import { merkleNodeHash, sha256 } from "@portcullis/crypto";
import { LedgerError } from "./errors.ts";
import { TILE_WIDTH, tileAt, tilePath, type Tile } from "./tile.ts";

/** The perfect subtree over entries [index * 2^height, (index + 1) * 2^height). */
interface Subtree {
  readonly height: number;
  readonly index: number;
}

/** The hashes of a tile; the reader checks their number. */
export type TileReader = (tile: Tile) => Promise<readonly Uint8Array[]>;

const TILE_HEIGHT = 8;

/** RFC 6962 section 2.1: the root of no entries. */
export const emptyRoot = (): Uint8Array => sha256(new Uint8Array(0));

/** The largest power of two below `size`, for a size of at least 2. */
function splitPoint(size: number): number {
  let split = 1;
  while (split * 2 < size) split *= 2;
  return split;
}

/** The perfect subtrees that make up the entries [start, end), left to right; `start` as RFC 6962's recursion makes it. */
function subtreesOf(start: number, end: number): Subtree[] {
  const subtrees: Subtree[] = [];
  for (let from = start; from < end;) {
    let height = 0;
    while (from % 2 ** (height + 1) === 0 && from + 2 ** (height + 1) <= end) height++;
    subtrees.push({ height, index: from / 2 ** height });
    from += 2 ** height;
  }
  return subtrees;
}

/** The root over perfect subtrees that stand side by side, ever smaller. */
function foldRoots(roots: readonly Uint8Array[]): Uint8Array {
  return roots.reduceRight((right, left) => merkleNodeHash(left, right));
}

/** The root of a power of two of hashes. */
export function perfectRoot(hashes: readonly Uint8Array[]): Uint8Array {
  let row = hashes;
  while (row.length > 1) {
    const below = row;
    row = Array.from({ length: below.length / 2 }, (_, i) =>
      merkleNodeHash(below[2 * i] as Uint8Array, below[2 * i + 1] as Uint8Array),
    );
  }
  return row[0] as Uint8Array;
}

/** What each hash of PATH(index, D[size]) spans. RFC 6962 section 2.1.1. */
function inclusionSpans(index: number, size: number): [number, number][] {
  const spans: [number, number][] = [];
  let [start, end] = [0, size];
  while (end - start > 1) {
    const middle = start + splitPoint(end - start);
    if (index < middle) {
      spans.push([middle, end]);
      end = middle;
    } else {
      spans.push([start, middle]);
      start = middle;
    }
  }
  return spans.toReversed();
}

/** What each hash of PROOF(oldSize, D[newSize]) spans, 0 < oldSize < newSize. RFC 6962 section 2.1.2. */
function consistencySpans(oldSize: number, newSize: number): [number, number][] {
  const spans: [number, number][] = [];
  let [start, end] = [0, newSize];
  while (end !== oldSize) {
    const middle = start + splitPoint(end - start);
    if (oldSize <= middle) {
      spans.push([middle, end]);
      end = middle;
    } else {
      spans.push([start, middle]);
      start = middle;
    }
  }
  if (start > 0) spans.push([start, end]);
  return spans.toReversed();
}

/** The tile that holds a subtree's row, and where in it. */
function locate({ height, index }: Subtree, size: number): { tile: Tile; from: number; count: number } {
  const count = 2 ** (height % TILE_HEIGHT);
  const position = index * count;
  const tile = tileAt(Math.floor(height / TILE_HEIGHT), Math.floor(position / TILE_WIDTH), size);
  return { tile, from: position % TILE_WIDTH, count };
}

/** The root over each span of a tree of `size` entries; each tile is read once. */
async function rootsOf(
  spans: readonly (readonly [number, number])[],
  size: number,
  read: TileReader,
): Promise<Uint8Array[]> {
  const plan = spans.map(([start, end]) => subtreesOf(start, end).map((subtree) => locate(subtree, size)));
  const wanted = new Map(plan.flat().map(({ tile }) => [tilePath(tile), tile]));
  const tiles = new Map(
    await Promise.all([...wanted].map(async ([path, tile]) => [path, await read(tile)] as const)),
  );
  return plan.map((subtrees) =>
    foldRoots(
      subtrees.map(({ tile, from, count }) =>
        perfectRoot((tiles.get(tilePath(tile)) ?? []).slice(from, from + count)),
      ),
    ),
  );
}

/** The root of the first `size` entries. */
export async function readRoot(size: number, read: TileReader): Promise<Uint8Array> {
  if (size === 0) return emptyRoot();
  const [root] = await rootsOf([[0, size]], size, read);
  return root as Uint8Array;
}

/** RFC 6962 section 2.1.1, from the leaf's sibling up. @throws LedgerError LEDGER_INDEX */
export async function inclusionPath(index: number, size: number, read: TileReader): Promise<Uint8Array[]> {
  if (!Number.isSafeInteger(index) || index < 0 || index >= size) {
    throw new LedgerError("LEDGER_INDEX", { index, size });
  }
  return rootsOf(inclusionSpans(index, size), size, read);
}

/** RFC 6962 section 2.1.2; empty from the empty tree and from a tree to itself. @throws LedgerError LEDGER_INDEX */
export async function consistencyPath(
  oldSize: number,
  newSize: number,
  read: TileReader,
): Promise<Uint8Array[]> {
  if (!Number.isSafeInteger(oldSize) || oldSize < 0 || oldSize > newSize) {
    throw new LedgerError("LEDGER_INDEX", { index: oldSize, size: newSize });
  }
  return oldSize === 0 || oldSize === newSize
    ? []
    : rootsOf(consistencySpans(oldSize, newSize), newSize, read);
}

/** The right edge of a tree: of each level the hashes that do not fill a tile yet. All that appending needs. */
export type Edge = readonly (readonly Uint8Array[])[];

/** The tile rows that are new once leaves were appended, and the edge that is left. */
export interface Growth {
  readonly edge: Edge;
  /** Of each level, the hashes from the start of the tile that was partial (or is new). */
  readonly rows: readonly (readonly Uint8Array[])[];
}

/** Appends leaf hashes; a full tile at one level is one hash at the next. */
export function growEdge(edge: Edge, leafHashes: readonly Uint8Array[]): Growth {
  const rows: (readonly Uint8Array[])[] = [];
  const grown: (readonly Uint8Array[])[] = [];
  let added = leafHashes;
  for (let level = 0; level < edge.length || added.length > 0; level++) {
    const row = [...(edge[level] ?? []), ...added];
    const full = Math.floor(row.length / TILE_WIDTH);
    rows.push(row);
    grown.push(row.slice(full * TILE_WIDTH));
    added = Array.from({ length: full }, (_, i) =>
      perfectRoot(row.slice(i * TILE_WIDTH, (i + 1) * TILE_WIDTH)),
    );
  }
  return { edge: grown, rows };
}

/** The root of the tree of which this is the right edge. */
export function edgeRoot(edge: Edge): Uint8Array {
  const roots = edge.toReversed().flatMap((row) =>
    subtreesOf(0, row.length).map(({ height, index }) => {
      const count = 2 ** height;
      return perfectRoot(row.slice(index * count, (index + 1) * count));
    }),
  );
  return roots.length === 0 ? emptyRoot() : foldRoots(roots);
}
