import { decodeCbor, encodeCbor, FieldReader, ProtocolError, utf8 } from "@portcullis/protocol";
import { MlsError } from "./errors.ts";
import { deriveTreeSecret, expandWithLabel } from "./labels.ts";
import { AEAD_KEY_BYTES, AEAD_NONCE_BYTES, HASH_BYTES, type Primitives } from "./provider.ts";

const ROW = "portcullis/ratchet/v1";
const MAXIMUM_GENERATION = 0xffff_ffff;
/** How far one message may jump ahead of its sender's last one. */
export const FORWARD_LIMIT = 1024;

/** One hash ratchet: the secret from which all keys from `generation` on derive, and none before. RFC 9420 section 9.1. */
export interface Ratchet {
  readonly generation: number;
  readonly secret: Uint8Array;
}

/** The two ratchets of a leaf. */
export interface LeafRatchets {
  readonly handshake: Ratchet;
  readonly application: Ratchet;
}

export interface MessageKey {
  readonly generation: number;
  readonly key: Uint8Array;
  readonly nonce: Uint8Array;
}

/** The key of the ratchet's generation, and the ratchet behind it, from which that key cannot be had. RFC 9420 section 9.1. */
export async function turnRatchet(
  primitives: Primitives,
  { secret, generation }: Ratchet,
): Promise<{ messageKey: MessageKey; next: Ratchet }> {
  if (generation >= MAXIMUM_GENERATION) throw new MlsError("MLS_GENERATION_TOO_FAR", { generation });
  const key = await deriveTreeSecret(primitives, secret, "key", generation, AEAD_KEY_BYTES);
  const nonce = await deriveTreeSecret(primitives, secret, "nonce", generation, AEAD_NONCE_BYTES);
  const following = await deriveTreeSecret(primitives, secret, "secret", generation, HASH_BYTES);
  return {
    messageKey: { generation, key, nonce },
    next: { generation: generation + 1, secret: following },
  };
}

/**
 * The ratchet moved forward to `generation`. What lies between is never kept: the secret of a skipped message would
 * open all that its sender writes later (MLS-21).
 * @throws MlsError MLS_GENERATION_USED, MLS_GENERATION_TOO_FAR
 */
export async function advanceRatchet(
  primitives: Primitives,
  ratchet: Ratchet,
  generation: number,
): Promise<Ratchet> {
  const facts = { expected: ratchet.generation, actual: generation };
  if (generation < ratchet.generation) throw new MlsError("MLS_GENERATION_USED", facts);
  if (generation - ratchet.generation > FORWARD_LIMIT) throw new MlsError("MLS_GENERATION_TOO_FAR", facts);
  let { secret } = ratchet;
  for (let at = ratchet.generation; at < generation; at++)
    secret = await deriveTreeSecret(primitives, secret, "secret", at, HASH_BYTES);
  return { generation, secret };
}

/** The ratchets of every leaf of a full tree of `leafCount` leaves (a power of two). RFC 9420 section 9. */
export async function deriveLeafRatchets(
  primitives: Primitives,
  encryptionSecret: Uint8Array,
  leafCount: number,
): Promise<LeafRatchets[]> {
  let level = [encryptionSecret];
  while (level.length < leafCount) {
    const children: Uint8Array[] = [];
    for (const secret of level)
      for (const side of ["left", "right"])
        children.push(await expandWithLabel(primitives, secret, "tree", utf8(side), HASH_BYTES));
    for (const secret of level) if (secret !== encryptionSecret) secret.fill(0);
    level = children;
  }
  const leaves: LeafRatchets[] = [];
  for (const secret of level) {
    leaves.push({
      handshake: await firstRatchet(primitives, secret, "handshake"),
      application: await firstRatchet(primitives, secret, "application"),
    });
    if (secret !== encryptionSecret) secret.fill(0);
  }
  return leaves;
}

async function firstRatchet(primitives: Primitives, secret: Uint8Array, label: string): Promise<Ratchet> {
  const first = await expandWithLabel(primitives, secret, label, new Uint8Array(), HASH_BYTES);
  return { generation: 0, secret: first };
}

export function encodeRatchetRow({ handshake, application }: LeafRatchets): Uint8Array {
  return encodeCbor([
    ROW,
    handshake.generation,
    handshake.secret,
    application.generation,
    application.secret,
  ]);
}

/** @throws MlsError MLS_SNAPSHOT */
export function decodeRatchetRow(row: Uint8Array): LeafRatchets {
  try {
    const reader = new FieldReader(decodeCbor(row, "ratchet row"), "ratchet row", 5);
    reader.constant(ROW);
    const ratchet = (): Ratchet => ({
      generation: reader.integer(0, MAXIMUM_GENERATION),
      secret: reader.bytes(HASH_BYTES),
    });
    return { handshake: ratchet(), application: ratchet() };
  } catch (error) {
    if (error instanceof ProtocolError) throw new MlsError("MLS_SNAPSHOT", { reason: error.code });
    throw error;
  }
}
