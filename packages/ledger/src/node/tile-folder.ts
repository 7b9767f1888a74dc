import { dirname, join } from "node:path";
import { LedgerError } from "../errors.ts";
import { decodeEntryBundle, decodeTile, TILE_WIDTH, tileAt, tilePath, type Tile } from "../tile.ts";
import type { FileOperations } from "./file-operations.ts";

const CACHED_TILES = 64;

/**
 * The static folder that any C2SP client can read: `checkpoint` and `tile/...`. Not trusted: whoever can write here can
 * make the log stop or a proof fail, and cannot make anybody accept a wrong one.
 */
export class TileFolder {
  readonly path: string;
  readonly #files: FileOperations;
  /** Full tiles never change. Oldest first. */
  readonly #cache = new Map<string, readonly Uint8Array[]>();
  /** Folders whose names are on disk, as far as this process made sure. */
  readonly #folders = new Set<string>();

  constructor(path: string, files: FileOperations) {
    this.path = path;
    this.#files = files;
  }

  /** The tile, or the first hashes of the full one that has replaced it. @throws LedgerError LEDGER_TILE */
  readonly readTile = async (tile: Tile): Promise<readonly Uint8Array[]> => {
    const full = { ...tile, width: TILE_WIDTH };
    const path = tilePath(full);
    const cached = this.#cache.get(path);
    if (cached !== undefined) return cached.slice(0, tile.width);
    const hashes = await this.#read(tile, decodeTile);
    if (tile.width === TILE_WIDTH) this.#remember(path, hashes);
    return hashes;
  };

  /** @throws LedgerError LEDGER_TILE */
  readEntryBundle(index: number, size: number): Promise<readonly Uint8Array[]> {
    return this.#read(tileAt("entries", index, size), decodeEntryBundle);
  }

  async #read(
    tile: Tile,
    decode: (bytes: Uint8Array, tile: Tile) => Uint8Array[],
  ): Promise<readonly Uint8Array[]> {
    const exact = await this.#files.read(join(this.path, tilePath(tile)));
    if (exact !== undefined) return decode(exact, tile);
    const full = { ...tile, width: TILE_WIDTH };
    const whole =
      tile.width < TILE_WIDTH ? await this.#files.read(join(this.path, tilePath(full))) : undefined;
    if (whole === undefined) throw new LedgerError("LEDGER_TILE", { path: tilePath(tile) });
    return decode(whole, full).slice(0, tile.width);
  }

  #remember(path: string, hashes: readonly Uint8Array[]): void {
    this.#cache.set(path, hashes);
    const [oldest] = this.#cache.keys();
    if (this.#cache.size > CACHED_TILES && oldest !== undefined) this.#cache.delete(oldest);
  }

  /** All of it is on disk, names included, when it resolves. No signed tree may name these tiles yet. */
  async write(tiles: readonly { tile: Tile; bytes: Uint8Array }[]): Promise<void> {
    const unsynced = new Set<string>();
    const placed = tiles.map(({ tile, bytes }) => ({ path: join(this.path, tilePath(tile)), bytes }));
    for (const { path } of placed) await this.#makeFolder(dirname(path), unsynced);
    await Promise.all(placed.map(({ path, bytes }) => this.#files.write(path, bytes)));
    for (const { path } of placed) unsynced.add(dirname(path));
    await Promise.all([...unsynced].map((folder) => this.#files.syncFolder(folder)));
  }

  async #makeFolder(folder: string, unsynced: Set<string>): Promise<void> {
    if (this.#folders.has(folder) || folder === this.path) return;
    await this.#makeFolder(dirname(folder), unsynced);
    await this.#files.makeFolder(folder);
    unsynced.add(dirname(folder));
    this.#folders.add(folder);
  }

  /** The partial forms of a tile that is full by now. */
  async removePartials(tile: Tile): Promise<void> {
    const folder = join(this.path, `${tilePath({ ...tile, width: TILE_WIDTH })}.p`);
    await this.#files.remove(folder);
    this.#folders.delete(folder);
  }
}
