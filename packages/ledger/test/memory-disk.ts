import { dirname } from "node:path";
import type { Random } from "@portcullis/protocol";
import type { FileOperations } from "../src/node/file-operations.ts";

/** What a process that was killed sees of its own operations. */
export class Crash extends Error {}

interface File {
  bytes: Uint8Array;
  /** What a power cut leaves. */
  synced: Uint8Array;
}
type Node = File | "folder";

/** `before`: the step does not happen; `after`: it happens and nobody is told; `torn`: half of a write happens. */
export type CrashMoment = "before" | "after" | "torn";

const isBelow = (path: string, folder: string): boolean => path.startsWith(`${folder}/`);

/**
 * A disk in memory that forgets what was not synced: names until their folder is synced, bytes until their file is.
 * Each step that changes something can be the last one of the process.
 */
export class MemoryDisk implements FileOperations {
  #names = new Map<string, Node>();
  #durableNames = new Map<string, Node>();
  #steps = 0;
  #crash: { readonly step: number; readonly moment: CrashMoment } | undefined;
  #dead = false;

  get steps(): number {
    return this.#steps;
  }

  get crashed(): boolean {
    return this.#dead;
  }

  crashAt(step: number, moment: CrashMoment): void {
    this.#steps = 0;
    this.#crash = { step, moment };
  }

  /** Another disk with the same on it, all of it synced. */
  clone(): MemoryDisk {
    const disk = new MemoryDisk();
    for (const [path, node] of this.#names) {
      disk.#names.set(path, node === "folder" ? node : { bytes: node.bytes, synced: node.bytes });
    }
    disk.#durableNames = new Map(disk.#names);
    return disk;
  }

  /** The same disk under a new process. */
  restart(): void {
    this.#dead = false;
    this.#crash = undefined;
    this.#steps = 0;
  }

  /** Keeps what was synced; of the names that were not, those that `random` happens to keep. */
  cutPower(random?: Random): void {
    const kept = new Map(this.#durableNames);
    for (const path of new Set([...this.#names.keys(), ...this.#durableNames.keys()])) {
      const node = this.#names.get(path);
      if (node === this.#durableNames.get(path) || random === undefined) continue;
      if (((random(1)[0] as number) & 1) === 0) continue;
      if (node === undefined) kept.delete(path);
      else kept.set(path, node);
    }
    for (const path of [...kept.keys()].sort()) {
      const parent = dirname(path);
      if (parent !== "/" && !kept.has(parent)) kept.delete(path);
    }
    for (const node of kept.values()) if (node !== "folder") node.bytes = node.synced;
    this.#names = kept;
    this.#durableNames = new Map(kept);
  }

  /** Anything that changes something, on this disk or with it. */
  async step<T>(run: () => T, torn: () => void = () => undefined): Promise<T> {
    if (this.#dead) throw new Crash();
    const fatal = this.#crash?.step === this.#steps++ ? this.#crash.moment : undefined;
    if (fatal !== undefined) this.#dead = true;
    if (fatal === "torn") torn();
    if (fatal === "before" || fatal === "torn") throw new Crash();
    const result = run();
    if (fatal === "after") throw new Crash();
    return result;
  }

  #requireFolder(path: string): void {
    if (path !== "/" && this.#names.get(path) !== "folder") throw new Error(`no such folder: ${path}`);
  }

  read(path: string): Promise<Uint8Array | undefined> {
    if (this.#dead) return Promise.reject(new Crash());
    const node = this.#names.get(path);
    return Promise.resolve(node === undefined || node === "folder" ? undefined : node.bytes.slice());
  }

  list(path: string): Promise<string[]> {
    return Promise.resolve([...this.#names.keys()].filter((name) => dirname(name) === path));
  }

  /** All files below a folder, by path. */
  files(folder: string): string[] {
    return [...this.#names].flatMap(([path, node]) =>
      node !== "folder" && isBelow(path, folder) ? path : [],
    );
  }

  #file(path: string): File {
    const node = this.#names.get(path);
    if (node !== undefined && node !== "folder") return node;
    const file = { bytes: new Uint8Array(0), synced: new Uint8Array(0) };
    this.#names.set(path, file);
    return file;
  }

  write(path: string, bytes: Uint8Array): Promise<void> {
    this.#requireFolder(dirname(path));
    return this.step(
      () => {
        const file = this.#file(path);
        file.bytes = file.synced = bytes.slice();
      },
      () => {
        const file = this.#file(path);
        file.bytes = file.synced = bytes.slice(0, bytes.length / 2);
      },
    );
  }

  rename(from: string, to: string): Promise<void> {
    return this.step(() => {
      const node = this.#names.get(from);
      if (node === undefined) throw new Error(`no such file: ${from}`);
      this.#names.delete(from);
      this.#names.set(to, node);
    });
  }

  makeFolder(path: string): Promise<void> {
    this.#requireFolder(dirname(path));
    return this.step(() => {
      if (!this.#names.has(path)) this.#names.set(path, "folder");
    });
  }

  syncFolder(path: string): Promise<void> {
    this.#requireFolder(path);
    return this.step(() => {
      for (const name of new Set([...this.#names.keys(), ...this.#durableNames.keys()])) {
        if (dirname(name) !== path) continue;
        const node = this.#names.get(name);
        if (node === undefined) this.#durableNames.delete(name);
        else this.#durableNames.set(name, node);
      }
    });
  }

  remove(path: string): Promise<void> {
    return this.step(() => {
      for (const name of this.#names.keys()) {
        if (name === path || isBelow(name, path)) this.#names.delete(name);
      }
    });
  }

  /** What somebody with a shell could do. */
  tamper(path: string, bytes: Uint8Array | undefined): void {
    if (bytes === undefined) this.#names.delete(path);
    else this.#names.set(path, { bytes, synced: bytes });
  }
}
