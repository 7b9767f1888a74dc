import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { utf8, type Clock } from "@portcullis/protocol";
import { DemonstrationClock } from "./demonstration-clock.ts";
import { DirectoryLock } from "./directory-lock.ts";
import { makeFolder, writeFileDurably } from "./durable-file.ts";
import { StoreError } from "./errors.ts";

/** Written once, when the directory is made; what it says holds for the life of the directory. */
const MARKER = "portcullis.json";
const FORMAT = 1;

export type Program = "server" | "custodian" | "witness" | "client" | "demonstration";

export interface DataDirectoryOptions {
  readonly program: Program;
  /** Asks for a demonstration's directory, whose time is that of `clockFile`. */
  readonly demonstration?: { readonly clockFile: string };
}

/** One program's folder, held exclusively from open to close. */
export class DataDirectory {
  readonly path: string;
  readonly program: Program;
  readonly clockFile: string | undefined;
  readonly #lock: DirectoryLock;

  constructor(path: string, options: DataDirectoryOptions, lock: DirectoryLock) {
    this.path = path;
    this.program = options.program;
    this.clockFile = options.demonstration?.clockFile;
    this.#lock = lock;
  }

  get demonstration(): boolean {
    return this.clockFile !== undefined;
  }

  /** The path of a file in the directory. */
  file(name: string): string {
    return join(this.path, name);
  }

  /** The path of a folder in the directory, which exists from then on. */
  folder(name: string): string {
    const path = join(this.path, name);
    makeFolder(path);
    return path;
  }

  close(): void {
    this.#lock.release();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Opens a program's data directory, and makes it where there is none or an empty folder. Whether a directory is a
 * demonstration's is decided when it is made and never again (DEM-01 to DEM-04).
 * @throws StoreError STORE_LOCKED, STORE_NOT_DATA_DIRECTORY, STORE_WRONG_PROGRAM, STORE_NOT_DEMONSTRATION, STORE_IS_DEMONSTRATION
 */
export function openDataDirectory(path: string, options: DataDirectoryOptions): DataDirectory {
  makeFolder(path);
  if (!existsSync(join(path, MARKER)) && readdirSync(path).some((name) => !ours.has(name)))
    throw new StoreError("STORE_NOT_DATA_DIRECTORY", { path });
  const lock = new DirectoryLock(join(path, "lock"), join(path, "pid"));
  try {
    if (!existsSync(join(path, MARKER))) writeMarker(path, options);
    checkMarker(path, options);
    return new DataDirectory(path, options, lock);
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** What a process that died while it made the directory may have left there. */
const ours: ReadonlySet<string> = new Set(["lock", "pid", "pid.new", `${MARKER}.new`]);

function writeMarker(path: string, { program, demonstration }: DataDirectoryOptions): void {
  const marker = { format: FORMAT, program, demonstration: demonstration !== undefined };
  writeFileDurably(join(path, MARKER), utf8(`${JSON.stringify(marker)}\n`));
}

function checkMarker(path: string, { program, demonstration }: DataDirectoryOptions): void {
  const marker = readMarker(path);
  if (marker.program !== program)
    throw new StoreError("STORE_WRONG_PROGRAM", { path, program, marked: marker.program });
  if (demonstration !== undefined && !marker.demonstration)
    throw new StoreError("STORE_NOT_DEMONSTRATION", { path });
  if (demonstration === undefined && marker.demonstration)
    throw new StoreError("STORE_IS_DEMONSTRATION", { path });
}

function readMarker(path: string): { program: string; demonstration: boolean } {
  let marker: unknown;
  try {
    marker = JSON.parse(readFileSync(join(path, MARKER), "utf8"));
  } catch {
    throw new StoreError("STORE_NOT_DATA_DIRECTORY", { path });
  }
  const { format, program, demonstration } = (marker ?? {}) as Record<string, unknown>;
  if (format !== FORMAT || typeof program !== "string" || typeof demonstration !== "boolean")
    throw new StoreError("STORE_NOT_DATA_DIRECTORY", { path });
  return { program, demonstration };
}

/** The time by which this directory lives: the system's, or for a demonstration that of its clock file. */
export function clockFor(directory: DataDirectory): Clock {
  return directory.clockFile === undefined ? systemClock : new DemonstrationClock(directory.clockFile);
}

export const systemClock: Clock = { now: () => Date.now() };
