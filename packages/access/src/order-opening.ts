import { sha256 } from "@portcullis/crypto";
import { equalBytes } from "@portcullis/protocol";
import { AccessError } from "./errors.ts";
import type { OrderItem } from "./items.ts";
import { openBuckets, type OrderOpening, type OpeningInput } from "./opening.ts";
import type { VerifiedRelease } from "./release.ts";
import { openShareBatch } from "./sealed-batch.ts";
import { encodeShareBatch, type ShareBatch } from "./share-batch.ts";
import type { ShareCheat } from "./share-cheat.ts";

/** A custodian's sealed batch, with the release that it logged before. */
export interface ReceivedBatch {
  readonly custodian: string;
  readonly sealed: Uint8Array;
  /** The release's JWS from the ledger, and what it says. */
  readonly releaseJws: string;
  readonly release: VerifiedRelease;
}

export interface OpenedOrder extends OrderOpening {
  /** Batches of sound shares: these go into evidence. */
  readonly batches: readonly ShareBatch[];
  /** Items that were opened: so do these. */
  readonly items: readonly OrderItem[];
  /** Proofs against custodians, for anybody to check (verifyShareCheat). */
  readonly cheats: readonly ShareCheat[];
}

/**
 * What the order's recipient does with all that the custodians and the server gave: opens the batches, combines, opens,
 * checks. `recipient`: the HPKE key pair that the order names.
 * @throws AccessError BATCH_UNREADABLE, BATCH_NOT_RELEASED, OPENING_SHARES_SHORT
 */
export async function openOrder(
  input: Omit<OpeningInput, "batches"> & {
    batches: readonly ReceivedBatch[];
    recipient: { publicKey: Uint8Array; privateKey: Uint8Array };
  },
): Promise<OpenedOrder> {
  const opened = await Promise.all(input.batches.map((received) => openBatch(received, input)));
  const opening = openBuckets({ ...input, batches: opened });
  const cheats = opening.unsound.map(({ custodian, labelHash }) => {
    const place = input.batches.findIndex((received) => received.custodian === custodian);
    const batch = encodeShareBatch(opened[place] as ShareBatch);
    return { custodian, labelHash, batch, release: input.batches[place]?.releaseJws ?? "" };
  });
  const sound = opened.filter(({ custodian }) => !cheats.some((cheat) => cheat.custodian === custodian));
  const items = input.items.filter((item) => !opening.rejected.some((it) => it.item === item));
  return { ...opening, batches: sound, items, cheats };
}

/** The batch, if it is the one that its custodian's release in the ledger commits to, over the same buckets. */
async function openBatch(
  { custodian, sealed, release }: ReceivedBatch,
  { order, targets, recipient }: Parameters<typeof openOrder>[0],
): Promise<ShareBatch> {
  const refuse = (): never => {
    throw new AccessError("BATCH_NOT_RELEASED", { custodian });
  };
  const released =
    release.custodian === custodian &&
    equalBytes(release.orderHash, order.hash) &&
    equalBytes(release.batchHash, sha256(sealed)) &&
    equalBytes(release.labels.root, targets.labels.root);
  if (!released) return refuse();
  const batch = await openShareBatch({ orderHash: order.hash, custodian, ...recipient, sealed });
  return equalBytes(release.sharesHash, sha256(encodeShareBatch(batch))) ? batch : refuse();
}
