import { readFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { utf8 } from "@portcullis/protocol";
import { writeFileDurably } from "./durable-file.ts";
import { StoreError } from "./errors.ts";

/**
 * Held by one process at a time. The lock is the operating system's own (taken through SQLite, which knows each
 * system's way): it ends with the process, also by kill -9, so that there is no stale lock to detect. The file `pid`
 * only tells people who holds it.
 */
export class DirectoryLock {
  readonly #database: DatabaseSync;

  /** @throws StoreError STORE_LOCKED */
  constructor(lockFile: string, pidFile: string) {
    this.#database = new DatabaseSync(lockFile);
    try {
      this.#database.exec("BEGIN EXCLUSIVE");
    } catch {
      this.#database.close();
      throw new StoreError("STORE_LOCKED", { file: lockFile, pid: readPid(pidFile) });
    }
    writeFileDurably(pidFile, utf8(`${process.pid}\n`));
  }

  release(): void {
    if (this.#database.isOpen) this.#database.close();
  }
}

function readPid(pidFile: string): number | undefined {
  try {
    return Number.parseInt(readFileSync(pidFile, "utf8"), 10);
  } catch {
    return undefined;
  }
}
