import { filesBelow, repository } from "./house.ts";
import { join } from "node:path";

export interface ErrorCode {
  readonly code: string;
  readonly meaning: string;
  readonly home: string;
}

/** Every table of error codes in the source: `export const ...Errors = { CODE: "sentence" } as const`. */
export async function errorCodes(): Promise<ErrorCode[]> {
  const files = ["packages", "apps"].flatMap((folder) =>
    filesBelow(folder, /^[^/]+\/src\/(?:.*\/)?[a-z-]*errors\.ts$/),
  );
  const codes: ErrorCode[] = [];
  for (const file of files) {
    const module = (await import(join(repository, file))) as Record<string, unknown>;
    for (const [name, table] of Object.entries(module)) {
      if (!name.endsWith("Errors") || typeof table !== "object" || table === null) continue;
      const home = file.split("/").slice(0, 2).join("/");
      for (const [code, meaning] of Object.entries(table))
        codes.push({ code, meaning: String(meaning), home });
    }
  }
  return codes.sort((a, b) => (a.home === b.home ? (a.code < b.code ? -1 : 1) : a.home < b.home ? -1 : 1));
}

/** docs/errors.md as it must stand. */
export function errorsPage(codes: readonly ErrorCode[]): string {
  const homes = [...new Set(codes.map(({ home }) => home))];
  const tables = homes.map((home) => {
    const rows = codes
      .filter((code) => code.home === home)
      .map(({ code, meaning }) => `| \`${code}\` | ${meaning.replaceAll("|", "\\|")} |`);
    return `## ${home}\n\n| code | meaning |\n| --- | --- |\n${rows.join("\n")}\n`;
  });
  return `# Error codes

Every error that Portcullis raises on purpose carries one of these codes. They are stable: a program may switch on them.
The sentences are those of the source; \`node test/write-lists.ts\` writes this page anew after a change.

${tables.join("\n")}`;
}
