import { hpkeOpen, hpkeSeal } from "@portcullis/crypto/hpke";
import { encodeCbor, equalBytes, utf8, type OrderHash } from "@portcullis/protocol";
import { AccessError } from "./errors.ts";
import { decodeShareBatch, encodeShareBatch, type ShareBatch } from "./share-batch.ts";

const INFO = utf8("portcullis/shares/v1");

const associatedData = (orderHash: OrderHash, custodian: string): Uint8Array =>
  encodeCbor([orderHash, custodian]);

/** To the HPKE key that the order names, and no other: shares are as sensitive as the keys that they make. */
export async function sealShareBatch(batch: ShareBatch, hpkeKey: Uint8Array): Promise<Uint8Array> {
  return hpkeSeal({
    publicKey: hpkeKey,
    info: INFO,
    associatedData: associatedData(batch.orderHash, batch.custodian),
    plaintext: encodeShareBatch(batch),
  });
}

/** @throws AccessError BATCH_UNREADABLE when it was not sealed to this key, for this order, by this custodian's word */
export async function openShareBatch(input: {
  orderHash: OrderHash;
  custodian: string;
  publicKey: Uint8Array;
  privateKey: Uint8Array;
  sealed: Uint8Array;
}): Promise<ShareBatch> {
  const { orderHash, custodian, publicKey, privateKey, sealed } = input;
  try {
    const plaintext = await hpkeOpen({
      publicKey,
      privateKey,
      info: INFO,
      associatedData: associatedData(orderHash, custodian),
      sealed,
    });
    const batch = decodeShareBatch(plaintext);
    if (batch.custodian === custodian && equalBytes(batch.orderHash, orderHash)) return batch;
  } catch {
    // one answer for all causes: nothing in the batch can be used
  }
  throw new AccessError("BATCH_UNREADABLE", { custodian });
}
