import {
  decodeCbor,
  encodeCbor,
  equalBytes,
  FieldReader,
  limits,
  ProtocolError,
  toHex,
} from "@portcullis/protocol";
import type { AccountId, CborValue } from "@portcullis/protocol";
import { LedgerError } from "../errors.ts";
import { verifyFreshness, type VerifiedCheckpoint, type WitnessPolicy } from "../verify/checkpoint.ts";
import { verifyTlogProof, parseTlogProof } from "../verify/tlog-proof.ts";
import { verifyDeviceList, type VerifiedDeviceList } from "./device-list.ts";
import { findInIndex, indexedValue, pathInIndex, verifyLabel, type IdentityIndex } from "./identity-index.ts";
import { commitToList, identityEntry } from "./identity-opening.ts";
import { LABEL_BITS, rootOfPath, type TrieLeaf } from "./prefix-trie.ts";

/** What the index has for one account, and how that follows from the root. */
export interface LookupAnswer {
  /** 80 bytes: under which label the account stands. */
  readonly labelProof: Uint8Array;
  /** Hashes of the trie beside the label's way, from the root down. */
  readonly siblings: readonly Uint8Array[];
  /** The account's latest list, opened; when it has none, what stands in its place: another label's leaf or nothing. */
  readonly end:
    | {
        readonly kind: "list";
        readonly signedList: Uint8Array;
        readonly salt: Uint8Array;
        readonly logIndex: number;
      }
    | { readonly kind: "other"; readonly leaf: TrieLeaf }
    | { readonly kind: "nothing" };
}

/** What the identity log says, at one time, of some accounts. */
export interface Lookup {
  /** C2SP tlog-proof of the index root, the last entry of its checkpoint's tree. */
  readonly proof: string;
  /** 32 bytes. */
  readonly root: Uint8Array;
  /** One for each account that was asked for, in that order. */
  readonly answers: readonly LookupAnswer[];
}

declare const proven: unique symbol;

/** A lookup that was verified. Only {@link verifyLookup} makes one. */
export interface VerifiedLookup {
  /** The latest list of each account in the order asked; undefined: it has none. */
  readonly lists: readonly (VerifiedDeviceList | undefined)[];
  readonly checkpoint: VerifiedCheckpoint;
  readonly [proven]: true;
}

