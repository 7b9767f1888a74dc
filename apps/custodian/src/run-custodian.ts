import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { makeNoteSigner } from "@portcullis/ledger";
import { createWitnessHandler, WitnessStore } from "@portcullis/ledger/node";
import { parseVerifierKey } from "@portcullis/ledger/verify";
import { PortcullisError, toBase64Url, type Random } from "@portcullis/protocol";
import { clockFor, openDataDirectory, type DataDirectory } from "@portcullis/store/directory";
import { adminApi, type PublicKeys } from "./admin-api.ts";
import { Ceremonies } from "./ceremonies.ts";
import { CustodianFiles, type CustodianFilesOptions } from "./custodian-files.ts";
import { CustodianHost } from "./custodian-host.ts";
import { CustodianError } from "./errors.ts";
import { OrderDesk } from "./order-desk.ts";
import { Rounds } from "./rounds.ts";
import { ServerClient } from "./server-client.ts";

export interface CustodianOptions {
  readonly data: string;
  /** 0 takes any free one. */
  readonly port: number;
  /** Loopback: whoever reaches the port and has the token decides. */
  readonly host: string;
  /** Where the server answers, without a slash at the end. */
  readonly server: string;
  /** This custodian's id in the policy. */
  readonly id: string;
  readonly intervalMs: number;
  readonly random: Random;
  /** For a demonstration: the file that holds its time. */
  readonly clockFile?: string;
  /** One line for whoever runs the program; never content. */
  readonly log: (event: string, facts: Readonly<Record<string, unknown>>) => void;
  /** A test cuts the power here. */
  readonly write?: CustodianFilesOptions["write"];
}

export interface RunningCustodian {
  readonly url: string;
  readonly keys: PublicKeys;
  readonly adminToken: string;
  /** One round now, for a test that does not want to wait for the interval. */
  round(): Promise<void>;
  close(): Promise<void>;
}

/** Opens the data directory, makes the keys on first start, answers once it listens, and watches the ledger until closed. */
export async function runCustodian(options: CustodianOptions): Promise<RunningCustodian> {
  const { clockFile } = options;
  const directory = openDataDirectory(options.data, {
    program: "custodian",
    ...(clockFile === undefined ? {} : { demonstration: { clockFile } }),
  });
  try {
    return await start(directory, options);
  } catch (error) {
    directory.close();
    throw error;
  }
}

async function start(directory: DataDirectory, options: CustodianOptions): Promise<RunningCustodian> {
  const { id, random, log, write } = options;
  const clock = clockFor(directory);
  const files = new CustodianFiles({ path: directory.path, random, ...(write && { write }) });
  const signer = makeNoteSigner({
    name: `portcullis-custodian/${id}`,
    algorithm: "cosignature/v1",
    signingKey: files.cosignerKey,
  });
  const publicKeys = {
    id,
    identityKey: toBase64Url(files.identityKey.publicKey),
    cosignerKey: signer.key.text,
  };
  const host = await CustodianHost.open({ id, files, clock, random });
  const ceremonies = new Ceremonies({ host, files, random });

  let working: { server: ServerClient; rounds: Rounds } | undefined;
  let cosign: RequestListener | undefined;
  const begin = async (): Promise<void> => {
    if (working !== undefined) return;
    const { policy } = host.state.policy;
    const { server: url } = options;
    const server = new ServerClient({ url, id, key: files.identityKey, provider: policy.provider });
    working = { server, rounds: new Rounds({ host, server, clock }) };
    const logs = [policy.log, policy.identityLog].map(parseVerifierKey);
    const witness = await WitnessStore.open({ directory: files.witnessFolder, signer, logs });
    cosign = createWitnessHandler(witness, clock);
  };
  if (host.adopted !== undefined) await begin();

  const desk = new OrderDesk(host, () => {
    if (working === undefined) throw new CustodianError("CUSTODIAN_POLICY_MISSING");
    return working;
  });
  const admin = adminApi({
    host,
    ceremonies,
    desk,
    adminToken: files.adminToken,
    publicKeys,
    policyAdopted: begin,
  });
  const server = createServer((request, response) => {
    if (request.url?.startsWith("/v1/") === true) void admin(request, response);
    else if (cosign !== undefined) cosign(request, response);
    else response.writeHead(404, { "content-type": "text/plain; charset=utf-8" }).end("unknown log\n");
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(options.port, options.host, resolve);
  });

  const round = async (): Promise<void> => {
    if (working !== undefined) await working.rounds.run();
  };
  const timer = setInterval(() => {
    round().catch((error: unknown) => log("round failed", factsOf(error)));
  }, options.intervalMs);

  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${options.host.includes(":") ? `[${options.host}]` : options.host}:${port}`,
    keys: publicKeys,
    adminToken: files.adminToken,
    round,
    close: async () => {
      clearInterval(timer);
      ceremonies.abort();
      await new Promise((resolve) => {
        server.close(resolve);
        server.closeIdleConnections();
      });
      await working?.rounds.settled();
      directory.close();
    },
  };
}

function factsOf(error: unknown): Record<string, unknown> {
  if (error instanceof PortcullisError) return { code: (error as PortcullisError).code, ...error.facts };
  return { error: error instanceof Error ? error.message : String(error) };
}
