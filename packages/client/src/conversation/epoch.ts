import {
  advanceChain,
  chainSeed,
  decodeChain,
  encodeChain,
  recordChainStart,
  recomputeBucket,
  sealBucket,
  startChain,
  type BucketChain,
  type BucketSeal,
  type Label,
  type RecordChain,
} from "@portcullis/access";
import { wipe } from "@portcullis/crypto";
import type { EpochStart, Member, MlsEngine, MlsGroup, RatchetRow } from "@portcullis/mls";
import { accountUri, encodeCbor, type BucketStart } from "@portcullis/protocol";
import type { ConversationRecord } from "./conversation-record.ts";
import { decodeLeafRow, encodeLeafRow } from "./leaf-row.ts";
import type { Provider } from "../server/provider.ts";
import type { SecretNames } from "./secret-names.ts";
import type { StateKeeper } from "./state-keeper.ts";
import type { StoreChange } from "../store.ts";

const LONGEST_EPOCH_SECONDS = 7 * 86_400;

/** What the Commit that began an epoch said about it. */
export interface EpochFacts {
  readonly startBucket: BucketStart;
  readonly startedAtMs: number;
  /** 32 bytes. */
  readonly rosterRoot: Uint8Array;
}

/** How a conversation gets from one epoch, or from none, to the next. */
export interface EpochBeginning {
  readonly start: EpochStart;
  readonly facts: EpochFacts;
  readonly condition: "creating" | "open";
  /** Absent: those of the epoch before. */
  readonly states?: StateKeeper;
}

interface Leaf {
  readonly member: Member;
  readonly uri: string;
  ratchet: Uint8Array;
  records: RecordChain;
  /** In recorded conversations only. */
  chain: BucketChain | undefined;
  /** Seals of the current and the previous bucket, in memory only. */
  readonly seals: Map<BucketStart, BucketSeal>;
}

/**
 * One conversation in one epoch, as a device holds it: the MLS group, and for each leaf its ratchets, its bucket chain
 * and where its records stand. Owns all secrets of the epoch; whoever changes it stores `changes` in the same
 * transaction as what the change was for.
 */
export class Epoch {
  readonly group: MlsGroup;
  readonly facts: EpochFacts;
  /** Makes the roster salts of the epoch that follows. */
  readonly nextRosterKey: Uint8Array;
  /** Seals what is said in passing. Undefined in an epoch from before there was such a key. */
  readonly signalKey: Uint8Array | undefined;
  readonly #provider: Provider;
  readonly #leaves: Map<number, Leaf>;
  /** No seed of an earlier bucket can be made any more. */
  #oldestBucket: BucketStart;

  private constructor(
    group: MlsGroup,
    facts: EpochFacts,
    held: {
      nextRosterKey: Uint8Array;
      signalKey: Uint8Array | undefined;
      leaves: Map<number, Leaf>;
      provider: Provider;
    },
  ) {
    this.group = group;
    this.facts = facts;
    this.nextRosterKey = held.nextRosterKey;
    this.signalKey = held.signalKey;
    this.#leaves = held.leaves;
    this.#provider = held.provider;
    const chains = [...held.leaves.values()].map(({ chain }) => chain?.bucketStart ?? facts.startBucket);
    this.#oldestBucket = Math.max(facts.startBucket, ...chains);
  }

  /** What of it is no secret and is kept with the conversation. */
  get described(): Omit<ConversationRecord, "condition" | "freeze" | "shared"> {
    const { epoch, terms } = this.group;
    const { startBucket, startedAtMs: epochStartedAtMs, rosterRoot } = this.facts;
    return { class: terms.class, epoch, startBucket, epochStartedAtMs, rosterRoot };
  }

  /** Derives all that the epoch will need from its exporter secret and erases that. */
  static async begin(start: EpochStart, facts: EpochFacts, provider: Provider): Promise<Epoch> {
    const { group, exporter } = start;
    const ratchets = new Map(start.ratchets.map(({ leafIndex, row }) => [leafIndex, row]));
    const leaves = new Map<number, Leaf>();
    for (const member of group.members) {
      const ratchet = ratchets.get(member.leafIndex) ?? new Uint8Array(0);
      const leaf = leafOf(member, provider, { ratchet, records: recordChainStart });
      if (group.terms.class === "recorded") {
        const context = encodeCbor([group.conversationId, member.leafIndex, facts.startBucket]);
        const secret = await exporter.export("portcullis bucket", context, 32);
        leaf.chain = startChain(secret, facts.startBucket, provider.bucketSeconds);
        wipe(secret);
      }
      leaves.set(member.leafIndex, leaf);
    }
    const nextRosterKey = await exporter.export("portcullis roster", new Uint8Array(0), 32);
    const signalKey = await exporter.export("portcullis signal", new Uint8Array(0), 32);
    exporter.wipe();
    return new Epoch(group, facts, { nextRosterKey, signalKey, leaves, provider });
  }

