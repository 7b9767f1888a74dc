import { verifySignature } from "@portcullis/crypto";
import { equalBytes, fromBase64, toBase64, toHex, utf8 } from "@portcullis/protocol";
import { LedgerError } from "../errors.ts";
import { parseDecimal } from "./decimal.ts";
import { isBy, parseNote, type NoteSignature } from "./signed-note.ts";
import type { VerifierKey } from "./verifier-key.ts";

/** A tree head: what a log says that it holds. C2SP tlog-checkpoint. */
export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  /** 32 bytes. RFC 6962 section 2.1. */
  readonly root: Uint8Array;
}

/** Whom a verifier trusts: one log, and how many of which witnesses. */
export interface WitnessPolicy {
  readonly log: VerifierKey;
  readonly witnesses: readonly VerifierKey[];
  /** Distinct witness keys that must have cosigned. 0 takes the log's word alone. */
  readonly threshold: number;
}

/** When a witness says that this was the largest tree of the log that it had seen. Milliseconds, of whole seconds. */
export interface CosignedAt {
  readonly name: string;
  readonly timeMs: number;
}

declare const verified: unique symbol;

/** A checkpoint whose log signature and witness quorum were verified. Only {@link openCheckpoint} makes one. */
export interface VerifiedCheckpoint extends Checkpoint {
  /** One for each witness key that cosigned. */
  readonly cosignedAtMs: readonly CosignedAt[];
  /** The signed note itself. */
  readonly note: string;
  readonly [verified]: true;
}

/** The text that is signed. Extension lines are not written: nobody can audit them. */
export function formatCheckpoint(checkpoint: Checkpoint): string {
  return `${checkpoint.origin}\n${checkpoint.size}\n${toBase64(checkpoint.root)}\n`;
}

/** C2SP tlog-checkpoint, "Note text"; extension lines are allowed and passed over. @throws LedgerError LEDGER_CHECKPOINT_MALFORMED */
export function parseCheckpoint(text: string): Checkpoint {
  const fail = (reason: string): never => {
    throw new LedgerError("LEDGER_CHECKPOINT_MALFORMED", { reason });
  };
  if (!text.endsWith("\n")) return fail("end");
  const lines = text.slice(0, -1).split("\n");
  const [origin, sizeText, rootText] = lines;
  if (origin === undefined || sizeText === undefined || rootText === undefined) return fail("lines");
  if (lines.includes("")) return fail("empty line");
  const size = parseDecimal(sizeText);
  if (size === undefined) return fail("size");
  try {
    const root = fromBase64(rootText);
    return root.length === 32 ? { origin, size, root } : fail("root length");
  } catch {
    return fail("root");
  }
}

/** What an Ed25519 cosigner signs. C2SP tlog-cosignature, "Ed25519 signed message". */
export function cosignedMessage(timeSeconds: number | bigint, text: string): Uint8Array {
  return utf8(`cosignature/v1\ntime ${timeSeconds}\n${text}`);
}

const LATEST_TIME_SECONDS = BigInt(Math.floor(Number.MAX_SAFE_INTEGER / 1000));

/**
 * The time of a cosignature by `key` over a note's text, in milliseconds.
 * @throws LedgerError LEDGER_SIGNATURE
 */
export function verifyCosignature(key: VerifierKey, text: string, signature: NoteSignature): number {
  const fail = (): never => {
    throw new LedgerError("LEDGER_SIGNATURE", { name: key.name });
  };
  const bytes = signature.signature;
  if (bytes.length !== 8 + 64) return fail();
  const time = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(0);
  if (time > LATEST_TIME_SECONDS) return fail();
  verifyNoteSignature(key, cosignedMessage(time, text), bytes.slice(8));
  return Number(time) * 1000;
}

/** @throws LedgerError LEDGER_SIGNATURE */
export function verifyNoteSignature(key: VerifierKey, message: Uint8Array, signature: Uint8Array): void {
  try {
    verifySignature(key.publicKey, message, signature);
  } catch {
    throw new LedgerError("LEDGER_SIGNATURE", { name: key.name });
  }
}

