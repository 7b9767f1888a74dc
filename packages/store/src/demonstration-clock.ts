import { closeSync, existsSync, openSync, readSync, writeSync } from "node:fs";
import type { Clock } from "@portcullis/protocol";
import { writeFileDurably } from "./durable-file.ts";
import { StoreError } from "./errors.ts";

const LENGTH = 8;

function encodeTime(milliseconds: number): Uint8Array {
  const bytes = new Uint8Array(LENGTH);
  new DataView(bytes.buffer).setBigInt64(0, BigInt(milliseconds), true);
  return bytes;
}

function readTime(file: number, path: string): number {
  const bytes = new Uint8Array(LENGTH);
  if (readSync(file, bytes, 0, LENGTH, 0) !== LENGTH)
    throw new StoreError("STORE_CLOCK_UNREADABLE", { file: path });
  return Number(new DataView(bytes.buffer).getBigInt64(0, true));
}

function openClockFile(path: string, mode: "r" | "r+"): number {
  try {
    return openSync(path, mode);
  } catch {
    throw new StoreError("STORE_CLOCK_UNREADABLE", { file: path });
  }
}

/** The time that a demonstration has reached: read from the clock file, 8 bytes, at each call. spec/demonstration.md */
export class DemonstrationClock implements Clock {
  readonly #path: string;
  readonly #file: number;

  /** @throws StoreError STORE_CLOCK_UNREADABLE */
  constructor(path: string) {
    this.#path = path;
    this.#file = openClockFile(path, "r");
    this.now();
  }

  now(): number {
    return readTime(this.#file, this.#path);
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** The one hand that moves a demonstration's clock. What it set is there for every reader at once, and after kill -9. */
export class DemonstrationClockWriter implements Clock {
  readonly #file: number;
  #nowMs: number;

  /** Makes the clock file if it is missing; else goes on from the time in it, if that is later than `startMs`. */
  constructor(path: string, startMs: number) {
    if (!existsSync(path)) writeFileDurably(path, encodeTime(startMs));
    this.#file = openClockFile(path, "r+");
    this.#nowMs = readTime(this.#file, path);
    if (this.#nowMs < startMs) this.set(startMs);
  }

  now(): number {
    return this.#nowMs;
  }

  /** @throws StoreError STORE_CLOCK_BACKWARDS */
  set(nowMs: number): void {
    if (nowMs < this.#nowMs) throw new StoreError("STORE_CLOCK_BACKWARDS", { from: this.#nowMs, to: nowMs });
    writeSync(this.#file, encodeTime(nowMs), 0, LENGTH, 0);
    this.#nowMs = nowMs;
  }

  close(): void {
    closeSync(this.#file);
  }
}
