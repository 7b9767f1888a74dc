import { dirname, join } from "node:path";
import { merkleLeafHash } from "@portcullis/crypto";
import { concatBytes, equalBytes, fromUtf8, utf8 } from "@portcullis/protocol";
import { LedgerError } from "../errors.ts";
import { signCheckpoint, type NoteSigner } from "../note-signer.ts";
import type { PendingCheckpoint, SequencedLog } from "../sequencer.ts";
import {
  checkEntry,
  encodeEntryBundle,
  filledTiles,
  levelWidth,
  newTiles,
  TILE_WIDTH,
  tileAt,
} from "../tile.ts";
import { consistencyPath, edgeRoot, growEdge, inclusionPath, readRoot, type Edge } from "../tree.ts";
import {
  checkPolicy,
  openCheckpoint,
  type VerifiedCheckpoint,
  type WitnessPolicy,
} from "../verify/checkpoint.ts";
import { formatTlogProof } from "../verify/tlog-proof.ts";
import { replaceFile, systemFiles, type FileOperations } from "./file-operations.ts";
import { OneAtATime } from "./one-at-a-time.ts";
import { TileFolder } from "./tile-folder.ts";

export interface TileLogOptions {
  /** The log's own; `public` in it is the static folder. */
  readonly directory: string;
  readonly signer: NoteSigner;
  /** Whose cosignatures a published checkpoint must have; `log` is the signer's key. */
  readonly policy: WitnessPolicy;
  readonly files?: FileOperations;
}

/** What the last signed tree is, and all that the next batch needs of it. */
interface Head {
  readonly signed: VerifiedCheckpoint;
  readonly edge: Edge;
  /** The entries of the bundle that is not full yet. */
  readonly lastBundle: readonly Uint8Array[];
}

/**
 * A log in a directory (LOG-20 to LOG-27). `signed`, the last checkpoint that the log's key signed, is trusted: whoever
 * can take it back can make the log sign two histories, which witnesses then refuse. It is durable before anybody sees
 * the signature, and the tiles are durable before it. `public/checkpoint` comes last.
 */
export class TileLog implements SequencedLog {
  /** The static folder, for any C2SP client. */
  readonly publicDirectory: string;
  readonly #signer: NoteSigner;
  readonly #policy: WitnessPolicy;
  readonly #files: FileOperations;
  readonly #tiles: TileFolder;
  readonly #signedPath: string;
  readonly #checkpointPath: string;
  readonly #writes = new OneAtATime();
  /** Owned by the write that runs. */
  #head: Head;
  #published: VerifiedCheckpoint | undefined;

  private constructor(options: TileLogOptions, tiles: TileFolder, head: Head) {
    this.publicDirectory = tiles.path;
    this.#signer = options.signer;
    this.#policy = options.policy;
    this.#files = options.files ?? systemFiles;
    this.#tiles = tiles;
    this.#signedPath = join(options.directory, "signed");
    this.#checkpointPath = join(tiles.path, "checkpoint");
    this.#head = head;
  }

