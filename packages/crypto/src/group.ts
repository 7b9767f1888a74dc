import { encodeCbor, type CborValue } from "@portcullis/protocol";
import { sodium } from "./sodium.ts";

// ristretto255 (RFC 9496): prime order q, no cofactor, one encoding per element. Every multiplication takes the same
// time whatever the scalar; libsodium throws when a product is the identity, which no honest value ever is.

export const SCALAR_BYTES = 32;
export const ELEMENT_BYTES = 32;
const WIDE_BYTES = 64;

/** An encoding that RFC 9496 section 4.3.1 accepts, and not the identity's. */
export function isElement(bytes: Uint8Array): boolean {
  return (
    bytes.length === ELEMENT_BYTES &&
    sodium.crypto_core_ristretto255_is_valid_point(bytes) &&
    !sodium.is_zero(bytes)
  );
}

/** Little endian, from 1 to q - 1. Constant time: it is asked of secrets too. */
export function isScalar(bytes: Uint8Array): boolean {
  if (bytes.length !== SCALAR_BYTES) return false;
  const wide = new Uint8Array(WIDE_BYTES);
  wide.set(bytes);
  const canonical = sodium.memcmp(sodium.crypto_core_ristretto255_scalar_reduce(wide), bytes);
  wide.fill(0);
  return canonical && !sodium.is_zero(bytes);
}

/** SHA-512 of the deterministic CBOR of [domain, ...values], as a little-endian number modulo q. */
export function hashToScalar(domain: string, values: readonly CborValue[]): Uint8Array {
  return wideHashToScalar(encodeCbor([domain, ...values]));
}

/** SHA-512 of the bytes, as a little-endian number modulo q. */
export function wideHashToScalar(bytes: Uint8Array): Uint8Array {
  return scalarFromWide(sodium.crypto_hash_sha512(bytes));
}

/** HMAC-SHA512 under a 32-byte secret of the deterministic CBOR of [domain, ...values], modulo q. */
export function secretScalar(secret: Uint8Array, domain: string, values: readonly CborValue[]): Uint8Array {
  return scalarFromWide(sodium.crypto_auth_hmacsha512(encodeCbor([domain, ...values]), secret));
}

/** SHA-512 of the deterministic CBOR of [domain, ...values], mapped by RFC 9496 section 4.3.4. Nobody knows its logarithm. */
export function hashToElement(domain: string, values: readonly CborValue[]): Uint8Array {
  return elementFromWide(sodium.crypto_hash_sha512(encodeCbor([domain, ...values])));
}

/** 64 uniform bytes, mapped by RFC 9496 section 4.3.4. */
export function elementFromWide(wide: Uint8Array): Uint8Array {
  return sodium.crypto_core_ristretto255_from_hash(wide);
}

/** 64 bytes as a little-endian number modulo q; the bytes are erased. */
export function scalarFromWide(wide: Uint8Array): Uint8Array {
  const scalar = sodium.crypto_core_ristretto255_scalar_reduce(wide);
  wide.fill(0);
  return scalar;
}

export function multiply(scalar: Uint8Array, element: Uint8Array): Uint8Array {
  return sodium.crypto_scalarmult_ristretto255(scalar, element);
}

export function multiplyBase(scalar: Uint8Array): Uint8Array {
  return sodium.crypto_scalarmult_ristretto255_base(scalar);
}

export function add(a: Uint8Array, b: Uint8Array): Uint8Array {
  return sodium.crypto_core_ristretto255_add(a, b);
}

export function subtract(a: Uint8Array, b: Uint8Array): Uint8Array {
  return sodium.crypto_core_ristretto255_sub(a, b);
}

/** a + b * c modulo q. */
export function scalarMultiplyAdd(a: Uint8Array, b: Uint8Array, c: Uint8Array): Uint8Array {
  return sodium.crypto_core_ristretto255_scalar_add(a, sodium.crypto_core_ristretto255_scalar_mul(b, c));
}

/** From 0 to 2^32 - 1. */
export function scalarFromInteger(value: number): Uint8Array {
  const scalar = new Uint8Array(SCALAR_BYTES);
  new DataView(scalar.buffer).setUint32(0, value, true);
  return scalar;
}

/** The weight of `index` when a polynomial's value at zero is taken from its values at `indexes`. */
export function lagrangeCoefficient(index: number, indexes: readonly number[]): Uint8Array {
  const own = scalarFromInteger(index);
  let numerator = scalarFromInteger(1);
  let denominator = scalarFromInteger(1);
  for (const other of indexes) {
    if (other === index) continue;
    const theirs = scalarFromInteger(other);
    const difference = sodium.crypto_core_ristretto255_scalar_sub(theirs, own);
    numerator = sodium.crypto_core_ristretto255_scalar_mul(numerator, theirs);
    denominator = sodium.crypto_core_ristretto255_scalar_mul(denominator, difference);
  }
  return sodium.crypto_core_ristretto255_scalar_mul(
    numerator,
    sodium.crypto_core_ristretto255_scalar_invert(denominator),
  );
}
