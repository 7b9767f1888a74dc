import { randomBytes } from "node:crypto";
import { limits, type Clock, type Random } from "@portcullis/protocol";
import { openStore, type Store } from "@portcullis/store";
import { clockFor, openDataDirectory, systemClock } from "@portcullis/store/directory";
import { BlobFolder } from "./blobs.ts";
import { ConversationCache } from "./delivery/conversation-state.ts";
import { Dispatcher } from "./delivery/dispatcher.ts";
import { GroupCommit } from "./delivery/group-commit.ts";
import { IndexHistory } from "./ledger/index-history.ts";
import { Lookups } from "./ledger/lookups.ts";
import { openAccessLog, openIdentityLog } from "./ledger/open-logs.ts";
import type { OriginLog } from "./ledger/origin-log.ts";
import { PolicyState } from "./policy-state.ts";
import { loadKeys, type ServerKeys } from "./server-keys.ts";
import type { BackupLimits, ServerOptions } from "./server-options.ts";
import { Sessions } from "./sessions.ts";

const LONGEST_WAIT_MS = 10_000;
const random: Random = (length) => new Uint8Array(randomBytes(length));

/** What the routes and the stream work with. */
export interface ServerContext {
  readonly provider: string;
  /** Verifier keys of the witnesses, as lines. */
  readonly witnesses: readonly string[];
  readonly witnessThreshold: number;
  /** Whether members may make invitations. */
  readonly membersInvite: boolean;
  readonly backupLimits: BackupLimits;
  readonly blobs: BlobFolder;
  readonly store: Store;
  readonly keys: ServerKeys;
  readonly policy: PolicyState;
  readonly sessions: Sessions;
  readonly commits: GroupCommit;
  readonly dispatcher: Dispatcher;
  readonly accessLog: OriginLog;
  readonly identityLog: OriginLog;
  readonly lookups: Lookups;
  /** The time by which messages and orders are judged. */
  readonly clock: Clock;
  /** The time of connections and sessions. */
  readonly realClock: Clock;
  readonly random: Random;
  /** How long a call waits for an entry to be published before it says NOT_PUBLISHED. */
  readonly longestWaitMs: number;
}

/** Opens directory, database and logs, and puts the services on them; `resources` closes what was opened, last first. */
export async function openContext(
  options: ServerOptions,
  resources: AsyncDisposableStack,
): Promise<ServerContext> {
  const { provider, demonstrationClock, longestWaitMs = LONGEST_WAIT_MS } = options;
  const directory = resources.use(
    openDataDirectory(options.dataDirectory, {
      program: "server",
      ...(demonstrationClock !== undefined && { demonstration: { clockFile: demonstrationClock } }),
    }),
  );
  const clock = options.clock ?? clockFor(directory);
  const keys = loadKeys(directory, provider, random);
  const store = openStore(directory.file("portcullis.sqlite"), options.fault);
  resources.defer(() => store.close());
  const { blobTerms: terms = { keptDays: 30, unfinishedDays: 1 } } = options;
  const blobs = new BlobFolder(directory.folder("blobs"), { store, clock, terms });
  resources.defer(() => blobs.close());
  await blobs.sweep();
  const policy = new PolicyState(store);
  await policy.reload();
  const { operatorToken } = keys;
  const realClock = options.realClock ?? systemClock;
  const sessions = new Sessions({ store, policy, provider, operatorToken, realClock, random });
  await sessions.removeExpired();
  const dispatcher = new Dispatcher(store);
  const commits = openGroupCommit(options, { store, policy, keys, dispatcher, clock });
  const parts = { directory, store, keys, random, clock };
  const accessLog = await openAccessLog(options, parts);
  resources.defer(() => accessLog.close());
  const index = await IndexHistory.load(store);
  const identityLog = await openIdentityLog(options, parts, index);
  resources.defer(() => identityLog.close());
  const { vrf } = keys;
  const lookups = new Lookups({ store, log: identityLog, index, vrf, clock, longestWaitMs });
  const witnesses = options.witnesses.map(({ vkey }) => vkey);
  return {
    provider,
    witnesses,
    witnessThreshold: options.witnessThreshold ?? witnesses.length,
    membersInvite: options.membersInvite ?? false,
    backupLimits: options.backupLimits ?? { segments: limits.backupSegments, bytes: limits.backupBytes },
    blobs,
    store,
    keys,
    policy,
    sessions,
    commits,
    dispatcher,
    accessLog,
    identityLog,
    lookups,
    clock,
    realClock,
    random,
    longestWaitMs,
  };
}

function openGroupCommit(
  { log }: ServerOptions,
  {
    store,
    policy,
    keys,
    dispatcher,
    clock,
  }: Pick<ServerContext, "store" | "policy" | "keys" | "dispatcher" | "clock">,
): GroupCommit {
  return new GroupCommit({
    store,
    conversations: new ConversationCache(store),
    policy,
    keys: keys.franks,
    clock,
    deliver: (fresh) => dispatcher.deliver(fresh),
    failed: (error) => {
      log("error", "store", { error: error instanceof Error ? error.message : String(error) });
      dispatcher.closeAll("SERVER_FAILED");
    },
  });
}