  /**
   * Opens the log, or begins one in an empty or missing directory.
   * @throws LedgerError LEDGER_ROLLBACK when files are older than what was signed or published, LEDGER_TILE,
   * LEDGER_SIGNATURE and LEDGER_ORIGIN when they are another log's, LEDGER_POLICY
   */
  static async open(options: TileLogOptions): Promise<TileLog> {
    const { directory, signer, policy, files = systemFiles } = options;
    if (policy.log.text !== signer.key.text) throw new LedgerError("LEDGER_POLICY", { reason: "log key" });
    checkPolicy(policy);
    const tiles = new TileFolder(join(directory, "public"), files);
    await files.makeFolder(directory);
    await files.makeFolder(tiles.path);
    await files.syncFolder(dirname(directory));
    const note = await files.read(join(directory, "signed"));
    if (note === undefined && (await files.list(tiles.path)).length > 0) {
      throw new LedgerError("LEDGER_ROLLBACK", { missing: "signed" });
    }
    const empty = { origin: signer.key.name, size: 0, root: edgeRoot([]) };
    const signed = openSigned(note === undefined ? signCheckpoint(signer, empty) : fromUtf8(note), signer);
    const log = new TileLog(options, tiles, await readHead(tiles, signed));
    // what was read may not be on disk yet: nobody may see the signature before it is
    await replaceFile(files, log.#signedPath, utf8(signed.note));
    await log.#openPublished(policy);
    return log;
  }

  async #openPublished(policy: WitnessPolicy): Promise<void> {
    const bytes = await this.#files.read(this.#checkpointPath);
    if (bytes === undefined) return;
    const { signed } = this.#head;
    const published = openSigned(fromUtf8(bytes), this.#signer);
    if (published.size > signed.size) {
      throw new LedgerError("LEDGER_ROLLBACK", { published: published.size, signed: signed.size });
    }
    if (!equalBytes(await readRoot(published.size, this.#tiles.readTile), published.root)) {
      throw new LedgerError("LEDGER_ROLLBACK", { published: published.size });
    }
    try {
      this.#published = openCheckpoint(published.note, policy);
    } catch (error) {
      // the policy's witnesses have changed: what is signed is to be cosigned again
      if (!(error instanceof LedgerError) || error.code !== "LEDGER_WITNESS_QUORUM") throw error;
    }
  }

  /** Entries in the signed tree. */
  get size(): number {
    return this.#head.signed.size;
  }

  get published(): VerifiedCheckpoint | undefined {
    return this.#published;
  }

  get pending(): PendingCheckpoint | undefined {
    const { signed } = this.#head;
    return this.#published?.size === signed.size ? undefined : { size: signed.size, note: signed.note };
  }

  /**
   * Appends entries of which the first has index `firstIndex`; when it resolves they are durable and the new tree is
   * signed, durably too. Entries that stand there already are compared, so that the same call can be made again.
   * @throws LedgerError LEDGER_INDEX on a gap, LEDGER_ENTRY_CONFLICT, LEDGER_ENTRY_LENGTH, LEDGER_FAILED
   */
  append(firstIndex: number, entries: readonly Uint8Array[]): Promise<void> {
    return this.#writes.run(
      () => this.#unknownEntries(firstIndex, entries),
      (fresh) => this.#write(fresh),
    );
  }

  async #unknownEntries(firstIndex: number, entries: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
    entries.forEach(checkEntry);
    const { size } = this;
    if (!Number.isSafeInteger(firstIndex) || firstIndex < 0 || firstIndex > size) {
      throw new LedgerError("LEDGER_INDEX", { index: firstIndex, size });
    }
    const known = await this.#readEntries(firstIndex, Math.min(firstIndex + entries.length, size));
    const different = known.findIndex((entry, i) => !equalBytes(entry, entries[i] as Uint8Array));
    if (different >= 0) throw new LedgerError("LEDGER_ENTRY_CONFLICT", { index: firstIndex + different });
    return entries.slice(known.length);
  }

  async #write(entries: readonly Uint8Array[]): Promise<void> {
    if (entries.length === 0) return;
    const { signed, edge, lastBundle } = this.#head;
    const oldSize = signed.size;
    const newSize = oldSize + entries.length;
    const growth = growEdge(edge, entries.map(merkleLeafHash));
    const bundled = [...lastBundle, ...entries];
    const tiles = newTiles(oldSize, newSize).map((tile) => {
      const { level, index, width } = tile;
      const from = (index - Math.floor(levelWidth(level, oldSize) / TILE_WIDTH)) * TILE_WIDTH;
      const row = level === "entries" ? bundled : (growth.rows[level] ?? []);
      const content = row.slice(from, from + width);
      return { tile, bytes: level === "entries" ? encodeEntryBundle(content) : concatBytes(...content) };
    });
    await this.#tiles.write(tiles);
    const checkpoint = { origin: signed.origin, size: newSize, root: edgeRoot(growth.edge) };
    const note = signCheckpoint(this.#signer, checkpoint);
    await replaceFile(this.#files, this.#signedPath, utf8(note));
    this.#head = {
      signed: openSigned(note, this.#signer),
      edge: growth.edge,
      lastBundle: bundled.slice(bundled.length - (newSize % TILE_WIDTH)),
    };
  }

  /**
   * Publishes the signed checkpoint, in a note that now also has the witnesses' cosignatures.
   * @throws LedgerError LEDGER_WITNESS_QUORUM and what else openCheckpoint throws; LEDGER_ROLLBACK if it is of another
   * tree; LEDGER_FAILED
   */
  publish(note: string): Promise<void> {
    return this.#writes.run(
      async () => {
        const checkpoint = openCheckpoint(note, this.#policy);
        const { signed } = this.#head;
        if (checkpoint.size === signed.size && equalBytes(checkpoint.root, signed.root)) return checkpoint;
        throw new LedgerError("LEDGER_ROLLBACK", { size: checkpoint.size, signed: signed.size });
      },
      async (checkpoint) => {
        const before = this.#published?.size ?? 0;
        await replaceFile(this.#files, this.#checkpointPath, utf8(checkpoint.note));
        this.#published = checkpoint;
        for (const tile of filledTiles(before, checkpoint.size)) await this.#tiles.removePartials(tile);
      },
    );
  }

  /** Published entries [from, to). @throws LedgerError LEDGER_INDEX */
  async entries(from: number, to: number): Promise<Uint8Array[]> {
    const size = this.#published?.size ?? 0;
    if (!(from >= 0 && from <= to && to <= size)) throw new LedgerError("LEDGER_INDEX", { from, to, size });
    return this.#readEntries(from, to);
  }

  /** A published entry. @throws LedgerError LEDGER_INDEX */
  async entry(index: number): Promise<Uint8Array> {
    const [entry] = await this.entries(index, index + 1);
    return entry as Uint8Array;
  }

  async #readEntries(from: number, to: number): Promise<Uint8Array[]> {
    const entries: Uint8Array[] = [];
    for (let next = from; next < to; next = from + entries.length) {
      const bundle = await this.#tiles.readEntryBundle(Math.floor(next / TILE_WIDTH), this.size);
      entries.push(...bundle.slice(next % TILE_WIDTH, (next % TILE_WIDTH) + to - next));
    }
    return entries;
  }

  /** The path of an entry to the published root, or to that of the first `size` entries. @throws LedgerError LEDGER_INDEX */
  async readInclusionProof(index: number, size = this.#published?.size ?? 0): Promise<Uint8Array[]> {
    if (size > this.size) throw new LedgerError("LEDGER_INDEX", { index, size });
    return inclusionPath(index, size, this.#tiles.readTile);
  }

  /** Between any two sizes that were signed. @throws LedgerError LEDGER_INDEX */
  async readConsistencyProof(oldSize: number, newSize: number): Promise<Uint8Array[]> {
    if (newSize > this.size) throw new LedgerError("LEDGER_INDEX", { index: newSize, size: this.size });
    return consistencyPath(oldSize, newSize, this.#tiles.readTile);
  }

  /** The proof for a published entry, with the published checkpoint. C2SP tlog-proof. @throws LedgerError LEDGER_INDEX */
  async readTlogProof(index: number): Promise<string> {
    const published = this.#published;
    if (published === undefined) throw new LedgerError("LEDGER_INDEX", { index, size: 0 });
    const path = await this.readInclusionProof(index, published.size);
    return formatTlogProof({ index, path, checkpoint: published.note });
  }
}

/** A checkpoint by the log's own key, whoever else has signed it. */
function openSigned(note: string, signer: NoteSigner): VerifiedCheckpoint {
  return openCheckpoint(note, { log: signer.key, witnesses: [], threshold: 0 });
}

/** The right edge, from the partial tiles of the signed tree; it must give the signed root. */
async function readHead(tiles: TileFolder, signed: VerifiedCheckpoint): Promise<Head> {
  const edge: (readonly Uint8Array[])[] = [];
  for (let level = 0; levelWidth(level, signed.size) > 0; level++) {
    const tile = tileAt(level, Math.floor(levelWidth(level, signed.size) / TILE_WIDTH), signed.size);
    edge.push(tile.width === 0 ? [] : await tiles.readTile(tile));
  }
  const partial = signed.size % TILE_WIDTH;
  const lastBundle =
    partial === 0 ? [] : await tiles.readEntryBundle(Math.floor(signed.size / TILE_WIDTH), signed.size);
  const hashed = lastBundle.every((entry, i) => {
    const hash = edge[0]?.[i];
    return hash !== undefined && equalBytes(hash, merkleLeafHash(entry));
  });
  if (!hashed || !equalBytes(edgeRoot(edge), signed.root)) {
    throw new LedgerError("LEDGER_TILE", { size: signed.size });
  }
  return { signed, edge, lastBundle };
}
