import { spawn, type ChildProcess } from "node:child_process";
import { createWriteStream, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { CliError } from "../errors.ts";

export interface ProgramOptions {
  readonly name: string;
  /** The program's main.ts. */
  readonly script: string;
  readonly args: readonly string[];
  /** Where what it says on standard error goes. */
  readonly log: string;
  /** Called before each new start after an unexpected end, with the signal or exit code. */
  readonly onRestart?: (reason: string) => void;
}

/** What a program prints as its first line of standard output: one JSON object with at least `listening`. */
export type Ready = Readonly<Record<string, unknown>> & { readonly listening: string };

/** Compiled code is shared between programs and starts: without it each strips the types of hundreds of files anew. */
const compileCache = process.env["NODE_COMPILE_CACHE"] ?? join(tmpdir(), "portcullis-compile-cache");
const STARTS_IN_A_ROW = 5;

/**
 * One of the demonstration's processes. It is started again when it ends without being told to: a killed server loses
 * nothing that it acknowledged, and its clients resume.
 */
export class Program {
  readonly name: string;
  readonly #options: ProgramOptions;
  #child: ChildProcess | undefined;
  #stopping = false;
  #failures = 0;

  private constructor(options: ProgramOptions) {
    this.name = options.name;
    this.#options = options;
  }

  /** Resolves when the program listens. @throws CliError CLI_PROGRAM_FAILED */
  static async start(options: ProgramOptions): Promise<{ program: Program; ready: Ready }> {
    const program = new Program(options);
    return { program, ready: await program.#run() };
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  async #run(): Promise<Ready> {
    const { script, args, log, name } = this.#options;
    const child = spawn(process.execPath, ["--max-semi-space-size=2", script, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NODE_COMPILE_CACHE: compileCache },
    });
    this.#child = child;
    child.stderr.pipe(createWriteStream(log, { flags: "a" }));
    return new Promise((resolve, reject) => {
      createInterface(child.stdout).once("line", (line) => {
        this.#failures = 0;
        resolve(JSON.parse(line) as Ready);
      });
      child.once("error", reject);
      child.once("exit", (code, signal) => {
        const reason = signal ?? `exit ${code}`;
        reject(new CliError("CLI_PROGRAM_FAILED", { program: name, reason, log }));
        if (!this.#stopping) this.#restart(reason);
      });
    });
  }

  #restart(reason: string): void {
    this.#failures++;
    if (this.#failures > STARTS_IN_A_ROW) return;
    this.#options.onRestart?.(reason);
    this.#run().catch(() => undefined); // the next exit event decides what happens
  }

  /** Asks it to end, and waits until it has. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), 10_000);
    await ended;
    clearTimeout(late);
  }

  /** CPU seconds and largest resident size so far, where the system tells (Linux). */
  usage(): { cpuSeconds: number; peakMegabytes: number } | undefined {
    return this.pid === undefined ? undefined : usageOf(this.pid);
  }
}

const TICKS_PER_SECOND = 100;

/**
 * Memory that a process has to itself plus its part of what it shares, in bytes: sizes of several processes add up
 * only so. 0 on systems that do not tell.
 */
export function proportionalBytes(pid: number | "self"): number {
  try {
    return (
      1024 * Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? 0)
    );
  } catch {
    return 0;
  }
}

/** From /proc: undefined on systems without it. */
export function usageOf(pid: number | "self"): { cpuSeconds: number; peakMegabytes: number } | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
    return {
      cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
      peakMegabytes: Math.round(Number(peak?.[1] ?? 0) / 1024),
    };
  } catch {
    return undefined;
  }
}
