import { parseArgs } from "node:util";
import { CustodianError } from "./errors.ts";
import type { CustodianOptions } from "./run-custodian.ts";

export const usage = `portcullis custodian --data DIR --server URL --id NAME
  --data DIR                 where keys, shares and what was seen of the ledger are kept
  --server URL               the server whose orders are decided
  --id NAME                  this custodian's id in the policy
  --port N                   where to listen (any free port)
  --host ADDRESS             (127.0.0.1)
  --interval MILLISECONDS    between two looks at the ledger (2000)
  --demonstration-clock FILE for a demonstration only: the file that holds its time
`;

function wrong(option: string): never {
  throw new CustodianError("CUSTODIAN_USAGE", { option });
}

function read(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        data: { type: "string" },
        server: { type: "string" },
        id: { type: "string" },
        port: { type: "string", default: "0" },
        host: { type: "string", default: "127.0.0.1" },
        interval: { type: "string", default: "2000" },
        "demonstration-clock": { type: "string" },
      },
    }).values;
  } catch (error) {
    return wrong(error instanceof Error ? error.message : "unknown");
  }
}

/** @throws CustodianError CUSTODIAN_USAGE */
export function parseOptions(args: readonly string[]): Omit<CustodianOptions, "random" | "log"> {
  const { data, server, id, port, host, interval, "demonstration-clock": clockFile } = read(args);
  if (data === undefined) return wrong("--data");
  if (server === undefined || !/^https?:\/\/[^/]+\/?$/.test(server)) return wrong("--server");
  if (id === undefined || !/^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/.test(id)) return wrong("--id");
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) return wrong("--port");
  if (!/^\d{2,8}$/.test(interval)) return wrong("--interval");
  return {
    data,
    server: server.replace(/\/$/, ""),
    id,
    port: Number(port),
    host,
    intervalMs: Number(interval),
    ...(clockFile === undefined ? {} : { clockFile }),
  };
}