  /** The epoch from the secrets that `begin` and the changes since have stored. */
  static async restore(stored: {
    engine: MlsEngine;
    names: SecretNames;
    secrets: ReadonlyMap<string, Uint8Array>;
    record: ConversationRecord;
    provider: Provider;
  }): Promise<Epoch> {
    const { engine, names, secrets, record, provider } = stored;
    const { startBucket, rosterRoot, epochStartedAtMs: startedAtMs } = record;
    const facts = { startBucket, rosterRoot, startedAtMs };
    const read = (name: string): Uint8Array => secrets.get(name) ?? new Uint8Array(0);
    const rows = new Map<number, ReturnType<typeof decodeLeafRow>>();
    for (const [name, value] of secrets)
      if (name.startsWith(names.leaf(0).slice(0, -1)))
        rows.set(Number(name.slice(name.lastIndexOf("/") + 1)), decodeLeafRow(value));
    const ratchets = [...rows].map(([leafIndex, { ratchet }]) => ({ leafIndex, row: ratchet }));
    const group = await engine.restore({ snapshot: read(names.snapshot), ratchets });
    const leaves = new Map(
      group.members.map((member) => {
        const row = rows.get(member.leafIndex) ?? { ratchet: new Uint8Array(0), records: recordChainStart };
        const leaf = leafOf(member, provider, row);
        const chain = secrets.get(names.chain(member.leafIndex));
        if (chain !== undefined) leaf.chain = decodeChain(chain);
        return [member.leafIndex, leaf];
      }),
    );
    const nextRosterKey = read(names.rosterKey).slice();
    const signalKey = secrets.get(names.signalKey)?.slice();
    return new Epoch(group, facts, { nextRosterKey, signalKey, leaves, provider });
  }

  /** The leaf's member. Every leaf that `group` names has one. */
  member(leafIndex: number): Member {
    return this.#leaf(leafIndex).member;
  }

  senderUri(leafIndex: number): string {
    return this.#leaf(leafIndex).uri;
  }

  records(leafIndex: number): RecordChain {
    return this.#leaf(leafIndex).records;
  }

  setRecords(leafIndex: number, records: RecordChain): void {
    this.#leaf(leafIndex).records = records;
  }

  setRatchet({ leafIndex, row }: RatchetRow): void {
    this.#leaf(leafIndex).ratchet = row;
  }

  get oldestBucket(): BucketStart {
    return this.#oldestBucket;
  }

  /** One's own seal of a bucket, computed once. @throws AccessError KEYSET_MISSING, BUCKET_… */
  ownSeal(bucketStart: BucketStart): BucketSeal {
    const leafIndex = this.group.ownLeaf;
    return this.#seal(leafIndex, bucketStart, (input) => sealBucket(input));
  }

  /** Another member's seal of a bucket, recomputed once and compared with what its sender declared. @throws AccessError CAPSULE_DIFFERS, … */
  checkedSeal(leafIndex: number, bucketStart: BucketStart, declaredHash: Uint8Array): BucketSeal {
    return this.#seal(leafIndex, bucketStart, (input) => recomputeBucket(input, declaredHash), declaredHash);
  }

