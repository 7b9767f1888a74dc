import {
  decodeOrder,
  encodeItems,
  encodeTargets,
  parseUtcTime,
  rosterPath,
  type OrderItem,
  type TargetConversation,
  type TargetRoster,
} from "@portcullis/access/verify";
import {
  asAccountId,
  asConversationId,
  equalBytes,
  fromBase64Url,
  PortcullisError,
  type AccountId,
  type ConversationId,
} from "@portcullis/protocol";
import type { Roster, StoredOrder, StoredSealedBucket } from "@portcullis/store";
import { mapKey } from "./delivery/keys.ts";
import { decodeRoster } from "./delivery/roster.ts";
import type { ServerContext } from "./server-context.ts";

const CLOSED_AFTER_SECONDS = 60;

/** What an order asks for, as far as it can be read. Whether it may is for the custodians to say, each for itself. */
interface Asked {
  readonly accounts: readonly AccountId[];
  readonly conversations: readonly ConversationId[];
  readonly sentOnly: boolean;
  readonly from: number;
  readonly to: number;
}

interface Found {
  readonly conversationId: ConversationId;
  readonly class: TargetConversation["class"];
  readonly buckets: readonly StoredSealedBucket[];
  readonly rosters: readonly TargetRoster[];
}

/** The closed buckets in an order's scope, with what shows that they are. encodeTargets of access. */
export async function orderTargets(context: ServerContext, stored: StoredOrder): Promise<Uint8Array> {
  const conversations = (await find(context, stored)).map((found) => ({
    conversationId: found.conversationId,
    class: found.class,
    sealedBuckets: found.buckets.map(({ sealedBucket }) => sealedBucket),
    rosters: found.rosters,
  }));
  return encodeTargets({ orderHash: stored.orderHash, conversations });
}

/** The records and receipts of those buckets. encodeItems of access. */
export async function orderItems(context: ServerContext, stored: StoredOrder): Promise<Uint8Array> {
  const items: OrderItem[] = [];
  for (const { buckets } of await find(context, stored))
    for (const { sealedBucketHash } of buckets)
      for (const item of await context.store.items.ofSealedBucket(sealedBucketHash)) {
        const { sequence, accountId, deviceId, record, receipt } = item;
        if (record === null || receipt === null) continue;
        const sender = { senderAccountId: accountId, senderDeviceId: deviceId };
        items.push({ sealedBucketHash, sequence, ...sender, record, receipt });
      }
  return encodeItems({ orderHash: stored.orderHash, items });
}

/** Everybody whose device list it takes to check those items and to address the notices. */
export async function orderAccounts(context: ServerContext, stored: StoredOrder): Promise<AccountId[]> {
  const accounts = new Map<string, AccountId>();
  for (const { buckets } of await find(context, stored))
    for (const { accountId } of buckets) accounts.set(mapKey(accountId), accountId);
  for (const accountId of asked(stored).accounts)
    if ((await context.store.accounts.currentList(accountId)) !== undefined)
      accounts.set(mapKey(accountId), accountId);
  return [...accounts.values()];
}

function asked({ jws }: StoredOrder): Asked {
  const { order } = decodeOrder(jws);
  return {
    accounts: order.accounts.flatMap(({ id }) => readable(() => asAccountId(fromBase64Url(id)))),
    conversations: order.conversations.flatMap((id) => readable(() => asConversationId(fromBase64Url(id)))),
    sentOnly: order.scope === "sent",
    from: parseUtcTime(order.from) / 1000,
    to: parseUtcTime(order.to) / 1000,
  };
}

function readable<T>(read: () => T): T[] {
  try {
    return [read()];
  } catch (error) {
    if (error instanceof PortcullisError) return [];
    throw error;
  }
}

async function find(context: ServerContext, stored: StoredOrder): Promise<Found[]> {
  const order = asked(stored);
  const found: Found[] = [];
  for (const conversationId of order.conversations) found.push(await findIn(context, order, conversationId));
  return found;
}

async function findIn(context: ServerContext, order: Asked, conversationId: ConversationId): Promise<Found> {
  const { store, policy, clock } = context;
  const conversation = await store.conversations.load(conversationId);
  if (conversation === undefined) return { conversationId, class: "recorded", buckets: [], rosters: [] };
  const closedBefore = Math.floor(clock.now() / 1000) - CLOSED_AFTER_SECONDS - policy.bucketSeconds + 1;
  const rosters = targetRosters(await store.conversations.rosters(conversationId), order);
  const within = await store.sealedBuckets.within(
    conversationId,
    order.from,
    Math.min(order.to, closedBefore),
  );
  const namedIn = new Set(rosters.filter(({ members }) => members.length > 0).map(({ epoch }) => epoch));
  const buckets = within.filter(({ accountId, epoch }) =>
    order.sentOnly ? order.accounts.some((account) => equalBytes(account, accountId)) : namedIn.has(epoch),
  );
  return { conversationId, class: conversation.class, buckets, rosters };
}

/** Every epoch that reaches into the order's period, with the proofs for those of the named accounts who were members. */
function targetRosters(rosters: readonly Roster[], order: Asked): TargetRoster[] {
  return rosters.flatMap((roster, index) => {
    const next = rosters[index + 1];
    if (roster.startBucket >= order.to || (next !== undefined && next.startBucket < order.from)) return [];
    const members = decodeRoster(roster.roster);
    const named = order.accounts.filter((account) =>
      members.some(({ accountId }) => equalBytes(accountId, account)),
    );
    return {
      epoch: roster.epoch,
      root: roster.root,
      startBucket: roster.startBucket,
      members: named.map((accountId) => ({ accountId, proof: rosterPath(members, accountId) })),
    };
  });
}
