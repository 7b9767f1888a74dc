import { join } from "node:path";
import { read, repository, workspaces } from "./house.ts";

/** The values that each package exports, by import path. (Types are the type checker's business.) */
export async function exportedNames(): Promise<Record<string, string[]>> {
  const names: Record<string, string[]> = {};
  for (const name of workspaces("packages")) {
    const { exports } = JSON.parse(read(`packages/${name}/package.json`)) as {
      exports: Record<string, string>;
    };
    for (const [path, file] of Object.entries(exports)) {
      const module = (await import(join(repository, "packages", name, file))) as object;
      names[join("@portcullis", name, path)] = Object.keys(module).toSorted();
    }
  }
  return names;
}
