import type { SigningKey } from "@portcullis/crypto";
import type {
  AccountId,
  Clock,
  ConversationId,
  ConversationTerms,
  DeviceId,
  Joining,
  Random,
} from "@portcullis/protocol";
import { createGroup } from "ts-mls";
import { contextExtensions } from "./context.ts";
import { readFreshEpoch, type FreshEpoch } from "./epoch.ts";
import { restoreGroup, startEpoch } from "./group.ts";
import { joinEpoch } from "./join.ts";
import {
  encodeKeyPackage,
  encodeKeyPackageSecrets,
  generateKeyPackage,
  keyPackageReference,
  verifyKeyPackage,
} from "./key-package.ts";
import type { CryptoProvider, Eventually } from "./provider.ts";
import type { Setting } from "./setting.ts";
import { createClientConfig } from "./ts-mls.ts";

/** This device, as it stands on its leaf. */
export interface MlsDevice {
  readonly signingKey: SigningKey;
  readonly accountId: AccountId;
  readonly deviceId: DeviceId;
}

/** What a leaf claims: a device of an account, and its signature key. */
export interface LeafIdentity {
  readonly accountId: AccountId;
  readonly deviceId: DeviceId;
  readonly signatureKey: Uint8Array;
}

export interface Member extends LeafIdentity {
  readonly leafIndex: number;
}

/** Both ratchets of one leaf: one row in the store, overwritten in the transaction that used it. */
export interface RatchetRow {
  readonly leafIndex: number;
  /** Opaque and secret. */
  readonly row: Uint8Array;
}

/** The only holder of an epoch's exporter secret. Derive what the epoch needs, then wipe. RFC 9420 section 8.5. */
export interface Exporter {
  /** @throws MlsError MLS_EXPORTER_WIPED */
  export(label: string, context: Uint8Array, length: number): Promise<Uint8Array>;
  wipe(): void;
}

/** An epoch as it begins, and all that a device stores of it. */
export interface EpochStart {
  readonly group: MlsGroup;
  /** Secret. Holds no secret tree, no exporter secret and nothing of an older epoch. */
  readonly snapshot: Uint8Array;
  /** One for each member. */
  readonly ratchets: readonly RatchetRow[];
  readonly exporter: Exporter;
}

/** What a Commit does, read from the Commit itself. `authenticatedData` is what its author says that it does. */
export interface CommitSummary {
  readonly committer: Member;
  readonly added: readonly Member[];
  readonly removed: readonly Member[];
  readonly authenticatedData: Uint8Array;
}

/** `removed`: the Commit took this device out; there is no next epoch for it. */
export type ProcessedCommit =
  | ({ readonly kind: "epoch"; readonly summary: CommitSummary } & EpochStart)
  | { readonly kind: "removed"; readonly summary: CommitSummary };

export interface CommitRequest {
  /** KeyPackages as `createKeyPackage` made them. */
  readonly add: readonly Uint8Array[];
  /** Leaf indexes. Neither added nor removed: the Commit renews this device's own leaf and path. */
  readonly remove: readonly number[];
  readonly authenticatedData: Uint8Array;
  /** For those who are added. */
  readonly joining: Joining;
}

export interface CreatedCommit {
  readonly message: Uint8Array;
  /** One for all who are added; absent when nobody is. */
  readonly welcome?: Uint8Array;
  /** The next epoch, opaque and secret: store it before the message is sent, delete it when merged or when another Commit wins. */
  readonly pending: Uint8Array;
  /** This device's row of the current epoch: a second attempt in it must not use the same key. */
  readonly ratchet: RatchetRow;
}

/** One conversation in one epoch. Operations take turns, so that two sends never share a key. */
export interface MlsGroup {
  readonly conversationId: ConversationId;
  readonly epoch: number;
  readonly terms: ConversationTerms;
  readonly ownLeaf: number;
  readonly members: readonly Member[];
  readonly confirmedTranscriptHash: Uint8Array;
  /** Leaves of members that have not put keys on their path since they were added: they make Commits large. In order. */
  readonly coldLeaves: readonly number[];
  /** Encrypts one application message. Store `ratchet` before the message is sent. @throws MlsError MLS_EPOCH_ZERO */
  protect(
    plaintext: Uint8Array,
    authenticatedData: Uint8Array,
  ): Promise<{ message: Uint8Array; ratchet: RatchetRow }>;
  /** Decrypts one application message of another member. What is refused leaves the ratchets as they were. @throws MlsError */
  unprotect(message: Uint8Array): Promise<{
    senderLeaf: number;
    authenticatedData: Uint8Array;
    plaintext: Uint8Array;
    ratchet: RatchetRow;
  }>;
  /** @throws MlsError MLS_LIFETIME, MLS_CIPHER_SUITE, MLS_CREDENTIAL, MLS_MEMBER_UNKNOWN, MLS_COMMIT_INVALID */
  commit(request: CommitRequest): Promise<CreatedCommit>;
  /** The epoch of one's own Commit, once the server accepted it. @throws MlsError MLS_PENDING_STALE */
  merge(pending: Uint8Array): Promise<EpochStart>;
  /**
   * The epoch of another member's Commit. `accept` sees what it does and throws to refuse it; this group stays as it
   * was until the caller drops it. @throws MlsError, and whatever `accept` or `validateMember` throws
   */
  process(
    message: Uint8Array,
    accept: (summary: CommitSummary) => Eventually<void>,
  ): Promise<ProcessedCommit>;
  /** Erases the secrets in memory. For when the next epoch is durable. */
  wipe(): void;
}

