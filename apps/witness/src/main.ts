import { randomBytes } from "node:crypto";
import { PortcullisError } from "@portcullis/protocol";
import { parseOptions, usage } from "./options.ts";
import { runWitness } from "./run-witness.ts";

try {
  const witness = await runWitness({
    ...parseOptions(process.argv.slice(2)),
    random: (length) => new Uint8Array(randomBytes(length)),
  });
  // Before the line that says it listens: whoever reads that line may already send the signal.
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void witness.close());
  process.stdout.write(`${JSON.stringify({ listening: witness.url, vkey: witness.vkey })}\n`);
} catch (error) {
  if (!(error instanceof PortcullisError)) throw error;
  process.stderr.write(`${error.message} ${JSON.stringify(error.facts)}\n`);
  if (error.code === "WITNESS_USAGE") process.stderr.write(usage);
  process.exitCode = 1;
}
