import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { makeNoteSigner } from "@portcullis/ledger";
import { createWitnessHandler, WitnessStore } from "@portcullis/ledger/node";
import { parseVerifierKey } from "@portcullis/ledger/verify";
import type { Clock, Random } from "@portcullis/protocol";
import { clockFor, openDataDirectory } from "@portcullis/store/directory";
import { openKeyFile } from "./key-file.ts";

export interface WitnessOptions {
  readonly data: string;
  /** 0 takes any free one. */
  readonly port: number;
  readonly host: string;
  /** The key's name, a URL without a scheme. */
  readonly name: string;
  /** Verifier keys of the logs. */
  readonly logs: readonly string[];
  readonly random: Random;
  /** For a demonstration: the file that holds its time. */
  readonly clockFile?: string;
  /** For tests, instead of the system's. */
  readonly clock?: Clock;
}

export interface RunningWitness {
  readonly url: string;
  readonly vkey: string;
  close(): Promise<void>;
}

/** Opens the data directory, makes the key on first start, and answers once it listens. */
export async function runWitness(options: WitnessOptions): Promise<RunningWitness> {
  const { clockFile } = options;
  const directory = openDataDirectory(options.data, {
    program: "witness",
    ...(clockFile === undefined ? {} : { demonstration: { clockFile } }),
  });
  try {
    const signer = makeNoteSigner({
      name: options.name,
      algorithm: "cosignature/v1",
      signingKey: openKeyFile(directory.file("key"), options.random),
    });
    const logs = options.logs.map(parseVerifierKey);
    const store = await WitnessStore.open({ directory: directory.file("logs"), signer, logs });
    const server = createServer(createWitnessHandler(store, options.clock ?? clockFor(directory)));
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject).listen(options.port, options.host, resolve);
    });
    const { port } = server.address() as AddressInfo;
    return {
      url: `http://${options.host.includes(":") ? `[${options.host}]` : options.host}:${port}`,
      vkey: signer.key.text,
      close: async () => {
        await new Promise((resolve) => {
          server.close(resolve);
          server.closeIdleConnections();
        });
        directory.close();
      },
    };
  } catch (error) {
    directory.close();
    throw error;
  }
}
