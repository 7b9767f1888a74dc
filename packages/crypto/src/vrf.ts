import { concatBytes, utf8, type Random } from "@portcullis/protocol";
import { CryptoError, requireLength } from "./errors.ts";
import {
  ELEMENT_BYTES,
  elementFromWide,
  hashToScalar,
  isElement,
  isScalar,
  multiply,
  multiplyBase,
  scalarFromWide,
  scalarMultiplyAdd,
  subtract,
} from "./group.ts";
import { constantTimeEqual, wipe } from "./hash.ts";
import { sodium } from "./sodium.ts";

// ECVRF-RISTRETTO255-SHA512, https://c2sp.org/vrf-r255: the construction of RFC 9381 over ristretto255.

const SUITE = concatBytes(Uint8Array.of(0xff), utf8("c2sp.org/vrf-r255"));
const CHALLENGE_BYTES = 16;
const SEED_BYTES = 32;
export const VRF_PROOF_BYTES = 80;

declare const brand: unique symbol;

/** Whoever has the secret can compute anybody's output, and prove it. Only `vrfKeyFromSeed` and `vrfKeyFromScalar` make one. */
export interface VrfKey {
  /** A scalar, secret. */
  readonly secret: Uint8Array;
  /** 32 bytes, an element. */
  readonly publicKey: Uint8Array;
  readonly [brand]: "VrfKey";
}

/** @throws CryptoError VRF_KEY when it is not a canonical scalar, or zero */
export function vrfKeyFromScalar(secret: Uint8Array): VrfKey {
  if (!isScalar(secret)) throw new CryptoError("VRF_KEY");
  return { secret: secret.slice(), publicKey: multiplyBase(secret) } as VrfKey;
}

/** The key that 32 secret bytes make. @throws CryptoError CRYPTO_LENGTH */
export function vrfKeyFromSeed(seed: Uint8Array): VrfKey {
  requireLength(seed, SEED_BYTES, "VRF seed");
  return vrfKeyFromScalar(hashToScalar("portcullis/vrf-key/v1", [seed]));
}

export function generateVrfKey(random: Random): VrfKey {
  return vrfKeyFromSeed(random(SEED_BYTES));
}

/** The key's output for an input, 64 bytes that look random to all but its owner, and the proof of it, 80 bytes. */
export function proveVrf(key: VrfKey, input: Uint8Array): { output: Uint8Array; proof: Uint8Array } {
  const { secret, publicKey } = key;
  const h = inputElement(publicKey, input);
  const gamma = multiply(secret, h);
  const wide = suiteHash(0x81, secret, h);
  const nonce = scalarFromWide(wide);
  const challenge = challengeOf([publicKey, h, gamma, multiplyBase(nonce), multiply(nonce, h)]);
  const response = scalarMultiplyAdd(nonce, asScalar(challenge), secret);
  wipe(nonce);
  return { output: outputOf(gamma), proof: concatBytes(gamma, challenge, response) };
}

/**
 * The output of the public key's owner for an input: there is one, and the proof shows it.
 * @throws CryptoError VRF_KEY for a public key that is no element, VRF_PROOF
 */
export function verifyVrf(publicKey: Uint8Array, input: Uint8Array, proof: Uint8Array): Uint8Array {
  if (!isElement(publicKey)) throw new CryptoError("VRF_KEY");
  if (proof.length !== VRF_PROOF_BYTES) throw new CryptoError("VRF_PROOF", { length: proof.length });
  const gamma = proof.slice(0, ELEMENT_BYTES);
  const challenge = proof.slice(ELEMENT_BYTES, ELEMENT_BYTES + CHALLENGE_BYTES);
  const response = proof.slice(ELEMENT_BYTES + CHALLENGE_BYTES);
  const c = asScalar(challenge);
  // No prover ever has a zero challenge or response; libsodium refuses to multiply by them.
  if (!isElement(gamma) || !isScalar(response) || !isScalar(c)) throw new CryptoError("VRF_PROOF");
  const h = inputElement(publicKey, input);
  const u = subtract(multiplyBase(response), multiply(c, publicKey));
  const v = subtract(multiply(response, h), multiply(c, gamma));
  if (!constantTimeEqual(challengeOf([publicKey, h, gamma, u, v]), challenge))
    throw new CryptoError("VRF_PROOF");
  return outputOf(gamma);
}

/** ECVRF_encode_to_curve, with the public key as salt. */
function inputElement(publicKey: Uint8Array, input: Uint8Array): Uint8Array {
  return elementFromWide(suiteHash(0x82, publicKey, input));
}

function challengeOf(elements: readonly Uint8Array[]): Uint8Array {
  return suiteHash(0x02, ...elements, Uint8Array.of(0)).slice(0, CHALLENGE_BYTES);
}

function outputOf(gamma: Uint8Array): Uint8Array {
  return suiteHash(0x03, gamma, Uint8Array.of(0));
}

function suiteHash(domain: number, ...parts: readonly Uint8Array[]): Uint8Array {
  return sodium.crypto_hash_sha512(concatBytes(SUITE, Uint8Array.of(domain), ...parts));
}

function asScalar(challenge: Uint8Array): Uint8Array {
  return concatBytes(challenge, new Uint8Array(ELEMENT_BYTES - CHALLENGE_BYTES));
}
