import { createPublicKey, diffieHellman, type KeyObject } from "node:crypto";
import { concatBytes, utf8, type Random } from "@portcullis/protocol";
import type { Hpke } from "ts-mls";
import { AEAD_KEY_BYTES, AEAD_NONCE_BYTES, HASH_BYTES } from "../provider.ts";
import { uint16 } from "../tls.ts";
import { expand, hmac, importPrivate, importPublic, open, seal } from "./primitives.ts";

// HPKE in base mode with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and AES-128-GCM. RFC 9180.

const VERSION = utf8("HPKE-v1");
const KEM_ID = 0x0020;
const KEM = concatBytes(utf8("KEM"), uint16(KEM_ID));
const SUITE = concatBytes(utf8("HPKE"), uint16(KEM_ID), uint16(0x0001), uint16(0x0001));
const BASE_MODE = Uint8Array.of(0);
const NOTHING = new Uint8Array();

type MlsPublicKey = Awaited<ReturnType<Hpke["importPublicKey"]>>;
type MlsPrivateKey = Awaited<ReturnType<Hpke["importPrivateKey"]>>;

/** ts-mls types keys as CryptoKey and looks into none: ours are KeyObjects with their raw bytes. */
class NodeKey {
  readonly object: KeyObject;
  readonly raw: Uint8Array;

  constructor(object: KeyObject, raw: Uint8Array) {
    this.object = object;
    this.raw = raw;
  }

  get asPublic(): MlsPublicKey {
    return this as unknown as MlsPublicKey;
  }

  get asPrivate(): MlsPrivateKey {
    return this as unknown as MlsPrivateKey;
  }
}

function nodeKey(key: MlsPublicKey | MlsPrivateKey): NodeKey {
  return key as unknown as NodeKey;
}

function labeledExtract(suite: Uint8Array, salt: Uint8Array, label: string, ikm: Uint8Array): Uint8Array {
  return hmac(salt, VERSION, suite, utf8(label), ikm);
}

function labeledExpand(
  suite: Uint8Array,
  prk: Uint8Array,
  label: string,
  info: Uint8Array,
  length: number,
): Uint8Array {
  return expand(prk, concatBytes(uint16(length), VERSION, suite, utf8(label), info), length);
}

function publicOf(privateKey: KeyObject): NodeKey {
  const object = createPublicKey(privateKey);
  return new NodeKey(object, new Uint8Array(object.export({ format: "raw-public" })));
}

/** RFC 9180 section 7.1.3. */
function deriveKeyPair(ikm: Uint8Array): { privateKey: NodeKey; publicKey: NodeKey } {
  const prk = labeledExtract(KEM, NOTHING, "dkp_prk", ikm);
  const raw = labeledExpand(KEM, prk, "sk", NOTHING, 32);
  const object = importPrivate("x25519", raw);
  return { privateKey: new NodeKey(object, raw), publicKey: publicOf(object) };
}

/** RFC 9180 section 4.1; OpenSSL refuses an all-zero result. */
function sharedSecret(
  privateKey: KeyObject,
  publicKey: KeyObject,
  enc: Uint8Array,
  recipient: Uint8Array,
): Uint8Array {
  const dh = new Uint8Array(diffieHellman({ privateKey, publicKey }));
  const prk = labeledExtract(KEM, NOTHING, "eae_prk", dh);
  return labeledExpand(KEM, prk, "shared_secret", concatBytes(enc, recipient), HASH_BYTES);
}

interface Context {
  readonly key: Uint8Array;
  readonly nonce: Uint8Array;
  readonly exporterSecret: Uint8Array;
}

/** RFC 9180 section 5.1. */
function keySchedule(shared: Uint8Array, info: Uint8Array): Context {
  const context = concatBytes(
    BASE_MODE,
    labeledExtract(SUITE, NOTHING, "psk_id_hash", NOTHING),
    labeledExtract(SUITE, NOTHING, "info_hash", info),
  );
  const secret = labeledExtract(SUITE, shared, "secret", NOTHING);
  return {
    key: labeledExpand(SUITE, secret, "key", context, AEAD_KEY_BYTES),
    nonce: labeledExpand(SUITE, secret, "base_nonce", context, AEAD_NONCE_BYTES),
    exporterSecret: labeledExpand(SUITE, secret, "exp", context, HASH_BYTES),
  };
}

function encapsulate(recipient: NodeKey, info: Uint8Array, random: Random): Context & { enc: Uint8Array } {
  const ephemeral = importPrivate("x25519", random(32));
  const enc = publicOf(ephemeral).raw;
  return { enc, ...keySchedule(sharedSecret(ephemeral, recipient.object, enc, recipient.raw), info) };
}

function decapsulate(privateKey: NodeKey, enc: Uint8Array, info: Uint8Array): Context {
  const recipient = publicOf(privateKey.object).raw;
  return keySchedule(sharedSecret(privateKey.object, importPublic("x25519", enc), enc, recipient), info);
}

/** HPKE in the shape that ts-mls takes; computed at once behind its promises. */
export function nodeHpke(random: Random): Hpke {
  const generate = (): { privateKey: NodeKey; publicKey: NodeKey } => deriveKeyPair(random(32));
  const asPair = ({ privateKey, publicKey }: ReturnType<typeof generate>) => ({
    privateKey: privateKey.asPrivate,
    publicKey: publicKey.asPublic,
  });
  return {
    keyLength: AEAD_KEY_BYTES,
    nonceLength: AEAD_NONCE_BYTES,
    seal: async (publicKey, plaintext, info, aad = NOTHING) => {
      const { enc, key, nonce } = encapsulate(nodeKey(publicKey), info, random);
      return { enc, ct: seal(key, nonce, aad, plaintext) };
    },
    open: async (privateKey, kemOutput, ciphertext, info, aad = NOTHING) => {
      const { key, nonce } = decapsulate(nodeKey(privateKey), kemOutput, info);
      return open(key, nonce, aad, ciphertext);
    },
    exportSecret: async (publicKey, exporterContext, length, info) => {
      const { enc, exporterSecret } = encapsulate(nodeKey(publicKey), info, random);
      return { enc, secret: labeledExpand(SUITE, exporterSecret, "sec", exporterContext, length) };
    },
    importSecret: async (privateKey, exporterContext, kemOutput, length, info) => {
      const { exporterSecret } = decapsulate(nodeKey(privateKey), kemOutput, info);
      return labeledExpand(SUITE, exporterSecret, "sec", exporterContext, length);
    },
    importPrivateKey: async (raw) => new NodeKey(importPrivate("x25519", raw), raw).asPrivate,
    importPublicKey: async (raw) => new NodeKey(importPublic("x25519", raw), raw).asPublic,
    exportPublicKey: async (key) => nodeKey(key).raw,
    exportPrivateKey: async (key) => nodeKey(key).raw,
    encryptAead: async (key, nonce, aad, plaintext) => seal(key, nonce, aad ?? NOTHING, plaintext),
    decryptAead: async (key, nonce, aad, ciphertext) => open(key, nonce, aad ?? NOTHING, ciphertext),
    deriveKeyPair: async (ikm) => asPair(deriveKeyPair(ikm)),
    generateKeyPair: async () => asPair(generate()),
  };
}
