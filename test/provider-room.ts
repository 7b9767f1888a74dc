import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { sealOpening, signKeyset, signPolicy, verifyPolicy, type Policy } from "@portcullis/access";
import {
  createAccount,
  linkDevice,
  PortcullisClient,
  recoverAccount,
  type BackupPace,
  type ClientEvents,
  type ClientStore,
  type Platform,
  type ShownCode,
  type TrustConfig,
  type Warming,
} from "@portcullis/client";
import { nodePlatform, SqliteStore } from "@portcullis/client/node";
import { DkgParticipant, generateSigningKey, type SigningKey } from "@portcullis/crypto";
import { toBase64Url, utf8, type Clock, type ConversationId } from "@portcullis/protocol";
import { seededRandom } from "@portcullis/testkit";
import { runServer, type RunningServer, type ServerOptions } from "../apps/server/src/run-server.ts";
import { runWitness, type RunningWitness } from "../apps/witness/src/run-witness.ts";

const PROVIDER = "chat.example";
const PERIOD = { from: "1970-04-01T00:00:00Z", to: "1970-06-01T00:00:00Z" };
const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

const keyNamed = (name: string): SigningKey => generateSigningKey(seededRandom(name));
const quorums = [
  { name: "state", threshold: 2, custodians: ["court", "ministry"] },
  { name: "civic", threshold: 2, custodians: ["press", "bar", "union"] },
];

export interface ProviderRoom {
  readonly clock: Clock;
  readonly trust: TrustConfig & { readonly policyId: string };
  readonly server: RunningServer;
  /** A new account, connected. */
  join(handle: string, options?: Partial<ClientSetting>): Promise<PortcullisClient>;
  /** An account of this room once more, from its store; not connected. */
  reopen(handle: string, options?: Partial<ClientSetting>): Promise<PortcullisClient>;
  /** An account of this room on a new device, with its recovery code; connected. */
  recover(handle: string, code: string, options?: Partial<ClientSetting>): Promise<PortcullisClient>;
  /** A further device of an account, once it has read the code; connected. */
  link(
    show: (code: ShownCode) => void,
    options: Partial<ClientSetting> & { readonly storeName: string },
  ): Promise<PortcullisClient>;
  storePath(handle: string): string;
  /** The same server again, on the same port. */
  restartServer(changes?: Partial<ServerOptions>): Promise<void>;
  close(): Promise<void>;
}

/** An event that has not come by then never will: a test whose guard is gone fails, and does not hang. */
const GIVE_UP_MS = 60_000;

export interface ClientSetting {
  readonly store: ClientStore;
  /** Another file than the handle's. */
  readonly storeName: string;
  readonly trust: TrustConfig;
  readonly platform: Platform;
  readonly clock: Clock;
  /** Instead of the operator's registration token. */
  readonly invite: Uint8Array;
  readonly ownEntryMs: number;
  /** Before a device that is linked or recovered connects. */
  readonly listen: (client: PortcullisClient) => void;
  /** Stops waiting for somebody who reads the code. */
  readonly signal: AbortSignal;
  readonly keyPackages: number;
  readonly logProofMs: number;
  readonly joinTurnMs: number;
  readonly answerMs: number;
  readonly warming: Warming;
  readonly receipts: boolean;
  readonly searchPart: number;
  readonly backup: Partial<BackupPace>;
}

/**
 * A whole provider on loopback: two witnesses, a server with policy and keysets, and its members' clients. `kept`: the
 * directory holds one already, which is trusted so.
 */
export async function openProviderRoom(
  directory: string,
  clock: Clock,
  kept?: ProviderRoom["trust"],
): Promise<ProviderRoom> {
  const options = {
    dataDirectory: join(directory, "server"),
    provider: PROVIDER,
    port: 0,
    clock,
    ledgerIntervalMs: 50,
    log: (): void => {},
  };
  const logs = kept ? [kept.log, kept.identityLog] : await makeLogs(options);
  const witnesses: RunningWitness[] = [];
  for (const name of ["witness.one", "witness.two"])
    witnesses.push(
      await runWitness({
        data: join(directory, name),
        port: 0,
        host: "127.0.0.1",
        name,
        logs,
        random,
        clock,
      }),
    );
  const serving = { ...options, witnesses: witnesses.map(({ url, vkey }) => ({ url, vkey })) };
  let server = await runServer(serving);
  const port = Number(new URL(server.url).port);
  const policyId = kept?.policyId ?? (await setPolicy(server, witnesses));
  const trust = {
    policyId,
    log: server.accessLog,
    identityLog: server.identityLog,
    vrfKey: toBase64Url(server.vrfKey),
    witnesses: witnesses.map(({ vkey }) => vkey),
    witnessThreshold: 2,
  };
  const clients = new Set<PortcullisClient>();
  const storePath = (handle: string): string => join(directory, `${handle}.sqlite`);
  const setting = (handle: string, changes: Partial<ClientSetting>) => ({
    server: server.url,
    store: changes.store ?? new SqliteStore(storePath(changes.storeName ?? handle)),
    trust,
    platform: nodePlatform,
    clock,
    random,
    keyPackages: 8,
    // What a test does not ask for is not said.
    receipts: false,
    ...changes,
  });
  return {
    clock,
    trust,
    storePath,
    get server() {
      return server;
    },
    join: async (handle, changes = {}) => {
      const { registrationToken } = server;
      const { invite } = changes;
      const admission = invite === undefined ? { registrationToken } : { invite };
      const client = await createAccount({ ...setting(handle, changes), ...admission, handle });
      clients.add(client);
      await client.connect();
      return client;
    },
    reopen: async (handle, changes = {}) => {
      const client = await PortcullisClient.open(setting(handle, changes));
      clients.add(client);
      return client;
    },
    recover: async (handle, code, changes = {}) => {
      const client = await recoverAccount({ ...setting(handle, changes), handle, code });
      clients.add(client);
      changes.listen?.(client);
      await client.connect();
      return client;
    },
    link: async (show, changes) => {
      const { trust: _, ...start } = setting(changes.storeName, changes);
      const { client } = await linkDevice({ ...start, show, pollMs: 20 });
      clients.add(client);
      changes.listen?.(client);
      await client.connect();
      return client;
    },
    restartServer: async (changes = {}) => {
      await server.close();
      server = await runServer({ ...serving, port, ...changes });
    },
    close: async () => {
      for (const client of clients) await client.close();
      await server.close();
      for (const witness of witnesses) await witness.close();
    },
  };
}

