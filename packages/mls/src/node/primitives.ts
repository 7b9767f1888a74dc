import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  hash,
  sign,
  verify,
  type KeyObject,
} from "node:crypto";
import { hmacSha256 } from "@portcullis/crypto";
import { AEAD_TAG_BYTES, HASH_BYTES } from "../provider.ts";
import { KeyCache } from "./key-cache.ts";

const AES = "aes-128-gcm";
const BLOCK = new Uint8Array([1]);

// One device signs in a process, or a few; what must be forgotten (keys of the tree) is never cached.
const signingKeys = new KeyCache(64, (seed) => importPrivate("ed25519", seed));
const verifyingKeys = new KeyCache(4096, (key) => importPublic("ed25519", key));

export function importPrivate(type: "ed25519" | "x25519", raw: Uint8Array): KeyObject {
  return createPrivateKey({ key: raw, format: "raw-private", asymmetricKeyType: type });
}

export function importPublic(type: "ed25519" | "x25519", raw: Uint8Array): KeyObject {
  return createPublicKey({ key: raw, format: "raw-public", asymmetricKeyType: type });
}

export function sha256(data: Uint8Array): Uint8Array {
  return plain(hash("sha256", data, "buffer"));
}

/** libsodium's: for what is as short as here, node:crypto takes thrice as long to set its HMAC up. */
export const hmac = hmacSha256;

/** RFC 5869 section 2.3. */
export function expand(key: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  const first = hmac(key, info, BLOCK);
  if (length <= HASH_BYTES) return first.subarray(0, length);
  const out = new Uint8Array(length);
  out.set(first);
  let block = first;
  for (let done = HASH_BYTES, counter = 2; done < length; done += HASH_BYTES, counter++) {
    block = hmac(key, block, info, Uint8Array.of(counter));
    out.set(block.subarray(0, length - done), done);
  }
  return out;
}

export function seal(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array {
  const cipher = createCipheriv(AES, key, nonce);
  cipher.setAAD(aad);
  const out = new Uint8Array(plaintext.length + AEAD_TAG_BYTES);
  out.set(cipher.update(plaintext));
  cipher.final();
  out.set(cipher.getAuthTag(), plaintext.length);
  return out;
}

export function open(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Uint8Array {
  const length = sealed.length - AEAD_TAG_BYTES;
  if (length < 0) throw new RangeError("shorter than a tag");
  const decipher = createDecipheriv(AES, key, nonce, { authTagLength: AEAD_TAG_BYTES });
  decipher.setAAD(aad);
  decipher.setAuthTag(sealed.subarray(length));
  const plaintext = plain(decipher.update(sealed.subarray(0, length)));
  decipher.final();
  return plaintext;
}

export function signEd25519(seed: Uint8Array, message: Uint8Array): Uint8Array {
  return plain(sign(null, message, signingKeys.get(seed)));
}

export function isEd25519Signature(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  return verify(null, message, verifyingKeys.get(publicKey), signature);
}

/** The same bytes as a plain Uint8Array, which is what the rest of the house compares and stores. */
function plain(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}
