import type { Clock, Random } from "@portcullis/protocol";
import { BACKUP_PACE, type BackupPace } from "./backup/backup.ts";
import type { Warming } from "./conversation/warm-path.ts";
import type { SessionOptions } from "./device-session.ts";
import type { Platform } from "./platform.ts";
import type { TrustConfig } from "./server/provider.ts";
import { ServerApi } from "./server/server-api.ts";
import type { ClientStore } from "./store.ts";

const KEY_PACKAGES = 16;
const GATHER_MS = 50;
const OWN_ENTRY_MS = 600_000;
const LOG_PROOF_MS = 1000;
const JOIN_TURN_MS = 2000;
const ANSWER_MS = 30_000;
const SEARCH_PART = 4096;
/** Below that a Commit without keys on the tree is less than 2 KB. */
const WARMING: Warming = { fromDevices: 16, turnMs: 2000 };

export interface ClientOptions {
  /** http: or https: */
  readonly server: string;
  /** The client's from now on: it is closed with it. */
  readonly store: ClientStore;
  readonly trust: TrustConfig;
  readonly platform: Platform;
  /** For buckets. Default: the system's. */
  readonly clock?: Clock;
  /** For sessions and lifetimes of MLS. Default: the system's. */
  readonly realClock?: Clock;
  readonly random?: Random;
  /** How many KeyPackages to keep at the server. */
  readonly keyPackages?: number;
  /** When messages stream in, one transaction takes those of this time. Milliseconds; 50 by default. */
  readonly gatherMs?: number;
  /** So often the account's own entry in the identity log is looked at, and those of some other members. Milliseconds; ten minutes by default. */
  readonly ownEntryMs?: number;
  /** At most one proof that the identity log only grew is asked for in so long. Milliseconds; a second by default. */
  readonly logProofMs?: number;
  /** So much later than the one before it each device that may looks who asks to join, or removes a lost device. Milliseconds; 2000 by default. */
  readonly joinTurnMs?: number;
  /** A server that has not answered for so long is asked again over a new connection. Milliseconds; 30,000 by default. */
  readonly answerMs?: number;
  /** When devices commit once after they were added, so that Commits become small. */
  readonly warming?: Warming;
  /** Whether it is told what was delivered and read, where the person has not switched that off; true by default. */
  readonly receipts?: boolean;
  /** So many messages belong to one part of the search index; 4096 by default. */
  readonly searchPart?: number;
  /** When the backup goes on, where there is one; some of it is enough. */
  readonly backup?: Partial<BackupPace>;
}

export const systemClock: Clock = { now: () => Date.now() };

export function systemRandom(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length));
}

export function apiOf({
  server,
  platform,
  realClock = systemClock,
}: Pick<ClientOptions, "server" | "platform" | "realClock">): ServerApi {
  return new ServerApi(server, platform.fetch, () => realClock.now());
}

/** What is said, and the defaults for the rest. */
export function sessionOptionsOf(options: ClientOptions): SessionOptions {
  const { store, trust, platform, clock = systemClock, realClock = systemClock } = options;
  const { random = systemRandom, keyPackages = KEY_PACKAGES, gatherMs = GATHER_MS } = options;
  const { ownEntryMs = OWN_ENTRY_MS, logProofMs = LOG_PROOF_MS, warming = WARMING } = options;
  const { joinTurnMs = JOIN_TURN_MS, answerMs = ANSWER_MS, receipts = true } = options;
  const { searchPart = SEARCH_PART } = options;
  const backup = { ...BACKUP_PACE, ...options.backup };
  const pace = { gatherMs, ownEntryMs, logProofMs, joinTurnMs, answerMs };
  const how = { keyPackages, ...pace, warming, receipts, searchPart, backup };
  return { api: apiOf(options), store, trust, platform, clock, realClock, random, ...how };
}