  /**
   * An item was accepted in this bucket, so that none can come any more from before the previous one: what is behind is
   * erased. True when chains moved and must be stored. DESIGN: "every leaf's chain advances to b-1".
   */
  advance(acceptedBucket: BucketStart): boolean {
    // No further than an epoch lasts, whatever time a server claims.
    const last = this.facts.startBucket + LONGEST_EPOCH_SECONDS;
    const oldest = Math.min(acceptedBucket - this.#provider.bucketSeconds, last);
    if (oldest <= this.#oldestBucket) return false;
    this.#oldestBucket = oldest;
    let moved = false;
    for (const leaf of this.#leaves.values()) {
      dropSeals(leaf, oldest);
      if (leaf.chain === undefined) continue;
      const behind = leaf.chain;
      leaf.chain = advanceChain(behind, oldest);
      wipe(behind.secret);
      moved = true;
    }
    return moved;
  }

  /** Everything of an epoch that has just begun; `previous` is the one that it replaces. */
  beginningChanges(names: SecretNames, snapshot: Uint8Array, previous: Epoch | undefined): StoreChange[] {
    const before = previous === undefined ? [] : [...previous.#leaves.keys()];
    const gone = before.filter((leafIndex) => !this.#leaves.has(leafIndex));
    return [
      { put: "secret", name: names.snapshot, value: snapshot },
      { put: "secret", name: names.rosterKey, value: this.nextRosterKey },
      ...(this.signalKey ? [{ put: "secret", name: names.signalKey, value: this.signalKey } as const] : []),
      ...gone.flatMap((leafIndex): StoreChange[] => [
        { erase: "secret", name: names.leaf(leafIndex) },
        { erase: "secret", name: names.chain(leafIndex) },
      ]),
      ...this.leafChanges(names, this.#leaves.keys()),
      ...this.chainChanges(names),
    ];
  }

  leafChanges(names: SecretNames, leafIndexes: Iterable<number>): StoreChange[] {
    return [...leafIndexes].map((leafIndex) => ({
      put: "secret",
      name: names.leaf(leafIndex),
      value: encodeLeafRow(this.#leaf(leafIndex)),
    }));
  }

  chainChanges(names: SecretNames): StoreChange[] {
    return [...this.#leaves].flatMap(([leafIndex, { chain }]): StoreChange[] =>
      chain === undefined ? [] : [{ put: "secret", name: names.chain(leafIndex), value: encodeChain(chain) }],
    );
  }

  /** What takes all of the epoch's secrets out of the store. */
  endingChanges(names: SecretNames): StoreChange[] {
    const ofLeaves = [...this.#leaves.keys()].flatMap((leafIndex) => [
      names.leaf(leafIndex),
      names.chain(leafIndex),
    ]);
    return [names.snapshot, names.rosterKey, names.signalKey, names.pending, ...ofLeaves].map((name) => ({
      erase: "secret",
      name,
    }));
  }

  /** Erases the secrets in memory, once the next epoch is durable. */
  wipe(): void {
    this.group.wipe();
    wipe(this.nextRosterKey);
    if (this.signalKey !== undefined) wipe(this.signalKey);
    for (const leaf of this.#leaves.values()) {
      dropSeals(leaf, Number.POSITIVE_INFINITY);
      if (leaf.chain !== undefined) wipe(leaf.chain.secret);
    }
  }

  #leaf(leafIndex: number): Leaf {
    const leaf = this.#leaves.get(leafIndex);
    if (leaf === undefined) throw new RangeError(`no member on leaf ${leafIndex}`);
    return leaf;
  }

  #seal(
    leafIndex: number,
    bucketStart: BucketStart,
    compute: (input: Parameters<typeof sealBucket>[0]) => BucketSeal,
    declaredHash?: Uint8Array,
  ): BucketSeal {
    const leaf = this.#leaf(leafIndex);
    const known = leaf.seals.get(bucketStart);
    if (known !== undefined && (declaredHash === undefined || equalHash(known, declaredHash))) return known;
    if (leaf.chain === undefined) throw new RangeError(`no bucket chain on leaf ${leafIndex}`);
    const seed = chainSeed(leaf.chain, bucketStart);
    const keysets = this.#provider.keysetsFor(bucketStart);
    const seal = compute({ label: this.#label(leaf.member, bucketStart), seed, keysets });
    wipe(seed);
    leaf.seals.set(bucketStart, seal);
    return seal;
  }

  #label({ accountId, leafIndex }: Member, bucketStart: BucketStart): Label {
    const { conversationId, epoch, confirmedTranscriptHash } = this.group;
    return {
      policyId: this.#provider.demandPolicy().id,
      conversationId,
      epoch,
      confirmedTranscriptHash,
      accountId,
      leafIndex,
      rosterRoot: this.facts.rosterRoot,
      bucketStart,
      bucketSeconds: this.#provider.bucketSeconds,
    };
  }
}

function leafOf(
  member: Member,
  provider: Provider,
  row: { ratchet: Uint8Array; records: RecordChain },
): Leaf {
  const uri = accountUri(provider.name, member.accountId);
  return { member, uri, ratchet: row.ratchet, records: row.records, chain: undefined, seals: new Map() };
}

function dropSeals(leaf: Leaf, before: BucketStart): void {
  for (const [bucketStart, seal] of leaf.seals) {
    if (bucketStart >= before) continue;
    wipe(seal.key);
    leaf.seals.delete(bucketStart);
  }
}

function equalHash(seal: BucketSeal, declaredHash: Uint8Array): boolean {
  return seal.sealedBucketHash.every((byte, i) => byte === declaredHash[i]);
}