/** @throws LedgerError LEDGER_POLICY */
export function checkPolicy(policy: WitnessPolicy): void {
  const fail = (reason: string): never => {
    throw new LedgerError("LEDGER_POLICY", { reason });
  };
  if (policy.log.algorithm !== "ed25519") fail("log key algorithm");
  for (const witness of policy.witnesses) {
    if (witness.algorithm !== "cosignature/v1") fail("witness key algorithm");
    if (equalBytes(witness.publicKey, policy.log.publicKey)) fail("the log is its own witness");
  }
  if (!Number.isSafeInteger(policy.threshold) || policy.threshold < 0) fail("threshold");
  if (policy.threshold > new Set(policy.witnesses.map((it) => toHex(it.publicKey))).size) fail("threshold");
}

/**
 * The cosignatures of known witnesses, each verified, one for each key: the signed message does not bind the cosigner's
 * name, so that one key under two names is still one witness. Of several by one key, the latest time counts.
 */
function cosignatures(
  text: string,
  signatures: readonly NoteSignature[],
  witnesses: readonly VerifierKey[],
): CosignedAt[] {
  const byKey = new Map<string, CosignedAt>();
  for (const signature of signatures) {
    const witness = witnesses.find((key) => isBy(signature, key));
    if (witness === undefined) continue;
    const timeMs = verifyCosignature(witness, text, signature);
    const key = toHex(witness.publicKey);
    const earlier = byKey.get(key);
    if (earlier === undefined || earlier.timeMs < timeMs) byKey.set(key, { name: witness.name, timeMs });
  }
  return [...byKey.values()];
}

/**
 * The checkpoint in a signed note, once the log's signature and enough cosignatures hold. Signatures by unknown keys are
 * passed over; one wrong signature by a known key condemns the whole note.
 * @throws LedgerError LEDGER_POLICY, LEDGER_NOTE_MALFORMED, LEDGER_CHECKPOINT_MALFORMED, LEDGER_ORIGIN, LEDGER_SIGNATURE, LEDGER_WITNESS_QUORUM
 */
export function openCheckpoint(note: string, policy: WitnessPolicy): VerifiedCheckpoint {
  checkPolicy(policy);
  const { text, signatures } = parseNote(note);
  const checkpoint = parseCheckpoint(text);
  if (checkpoint.origin !== policy.log.name) {
    throw new LedgerError("LEDGER_ORIGIN", { expected: policy.log.name, actual: checkpoint.origin });
  }
  const byLog = signatures.filter((signature) => isBy(signature, policy.log));
  if (byLog.length === 0) throw new LedgerError("LEDGER_SIGNATURE", { name: policy.log.name });
  for (const signature of byLog) verifyNoteSignature(policy.log, utf8(text), signature.signature);
  const cosignedAtMs = cosignatures(text, signatures, policy.witnesses);
  if (cosignedAtMs.length < policy.threshold) {
    throw new LedgerError("LEDGER_WITNESS_QUORUM", {
      demanded: policy.threshold,
      cosigned: cosignedAtMs.map((it) => it.name),
    });
  }
  return { ...checkpoint, cosignedAtMs, note } as unknown as VerifiedCheckpoint;
}

/**
 * A checkpoint that at least `threshold` witnesses cosigned within [now - longestAge, now + longestAhead]: an older one
 * may hide what came since, a later one was made with a wrong clock. All in milliseconds.
 * @throws LedgerError LEDGER_STALE
 */
export function verifyFreshness(check: {
  checkpoint: VerifiedCheckpoint;
  threshold: number;
  nowMs: number;
  longestAgeMs: number;
  longestAheadMs: number;
}): VerifiedCheckpoint {
  const { checkpoint, threshold, nowMs, longestAgeMs, longestAheadMs } = check;
  const fresh = checkpoint.cosignedAtMs.filter(
    ({ timeMs }) => timeMs >= nowMs - longestAgeMs && timeMs <= nowMs + longestAheadMs,
  );
  if (fresh.length < threshold) {
    throw new LedgerError("LEDGER_STALE", { demanded: threshold, fresh: fresh.map((it) => it.name) });
  }
  return checkpoint;
}
