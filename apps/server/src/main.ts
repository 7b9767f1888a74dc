import { parseArgs } from "node:util";
import { toBase64Url } from "@portcullis/protocol";
import { jsonLog } from "./log.ts";
import { faultFrom } from "./fault.ts";
import { runServer } from "./run-server.ts";
import type { Cosigner } from "./server-options.ts";

const { values } = parseArgs({
  options: {
    data: { type: "string" },
    host: { type: "string", default: "127.0.0.1" },
    port: { type: "string", default: "8448" },
    provider: { type: "string" },
    "demonstration-clock": { type: "string" },
    witness: { type: "string", multiple: true, default: [] },
    "witness-threshold": { type: "string" },
    custodian: { type: "string", multiple: true, default: [] },
    "ledger-interval-ms": { type: "string", default: "1000" },
    "ledger-batch": { type: "string", default: "4" },
    "members-invite": { type: "boolean", default: false },
  },
});

function required(name: "data" | "provider"): string {
  const value = values[name];
  if (value === undefined) throw new Error(`--${name} is missing`);
  return value;
}

/** VKEY=URL; a verifier key may end in "=", which a URL never begins with. */
function cosigner(text: string): Cosigner {
  const match = /^(.*)=(https?:\/\/.*)$/.exec(text);
  if (match === null) throw new Error(`not VKEY=URL: ${text}`);
  return { vkey: match[1] as string, url: (match[2] as string).replace(/\/$/, "") };
}

const demonstrationClock = values["demonstration-clock"];
const threshold = values["witness-threshold"];
const server = await runServer({
  dataDirectory: required("data"),
  provider: required("provider"),
  host: values.host,
  port: Number(values.port),
  ...(demonstrationClock !== undefined && { demonstrationClock }),
  witnesses: values.witness.map(cosigner),
  ...(threshold !== undefined && { witnessThreshold: Number(threshold) }),
  custodians: values.custodian.map(cosigner),
  ledgerIntervalMs: Number(values["ledger-interval-ms"]),
  ledgerBatch: Number(values["ledger-batch"]),
  membersInvite: values["members-invite"],
  log: jsonLog(process.stderr),
  fault: faultFrom(process.env["PORTCULLIS_FAULT"], demonstrationClock !== undefined),
});

// Before the line that says it listens: whoever reads that line may already send the signal.
for (const signal of ["SIGTERM", "SIGINT"] as const)
  process.once(signal, () => {
    void server.close().then(() => process.exit(0));
  });

const { url: listening, accessLog, identityLog } = server;
const [vrfKey, frankingKey] = [toBase64Url(server.vrfKey), toBase64Url(server.frankingKey)];
process.stdout.write(`${JSON.stringify({ listening, accessLog, identityLog, vrfKey, frankingKey })}\n`);
