import type { Clock } from "@portcullis/protocol";
import type { Fault } from "@portcullis/store";
import type { BlobTerms } from "./blobs.ts";
import type { Log } from "./log.ts";

/** A witness or custodian that is asked for cosignatures. */
export interface Cosigner {
  /** A verifier key as a line. */
  readonly vkey: string;
  /** Submission prefix. */
  readonly url: string;
}

export interface BackupLimits {
  readonly segments: number;
  readonly bytes: number;
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
  /** The access log publishes `ledgerBatch` entries at each interval, dummies among them. */
  readonly ledgerIntervalMs?: number;
  readonly ledgerBatch?: number;
  /** How long a call waits for an entry to be published before it says NOT_PUBLISHED. */
  readonly longestWaitMs?: number;
  /** Whether members may invite others. Off unless said. */
  readonly membersInvite?: boolean;
  /** What one backup may hold; by default what `limits` say. */
  readonly backupLimits?: BackupLimits;
  /** How long attachments are kept: 30 days, and one day while they are not whole, unless said. */
  readonly blobTerms?: BlobTerms;
  readonly log: Log;
  readonly fault?: Fault;
  /** Instead of the system's, or the demonstration's. */
  readonly clock?: Clock;
  /** Instead of the system's: for sessions, invitations and limits. */
  readonly realClock?: Clock;
}
