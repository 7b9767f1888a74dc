import { merkleLeafHash, rootFromPath, verifySignature } from "@portcullis/crypto";
import {
  encodeFrankLeaf,
  encodeFrankRoot,
  equalBytes,
  PortcullisError,
  type FrankContext,
  type Receipt,
} from "@portcullis/protocol";
import { ClientError } from "../errors.ts";

const REMEMBERED_ROOTS = 16;

/**
 * Checks receipts under one franking key. The server signs one root for many messages, so that the last roots are
 * remembered and one signature check serves the messages of a batch.
 */
export class ReceiptVerifier {
  readonly #frankingKey: Uint8Array;
  readonly #verified: { readonly root: Uint8Array; readonly signature: Uint8Array; readonly size: number }[] =
    [];

  constructor(frankingKey: Uint8Array) {
    this.#frankingKey = frankingKey;
  }

  /** Returns when the server vouches for this message at this time. @throws ClientError CLIENT_RECEIPT */
  verify(context: FrankContext, receipt: Receipt): void {
    try {
      if (receipt.acceptedAtMs !== context.acceptedAtMs) throw new ClientError("CLIENT_RECEIPT");
      const leafHash = merkleLeafHash(encodeFrankLeaf(context, receipt.serverFrank));
      const { batchIndex: index, batchSize: size, path, rootSignature: signature } = receipt;
      this.#verifyRoot({ root: rootFromPath({ index, size, leafHash, path }), size, signature });
    } catch (error) {
      if (error instanceof PortcullisError) throw new ClientError("CLIENT_RECEIPT", { reason: error.code });
      throw error;
    }
  }

  #verifyRoot(signed: { root: Uint8Array; size: number; signature: Uint8Array }): void {
    const known = this.#verified.some(
      ({ root, size, signature }) =>
        size === signed.size && equalBytes(root, signed.root) && equalBytes(signature, signed.signature),
    );
    if (known) return;
    verifySignature(this.#frankingKey, encodeFrankRoot(signed), signed.signature);
    this.#verified.unshift({ ...signed, signature: signed.signature.slice() });
    this.#verified.length = Math.min(this.#verified.length, REMEMBERED_ROOTS);
  }
}
