import { formatAddCheckpoint, type WitnessAnswer } from "./add-checkpoint.ts";
import { LedgerError } from "./errors.ts";
import type { Cosign, PendingCheckpoint } from "./sequencer.ts";
import { verifyCosignature } from "./verify/checkpoint.ts";
import { parseDecimal } from "./verify/decimal.ts";
import { isBy, parseNote, parseSignatureLine } from "./verify/signed-note.ts";
import type { VerifierKey } from "./verify/verifier-key.ts";

/** A witness as a log sees it. */
export interface WitnessClient {
  readonly key: VerifierKey;
  /** Carries the request to add-checkpoint. Rejects when the witness cannot be reached in time. */
  addCheckpoint(request: string): Promise<WitnessAnswer>;
}

/** The witness's own lines of its answer, verified; others are passed over. */
function cosignatureLines(key: VerifierKey, note: string, body: string): string {
  const fail = (reason: string): never => {
    throw new LedgerError("WITNESS_ANSWER", { witness: key.name, reason });
  };
  if (!body.endsWith("\n")) return fail("end");
  const { text } = parseNote(note);
  const own = body
    .slice(0, -1)
    .split("\n")
    .map(parseSignatureLine)
    .filter((signature) => isBy(signature, key));
  if (own.length === 0) return fail("no cosignature");
  for (const signature of own) {
    if (verifyCosignature(key, text, signature) === 0) return fail("no time");
  }
  return own.map((signature) => signature.line).join("");
}

/** The size in a 409. A witness that has seen more than this log signed has seen a log that was taken back since. */
function conflictingSize(key: VerifierKey, body: string, size: number): number {
  const latest = body.endsWith("\n") ? parseDecimal(body.slice(0, -1)) : undefined;
  if (latest === undefined) throw new LedgerError("WITNESS_ANSWER", { witness: key.name, reason: "size" });
  if (latest > size) throw new LedgerError("LEDGER_ROLLBACK", { witness: key.name, seen: latest, size });
  return latest;
}

/**
 * Asks all witnesses for their cosignatures on a signed checkpoint, each with a consistency proof from the size that it
 * knows; one that answers 409 is asked again from the size it names. How many are enough is for whoever publishes.
 */
export function collectCosignatures(parts: {
  witnesses: readonly WitnessClient[];
  /** The log's consistency proof between two sizes. */
  readConsistencyProof: (oldSize: number, newSize: number) => Promise<readonly Uint8Array[]>;
  /** What the witnesses have presumably seen: the published size. */
  seenSize: number;
}): Cosign {
  const seen = new Map(parts.witnesses.map((witness) => [witness, parts.seenSize]));

  const ask = async (witness: WitnessClient, { note, size }: PendingCheckpoint): Promise<string> => {
    for (let oldSize = Math.min(seen.get(witness) ?? 0, size), attempt = 1; ; attempt++) {
      const path = await parts.readConsistencyProof(oldSize, size);
      const answer = await witness.addCheckpoint(formatAddCheckpoint({ oldSize, path, checkpoint: note }));
      if (answer.status === 200) {
        const lines = cosignatureLines(witness.key, note, answer.body);
        seen.set(witness, size);
        return lines;
      }
      if (answer.status !== 409 || attempt === 2) {
        throw new LedgerError("WITNESS_REFUSED", { witness: witness.key.name, status: answer.status });
      }
      oldSize = conflictingSize(witness.key, answer.body, size);
      seen.set(witness, oldSize);
    }
  };

  return async (pending) => {
    const asked = await Promise.allSettled(parts.witnesses.map((witness) => ask(witness, pending)));
    const lines = asked.map((it) => (it.status === "fulfilled" ? it.value : ""));
    const failures = asked.flatMap((it) => (it.status === "rejected" ? [asError(it.reason)] : []));
    return { note: pending.note + lines.join(""), failures };
  };
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
