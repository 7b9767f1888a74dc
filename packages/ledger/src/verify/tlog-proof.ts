import { fromBase64, toBase64 } from "@portcullis/protocol";
import { LedgerError } from "../errors.ts";
import { openCheckpoint, type WitnessPolicy } from "./checkpoint.ts";
import { parseDecimal } from "./decimal.ts";
import { LONGEST_PROOF, verifyInclusion, type VerifiedInclusion } from "./merkle-proof.ts";

/** A proof that stands on its own, taken apart and not yet checked. C2SP tlog-proof. */
export interface TlogProof {
  readonly index: number;
  /** Hashes of 32 bytes, from the leaf's sibling up. */
  readonly path: readonly Uint8Array[];
  /** The signed note. */
  readonly checkpoint: string;
  /** Signed by nobody. */
  readonly extra?: Uint8Array;
}

const FIRST_LINE = "c2sp.org/tlog-proof@v1";

export function formatTlogProof(proof: TlogProof): string {
  const extra = proof.extra === undefined ? [] : [`extra ${toBase64(proof.extra)}`];
  const lines = [FIRST_LINE, ...extra, `index ${proof.index}`, ...proof.path.map(toBase64)];
  return `${lines.join("\n")}\n\n${proof.checkpoint}`;
}

function fail(reason: string): never {
  throw new LedgerError("LEDGER_PROOF_MALFORMED", { reason });
}

function base64Line(text: string): Uint8Array {
  try {
    return fromBase64(text);
  } catch {
    return fail("base64");
  }
}

/** Hashes of 32 bytes, one to a line. */
export function parseHashLines(lines: readonly string[]): Uint8Array[] {
  if (lines.length > LONGEST_PROOF) return fail("too many hashes");
  return lines.map((line) => {
    const hash = base64Line(line);
    return hash.length === 32 ? hash : fail("hash length");
  });
}

/** C2SP tlog-proof, "Format". @throws LedgerError LEDGER_PROOF_MALFORMED */
export function parseTlogProof(text: string): TlogProof {
  const split = text.indexOf("\n\n");
  if (split < 0) return fail("no checkpoint");
  const [first, ...lines] = text.slice(0, split).split("\n");
  if (first !== FIRST_LINE) return fail("first line");
  const extra = lines[0]?.startsWith("extra ") === true ? lines.shift()?.slice("extra ".length) : undefined;
  const indexLine = lines.shift();
  if (indexLine?.startsWith("index ") !== true) return fail("index");
  const index = parseDecimal(indexLine.slice("index ".length));
  if (index === undefined) return fail("index");
  return {
    index,
    path: parseHashLines(lines),
    checkpoint: text.slice(split + 2),
    ...(extra === undefined ? {} : { extra: base64Line(extra) }),
  };
}

/**
 * That `entry` stands in the log of `policy`, in the four steps of C2SP tlog-proof, "Verifying". Times of cosignatures
 * are for the caller: see verifyFreshness.
 * @throws LedgerError LEDGER_PROOF_MALFORMED, LEDGER_INCLUSION, and what openCheckpoint throws
 */
export function verifyTlogProof(check: {
  proof: string;
  entry: Uint8Array;
  policy: WitnessPolicy;
}): VerifiedInclusion {
  const { index, path, checkpoint: note } = parseTlogProof(check.proof);
  const checkpoint = openCheckpoint(note, check.policy);
  return verifyInclusion({ checkpoint, index, entry: check.entry, path });
}
