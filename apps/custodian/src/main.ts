import { randomBytes } from "node:crypto";
import { PortcullisError } from "@portcullis/protocol";
import { parseOptions, usage } from "./options.ts";
import { runCustodian } from "./run-custodian.ts";

try {
  const custodian = await runCustodian({
    ...parseOptions(process.argv.slice(2)),
    random: (length) => new Uint8Array(randomBytes(length)),
    log: (event, facts) => process.stderr.write(`${JSON.stringify({ event, ...facts })}\n`),
  });
  // Before the line that says it listens: whoever reads that line may already send the signal.
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void custodian.close());
  process.stdout.write(`${JSON.stringify({ listening: custodian.url, ...custodian.keys })}\n`);
} catch (error) {
  if (!(error instanceof PortcullisError)) throw error;
  process.stderr.write(`${error.message} ${JSON.stringify(error.facts)}\n`);
  if (error.code === "CUSTODIAN_USAGE") process.stderr.write(usage);
  process.exitCode = 1;
}
