import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { CliError, type CliErrorCode } from "../errors.ts";

/** Written into every folder that a demonstration makes: only such a folder is emptied by the next one. */
const MARKER = "portcullis-demonstration.json";

/**
 * An empty folder that is marked as a demonstration's. What an earlier demonstration left in it goes; anything else is
 * never touched.
 * @throws CliError CLI_DATA_IN_USE, CLI_OUT_IN_USE
 */
export function freshFolder(
  path: string,
  inUse: Extract<CliErrorCode, "CLI_DATA_IN_USE" | "CLI_OUT_IN_USE">,
): string {
  const folder = resolve(path);
  mkdirSync(folder, { recursive: true });
  const names = readdirSync(folder);
  if (names.length > 0 && !isMarked(folder)) throw new CliError(inUse, { folder });
  for (const name of names) if (name !== MARKER) rmSync(join(folder, name), { recursive: true, force: true });
  writeFileSync(join(folder, MARKER), `${JSON.stringify({ demonstration: true })}\n`);
  return folder;
}

function isMarked(folder: string): boolean {
  const marker = join(folder, MARKER);
  return (
    existsSync(marker) &&
    (JSON.parse(readFileSync(marker, "utf8")) as { demonstration?: unknown }).demonstration === true
  );
}
