import { fromBase64, toBase64, utf8 } from "@portcullis/protocol";
import { cosignNoteText, type NoteSigner } from "./note-signer.ts";
import { emptyRoot } from "./tree.ts";
import { parseCheckpoint, verifyNoteSignature, type Checkpoint } from "./verify/checkpoint.ts";
import { parseDecimal } from "./verify/decimal.ts";
import { LONGEST_PROOF, verifyConsistency } from "./verify/merkle-proof.ts";
import { isBy, parseNote, type UnverifiedNote } from "./verify/signed-note.ts";
import type { VerifierKey } from "./verify/verifier-key.ts";

/** The body of a call of add-checkpoint. C2SP tlog-witness. */
export interface AddCheckpointRequest {
  readonly oldSize: number;
  readonly path: readonly Uint8Array[];
  /** The signed note. */
  readonly checkpoint: string;
}

/** What a witness answers over HTTP. */
export interface WitnessAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** An answer of 200 holds only once `record` is durable; the others change nothing. */
export type AddCheckpointOutcome =
  | { readonly answer: WitnessAnswer; readonly record?: never }
  | { readonly answer: WitnessAnswer; readonly record: WitnessRecord };

/** The latest checkpoint that a witness cosigned of a log. */
export interface WitnessRecord {
  readonly checkpoint: Checkpoint;
  /** With the log's signature and this witness's cosignature. */
  readonly note: string;
}

export function formatAddCheckpoint(request: AddCheckpointRequest): string {
  const lines = [`old ${request.oldSize}`, ...request.path.map(toBase64)];
  return `${lines.join("\n")}\n\n${request.checkpoint}`;
}

/** Undefined if it is not of the form. */
export function parseAddCheckpoint(body: string): AddCheckpointRequest | undefined {
  const split = body.indexOf("\n\n");
  if (split < 0) return undefined;
  const [oldLine, ...hashLines] = body.slice(0, split).split("\n");
  if (oldLine?.startsWith("old ") !== true || hashLines.length > LONGEST_PROOF) return undefined;
  const oldSize = parseDecimal(oldLine.slice("old ".length));
  if (oldSize === undefined) return undefined;
  try {
    const path = hashLines.map(fromBase64);
    if (path.some((hash) => hash.length !== 32)) return undefined;
    return { oldSize, path, checkpoint: body.slice(split + 2) };
  } catch {
    return undefined;
  }
}

const SIZE_TYPE = "text/x.tlog.size";

function refuse(status: number, reason: string): AddCheckpointOutcome {
  return { answer: { status, contentType: "text/plain; charset=utf-8", body: `${reason}\n` } };
}

interface Opened {
  readonly request: AddCheckpointRequest;
  readonly note: UnverifiedNote;
  readonly checkpoint: Checkpoint;
}

/** The request taken apart; undefined when any part of it has not the form. */
function open(body: string): Opened | undefined {
  const request = parseAddCheckpoint(body);
  if (request === undefined) return undefined;
  try {
    const note = parseNote(request.checkpoint);
    return { request, note, checkpoint: parseCheckpoint(note.text) };
  } catch {
    return undefined;
  }
}

/** The lines of the note that keys of its log signed; undefined when there is none, or one is wrong. */
function logSignatures(note: UnverifiedNote, keys: readonly VerifierKey[]): string[] | undefined {
  const lines: string[] = [];
  try {
    for (const signature of note.signatures) {
      const key = keys.find((it) => isBy(signature, it));
      if (key === undefined) continue;
      verifyNoteSignature(key, utf8(note.text), signature.signature);
      lines.push(signature.line);
    }
  } catch {
    return undefined;
  }
  return lines.length === 0 ? undefined : lines;
}

function isConsistent({ request, checkpoint }: Opened, latest: Checkpoint): boolean {
  try {
    verifyConsistency({
      oldSize: latest.size,
      oldRoot: latest.root,
      newSize: checkpoint.size,
      newRoot: checkpoint.root,
      path: request.path,
    });
    return true;
  } catch {
    return false;
  }
}

/**
 * One call of add-checkpoint, in the order of C2SP tlog-witness. `latest` must stay what it is until the record is
 * durable: else a slower call takes the log back. `keys`: of all logs; a log is known by its key's name.
 */
export function addCheckpoint(call: {
  request: string;
  latest: (origin: string) => Checkpoint | undefined;
  keys: readonly VerifierKey[];
  signer: NoteSigner;
  nowMs: number;
}): AddCheckpointOutcome {
  const opened = open(call.request);
  if (opened === undefined) return refuse(400, "malformed request");
  const { request, note, checkpoint } = opened;
  const keys = call.keys.filter((key) => key.name === checkpoint.origin);
  if (keys.length === 0) return refuse(404, "unknown log");
  const lines = logSignatures(note, keys);
  if (lines === undefined) return refuse(403, "no valid signature of the log");
  if (request.oldSize > checkpoint.size) return refuse(400, "old size beyond the checkpoint");
  const latest = call.latest(checkpoint.origin) ?? {
    origin: checkpoint.origin,
    size: 0,
    root: emptyRoot(),
  };
  if (request.oldSize !== latest.size) {
    return { answer: { status: 409, contentType: SIZE_TYPE, body: `${latest.size}\n` } };
  }
  if (!isConsistent(opened, latest)) return refuse(422, "not consistent with the latest checkpoint");
  const cosignature = cosignNoteText(call.signer, note.text, call.nowMs);
  return {
    answer: { status: 200, contentType: "text/plain; charset=utf-8", body: cosignature },
    record: { checkpoint, note: `${note.text}\n${lines.join("")}${cosignature}` },
  };
}
