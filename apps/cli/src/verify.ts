import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { parseTrust, verifyEvidence } from "@portcullis/access/evidence";
import { parseCommandLine } from "./command-line.ts";
import { CliError } from "./errors.ts";

const usage = `usage: portcullis verify BUNDLE [--trust FILE]

  BUNDLE         the folder of an evidence bundle
  --trust FILE   policyId and keys that you have from somebody you trust (default: trust.json beside the bundle)

Checks everything offline. Exits 0 when all of it holds; else says what fails and exits 1.
`;

export async function verify(args: readonly string[]): Promise<number> {
  const { values, positionals } = parse(args);
  const bundle = positionals[0];
  if (values.help || bundle === undefined) {
    process.stdout.write(usage);
    return values.help ? 0 : 1;
  }
  const files = readBundle(bundle);
  const trust = parseTrust(
    readTrust(values.trust ?? join(dirname(bundle.replace(/[/\\]+$/, "")), "trust.json")),
  );
  const evidence = await verifyEvidence(files, trust);
  for (const line of evidence.summary) console.log(line);
  console.log("\nEverything in this bundle holds.");
  return 0;
}

function parse(args: readonly string[]) {
  return parseCommandLine({
    args: [...args],
    allowPositionals: true,
    options: { trust: { type: "string" }, help: { type: "boolean", default: false } },
  });
}

/** Every file of the bundle by its path with forward slashes. */
function readBundle(folder: string): Map<string, Uint8Array> {
  try {
    const paths = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter(
      (path) => !statSync(join(folder, path)).isDirectory(),
    );
    return new Map(
      paths.map((path) => [relative(".", path).split(sep).join("/"), readFileSync(join(folder, path))]),
    );
  } catch {
    throw new CliError("CLI_EVIDENCE_MISSING", { folder });
  }
}

function readTrust(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    throw new CliError("CLI_TRUST_MISSING", { file });
  }
}
