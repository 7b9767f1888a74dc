import { sha256 } from "@portcullis/crypto";
import { concatBytes, fromBase64, toBase64, utf8 } from "@portcullis/protocol";
import { LedgerError } from "../errors.ts";

/** `ed25519` signs a note (a log does), `cosignature/v1` a checkpoint and the time (a witness does). */
export type KeyAlgorithm = "ed25519" | "cosignature/v1";

const TYPE_BYTE: Readonly<Record<KeyAlgorithm, number>> = { ed25519: 0x01, "cosignature/v1": 0x04 };

/** A key that signatures on notes are checked against. C2SP signed-note, "Verifier keys". */
export interface VerifierKey {
  readonly name: string;
  /** uint32; identifies the key among those of one name, and proves nothing. */
  readonly keyId: number;
  readonly algorithm: KeyAlgorithm;
  /** 32 bytes, Ed25519. */
  readonly publicKey: Uint8Array;
  /** The one-line form, `name+keyid+base64`. */
  readonly text: string;
}

/** UTF-8 without ASCII control characters other than the newline. C2SP signed-note, "Format". */
export function isNoteText(text: string): boolean {
  if (!text.isWellFormed()) return false;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x20 && unit !== 0x0a) return false;
  }
  return true;
}

/** Not empty, no Unicode white space, no plus. C2SP signed-note, "Format". */
export function isKeyName(name: string): boolean {
  return name.length > 0 && isNoteText(name) && !/[\p{White_Space}+]/u.test(name);
}

export function readUint32(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0);
}

/** @throws LedgerError LEDGER_KEY_MALFORMED */
export function makeVerifierKey(key: {
  name: string;
  algorithm: KeyAlgorithm;
  publicKey: Uint8Array;
}): VerifierKey {
  const { name, algorithm, publicKey } = key;
  if (!isKeyName(name) || publicKey.length !== 32) throw new LedgerError("LEDGER_KEY_MALFORMED", { name });
  const material = concatBytes(Uint8Array.of(TYPE_BYTE[algorithm]), publicKey);
  const keyId = readUint32(sha256(utf8(`${name}\n`), material));
  const text = `${name}+${keyId.toString(16).padStart(8, "0")}+${toBase64(material)}`;
  return { name, keyId, algorithm, publicKey, text };
}

/** Types 0x01 and 0x04, whose key id is the hash that the specification recommends. @throws LedgerError LEDGER_KEY_MALFORMED */
export function parseVerifierKey(text: string): VerifierKey {
  const fail = (): never => {
    throw new LedgerError("LEDGER_KEY_MALFORMED", { text: text.slice(0, 200) });
  };
  // base64 has plus signs of its own
  const [, name, encoded] = /^([^+]+)\+[0-9a-f]{8}\+(.+)$/.exec(text) ?? [];
  if (name === undefined || encoded === undefined) return fail();
  let material: Uint8Array;
  try {
    material = fromBase64(encoded);
  } catch {
    return fail();
  }
  const algorithm = (Object.keys(TYPE_BYTE) as KeyAlgorithm[]).find((it) => TYPE_BYTE[it] === material[0]);
  if (algorithm === undefined) return fail();
  const key = makeVerifierKey({ name, algorithm, publicKey: material.slice(1) });
  return key.text === text ? key : fail();
}
