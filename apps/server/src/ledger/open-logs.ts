import { sealOpening } from "@portcullis/access/verify";
import type { NoteSigner, Pace, WitnessClient } from "@portcullis/ledger";
import { httpWitness } from "@portcullis/ledger/node";
import { parseVerifierKey } from "@portcullis/ledger/verify";
import type { Clock, Random } from "@portcullis/protocol";
import type { NewOpening, Origin, Store } from "@portcullis/store";
import type { DataDirectory } from "@portcullis/store/directory";
import type { ServerKeys } from "../server-keys.ts";
import type { Cosigner, ServerOptions } from "../server-options.ts";
import type { IndexHistory } from "./index-history.ts";
import { OriginLog } from "./origin-log.ts";

const WITNESS_TIMEOUT_MS = 10_000;
const IDENTITY_INTERVAL_MS = 50;
const IDENTITY_BATCH = 1024;
const DUMMY_BYTES = 64;

interface Parts {
  readonly directory: DataDirectory;
  readonly store: Store;
  readonly keys: ServerKeys;
  readonly random: Random;
  readonly clock: Clock;
}

/** The access log, at a constant rate: nothing shows when somebody asks for something. */
export async function openAccessLog(options: ServerOptions, parts: Parts): Promise<OriginLog> {
  const { ledgerBatch = 4, ledgerIntervalMs = 1000 } = options;
  const { keys, random } = parts;
  const dummy = (): NewOpening => {
    const { opening, entry } = sealOpening("dummy", random(DUMMY_BYTES), random);
    return { entry, kind: "dummy", opening };
  };
  const pace = { kind: "constant", entries: ledgerBatch, dummy, random } as const;
  return await openLog("access", options, parts, keys.accessLog, pace, ledgerIntervalMs);
}

/** The identity log, as device lists come, each batch with the index root over everything before it. */
export async function openIdentityLog(
  options: ServerOptions,
  parts: Parts,
  index: IndexHistory,
): Promise<OriginLog> {
  const closing = (_: number, items: readonly NewOpening[]): NewOpening => index.close(items);
  const pace = { kind: "demand", most: IDENTITY_BATCH, closing } as const;
  return await openLog("identity", options, parts, parts.keys.identityLog, pace, IDENTITY_INTERVAL_MS);
}

async function openLog(
  origin: Origin,
  options: ServerOptions,
  { directory, store, clock }: Parts,
  signer: NoteSigner,
  pace: Pace<NewOpening>,
  intervalMs: number,
): Promise<OriginLog> {
  const witnesses = options.witnesses.map((witness) => cosigner(witness));
  const { witnessThreshold: threshold = witnesses.length, custodians = [], log } = options;
  return await OriginLog.open({
    origin,
    directory: directory.folder(`${origin}-log`),
    store,
    signer,
    policy: { log: signer.key, witnesses: witnesses.map(({ key }) => key), threshold },
    witnesses: [...witnesses, ...custodians.map((custodian) => cosigner(custodian))],
    pace,
    intervalMs,
    clock,
    log,
  });
}

function cosigner({ vkey, url }: Cosigner): WitnessClient {
  return httpWitness({ key: parseVerifierKey(vkey), url, fetch, timeoutMs: WITNESS_TIMEOUT_MS });
}
