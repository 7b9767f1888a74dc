import { merkleLeafHash, merkleNodeHash, rootFromPath } from "@portcullis/crypto";
import { equalBytes } from "@portcullis/protocol";
import { LedgerError } from "../errors.ts";
import type { VerifiedCheckpoint } from "./checkpoint.ts";

/** No tree has a longer proof: its size would not be a uint64. */
export const LONGEST_PROOF = 63;

declare const included: unique symbol;

/** An entry that was shown to stand in a verified log. Only {@link verifyInclusion} makes one. */
export interface VerifiedInclusion {
  readonly index: number;
  readonly checkpoint: VerifiedCheckpoint;
  readonly [included]: true;
}

/**
 * That `entry` (the entry itself, not its hash) stands at `index`. `path`: hashes of 32 bytes from the leaf's sibling
 * up. RFC 6962 section 2.1.1. @throws LedgerError LEDGER_INCLUSION
 */
export function verifyInclusion(proof: {
  checkpoint: VerifiedCheckpoint;
  index: number;
  entry: Uint8Array;
  path: readonly Uint8Array[];
}): VerifiedInclusion {
  const { checkpoint, index, entry, path } = proof;
  const fail = (): never => {
    throw new LedgerError("LEDGER_INCLUSION", { origin: checkpoint.origin, index, size: checkpoint.size });
  };
  if (!Number.isSafeInteger(index) || index < 0 || index >= checkpoint.size) return fail();
  let root: Uint8Array;
  try {
    root = rootFromPath({ index, size: checkpoint.size, leafHash: merkleLeafHash(entry), path: [...path] });
  } catch {
    return fail();
  }
  if (!equalBytes(root, checkpoint.root)) return fail();
  return { index, checkpoint } as VerifiedInclusion;
}

/**
 * That the tree (`newSize`, `newRoot`) begins with the tree (`oldSize`, `oldRoot`). RFC 9162 section 2.1.4.2; of the
 * empty tree, and of a tree and itself, the path is empty. @throws LedgerError LEDGER_CONSISTENCY
 */
export function verifyConsistency(proof: {
  oldSize: number;
  oldRoot: Uint8Array;
  newSize: number;
  newRoot: Uint8Array;
  path: readonly Uint8Array[];
}): void {
  const { oldSize, oldRoot, newSize, newRoot, path } = proof;
  const fail = (): never => {
    throw new LedgerError("LEDGER_CONSISTENCY", { oldSize, newSize });
  };
  if (!Number.isSafeInteger(oldSize) || !Number.isSafeInteger(newSize)) return fail();
  if (oldSize < 0 || oldSize > newSize || path.length > LONGEST_PROOF) return fail();
  if (path.some((hash) => hash.length !== 32)) return fail();
  if (oldSize === 0 || oldSize === newSize) {
    if (path.length > 0 || (oldSize === newSize && !equalBytes(oldRoot, newRoot))) return fail();
    return;
  }
  const roots = rootsFromConsistencyPath(oldSize, newSize, oldRoot, path);
  if (roots === undefined || !equalBytes(roots.old, oldRoot) || !equalBytes(roots.new, newRoot)) fail();
}

const half = (value: number): number => Math.floor(value / 2);

/** Steps 1 to 6 of RFC 9162 section 2.1.4.2, 0 < oldSize < newSize; undefined if the path has the wrong length. */
function rootsFromConsistencyPath(
  oldSize: number,
  newSize: number,
  oldRoot: Uint8Array,
  path: readonly Uint8Array[],
): { old: Uint8Array; new: Uint8Array } | undefined {
  let fn = oldSize - 1;
  let sn = newSize - 1;
  while (fn % 2 === 1) [fn, sn] = [half(fn), half(sn)];
  // an old tree that is a whole subtree is its own first hash, and the proof leaves it out
  const [first, ...rest] = fn === 0 ? [oldRoot, ...path] : path;
  if (first === undefined) return undefined;
  let older = first;
  let newer = first;
  for (const hash of rest) {
    if (sn === 0) return undefined;
    if (fn % 2 === 1 || fn === sn) {
      older = merkleNodeHash(hash, older);
      newer = merkleNodeHash(hash, newer);
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [half(fn), half(sn)];
    } else {
      newer = merkleNodeHash(newer, hash);
    }
    [fn, sn] = [half(fn), half(sn)];
  }
  return sn === 0 ? { old: older, new: newer } : undefined;
}
