import type {
  AccountId,
  ConversationClass,
  ConversationId,
  DeviceReference,
  PolicyId,
} from "@portcullis/protocol";
import type { LoadedConversation, Roster, Store, StoredSealedBucket } from "@portcullis/store";
import { deviceKey, mapKey } from "./keys.ts";

/** What the delivery service must know of a conversation to accept or refuse. Changed by the group commit alone. */
export class ConversationState {
  readonly conversationId: ConversationId;
  readonly class: ConversationClass;
  readonly policyId: PolicyId | undefined;
  epoch: number;
  startBucket: number;
  epochStartedAtMs: number;
  lastSequence: number;
  /** None in epoch 0. */
  rosterRoot: Uint8Array | undefined;
  members: ReadonlyMap<string, DeviceReference>;
  /** Hashes of this epoch's sealed buckets that stand, each with whose and for when. */
  readonly sealedBuckets: Map<string, { readonly device: string; readonly bucketStart: number }>;

  constructor(
    stored: LoadedConversation,
    buckets: readonly Omit<StoredSealedBucket, "sealedBucket">[],
    roster: Roster | undefined,
  ) {
    const current = stored.members.filter(({ leftSequence }) => leftSequence === null);
    this.conversationId = stored.conversationId;
    this.class = stored.class;
    this.policyId = stored.policyId ?? undefined;
    this.epoch = stored.epoch;
    this.startBucket = stored.startBucket;
    this.epochStartedAtMs = stored.epochStartedAtMs;
    this.lastSequence = stored.lastSequence;
    this.rosterRoot = roster?.root;
    this.members = new Map(
      current.map(({ accountId, deviceId }) => [deviceKey({ accountId, deviceId }), { accountId, deviceId }]),
    );
    this.sealedBuckets = new Map(
      buckets.map((bucket) => [
        mapKey(bucket.sealedBucketHash),
        { device: deviceKey(bucket), bucketStart: bucket.bucketStart },
      ]),
    );
  }

  beginEpoch(next: {
    readonly startBucket: number;
    readonly startedAtMs: number;
    readonly rosterRoot: Uint8Array;
    readonly members: ReadonlyMap<string, DeviceReference>;
  }): void {
    this.epoch += 1;
    this.startBucket = next.startBucket;
    this.epochStartedAtMs = next.startedAtMs;
    this.rosterRoot = next.rosterRoot;
    this.members = next.members;
    this.sealedBuckets.clear();
  }
}

const CAPACITY = 4096;

/** Conversations in memory, the longest unused dropped first. The database is the truth: dropping is always allowed. */
export class ConversationCache {
  readonly #store: Store;
  readonly #states = new Map<string, ConversationState>();

  constructor(store: Store) {
    this.#store = store;
  }

  async get(conversationId: ConversationId): Promise<ConversationState | undefined> {
    const key = mapKey(conversationId);
    const state = this.#states.get(key) ?? (await this.#load(conversationId));
    if (state === undefined) return undefined;
    this.#states.delete(key);
    this.#states.set(key, state);
    return state;
  }

  /** Forgets what may be ahead of the database, after a write that failed. */
  clear(): void {
    this.#states.clear();
  }

  /** Keeps memory bounded; never during a group, whose states must stay the same objects. */
  trim(): void {
    for (const key of this.#states.keys()) {
      if (this.#states.size <= CAPACITY) return;
      this.#states.delete(key);
    }
  }

  async #load(conversationId: ConversationId): Promise<ConversationState | undefined> {
    const stored = await this.#store.conversations.load(conversationId);
    if (stored === undefined) return undefined;
    const buckets = await this.#store.sealedBuckets.ofEpoch(stored.conversationId, stored.epoch);
    const roster = await this.#store.conversations.roster(stored.conversationId, stored.epoch);
    return new ConversationState(stored, buckets, roster);
  }
}

/** The accounts that have a device among the members. */
export function accountsOf(members: Iterable<DeviceReference>): AccountId[] {
  const accounts = new Map<string, AccountId>();
  for (const { accountId } of members) accounts.set(mapKey(accountId), accountId);
  return [...accounts.values()];
}
