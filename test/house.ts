import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative, sep } from "node:path";

export const repository: string = join(import.meta.dirname, "..");

/** All files below `folder` whose name matches, as paths relative to the repository with forward slashes. */
export function filesBelow(folder: string, name: RegExp): string[] {
  const absolute = join(repository, folder);
  return readdirSync(absolute, { recursive: true, encoding: "utf8" })
    .filter(
      (path) =>
        name.test(path) &&
        !path.split(sep).includes("node_modules") &&
        statSync(join(absolute, path)).isFile(),
    )
    .map((path) => relative(repository, join(absolute, path)).split(sep).join("/"))
    .sort();
}

export function read(path: string): string {
  return readFileSync(join(repository, path), "utf8");
}

/** Names of the workspaces below `packages` or `apps` that hold source. */
export function workspaces(folder: "packages" | "apps"): string[] {
  return readdirSync(join(repository, folder)).sort();
}
