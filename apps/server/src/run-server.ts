import { randomBytes } from "node:crypto";
import type { AddressInfo } from "node:net";
import { sealOpening } from "@portcullis/access/verify";
import type { WitnessClient } from "@portcullis/ledger";
import { httpWitness } from "@portcullis/ledger/node";
import { parseVerifierKey, type VerifierKey, type WitnessPolicy } from "@portcullis/ledger/verify";
import { toBase64Url, type Clock, type Random } from "@portcullis/protocol";
import {
  clockFor,
  openDataDirectory,
  openStore,
  systemClock,
  type Fault,
  type NewOpening,
  type Origin,
} from "@portcullis/store";
import { ConversationCache } from "./delivery/conversation-state.ts";
import { Dispatcher } from "./delivery/dispatcher.ts";
import { GroupCommit } from "./delivery/group-commit.ts";
import { createApplication } from "./http/application.ts";
import { OriginLog } from "./ledger/origin-log.ts";
import type { Log } from "./log.ts";
import { PolicyState } from "./policy-state.ts";
import { loadKeys } from "./server-keys.ts";
import { Sessions } from "./sessions.ts";
import { Stream } from "./stream.ts";

/** A witness or custodian that is asked for cosignatures. */
export interface Cosigner {
  /** A verifier key as a line. */
  readonly vkey: string;
  /** Submission prefix. */
  readonly url: string;
}

export interface ServerOptions {
  readonly dataDirectory: string;
  /** The host in this server's URIs. */
  readonly provider: string;
  readonly host?: string;
  /** 0 for any that is free. */
  readonly port: number;
  /** Asks for a demonstration's directory, by that clock. */
  readonly demonstrationClock?: string;
  /** Whose cosignatures a checkpoint must have: `witnessThreshold` of them, all if absent. */
  readonly witnesses: readonly Cosigner[];
  readonly witnessThreshold?: number;
  /** Asked for cosignatures too, which never count. */
  readonly custodians?: readonly Cosigner[];
  readonly ledgerIntervalMs?: number;
  readonly ledgerBatch?: number;
  readonly log: Log;
  readonly fault?: Fault;
  /** Instead of the system's, or the demonstration's. */
  readonly clock?: Clock;
}

export interface RunningServer {
  readonly url: string;
  /** Verifier keys of the two logs, as lines, and the key that signs franks. */
  readonly accessLog: string;
  readonly identityLog: string;
  readonly frankingKey: Uint8Array;
  readonly operatorToken: string;
  readonly registrationToken: string;
  /** Ends connections, lets what is under way become durable, and lets go of the directory. */
  close(): Promise<void>;
}

const WITNESS_TIMEOUT_MS = 10_000;
const IDENTITY_INTERVAL_MS = 50;
const IDENTITY_BATCH = 1024;
const random: Random = (length) => new Uint8Array(randomBytes(length));

/** The delivery service, the directory, the two logs and the desk's API, on one port and in one directory. */
export async function runServer(options: ServerOptions): Promise<RunningServer> {
  const { provider, log, demonstrationClock, fault } = options;
  const directory = openDataDirectory(options.dataDirectory, {
    program: "server",
    ...(demonstrationClock !== undefined && { demonstration: { clockFile: demonstrationClock } }),
  });
  const clock = options.clock ?? clockFor(directory);
  const keys = loadKeys(directory, provider, random);
  const store = openStore(directory.file("portcullis.sqlite"), fault);
  const policy = new PolicyState(store);
  await policy.reload();

  const witnesses = options.witnesses.map((witness) => cosigner(witness));
  const openLog = (origin: Origin): Promise<OriginLog> => {
    const signer = origin === "access" ? keys.accessLog : keys.identityLog;
    return OriginLog.open({
      origin,
      directory: directory.folder(`${origin}-log`),
      store,
      signer,
      policy: witnessPolicy(signer.key, witnesses, options),
      witnesses: [...witnesses, ...(options.custodians ?? []).map((custodian) => cosigner(custodian))],
      pace:
        origin === "access"
          ? { kind: "constant", entries: options.ledgerBatch ?? 4, dummy, random }
          : { kind: "demand", most: IDENTITY_BATCH },
      intervalMs: origin === "access" ? (options.ledgerIntervalMs ?? 1000) : IDENTITY_INTERVAL_MS,
      log,
    });
  };
  const accessLog = await openLog("access");
  const identityLog = await openLog("identity");

  const { operatorToken, registrationToken } = keys;
  const realClock = systemClock;
  const sessions = new Sessions({ store, policy, provider, operatorToken, realClock, random });
  await sessions.removeExpired();
  const conversations = new ConversationCache(store);
  const dispatcher = new Dispatcher(store);
  const commits = new GroupCommit({
    store,
    conversations,
    policy,
    keys: keys.franks,
    clock,
    deliver: (fresh) => dispatcher.deliver(fresh),
    failed: (error) => {
      log("error", "store", { error: error instanceof Error ? error.message : String(error) });
      dispatcher.closeAll("SERVER_FAILED");
    },
  });
  const context = {
    provider,
    witnesses: options.witnesses.map(({ vkey }) => vkey),
    store,
    keys,
    policy,
    sessions,
    conversations,
    commits,
    dispatcher,
    accessLog,
    identityLog,
    clock,
    realClock,
    random,
  };
  const application = await createApplication(context, log);
  const stream = new Stream({ store, sessions, commits, dispatcher, realClock, log });
  application.server.on("upgrade", (request, socket, head) => {
    if (request.url === "/v1/stream") stream.upgrade(request, socket, head);
    else socket.destroy();
  });
  await application.listen({ host: options.host ?? "127.0.0.1", port: options.port });
  const { address, port } = application.server.address() as AddressInfo;
  const url = `http://${address.includes(":") ? `[${address}]` : address}:${port}`;
  log("info", "listening", { url });

  const close = async (): Promise<void> => {
    stream.close();
    await commits.between(async () => {});
    stream.terminate();
    await Promise.all([accessLog.close(), identityLog.close()]);
    await application.close();
    await store.close();
    directory.close();
    log("info", "stopped");
  };
  return {
    url,
    accessLog: keys.accessLog.key.text,
    identityLog: keys.identityLog.key.text,
    frankingKey: keys.franks.signing.publicKey,
    operatorToken,
    registrationToken,
    close,
  };
}

function cosigner({ vkey, url }: Cosigner): WitnessClient {
  return httpWitness({ key: parseVerifierKey(vkey), url, fetch, timeoutMs: WITNESS_TIMEOUT_MS });
}

function witnessPolicy(
  key: VerifierKey,
  witnesses: readonly WitnessClient[],
  { witnessThreshold = witnesses.length }: ServerOptions,
): WitnessPolicy {
  return { log: key, witnesses: witnesses.map((witness) => witness.key), threshold: witnessThreshold };
}

/** An entry that hides nothing, like every other. */
function dummy(): NewOpening {
  const { opening, entry } = sealOpening("dummy", random(64), random);
  return { entry, kind: "dummy", opening };
}
