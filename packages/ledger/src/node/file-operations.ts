import { mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

/** What the ledger asks of a disk, so that a test can cut the power between any two of them. */
export interface FileOperations {
  /** Undefined if there is no such file. */
  read(path: string): Promise<Uint8Array | undefined>;
  /** Names in a folder; none if there is no such folder. */
  list(path: string): Promise<string[]>;
  /** Writes a whole file; its bytes, not its name, are on disk when it resolves. */
  write(path: string, bytes: Uint8Array): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** One folder, in one that exists; no error if it is there. */
  makeFolder(path: string): Promise<void>;
  /** Puts the names in a folder on disk. */
  syncFolder(path: string): Promise<void>;
  /** A file or a folder with all in it; no error if it is not there. */
  remove(path: string): Promise<void>;
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

async function orWhenMissing<T>(found: Promise<T>, missing: T): Promise<T> {
  try {
    return await found;
  } catch (error) {
    if (isMissing(error)) return missing;
    throw error;
  }
}

async function synced(path: string, flags: "r" | "w", bytes?: Uint8Array): Promise<void> {
  const file = await open(path, flags, 0o600);
  try {
    if (bytes !== undefined) await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function readBytes(path: string): Promise<Uint8Array> {
  // not the Buffer, whose slices are views
  return new Uint8Array(await readFile(path));
}

export const systemFiles: FileOperations = {
  read: (path) => orWhenMissing<Uint8Array | undefined>(readBytes(path), undefined),
  list: (path) => orWhenMissing(readdir(path), []),
  write: (path, bytes) => synced(path, "w", bytes),
  rename,
  makeFolder: async (path) => {
    await mkdir(path, { recursive: true, mode: 0o700 });
  },
  syncFolder: (path) => synced(path, "r"),
  remove: (path) => rm(path, { recursive: true, force: true }),
};

/** The file has the old bytes or all of the new ones, whatever happens; the new ones are on disk when it resolves. */
export async function replaceFile(files: FileOperations, path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.new`;
  await files.write(temporary, bytes);
  await files.rename(temporary, path);
  await files.syncFolder(dirname(path));
}