export interface StoredKeyPackage {
  readonly keyPackage: Uint8Array;
  readonly secrets: Uint8Array;
}

/** An epoch that a Welcome led into. */
export interface JoinedGroup extends EpochStart {
  readonly joining: Joining;
  /** Who signed what the Welcome says. */
  readonly welcomedBy: Member;
  /** Of the KeyPackage that was used. */
  readonly reference: Uint8Array;
}

export interface MlsEngineOptions {
  readonly provider: CryptoProvider;
  /** Real time: it sets and checks lifetimes of KeyPackages. */
  readonly clock: Clock;
  readonly random: Random;
  readonly device: MlsDevice;
  /** Throws unless the device and its key stand in the account's logged device list. Called for each leaf that a Commit or Welcome brings. */
  readonly validateMember: (leaf: LeafIdentity) => Promise<void>;
}

export interface MlsEngine {
  /**
   * `secrets` is opaque; to be stored before the KeyPackage is published, and deleted with the join, unless the
   * KeyPackage is one of last resort, which others may use again.
   */
  createKeyPackage(kind?: {
    readonly lastResort: boolean;
  }): Promise<{ keyPackage: Uint8Array; reference: Uint8Array; secrets: Uint8Array }>;
  /**
   * Whose KeyPackage it is, verified in itself; whether that device may be added is the caller's to know.
   * @throws MlsError MLS_MALFORMED, MLS_CIPHER_SUITE, MLS_SIGNATURE, MLS_LIFETIME, MLS_CREDENTIAL
   */
  verifyKeyPackage(keyPackage: Uint8Array): Promise<LeafIdentity>;
  /** Epoch 0, with this device as its only member. */
  createGroup(request: {
    readonly conversationId: ConversationId;
    readonly terms: ConversationTerms;
  }): Promise<EpochStart>;
  /** @throws MlsError MLS_WELCOME_UNKNOWN when `keyPackages` has none of the references in the Welcome */
  join(request: {
    readonly welcome: Uint8Array;
    readonly keyPackages: (reference: Uint8Array) => Eventually<StoredKeyPackage | undefined>;
  }): Promise<JoinedGroup>;
  /** @throws MlsError MLS_SNAPSHOT */
  restore(stored: {
    readonly snapshot: Uint8Array;
    readonly ratchets: readonly RatchetRow[];
  }): Promise<MlsGroup>;
}

/** The MLS of one device: suite 0x0001 of RFC 9420, with the precautions of spec/mls.md. */
export function createMlsEngine(options: MlsEngineOptions): MlsEngine {
  const { provider, clock, random, device, validateMember } = options;
  const cipherSuite = provider.cipherSuite(random);
  const { primitives } = provider;
  const clientConfig = createClientConfig(validateMember);
  const setting: Setting = { primitives, cipherSuite, clientConfig, clock, random, device };
  return {
    async createKeyPackage({ lastResort } = { lastResort: false }) {
      const { keyPackage, secrets } = await generateKeyPackage(cipherSuite, device, clock.now(), lastResort);
      return {
        keyPackage: encodeKeyPackage(keyPackage),
        reference: await keyPackageReference(cipherSuite, keyPackage),
        secrets: encodeKeyPackageSecrets(secrets),
      };
    },
    verifyKeyPackage: (keyPackage) => verifyKeyPackage(cipherSuite, keyPackage, clock.now()),
    async createGroup({ conversationId, terms }) {
      return startEpoch(setting, await createEpochZero(setting, conversationId, terms));
    },
    async join({ welcome, keyPackages }) {
      const { fresh, joining, signer, reference } = await joinEpoch(setting, welcome, keyPackages);
      const start = startEpoch(setting, fresh);
      const welcomedBy = start.group.members.find(({ leafIndex }) => leafIndex === signer) as Member;
      return { ...start, joining, welcomedBy, reference };
    },
    async restore({ snapshot, ratchets }) {
      return restoreGroup(setting, snapshot, ratchets);
    },
  };
}

async function createEpochZero(
  setting: Setting,
  conversationId: ConversationId,
  terms: ConversationTerms,
): Promise<FreshEpoch> {
  const { cipherSuite, clientConfig, device, clock } = setting;
  const { keyPackage, secrets } = await generateKeyPackage(cipherSuite, device, clock.now());
  const privateKeys = {
    initPrivateKey: secrets.initPrivateKey,
    hpkePrivateKey: secrets.leafPrivateKey,
    signaturePrivateKey: device.signingKey.seed,
  };
  const extensions = contextExtensions(terms);
  const state = await createGroup(
    conversationId,
    keyPackage,
    privateKeys,
    extensions,
    cipherSuite,
    clientConfig,
  );
  return readFreshEpoch(state, (leafIndex) => state.secretTree[2 * leafIndex]);
}
