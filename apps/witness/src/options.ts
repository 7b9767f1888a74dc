import { parseArgs } from "node:util";
import { WitnessError } from "./errors.ts";
import type { WitnessOptions } from "./run-witness.ts";

export const usage = `portcullis witness --data DIR --name NAME --log VKEY [--log VKEY ...]
  --data DIR                 where the key and the record of each log are kept
  --name NAME                the name in the witness's key, such as witness.example/w1
  --log VKEY                 the verifier key of a log to cosign
  --port N                   where to listen (any free port)
  --host ADDRESS             (127.0.0.1)
  --demonstration-clock FILE for a demonstration only: the file that holds its time
`;

function wrong(option: string): never {
  throw new WitnessError("WITNESS_USAGE", { option });
}

function read(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        data: { type: "string" },
        name: { type: "string" },
        log: { type: "string", multiple: true },
        port: { type: "string", default: "0" },
        host: { type: "string", default: "127.0.0.1" },
        "demonstration-clock": { type: "string" },
      },
    }).values;
  } catch (error) {
    return wrong(error instanceof Error ? error.message : "unknown");
  }
}

/** @throws WitnessError WITNESS_USAGE */
export function parseOptions(args: readonly string[]): Omit<WitnessOptions, "random"> {
  const { data, name, log: logs = [], port, host, "demonstration-clock": clockFile } = read(args);
  if (data === undefined) return wrong("--data");
  if (name === undefined) return wrong("--name");
  if (logs.length === 0) return wrong("--log");
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) return wrong("--port");
  return { data, name, logs, port: Number(port), host, ...(clockFile === undefined ? {} : { clockFile }) };
}
