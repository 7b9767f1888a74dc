import { createServer, type AddressInfo } from "node:net";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { CustodianAddress } from "@portcullis/custodian";
import { prepareServer, type PreparedServer } from "@portcullis/server";
import { Program } from "./program.ts";

/** Who holds a share, by quorum. */
export const quorums = [
  { name: "state", threshold: 2, custodians: ["high-court", "data-protection-office"] },
  { name: "civic", threshold: 2, custodians: ["bar-association", "journalists-union", "university"] },
] as const;

export const provider = "demo.portcullis.example";

export interface RunningCustodian extends CustodianAddress {
  readonly id: string;
  readonly quorum: string;
  readonly identityKey: string;
  readonly folder: string;
}

/** The demonstration's programs, all of them separate processes on loopback. */
export interface World {
  readonly server: PreparedServer & { readonly url: string; readonly folder: string };
  readonly custodians: readonly RunningCustodian[];
  /** Verifier keys as lines. */
  readonly witnesses: readonly string[];
  readonly programs: readonly Program[];
  /** How long a custodian rests between two looks at the ledger. */
  readonly custodianMs: number;
  stop(): Promise<void>;
}

export interface WorldOptions {
  readonly folder: string;
  readonly clockFile: string;
  readonly pace: keyof typeof paces;
  readonly onRestart: (program: string, reason: string) => void;
}

const LEDGER_BATCH = 4;

/**
 * How often, in milliseconds, the ledger publishes and custodians look. Each publication is cosigned by two witnesses
 * and five custodians: where clients have much to do, those who only keep watch take less of the machine.
 */
const paces = {
  quick: { ledgerMs: 1000, custodianMs: 2000 },
  steady: { ledgerMs: 4000, custodianMs: 4000 },
} as const;
type Pace = (typeof paces)[keyof typeof paces];

export async function startWorld(options: WorldOptions): Promise<World> {
  const { folder, clockFile } = options;
  const pace = paces[options.pace];
  mkdirSync(join(folder, "logs"), { recursive: true });
  const programs: Program[] = [];
  const start = async (name: string, script: string, args: readonly string[]) => {
    const { program, ready } = await Program.start({
      name,
      script,
      args: [...args, "--data", join(folder, name), "--demonstration-clock", clockFile],
      log: join(folder, "logs", `${name}.log`),
      onRestart: (reason) => options.onRestart(name, reason),
    });
    programs.push(program);
    return ready;
  };
  const stop = async (): Promise<void> => {
    await Promise.all(programs.map((program) => program.stop()));
  };
  try {
    const serverFolder = join(folder, "server");
    const prepared = prepareServer({ dataDirectory: serverFolder, provider, demonstrationClock: clockFile });
    const serverPort = await freePort();
    const url = `http://127.0.0.1:${serverPort}`;
    const witnesses = await Promise.all([1, 2].map((number) => startWitness(start, number, prepared)));
    const custodians = await Promise.all(
      quorums.flatMap(({ name, custodians: ids }) =>
        ids.map((id) => startCustodian(start, { id, quorum: name, server: url, folder, pace })),
      ),
    );
    await start("server", mainOf("@portcullis/server"), [
      "--provider",
      provider,
      "--port",
      String(serverPort),
      "--ledger-interval-ms",
      String(pace.ledgerMs),
      "--ledger-batch",
      String(LEDGER_BATCH),
      ...witnesses.flatMap((witness) => ["--witness", `${witness.vkey}=${witness.url}`]),
      ...custodians.flatMap((custodian) => ["--custodian", `${custodian.cosignerKey}=${custodian.url}`]),
    ]);
    const server = { ...prepared, url, folder: serverFolder };
    return {
      server,
      custodians,
      witnesses: witnesses.map(({ vkey }) => vkey),
      programs,
      custodianMs: pace.custodianMs,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

type Start = (
  name: string,
  script: string,
  args: readonly string[],
) => Promise<Readonly<Record<string, unknown>> & { readonly listening: string }>;

async function startWitness(
  start: Start,
  number: number,
  keys: PreparedServer,
): Promise<{ vkey: string; url: string }> {
  const name = `witness-${number}`;
  const ready = await start(name, mainOf("@portcullis/witness"), [
    "--name",
    `witness.example/w${number}`,
    "--port",
    String(await freePort()),
    "--log",
    keys.accessLog,
    "--log",
    keys.identityLog,
  ]);
  return { vkey: String(ready["vkey"]), url: ready.listening };
}

async function startCustodian(
  start: Start,
  options: { id: string; quorum: string; server: string; folder: string; pace: Pace },
): Promise<RunningCustodian & { readonly cosignerKey: string }> {
  const { id, quorum, server, folder, pace } = options;
  const name = `custodian-${id}`;
  const ready = await start(name, mainOf("@portcullis/custodian"), [
    "--id",
    id,
    "--server",
    server,
    "--port",
    String(await freePort()),
    "--interval",
    String(pace.custodianMs),
  ]);
  return {
    id,
    quorum,
    url: ready.listening,
    folder: join(folder, name),
    adminToken: readFileSync(join(folder, name, "admin-token"), "utf8").trim(),
    identityKey: String(ready["identityKey"]),
    cosignerKey: String(ready["cosignerKey"]),
  };
}

function mainOf(workspace: string): string {
  return fileURLToPath(new URL("main.ts", import.meta.resolve(workspace)));
}

/** A port that was free a moment ago; a program that is started again takes the same one. */
async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve, reject) => probe.once("error", reject).listen(0, "127.0.0.1", resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
