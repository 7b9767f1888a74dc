import { merkleLeafHash, merkleNodeHash, sha256 } from "@portcullis/crypto";
import {
  LedgerError,
  openCheckpoint,
  type VerifiedCheckpoint,
  type WitnessPolicy,
} from "@portcullis/ledger/verify";
import { equalBytes } from "@portcullis/protocol";
import { decodeOpening, entryOf, type Opening } from "./entry.ts";
import { AccessError } from "./errors.ts";

/** One entry that is no dummy, and where it stands. */
export interface LedgerEntry {
  readonly index: number;
  readonly opening: Opening;
}

/**
 * What one reader has seen of the access ledger, entry by entry and nothing skipped. It recomputes every root from the
 * openings, so what it is shown next can only continue what it saw before: it needs no proof of inclusion or
 * consistency from anybody.
 */
export interface LedgerView {
  readonly size: number;
  /** Roots of the complete subtrees of the first `size` leaves, largest first. */
  readonly frontier: readonly Uint8Array[];
  /** The signed note of the last checkpoint; none before the first. */
  readonly checkpoint?: string;
  readonly entries: readonly LedgerEntry[];
}

export const emptyView: LedgerView = { size: 0, frontier: [], entries: [] };

/** The answer to "what came after entry `size`?"; undefined where the server has no opening. */
export interface LedgerUpdate {
  readonly openings: readonly (Uint8Array | undefined)[];
  readonly checkpoint: string;
}

/**
 * The view after an update.
 * @throws AccessError ORDER_WITNESS_QUORUM; CUSTODIAN_FROZEN at an entry without a readable opening; LEDGER_FORKED when
 *   the witnessed tree does not continue what was seen. LedgerError when the checkpoint is not this log's.
 */
export function extendView(view: LedgerView, update: LedgerUpdate, policy: WitnessPolicy): LedgerView {
  const checkpoint = witnessed(update.checkpoint, policy);
  const entries: LedgerEntry[] = [];
  let frontier = view.frontier;
  for (let index = view.size; index < checkpoint.size; index++) {
    const entry = readable(update.openings[index - view.size], index);
    frontier = append(frontier, index, merkleLeafHash(entryOf(entry.opening.bytes)));
    if (entry.opening.kind !== "dummy") entries.push(entry);
  }
  // A shorter tree fails here too: the root of what was seen is not that of a part of it.
  if (!equalBytes(rootOf(frontier), checkpoint.root))
    throw new AccessError("LEDGER_FORKED", { seen: view.size, shown: checkpoint.size });
  return {
    size: checkpoint.size,
    frontier,
    checkpoint: checkpoint.note,
    entries: [...view.entries, ...entries],
  };
}

/** Of an order that stands under too few cosignatures, the code says so in the order's own terms. */
function witnessed(note: string, policy: WitnessPolicy): VerifiedCheckpoint {
  try {
    return openCheckpoint(note, policy);
  } catch (error) {
    if (error instanceof LedgerError && error.code === "LEDGER_WITNESS_QUORUM")
      throw new AccessError("ORDER_WITNESS_QUORUM", error.facts);
    throw error;
  }
}

function readable(bytes: Uint8Array | undefined, index: number): LedgerEntry {
  try {
    if (bytes !== undefined) return { index, opening: decodeOpening(bytes) };
  } catch {
    // named below: missing and unreadable are the same refusal
  }
  throw new AccessError("CUSTODIAN_FROZEN", { index });
}

/** As a binary counter carries: after leaf `index`, one subtree for each bit that is set in `index + 1`. */
function append(frontier: readonly Uint8Array[], index: number, leafHash: Uint8Array): Uint8Array[] {
  const subtrees = [...frontier];
  let hash = leafHash;
  for (let carry = index; carry % 2 === 1; carry = (carry - 1) / 2) {
    hash = merkleNodeHash(subtrees.pop() as Uint8Array, hash);
  }
  return [...subtrees, hash];
}

/** RFC 6962 section 2.1: smaller subtrees hang to the right of larger ones. */
function rootOf(frontier: readonly Uint8Array[]): Uint8Array {
  if (frontier.length === 0) return sha256();
  return frontier.reduceRight((right, left) => merkleNodeHash(left, right));
}
