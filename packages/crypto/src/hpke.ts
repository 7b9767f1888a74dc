import { Aes128Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from "@hpke/core";
import { concatBytes } from "@portcullis/protocol";
import { CryptoError } from "./errors.ts";

// Base mode of DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-128-GCM: the suite inside MLS's 0x0001, and the one of
// RFC 9180 appendix A.1.
const kem = new DhkemX25519HkdfSha256();
const suite = new CipherSuite({ kem, kdf: new HkdfSha256(), aead: new Aes128Gcm() });
const KEY_BYTES = 32;
const ENCAPSULATED_BYTES = 32;

/** Raw X25519 keys, 32 bytes each. */
export interface HpkeKey {
  readonly publicKey: Uint8Array;
  /** Secret. */
  readonly privateKey: Uint8Array;
}

export async function generateHpkeKey(): Promise<HpkeKey> {
  const pair = await kem.generateKeyPair();
  return {
    publicKey: new Uint8Array(await kem.serializePublicKey(pair.publicKey)),
    privateKey: new Uint8Array(await kem.serializePrivateKey(pair.privateKey)),
  };
}

/** The 32-byte encapsulated key, then the ciphertext. @throws CryptoError HPKE_KEY */
export async function hpkeSeal(input: {
  readonly publicKey: Uint8Array;
  readonly info: Uint8Array;
  readonly associatedData: Uint8Array;
  readonly plaintext: Uint8Array;
}): Promise<Uint8Array> {
  const recipientPublicKey = await importKey(input.publicKey, true);
  let context;
  try {
    context = await suite.createSenderContext({ recipientPublicKey, info: owned(input.info) });
  } catch {
    // A key of small order: its shared secret would be known to all.
    throw new CryptoError("HPKE_KEY");
  }
  const ciphertext = await context.seal(owned(input.plaintext), owned(input.associatedData));
  return concatBytes(new Uint8Array(context.enc), new Uint8Array(ciphertext));
}

/** The plaintext. @throws CryptoError HPKE_OPEN, HPKE_KEY */
export async function hpkeOpen(input: {
  readonly privateKey: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly info: Uint8Array;
  readonly associatedData: Uint8Array;
  readonly sealed: Uint8Array;
}): Promise<Uint8Array> {
  const privateKey = await importKey(input.privateKey, false);
  const publicKey = await importKey(input.publicKey, true);
  try {
    const context = await suite.createRecipientContext({
      recipientKey: { privateKey, publicKey },
      enc: owned(input.sealed.subarray(0, ENCAPSULATED_BYTES)),
      info: owned(input.info),
    });
    const ciphertext = owned(input.sealed.subarray(ENCAPSULATED_BYTES));
    return new Uint8Array(await context.open(ciphertext, owned(input.associatedData)));
  } catch {
    throw new CryptoError("HPKE_OPEN");
  }
}

async function importKey(bytes: Uint8Array, isPublic: boolean): Promise<CryptoKey> {
  if (bytes.length !== KEY_BYTES) throw new CryptoError("HPKE_KEY");
  try {
    return await kem.importKey("raw", owned(bytes), isPublic);
  } catch {
    throw new CryptoError("HPKE_KEY");
  }
}

/** WebCrypto takes whole buffers of its own, not views into another's. */
function owned(bytes: Uint8Array): ArrayBuffer {
  const copy = new ArrayBuffer(bytes.length);
  new Uint8Array(copy).set(bytes);
  return copy;
}
