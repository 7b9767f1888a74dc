import { createCipheriv, createDecipheriv } from "node:crypto";
import { concatBytes } from "@portcullis/protocol";
import type { RecordAead } from "../platform.ts";

const AES = "aes-128-gcm";
const TAG_BYTES = 16;

/** By node:crypto, piece by piece. */
export const nodeRecords: RecordAead = {
  seal: (key, nonce, plaintext) => {
    const cipher = createCipheriv(AES, key, nonce);
    const sealed: Uint8Array[] = plaintext.map((piece) => cipher.update(piece));
    cipher.final();
    const last = sealed.pop() ?? new Uint8Array(0);
    const tag = cipher.getAuthTag();
    // A short end and the tag are one piece: whoever takes them is called once.
    return last.length > TAG_BYTES ? [...sealed, last, tag] : [...sealed, concatBytes(last, tag)];
  },
  open: (key, nonce, sealed) => {
    const decipher = createDecipheriv(AES, key, nonce, { authTagLength: TAG_BYTES });
    const { body, tag } = divided(sealed);
    const plaintext: Uint8Array[] = body.map((piece) => decipher.update(piece));
    decipher.setAuthTag(tag);
    // Nothing of it is given to anybody before that.
    decipher.final();
    return plaintext;
  },
};

/** The last sixteen bytes, wherever the pieces end, and what stands before them. */
function divided(sealed: readonly Uint8Array[]): { body: Uint8Array[]; tag: Uint8Array } {
  const body = [...sealed];
  let tag = new Uint8Array(0) as Uint8Array;
  while (tag.length < TAG_BYTES) {
    const last = body.pop();
    if (last === undefined) throw new RangeError("no tag");
    const begins = Math.max(0, last.length - (TAG_BYTES - tag.length));
    tag = concatBytes(last.subarray(begins), tag);
    if (begins > 0) body.push(last.subarray(0, begins));
  }
  return { body, tag };
}
