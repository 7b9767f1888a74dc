import { proveVrf, sha256, verifyVrf, type VrfKey } from "@portcullis/crypto";
import { encodeCbor, equalBytes, type AccountId } from "@portcullis/protocol";
import { LedgerError } from "../errors.ts";
import { decodeIdentityOpening, type IdentityOpening, type RootOpening } from "./identity-opening.ts";
import {
  findLeaf,
  findPath,
  insertLeaf,
  trieRoot,
  type Trie,
  type TrieLeaf,
  type TriePath,
} from "./prefix-trie.ts";

/** Where the latest list of a label stands. */
export interface IndexedList {
  readonly version: number;
  /** Its entry's place in the log. */
  readonly logIndex: number;
  /** 32 bytes. */
  readonly commitment: Uint8Array;
}

interface IndexLeaf extends TrieLeaf, IndexedList {}

/** The latest list of every label, over the first `size` entries of the identity log. Never changes: it is extended. */
export interface IdentityIndex {
  readonly size: number;
  readonly trie: Trie<IndexLeaf>;
}

export const emptyIndex: IdentityIndex = { size: 0, trie: undefined };
const LABEL_BYTES = 32;

/** Under which label the index has an account, and the proof of it: 32 and 80 bytes. */
export function proveLabel(key: VrfKey, accountId: AccountId): { label: Uint8Array; proof: Uint8Array } {
  const { output, proof } = proveVrf(key, accountId);
  return { label: output.slice(0, LABEL_BYTES), proof };
}

/** @throws CryptoError VRF_KEY, VRF_PROOF */
export function verifyLabel(vrfKey: Uint8Array, accountId: AccountId, proof: Uint8Array): Uint8Array {
  return verifyVrf(vrfKey, accountId, proof).slice(0, LABEL_BYTES);
}

/** What the trie holds for a label. */
export function indexedValue({ version, logIndex, commitment }: IndexedList): Uint8Array {
  return sha256(encodeCbor(["portcullis/index-value/v1", version, logIndex, commitment]));
}

/**
 * The index over one entry more; an index root changes nothing in it, and is not compared.
 * @throws LedgerError INDEX_VERSION when a list is not the version after the one that stands
 */
export function extendIndex({ size, trie }: IdentityIndex, opening: IdentityOpening): IdentityIndex {
  if (opening.kind === "index-root") return { size: size + 1, trie };
  const { label, version, commitment } = opening;
  const known = findLeaf(trie, label)?.version ?? 0;
  if (version !== known + 1) throw new LedgerError("INDEX_VERSION", { index: size, known, version });
  const indexed = { version, logIndex: size, commitment };
  return { size: size + 1, trie: insertLeaf(trie, { label, value: indexedValue(indexed), ...indexed }) };
}

/** What is to stand next in the log, so that everybody sees this index. */
export function rootOfIndex({ size, trie }: IdentityIndex): RootOpening {
  return { kind: "index-root", size, root: trieRoot(trie) };
}

export function findInIndex({ trie }: IdentityIndex, label: Uint8Array): IndexedList | undefined {
  return findLeaf(trie, label);
}

export function pathInIndex({ trie }: IdentityIndex, label: Uint8Array): TriePath {
  return findPath(trie, label);
}

/**
 * Goes over entries of the log that follow `index`, each with its opening, and makes the index anew: every root in the
 * log must be the one that comes out. Returns the index after them, to go on from.
 * @throws LedgerError INDEX_OPENING, INDEX_VERSION, INDEX_ROOT, each with the place of the first entry that lies
 */
export function auditIndex(
  index: IdentityIndex,
  entries: readonly { readonly entry: Uint8Array; readonly opening: Uint8Array }[],
): IdentityIndex {
  return entries.reduce((audited, { entry, opening: bytes }) => {
    if (!equalBytes(sha256(bytes), entry)) throw new LedgerError("INDEX_OPENING", { index: audited.size });
    const opening = decodeIdentityOpening(bytes);
    if (opening.kind === "index-root") {
      const { size, root } = rootOfIndex(audited);
      if (opening.size !== size || !equalBytes(opening.root, root))
        throw new LedgerError("INDEX_ROOT", { index: audited.size });
    }
    return extendIndex(audited, opening);
  }, index);
}