/** When witnesses must have cosigned what a lookup shows. Milliseconds. */
export interface LookupWindow {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

const LOOKUP = "portcullis/lookup/v1";
const WHAT = "lookup";
const LONGEST_PROOF_TEXT = 64 * 1024;
const HASH_BYTES = 32;

export function encodeLookup({ proof, root, answers }: Lookup): Uint8Array {
  return encodeCbor([LOOKUP, proof, root, answers.map(answerFields)]);
}

/** @throws ProtocolError DECODE_* */
export function decodeLookup(bytes: Uint8Array): Lookup {
  const fields = new FieldReader(decodeCbor(bytes, WHAT), WHAT, 4);
  fields.constant(LOOKUP);
  return {
    proof: fields.text(LONGEST_PROOF_TEXT),
    root: fields.bytes(32),
    answers: fields.list(readAnswer, limits.accountsPerLookup),
  };
}

function answerFields({ labelProof, siblings, end }: LookupAnswer): CborValue {
  const joined = new Uint8Array(siblings.length * HASH_BYTES);
  for (const [i, sibling] of siblings.entries()) joined.set(sibling, i * HASH_BYTES);
  return [labelProof, joined, endFields(end)];
}

function endFields(end: LookupAnswer["end"]): CborValue {
  if (end.kind === "nothing") return null;
  if (end.kind === "other") return [end.leaf.label, end.leaf.value];
  return [end.signedList, end.salt, end.logIndex];
}

function readAnswer(value: CborValue): LookupAnswer {
  const fields = new FieldReader(value, WHAT, 3);
  const labelProof = fields.bytes();
  const joined = fields.bytes();
  if (joined.length % HASH_BYTES !== 0 || joined.length > LABEL_BITS * HASH_BYTES)
    throw new ProtocolError("DECODE_LENGTH", { what: "siblings", actual: joined.length });
  const siblings = Array.from({ length: joined.length / HASH_BYTES }, (_, i) =>
    joined.slice(i * HASH_BYTES, (i + 1) * HASH_BYTES),
  );
  return { labelProof, siblings, end: readEnd(fields.value()) };
}

function readEnd(value: CborValue): LookupAnswer["end"] {
  if (value === null) return { kind: "nothing" };
  if (Array.isArray(value) && value.length === 2) {
    const fields = new FieldReader(value, WHAT, 2);
    return { kind: "other", leaf: { label: fields.bytes(32), value: fields.bytes(32) } };
  }
  const fields = new FieldReader(value, WHAT, 3);
  return { kind: "list", signedList: fields.bytes(), salt: fields.bytes(32), logIndex: fields.integer() };
}

/**
 * What an index says of one account. `name`: by proveLabel. `opened`: the list that the index has of it, if it has one;
 * another one makes an answer that nobody believes.
 */
export function answerLookup(
  index: IdentityIndex,
  name: { readonly label: Uint8Array; readonly proof: Uint8Array },
  opened: { readonly signedList: Uint8Array; readonly salt: Uint8Array } | undefined,
): LookupAnswer {
  const { label, proof: labelProof } = name;
  const { siblings, end } = pathInIndex(index, label);
  const indexed = findInIndex(index, label);
  if (indexed !== undefined && opened !== undefined) {
    const { signedList, salt } = opened;
    return { labelProof, siblings, end: { kind: "list", signedList, salt, logIndex: indexed.logIndex } };
  }
  if (end === undefined) return { labelProof, siblings, end: { kind: "nothing" } };
  return { labelProof, siblings, end: { kind: "other", leaf: { label: end.label, value: end.value } } };
}

/**
 * What the identity log of `policy` says of these accounts: of each its latest list, or that it has none. With `window`,
 * as many witnesses as the policy demands vouch that this was the whole log at a time within it; the log of a policy
 * without witnesses has no time, and its word is taken.
 * @throws LedgerError INDEX_STALE_ROOT, INDEX_PATH, LEDGER_STALE, IDENTITY_ACCOUNT; CryptoError VRF_KEY, VRF_PROOF; and
 * what verifyTlogProof and verifyDeviceList throw
 */
export function verifyLookup(check: {
  readonly lookup: Lookup;
  readonly accounts: readonly AccountId[];
  readonly vrfKey: Uint8Array;
  readonly policy: WitnessPolicy;
  readonly window?: LookupWindow;
}): VerifiedLookup {
  const { lookup, accounts, vrfKey, policy, window } = check;
  const checkpoint = verifyRoot(lookup, policy);
  if (window !== undefined) verifyWindow(checkpoint, policy, window);
  if (lookup.answers.length !== accounts.length)
    throw new LedgerError("INDEX_PATH", { asked: accounts.length, answered: lookup.answers.length });
  const lists = lookup.answers.map((answer, i) =>
    verifyAnswer(answer, accounts[i] as AccountId, vrfKey, lookup.root),
  );
  return { lists, checkpoint } as unknown as VerifiedLookup;
}

/** The root is the last entry of the tree: nothing stands in the log that it does not cover. */
function verifyRoot({ proof, root }: Lookup, policy: WitnessPolicy): VerifiedCheckpoint {
  const size = parseTlogProof(proof).index;
  const entry = identityEntry({ kind: "index-root", size, root });
  const { index, checkpoint } = verifyTlogProof({ proof, entry, policy });
  if (index !== checkpoint.size - 1)
    throw new LedgerError("INDEX_STALE_ROOT", { index, size: checkpoint.size });
  return checkpoint;
}

function verifyWindow(
  checkpoint: VerifiedCheckpoint,
  { threshold }: WitnessPolicy,
  { notBeforeMs: nowMs, notAfterMs }: LookupWindow,
): void {
  verifyFreshness({ checkpoint, threshold, nowMs, longestAgeMs: 0, longestAheadMs: notAfterMs - nowMs });
}

function verifyAnswer(
  { labelProof, siblings, end }: LookupAnswer,
  accountId: AccountId,
  vrfKey: Uint8Array,
  root: Uint8Array,
): VerifiedDeviceList | undefined {
  const label = verifyLabel(vrfKey, accountId, labelProof);
  const list = end.kind === "list" ? verifyDeviceList(end.signedList) : undefined;
  const leaf = leafAt(label, end, list);
  const reached = rootOfPath(label, { siblings, end: leaf });
  const lies = end.kind === "other" && equalBytes(end.leaf.label, label);
  if (lies || reached === undefined || !equalBytes(reached, root))
    throw new LedgerError("INDEX_PATH", { accountId: toHex(accountId) });
  if (list !== undefined && !equalBytes(list.accountId, accountId))
    throw new LedgerError("IDENTITY_ACCOUNT", { accountId: toHex(accountId) });
  return list;
}

function leafAt(
  label: Uint8Array,
  end: LookupAnswer["end"],
  list: VerifiedDeviceList | undefined,
): TrieLeaf | undefined {
  if (end.kind === "other") return end.leaf;
  if (end.kind === "nothing" || list === undefined) return undefined;
  const commitment = commitToList(end.salt, end.signedList);
  const { logIndex } = end;
  return { label, value: indexedValue({ version: list.version, logIndex, commitment }) };
}
