import { sign, type SigningKey } from "@portcullis/crypto";
import { concatBytes, toBase64, utf8 } from "@portcullis/protocol";
import { cosignedMessage, formatCheckpoint, type Checkpoint } from "./verify/checkpoint.ts";
import { makeVerifierKey, type KeyAlgorithm, type VerifierKey } from "./verify/verifier-key.ts";

/** A key that signs notes, and the form in which others know it. */
export interface NoteSigner {
  readonly key: VerifierKey;
  readonly signingKey: SigningKey;
}

/** @throws LedgerError LEDGER_KEY_MALFORMED when the name is none */
export function makeNoteSigner(of: {
  name: string;
  algorithm: KeyAlgorithm;
  signingKey: SigningKey;
}): NoteSigner {
  const { name, algorithm, signingKey } = of;
  return { key: makeVerifierKey({ name, algorithm, publicKey: signingKey.publicKey }), signingKey };
}

function signatureLine(key: VerifierKey, signature: Uint8Array): string {
  const keyId = new Uint8Array(4);
  new DataView(keyId.buffer).setUint32(0, key.keyId);
  return `\u2014 ${key.name} ${toBase64(concatBytes(keyId, signature))}\n`;
}

/** A log's signature line on its own checkpoint. C2SP signed-note, "Ed25519 signatures". */
export function signNoteText(signer: NoteSigner, text: string): string {
  return signatureLine(signer.key, sign(signer.signingKey, utf8(text)));
}

/** The signed note of a checkpoint: one signature, the log's. */
export function signCheckpoint(signer: NoteSigner, checkpoint: Checkpoint): string {
  const text = formatCheckpoint(checkpoint);
  return `${text}\n${signNoteText(signer, text)}`;
}

/** A witness's signature line, at whole seconds. `text`: the note's text. C2SP tlog-cosignature. */
export function cosignNoteText(signer: NoteSigner, text: string, nowMs: number): string {
  const seconds = Math.floor(nowMs / 1000);
  const time = new Uint8Array(8);
  new DataView(time.buffer).setBigUint64(0, BigInt(seconds));
  const signature = sign(signer.signingKey, cosignedMessage(seconds, text));
  return signatureLine(signer.key, concatBytes(time, signature));
}
