import { proportionalBytes, type Program } from "./program.ts";

const INTERVAL_MS = 5000;

/** Looks now and then at how much memory all programs and this process have together. */
export class MemoryWatch {
  readonly #programs: readonly Program[];
  readonly #timer: NodeJS.Timeout;
  #peakBytes = 0;

  constructor(programs: readonly Program[]) {
    this.#programs = programs;
    this.#timer = setInterval(() => this.#look(), INTERVAL_MS);
  }

  get peakBytes(): number {
    this.#look();
    return this.#peakBytes;
  }

  #look(): void {
    const pids = this.#programs.flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
    const total = pids.reduce((sum, pid) => sum + proportionalBytes(pid), proportionalBytes("self"));
    this.#peakBytes = Math.max(this.#peakBytes, total);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
