import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { temporaryDirectory } from "@portcullis/testkit";

const bin = fileURLToPath(new URL("../bin/portcullis.js", import.meta.url));

export interface Finished {
  readonly status: number | null;
  readonly output: string;
}

/** The command as a person runs it. */
export function portcullis(args: readonly string[]): { child: ChildProcess; finished: Promise<Finished> } {
  const child = spawn(process.execPath, [bin, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  const finished = new Promise<Finished>((resolve) =>
    child.once("close", (status) => resolve({ status, output })),
  );
  return { child, finished };
}

/** Folders for one demonstration. */
export function demonstrationFolders(): {
  readonly data: string;
  readonly out: string;
  readonly options: readonly string[];
} {
  const folder = temporaryDirectory();
  const [data, out] = [join(folder, "data"), join(folder, "out")];
  return { data, out, options: ["demo", "--once", "--data", data, "--out", out] };
}

export function reportIn(out: string): Record<string, number> {
  return JSON.parse(readFileSync(join(out, "report.json"), "utf8")) as Record<string, number>;
}

/** How often the server has come up to listen. */
export function serverStarts(data: string): number {
  const log = join(data, "logs", "server.log");
  return existsSync(log) ? readFileSync(log, "utf8").split('"event":"listening"').length - 1 : 0;
}

/** The server's process, once it runs. */
export function serverPid(data: string): number | undefined {
  const file = join(data, "server", "pid");
  const pid = existsSync(file) ? Number(readFileSync(file, "utf8")) : 0;
  return pid > 0 ? pid : undefined;
}
