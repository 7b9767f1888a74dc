import { buildMerkleTree, hmacSha256, sign, type SigningKey } from "@portcullis/crypto";
import {
  encodeFrankContext,
  encodeFrankLeaf,
  encodeFrankRoot,
  type FrankContext,
  type Receipt,
} from "@portcullis/protocol";

export interface FrankKeys {
  /** Signs the root of each batch; members know its public half from the group's state. */
  readonly signing: SigningKey;
  /** 32 bytes, only this server's: by it the server knows its own franks again. */
  readonly mac: Uint8Array;
}

/** The receipts of all messages of one group commit, under one signature. spec/franking.md */
export function frankBatch(contexts: readonly FrankContext[], keys: FrankKeys): Receipt[] {
  if (contexts.length === 0) return [];
  const franks = contexts.map((context) => hmacSha256(keys.mac, encodeFrankContext(context)));
  const tree = buildMerkleTree(
    contexts.map((context, index) => encodeFrankLeaf(context, franks[index] as Uint8Array)),
  );
  const batchSize = contexts.length;
  const rootSignature = sign(keys.signing, encodeFrankRoot({ root: tree.root, size: batchSize }));
  return contexts.map(({ acceptedAtMs }, batchIndex) => ({
    acceptedAtMs,
    serverFrank: franks[batchIndex] as Uint8Array,
    batchIndex,
    batchSize,
    path: tree.path(batchIndex),
    rootSignature,
  }));
}
