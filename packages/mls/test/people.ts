import { randomBytes } from "node:crypto";
import { generateSigningKey } from "@portcullis/crypto";
import {
  asAccountId,
  asConversationId,
  asDeviceId,
  asPolicyId,
  type Clock,
  type ConversationTerms,
} from "@portcullis/protocol";
import {
  createMlsEngine,
  type CryptoProvider,
  type EpochStart,
  type LeafIdentity,
  type MlsDevice,
  type MlsEngine,
  type StoredKeyPackage,
} from "@portcullis/mls";
import { nodeProvider } from "@portcullis/mls/node";

export const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
export const realClock: Clock = { now: () => Date.now() };
export const joining = { startBucket: 900, rosterKey: new Uint8Array(32).fill(7), state: Uint8Array.of(3) };
export const terms: ConversationTerms = {
  class: "recorded",
  policyId: asPolicyId(new Uint8Array(32).fill(5)),
  frankingKey: new Uint8Array(32).fill(6),
};

export interface Person {
  readonly device: MlsDevice;
  readonly engine: MlsEngine;
  readonly validated: LeafIdentity[];
  keyPackage(kind?: { readonly lastResort: boolean }): Promise<Uint8Array>;
  join(welcome: Uint8Array): ReturnType<MlsEngine["join"]>;
}

export interface PersonOptions {
  readonly provider?: CryptoProvider;
  readonly clock?: Clock;
  readonly device?: Partial<MlsDevice>;
  readonly validateMember?: (leaf: LeafIdentity) => Promise<void>;
}

/** A device with an engine of its own, and a store for its KeyPackages. */
export function person(options: PersonOptions = {}): Person {
  const device: MlsDevice = {
    signingKey: generateSigningKey(random),
    accountId: asAccountId(random(32)),
    deviceId: asDeviceId(random(16)),
    ...options.device,
  };
  const validated: LeafIdentity[] = [];
  const engine = createMlsEngine({
    provider: options.provider ?? nodeProvider,
    clock: options.clock ?? realClock,
    random,
    device,
    validateMember: async (leaf) => {
      validated.push(leaf);
      await options.validateMember?.(leaf);
    },
  });
  const stored = new Map<string, StoredKeyPackage>();
  const name = (reference: Uint8Array): string => Buffer.from(reference).toString("hex");
  return {
    device,
    engine,
    validated,
    async keyPackage(kind) {
      const { keyPackage, reference, secrets } = await engine.createKeyPackage(kind);
      stored.set(name(reference), { keyPackage, secrets });
      return keyPackage;
    },
    join: (welcome) => engine.join({ welcome, keyPackages: (reference) => stored.get(name(reference)) }),
  };
}

export interface Conversation {
  readonly people: Person[];
  /** By place in `people`; the first created the conversation. */
  readonly epochs: EpochStart[];
}

export async function createAlone(creator: Person): Promise<EpochStart> {
  return creator.engine.createGroup({ conversationId: asConversationId(random(32)), terms });
}

/** A conversation in epoch 1: the first person creates it and adds the others with one Commit. */
export async function converse(people: Person[]): Promise<Conversation> {
  const [creator, ...others] = people as [Person, ...Person[]];
  const { group } = await createAlone(creator);
  const add = await Promise.all(others.map((other) => other.keyPackage()));
  const commit = await group.commit({ add, remove: [], authenticatedData: new Uint8Array(), joining });
  const epochs = [await group.merge(commit.pending)];
  for (const other of others) epochs.push(await other.join(commit.welcome as Uint8Array));
  return { people, epochs };
}

export interface Change {
  readonly by: number;
  readonly add?: readonly Uint8Array[];
  readonly remove?: readonly number[];
  readonly authenticatedData?: Uint8Array;
}

/** One Commit that all who stay process. Positions of removed people are dropped. */
export async function change(
  conversation: Conversation,
  { by, add = [], remove = [], authenticatedData = new Uint8Array() }: Change,
): Promise<{ epochs: EpochStart[]; message: Uint8Array; welcome: Uint8Array | undefined }> {
  const { group } = conversation.epochs[by] as EpochStart;
  const { message, welcome, pending } = await group.commit({ add, remove, authenticatedData, joining });
  const epochs: EpochStart[] = [];
  for (const { group: each } of conversation.epochs) {
    if (remove.includes(each.ownLeaf)) continue;
    if (each === group) {
      epochs.push(await group.merge(pending));
      continue;
    }
    const processed = await each.process(message, () => undefined);
    if (processed.kind === "epoch") epochs.push(processed);
  }
  return { epochs, message, welcome };
}
