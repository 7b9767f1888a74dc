import { merklePath, merkleRoot, sign, signWithLabel, type SigningKey } from "@portcullis/crypto";
import {
  accountUri,
  asConversationId,
  asMessageId,
  bucketStartAt,
  conversationUri,
  encodeFrankLeaf,
  encodeFrankRoot,
  encodeReceipt,
  equalBytes,
  type AccountId,
  type ConversationId,
  type DeviceId,
} from "@portcullis/protocol";
import { encodeMimiContent, textMessage } from "@portcullis/protocol/content";
import { seededRandom } from "@portcullis/testkit";
import { chainSeed, startChain } from "../src/bucket-chain.ts";
import { sealBucket, type BucketSeal } from "../src/capsule.ts";
import type { OrderItem } from "../src/items.ts";
import { keysetsFor, type VerifiedKeyset } from "../src/keyset.ts";
import type { Label } from "../src/label.ts";
import type { VerifiedPolicy } from "../src/policy.ts";
import {
  frankingTag,
  RECORD_SIGNATURE_LABEL,
  recordChainStart,
  sealRecord,
  type RecordChain,
} from "../src/record.ts";
import { makeRoster, type RosterMember } from "../src/roster.ts";
import { keyNamed } from "./foundation.ts";

export interface Person {
  readonly handle: string;
  readonly accountId: AccountId;
  readonly deviceId: DeviceId;
  readonly deviceKey: SigningKey;
}

export interface SealedBucketOf {
  readonly label: Label;
  readonly seal: BucketSeal;
}

/** The key under which the server of this world signs roots of franks. */
export const frankingKey = keyNamed("delivery");
const BUCKET_SECONDS = 900;

/** A recorded conversation of one epoch: what its members' devices make, and what the server keeps of it. */
export class Conversation {
  readonly conversationId: ConversationId;
  readonly epoch = 1;
  readonly startBucket: number;
  readonly members: readonly Person[];
  readonly roster: { members: RosterMember[]; root: Uint8Array };
  readonly buckets: SealedBucketOf[] = [];
  readonly items: OrderItem[] = [];
  readonly #policy: VerifiedPolicy;
  readonly #keysets: readonly VerifiedKeyset[];
  readonly #chains = new Map<number, RecordChain>();
  readonly #name: string;

  constructor(input: {
    name: string;
    policy: VerifiedPolicy;
    keysets: readonly VerifiedKeyset[];
    members: readonly Person[];
    startBucket: number;
  }) {
    this.#name = input.name;
    this.#policy = input.policy;
    this.#keysets = input.keysets;
    this.members = input.members;
    this.startBucket = input.startBucket;
    this.conversationId = asConversationId(seededRandom(`conversation ${input.name}`)(32));
    const accounts = input.members.map(({ accountId }) => accountId);
    this.roster = makeRoster(seededRandom(`roster ${input.name}`)(32), accounts);
  }

  /** One message by a member, accepted at `atMs`; or, by `lies`, one that says or was accepted something else. */
  send(
    sender: Person,
    atMs: number,
    text: string,
    lies: { senderUri?: string; roomUri?: string; frankingTag?: Uint8Array; acceptedAtMs?: number } = {},
  ): OrderItem {
    const { seal } = this.bucketOf(sender, bucketStartAt(atMs, BUCKET_SECONDS));
    const random = seededRandom(`${this.#name} ${this.items.length}`);
    const salt = random(16);
    const applicationData = encodeMimiContent(
      textMessage({
        salt,
        text,
        senderUri: lies.senderUri ?? accountUri(this.#policy.policy.provider, sender.accountId),
        roomUri: lies.roomUri ?? conversationUri(this.#policy.policy.provider, this.conversationId),
      }),
    );
    const leaf = this.members.indexOf(sender);
    const content = {
      ...(this.#chains.get(leaf) ?? recordChainStart),
      messageId: asMessageId(random(16)),
      frankingTag: lies.frankingTag ?? frankingTag(salt, applicationData),
      applicationData,
    };
    const { key, labelHash, sealedBucketHash } = seal;
    const signRecord = (bytes: Uint8Array) => signWithLabel(sender.deviceKey, RECORD_SIGNATURE_LABEL, bytes);
    const { record, next } = sealRecord({ ...content, key, labelHash, sign: signRecord, random });
    this.#chains.set(leaf, next);
    const item: OrderItem = {
      sealedBucketHash,
      sequence: this.items.length + 1,
      senderAccountId: sender.accountId,
      senderDeviceId: sender.deviceId,
      record,
      receipt: receipt({
        ...content,
        sender,
        conversationId: this.conversationId,
        acceptedAtMs: lies.acceptedAtMs ?? atMs,
      }),
    };
    this.items.push(item);
    return item;
  }

  /** A member's sealed bucket, made when first needed. */
  bucketOf(sender: Person, bucketStart: number): SealedBucketOf {
    const leafIndex = this.members.indexOf(sender);
    const known = this.buckets.find(
      ({ label }) => label.leafIndex === leafIndex && label.bucketStart === bucketStart,
    );
    if (known !== undefined) return known;
    const made = this.seal(this.label(sender, bucketStart));
    this.buckets.push(made);
    return made;
  }

  label(sender: Person, bucketStart: number): Label {
    return {
      policyId: this.#policy.id,
      conversationId: this.conversationId,
      epoch: this.epoch,
      confirmedTranscriptHash: seededRandom(`transcript ${this.#name}`)(32),
      accountId: sender.accountId,
      leafIndex: this.members.indexOf(sender),
      rosterRoot: this.roster.root,
      bucketStart,
      bucketSeconds: BUCKET_SECONDS,
    };
  }

  seal(label: Label): SealedBucketOf {
    const secret = seededRandom(`${this.#name} leaf ${label.leafIndex}`)(32);
    const chain = startChain(secret, this.startBucket, BUCKET_SECONDS);
    const keysets = keysetsFor(this.#policy, this.#keysets, label.bucketStart);
    return { label, seal: sealBucket({ label, seed: chainSeed(chain, label.bucketStart), keysets }) };
  }

  itemsOf(bucket: Uint8Array): OrderItem[] {
    return this.items.filter(({ sealedBucketHash }) => equalBytes(sealedBucketHash, bucket));
  }
}

/** The server's receipt, alone in its batch with one neighbour. */
export function receipt(of: {
  frankingTag: Uint8Array;
  conversationId: ConversationId;
  sender: Person;
  messageId: ReturnType<typeof asMessageId>;
  acceptedAtMs: number;
}): Uint8Array {
  const context = {
    frankingTag: of.frankingTag,
    conversationId: of.conversationId,
    senderAccountId: of.sender.accountId,
    senderDeviceId: of.sender.deviceId,
    messageId: of.messageId,
    acceptedAtMs: of.acceptedAtMs,
  };
  const serverFrank = seededRandom("server frank")(32);
  const leaves = [encodeFrankLeaf(context, serverFrank), seededRandom("neighbour")(64)];
  const root = merkleRoot(leaves);
  return encodeReceipt({
    acceptedAtMs: of.acceptedAtMs,
    serverFrank,
    batchIndex: 0,
    batchSize: leaves.length,
    path: merklePath(leaves, 0),
    rootSignature: sign(frankingKey, encodeFrankRoot({ root, size: leaves.length })),
  });
}
