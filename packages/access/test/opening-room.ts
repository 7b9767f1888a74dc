import { equalBytes, fromUtf8 } from "@portcullis/protocol";
import type { OpeningInput } from "../src/opening.ts";
import { verifyRelease } from "../src/release.ts";
import type { OrderItem } from "../src/items.ts";
import { decodeDeviceProof, verifyDeviceProof } from "@portcullis/ledger/identity";
import { verifyAuthority } from "../src/authority.ts";
import { decodeOpening } from "../src/entry.ts";
import { openOrder, type OpenedOrder, type ReceivedBatch } from "../src/order-opening.ts";
import { verifyOrder } from "../src/order-verification.ts";
import type { VerifiedOrder } from "../src/order.ts";
import { verifyTargets } from "../src/target-verification.ts";
import type { Targets } from "../src/targets.ts";
import { frankingKey } from "./conversation.ts";
import { honestItems, honestTargets, type LoggedExample, type World } from "./world.ts";

/** The order as the recipient's tool has it. */
export async function verifiedOrder(
  world: World,
  { jws, sealedNotices }: LoggedExample,
): Promise<VerifiedOrder> {
  const openings = world.ledger.openings.map((bytes) => decodeOpening(bytes));
  const listed = openings.filter(({ kind }) => kind === "authority");
  const authorities = await Promise.all(
    listed.map(({ body }) => verifyAuthority(fromUtf8(body), world.policy)),
  );
  return verifyOrder({ jws, sealedNotices }, { policy: world.policy, authorities });
}

/** The batches that custodians sent for an order, each with its release from the ledger. */
export async function receivedBatches(
  world: World,
  { hash }: LoggedExample,
  sent: ReadonlyMap<string, Uint8Array>,
): Promise<ReceivedBatch[]> {
  const received: ReceivedBatch[] = [];
  for (const bytes of world.ledger.openings) {
    const { kind, body } = decodeOpening(bytes);
    if (kind !== "release") continue;
    const release = await verifyRelease(fromUtf8(body), world.policy);
    const sealed = sent.get(release.custodian);
    if (sealed !== undefined && equalBytes(release.orderHash, hash))
      received.push({ custodian: release.custodian, sealed, releaseJws: fromUtf8(body), release });
  }
  return received;
}

export async function openingInput(
  world: World,
  logged: LoggedExample,
  targets: Targets = honestTargets(world, logged),
): Promise<Omit<OpeningInput, "batches">> {
  const order = await verifiedOrder(world, logged);
  const { policy, keysets } = world;
  const identity = policy.witnessPolicy("identity");
  const accounts = Object.values(world.people).map(({ accountId, handle, deviceProof }) => ({
    accountId,
    handle,
    lists: [verifyDeviceProof(decodeDeviceProof(deviceProof), identity)],
  }));
  return {
    policy,
    order,
    targets: verifyTargets(targets, order, { policy, keysets }),
    items: honestItems(world, targets),
    accounts,
    deliveryKeys: [frankingKey.publicKey],
  };
}

/** What the recipient's tool makes of the batches that custodians sent. */
export async function openSent(
  world: World,
  logged: LoggedExample,
  sent: ReadonlyMap<string, Uint8Array>,
  changes: Partial<Omit<OpeningInput, "batches">> & { items?: readonly OrderItem[] } = {},
): Promise<OpenedOrder> {
  const input = await openingInput(world, logged);
  const batches = await receivedBatches(world, logged, sent);
  return openOrder({ ...input, ...changes, batches, recipient: world.recipient });
}
