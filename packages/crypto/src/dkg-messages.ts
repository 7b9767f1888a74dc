import {
  concatBytes,
  decodeCbor,
  encodeCbor,
  equalBytes,
  FieldReader,
  ProtocolError,
  utf8,
  type CborValue,
} from "@portcullis/protocol";
import { CryptoError } from "./errors.ts";
import {
  add,
  isElement,
  isScalar,
  multiply,
  multiplyBase,
  scalarFromInteger,
  wideHashToScalar,
} from "./group.ts";
import { sha256 } from "./hash.ts";

const PROOF_BYTES = 64;
const PROOF_DOMAIN = utf8("FROST-RISTRETTO255-SHA512-v1dkg");

/** What a participant publishes: its polynomial in the exponent, and a proof that it knows the constant term. */
export interface Round1 {
  /** `C_0 ... C_{t-1}`, 32 bytes each. */
  readonly commitments: readonly Uint8Array[];
  /** Schnorr proof `R || z`. */
  readonly proof: Uint8Array;
}

export function hashContext(
  context: Uint8Array,
  threshold: number,
  participants: readonly Uint8Array[],
): Uint8Array {
  return sha256(encodeCbor(["portcullis/dkg/context/v1", context, threshold, participants]));
}

export function commitmentTo(contextHash: Uint8Array, index: number, round1: Uint8Array): Uint8Array {
  return sha256(encodeCbor(["portcullis/dkg/commitment/v1", contextHash, index, round1]));
}

export function hashTranscript(
  contextHash: Uint8Array,
  commitments: readonly Uint8Array[],
  round1s: readonly Uint8Array[],
): Uint8Array {
  return sha256(encodeCbor(["portcullis/dkg/transcript/v1", contextHash, commitments, round1s]));
}

export function encodeRound1(contextHash: Uint8Array, index: number, round1: Round1): Uint8Array {
  return encodeCbor(["portcullis/dkg/round1/v1", contextHash, index, round1.commitments, round1.proof]);
}

/**
 * Exactly `threshold` valid elements, none the identity, and a proof that holds.
 * @throws CryptoError DKG_ROUND1 with the index
 */
export function decodeRound1(
  bytes: Uint8Array,
  expected: { readonly contextHash: Uint8Array; readonly index: number; readonly threshold: number },
): Round1 {
  const { contextHash, index, threshold } = expected;
  const refuse = (reason: string) => new CryptoError("DKG_ROUND1", { index, reason });
  const [context, sender, round1] = readOr(refuse("encoding"), () => {
    const fields = new FieldReader(decodeCbor(bytes, "DKG round 1"), "DKG round 1", 5);
    fields.constant("portcullis/dkg/round1/v1");
    return [
      fields.bytes(32),
      fields.integer(),
      { commitments: fields.list(elementOf, threshold), proof: fields.bytes(PROOF_BYTES) },
    ] as const;
  });
  if (!equalBytes(context, contextHash) || sender !== index) throw refuse("context");
  if (round1.commitments.length !== threshold) throw refuse("threshold");
  if (!round1.commitments.every(isElement)) throw refuse("element");
  if (!proofHolds(index, round1)) throw refuse("proof");
  return round1;
}

export function encodeRound2(
  transcriptHash: Uint8Array,
  from: number,
  to: number,
  share: Uint8Array,
): Uint8Array {
  return encodeCbor(["portcullis/dkg/round2/v1", transcriptHash, from, to, share]);
}

/**
 * The secret share in a message for `to` that saw the same transcript, checked against its sender's commitments.
 * @throws CryptoError DKG_TRANSCRIPT, DKG_SHARE, with the sender's index
 */
export function decodeRound2(
  bytes: Uint8Array,
  expected: {
    readonly transcriptHash: Uint8Array;
    readonly from: number;
    readonly to: number;
    readonly commitments: readonly Uint8Array[];
  },
): Uint8Array {
  const { transcriptHash, from, to, commitments } = expected;
  const refuse = (reason: string) => new CryptoError("DKG_SHARE", { index: from, reason });
  const [transcript, sender, receiver, share] = readOr(refuse("encoding"), () => {
    const fields = new FieldReader(decodeCbor(bytes, "DKG round 2"), "DKG round 2", 5);
    fields.constant("portcullis/dkg/round2/v1");
    return [fields.bytes(32), fields.integer(), fields.integer(), fields.bytes(32)] as const;
  });
  if (!equalBytes(transcript, transcriptHash)) throw new CryptoError("DKG_TRANSCRIPT", { index: from });
  if (sender !== from || receiver !== to) throw refuse("address");
  if (!isScalar(share)) throw refuse("scalar");
  if (!equalBytes(multiplyBase(share), evaluateInExponent(commitments, to))) throw refuse("commitment");
  return share;
}

/** `C_0 + index C_1 + index^2 C_2 + ...` by Horner's rule. */
function evaluateInExponent(commitments: readonly Uint8Array[], index: number): Uint8Array {
  const at = scalarFromInteger(index);
  return commitments.reduceRight((sum, commitment) => add(commitment, multiply(at, sum)));
}

/** z G = R + c C_0, with FROST's challenge. noble checks the same; here it is known whose proof it is. */
function proofHolds(index: number, { commitments, proof }: Round1): boolean {
  const [r, z] = [proof.subarray(0, 32), proof.subarray(32)];
  const constant = commitments[0] as Uint8Array;
  if (!isElement(r) || !isScalar(z)) return false;
  const c = wideHashToScalar(concatBytes(PROOF_DOMAIN, scalarFromInteger(index), constant, r));
  return equalBytes(multiplyBase(z), add(r, multiply(c, constant)));
}

function elementOf(value: CborValue): Uint8Array {
  return new FieldReader([value], "DKG commitment", 1).bytes(32);
}

function readOr<T>(refusal: CryptoError, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof ProtocolError ? refusal : error;
  }
}