/** The server makes its keys, which the witnesses need. */
async function makeLogs(options: Omit<ServerOptions, "witnesses">): Promise<string[]> {
  const server = await runServer({ ...options, witnesses: [] });
  await server.close();
  return [server.accessLog, server.identityLog];
}

async function setPolicy(server: RunningServer, witnesses: readonly RunningWitness[]): Promise<string> {
  const keyOf = (id: string): string => toBase64Url(keyNamed(id).publicKey);
  const policy: Policy = {
    version: 1,
    name: "Example policy",
    provider: PROVIDER,
    bucketSeconds: 900,
    quorums: quorums.map(({ name, threshold, custodians }) => ({
      name,
      threshold,
      custodians: custodians.map((id) => ({ id, key: keyOf(id) })),
    })),
    registrarKey: keyOf("registrar"),
    longestOrderSeconds: 7 * 86_400,
    accountsPerOrder: 3,
    conversationsPerOrder: 10,
    ordersPer30Days: 20,
    labelsPerOrder: 1000,
    retentionDays: 90,
    log: server.accessLog,
    identityLog: server.identityLog,
    witnesses: witnesses.map(({ vkey }) => vkey),
    witnessThreshold: 2,
    longestCosignatureAgeSeconds: 86_400,
    longestNoticeDelaySeconds: 180 * 86_400,
    emergency: { allowed: false },
  };
  const everybody = [...quorums.flatMap(({ custodians }) => custodians), "registrar"].map(keyNamed);
  const jws = await signPolicy(policy, everybody);
  await post(server, "/v1/policy", { jws });
  const { id } = await verifyPolicy(jws);
  for (const { name, threshold, custodians } of quorums) {
    const generated = generateKeyset(name, threshold, custodians.length);
    const keyset = await signKeyset(
      {
        version: 1,
        policyId: toBase64Url(id),
        quorum: name,
        ...PERIOD,
        threshold,
        custodians,
        groupKey: toBase64Url(generated.groupKey),
        verificationShares: generated.verificationShares.map((share) => toBase64Url(share)),
        transcriptHash: toBase64Url(generated.transcriptHash),
      },
      custodians.map(keyNamed),
    );
    const { opening } = sealOpening("keyset", utf8(keyset), random);
    await post(server, "/v1/ledger/entries", { opening: toBase64Url(opening) });
  }
  return toBase64Url(id);
}

function generateKeyset(name: string, threshold: number, size: number) {
  const participants = Array.from({ length: size }, (_, i) => keyNamed(`${name} ${i}`).publicKey);
  const context = utf8(name);
  const room = participants.map(
    (_, i) => new DkgParticipant({ context, index: i + 1, threshold, participants, random }),
  );
  const commitments = room.map((one) => one.commitment());
  const firsts = room.map((one) => one.round1(commitments));
  const seconds = room.map((one) => one.round2(firsts));
  const [result] = room.map((one, i) => one.finish(seconds.map((messages) => messages[i] as Uint8Array)));
  if (result === undefined) throw new Error("no participant");
  return result;
}

async function post(server: RunningServer, path: string, body: object): Promise<unknown> {
  const response = await fetch(`${server.url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${server.operatorToken}` },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
  return JSON.parse(text);
}

/** These have all that any of them has. */
export async function level(id: ConversationId, ...clients: PortcullisClient[]): Promise<void> {
  await Promise.all(clients.map((client) => client.idle()));
  const highest = Math.max(...clients.map((client) => client.state(id).sequence));
  await Promise.all(clients.map((client) => client.caughtUp(id, highest)));
}

/** The next of its kind. */
export function nextEvent<Name extends keyof ClientEvents>(
  client: PortcullisClient,
  name: Name,
): Promise<ClientEvents[Name]> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      off();
      reject(new Error(`no event "${name}" came`));
    }, GIVE_UP_MS);
    const off = client.on(name, (event) => {
      clearTimeout(late);
      off();
      resolve(event);
    });
  });
}
