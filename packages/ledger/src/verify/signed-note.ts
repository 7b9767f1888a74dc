import { fromBase64 } from "@portcullis/protocol";
import { LedgerError } from "../errors.ts";
import { isKeyName, isNoteText, readUint32, type VerifierKey } from "./verifier-key.ts";

/** One signature line, taken apart and not yet checked. */
export interface NoteSignature {
  readonly name: string;
  readonly keyId: number;
  /** What follows the key id: the form is the algorithm's. */
  readonly signature: Uint8Array;
  /** As it stands in the note, with its newline. */
  readonly line: string;
}

/** A note taken apart: nothing in it is to be believed before a signature is verified. */
export interface UnverifiedNote {
  /** With the final newline: what is signed. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** The specification demands at least 16; post-quantum signatures of unknown keys take 5 kB each. */
const MAXIMUM_SIGNATURES = 64;
const MAXIMUM_NOTE_LENGTH = 256 * 1024;
const SIGNATURE_LINE = /^\u2014 ([^ ]+) ([^ ]+)$/;

function fail(reason: string): never {
  throw new LedgerError("LEDGER_NOTE_MALFORMED", { reason });
}

/** One line without its newline. @throws LedgerError LEDGER_NOTE_MALFORMED */
export function parseSignatureLine(line: string): NoteSignature {
  const [, name, encoded] = SIGNATURE_LINE.exec(line) ?? [];
  if (name === undefined || encoded === undefined || !isKeyName(name)) return fail("signature line");
  let bytes: Uint8Array;
  try {
    bytes = fromBase64(encoded);
  } catch {
    return fail("base64");
  }
  if (bytes.length < 5) return fail("signature length");
  return { name, keyId: readUint32(bytes), signature: bytes.slice(4), line: `${line}\n` };
}

/** C2SP signed-note, "Format". @throws LedgerError LEDGER_NOTE_MALFORMED */
export function parseNote(note: string): UnverifiedNote {
  if (note.length > MAXIMUM_NOTE_LENGTH) return fail("length");
  if (!isNoteText(note)) return fail("character");
  const split = note.lastIndexOf("\n\n");
  if (split < 0 || !note.endsWith("\n")) return fail("no signatures");
  const lines = note.slice(split + 2, -1).split("\n");
  if (lines.length > MAXIMUM_SIGNATURES) return fail("too many signatures");
  return { text: note.slice(0, split + 1), signatures: lines.map(parseSignatureLine) };
}

/** The name and the id together tell whose it claims to be. */
export function isBy(signature: NoteSignature, key: VerifierKey): boolean {
  return signature.name === key.name && signature.keyId === key.keyId;
}
