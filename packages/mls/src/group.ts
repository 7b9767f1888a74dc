import {
  asConversationId,
  concatBytes,
  equalBytes,
  type ConversationId,
  type ConversationTerms,
} from "@portcullis/protocol";
import { encodeMlsMessage, type Proposal } from "ts-mls";
import { encodeGroupContext } from "ts-mls/groupContext.js";
import { commitLength, decodeCommit, readProposals, summariseCommit } from "./commit-rules.ts";
import { readTerms } from "./context.ts";
import type {
  CommitRequest,
  CommitSummary,
  CreatedCommit,
  EpochStart,
  Member,
  MlsGroup,
  ProcessedCommit,
  RatchetRow,
} from "./engine.ts";
import {
  decodePending,
  decodeSnapshot,
  encodePending,
  encodeRows,
  encodeSnapshot,
  type Epoch,
  type FreshEpoch,
} from "./epoch.ts";
import { MlsError } from "./errors.ts";
import { createExporter } from "./exporter.ts";
import { checkLifetime, decodeKeyPackage } from "./key-package.ts";
import { leafAt, readMembers } from "./members.ts";
import {
  applicationDataLength,
  contentTypes,
  decodePrivateMessage,
  openContent,
  openSenderData,
  protectApplication,
  protectContent,
  type AddressedMessage,
  type ContentType,
  type EpochKeys,
  type OpenedContent,
} from "./message-protection.ts";
import { makeCommit, takeCommit } from "./next-epoch.ts";
import type { Eventually } from "./provider.ts";
import { decodeRatchetRow, encodeRatchetRow, type LeafRatchets, type Ratchet } from "./secret-tree.ts";
import type { Setting } from "./setting.ts";
import { opaque, TlsReader } from "./tls.ts";
import { tsMls } from "./ts-mls.ts";

/** An epoch as it begins. */
export function startEpoch(setting: Setting, { epoch, ratchets, exporterSecret }: FreshEpoch): EpochStart {
  return {
    group: new Group(setting, epoch, ratchets),
    snapshot: encodeSnapshot(epoch),
    ratchets: encodeRows(ratchets),
    exporter: createExporter(setting.primitives, exporterSecret),
  };
}

/** An epoch as it was stored. @throws MlsError MLS_SNAPSHOT */
export function restoreGroup(setting: Setting, snapshot: Uint8Array, rows: readonly RatchetRow[]): MlsGroup {
  const ratchets = new Map(rows.map(({ leafIndex, row }) => [leafIndex, decodeRatchetRow(row)]));
  if (ratchets.size !== rows.length) throw new MlsError("MLS_SNAPSHOT", { what: "ratchets" });
  return new Group(setting, decodeSnapshot(snapshot), ratchets);
}

class Group implements MlsGroup {
  readonly conversationId: ConversationId;
  readonly epoch: number;
  readonly terms: ConversationTerms;
  readonly ownLeaf: number;
  readonly members: readonly Member[];
  readonly confirmedTranscriptHash: Uint8Array;
  readonly coldLeaves: readonly number[];
  readonly #setting: Setting;
  readonly #state: Epoch;
  readonly #keys: EpochKeys;
  readonly #memberAt: ReadonlyMap<number, Member>;
  readonly #ratchets: Map<number, LeafRatchets>;
  #lastTurn: Promise<unknown> = Promise.resolve();
  /** The next epoch of the latest Commit of this device, so that `merge` need not read it back. */
  #made: { readonly pending: Uint8Array; readonly fresh: FreshEpoch } | undefined;
  #wiped = false;

  /** @throws MlsError MLS_SNAPSHOT when ratchets and members, or own leaf and device, do not fit */
  constructor(setting: Setting, state: Epoch, ratchets: ReadonlyMap<number, LeafRatchets>) {
    const { groupContext } = state;
    this.conversationId = asConversationId(groupContext.groupId);
    this.epoch = Number(groupContext.epoch);
    this.terms = readTerms(groupContext);
    this.ownLeaf = state.ownLeaf;
    this.members = readMembers(state.tree);
    this.confirmedTranscriptHash = groupContext.confirmedTranscriptHash;
    this.coldLeaves = this.members
      .map(({ leafIndex }) => leafIndex)
      .filter((leafIndex) => leafAt(state.tree, leafIndex)?.leafNodeSource === "key_package");
    this.#setting = setting;
    this.#state = state;
    this.#keys = {
      groupId: groupContext.groupId,
      epoch: this.epoch,
      groupContext: encodeGroupContext(groupContext),
      senderDataSecret: state.senderDataSecret,
    };
    this.#memberAt = new Map(this.members.map((member) => [member.leafIndex, member]));
    this.#ratchets = new Map(ratchets);
    const own = this.#memberAt.get(this.ownLeaf);
    const isWhole =
      this.members.length === ratchets.size && this.members.every(({ leafIndex }) => ratchets.has(leafIndex));
    if (!isWhole || own === undefined || !equalBytes(own.signatureKey, setting.device.signingKey.publicKey))
      throw new MlsError("MLS_SNAPSHOT", { what: "ratchets or own leaf" });
  }

  protect(
    plaintext: Uint8Array,
    authenticatedData: Uint8Array,
  ): Promise<{ message: Uint8Array; ratchet: RatchetRow }> {
    return this.#inTurn(async () => {
      if (this.epoch === 0) throw new MlsError("MLS_EPOCH_ZERO");
      const { primitives, device, random } = this.#setting;
      const leafIndex = this.ownLeaf;
      const { message, next } = await protectApplication(
        primitives,
        this.#keys,
        { leafIndex, seed: device.signingKey.seed, ratchet: this.#ratchetsOf(leafIndex).application },
        { plaintext, authenticatedData },
        random,
      );
      return { message, ratchet: this.#turned(leafIndex, "application", next) };
    });
  }

  unprotect(message: Uint8Array): Promise<{
    senderLeaf: number;
    authenticatedData: Uint8Array;
    plaintext: Uint8Array;
    ratchet: RatchetRow;
  }> {
    return this.#inTurn(async () => {
      const addressed = await this.#readAddress(message, contentTypes.application);
      if (this.epoch === 0) throw new MlsError("MLS_EPOCH_ZERO");
      const { leafIndex, authenticatedData } = addressed;
      const { application } = this.#ratchetsOf(leafIndex);
      const { content, next } = await this.#open(addressed, application, applicationDataLength);
      return {
        senderLeaf: leafIndex,
        authenticatedData,
        plaintext: new TlsReader(content, "application data").opaque(),
        ratchet: this.#turned(leafIndex, "application", next),
      };
    });
  }

  commit(request: CommitRequest): Promise<CreatedCommit> {
    return this.#inTurn(async () => {
      const { primitives, random } = this.#setting;
      const { authenticatedData, joining } = request;
      const proposals = this.#toProposals(request);
      const { content, signature, confirmationTag, welcome, fresh } = await tsMls("MLS_COMMIT_INVALID", () =>
        makeCommit(this.#setting, this.#keys, this.#state, { proposals, authenticatedData, joining }),
      );
      readMembers(fresh.epoch.tree);
      const { message, next } = await protectContent(
        primitives,
        this.#keys,
        { leafIndex: this.ownLeaf, ratchet: this.#ratchetsOf(this.ownLeaf).handshake },
        {
          type: contentTypes.commit,
          authenticatedData,
          contentAndAuth: concatBytes(content, opaque(signature), opaque(confirmationTag)),
        },
        random,
      );
      const pending = encodePending({
        parent: this.confirmedTranscriptHash,
        snapshot: encodeSnapshot(fresh.epoch),
        ratchets: encodeRows(fresh.ratchets),
        exporterSecret: fresh.exporterSecret,
      });
      this.#forgetMade();
      this.#made = { pending: pending.slice(), fresh };
      return {
        message,
        ...(welcome && {
          welcome: encodeMlsMessage({ version: "mls10", wireformat: "mls_welcome", welcome }),
        }),
        pending,
        ratchet: this.#turned(this.ownLeaf, "handshake", next),
      };
    });
  }

  async merge(pending: Uint8Array): Promise<EpochStart> {
    const made = this.#made;
    if (made !== undefined && equalBytes(made.pending, pending)) {
      this.#made = undefined;
      made.pending.fill(0);
      return startEpoch(this.#setting, made.fresh);
    }
    const { parent, snapshot, ratchets, exporterSecret } = decodePending(pending);
    const group = restoreGroup(this.#setting, snapshot, ratchets);
    const follows =
      equalBytes(parent, this.confirmedTranscriptHash) &&
      equalBytes(group.conversationId, this.conversationId) &&
      group.epoch === this.epoch + 1;
    if (!follows) throw new MlsError("MLS_PENDING_STALE", { epoch: this.epoch, pendingEpoch: group.epoch });
    // A copy: `pending` is the caller's, and the exporter erases what it holds.
    const exporter = createExporter(this.#setting.primitives, exporterSecret.slice());
    return { group, snapshot, ratchets, exporter };
  }

  process(
    message: Uint8Array,
    accept: (summary: CommitSummary) => Eventually<void>,
  ): Promise<ProcessedCommit> {
    return this.#inTurn(async () => {
      const addressed = await this.#readAddress(message, contentTypes.commit);
      const { leafIndex, authenticatedData } = addressed;
      const ratchets = this.#ratchetsOf(leafIndex);
      const opened = await this.#open(addressed, ratchets.handshake, commitLength);
      const commit = decodeCommit(opened.content);
      const proposals = readProposals(commit);
      for (const keyPackage of proposals.add) checkLifetime(keyPackage, this.#setting.clock.now());

      const { tree, fresh } = await tsMls("MLS_COMMIT_INVALID", () =>
        takeCommit(this.#setting, this.#state, { ...opened, committer: leafIndex, commit }),
      );
      const summary = {
        committer: this.#sender(leafIndex),
        ...summariseCommit(this.members, readMembers(tree), proposals),
        authenticatedData,
      };
      await accept(summary);
      if (fresh === undefined) return { kind: "removed", summary };
      return { kind: "epoch", summary, ...startEpoch(this.#setting, fresh) };
    });
  }

  wipe(): void {
    this.#wiped = true;
    this.#forgetMade();
    wipeEpoch(this.#state, this.#ratchets);
  }

  #forgetMade(): void {
    if (this.#made === undefined) return;
    const { pending, fresh } = this.#made;
    this.#made = undefined;
    pending.fill(0);
    wipeEpoch(fresh.epoch, fresh.ratchets);
    fresh.exporterSecret.fill(0);
  }

  /** One operation after the other: two that read the same ratchet would use the same key. */
  #inTurn<T>(operation: () => Promise<T>): Promise<T> {
    const turn = this.#lastTurn.then(() => {
      if (this.#wiped) throw new MlsError("MLS_GROUP_WIPED");
      return operation();
    });
    this.#lastTurn = turn.catch(() => undefined);
    return turn;
  }

  /** Whom a message is from, once it is known to be for this epoch. */
  async #readAddress(message: Uint8Array, contentType: ContentType): Promise<AddressedMessage> {
    const sealed = decodePrivateMessage(message);
    if (!equalBytes(sealed.groupId, this.conversationId)) throw new MlsError("MLS_CONVERSATION");
    if (sealed.epoch !== this.epoch)
      throw new MlsError("MLS_EPOCH", { expected: this.epoch, actual: sealed.epoch });
    if (sealed.contentType !== contentType)
      throw new MlsError("MLS_CONTENT_TYPE", { expected: contentType, actual: sealed.contentType });
    const addressed = await openSenderData(this.#setting.primitives, this.#keys, sealed);
    if (addressed.leafIndex === this.ownLeaf) throw new MlsError("MLS_OWN_MESSAGE");
    this.#sender(addressed.leafIndex);
    return addressed;
  }

  #open(
    message: AddressedMessage,
    ratchet: Ratchet,
    contentLength: (contentAndAuth: Uint8Array) => number,
  ): Promise<OpenedContent> {
    const { signatureKey } = this.#sender(message.leafIndex);
    return openContent(
      this.#setting.primitives,
      this.#keys,
      message,
      { signatureKey, ratchet },
      contentLength,
    );
  }

  #sender(leafIndex: number): Member {
    const member = this.#memberAt.get(leafIndex);
    if (member === undefined) throw new MlsError("MLS_SENDER_UNKNOWN", { leafIndex });
    return member;
  }

  #ratchetsOf(leafIndex: number): LeafRatchets {
    const ratchets = this.#ratchets.get(leafIndex);
    if (ratchets === undefined) throw new MlsError("MLS_SENDER_UNKNOWN", { leafIndex });
    return ratchets;
  }

  /** Puts `next` in the place of the ratchet that was used, whose secret is erased. */
  #turned(leafIndex: number, which: keyof LeafRatchets, next: Ratchet): RatchetRow {
    const used = this.#ratchetsOf(leafIndex);
    used[which].secret.fill(0);
    const ratchets = { ...used, [which]: next };
    this.#ratchets.set(leafIndex, ratchets);
    return { leafIndex, row: encodeRatchetRow(ratchets) };
  }

  #toProposals({ add, remove }: CommitRequest): Proposal[] {
    const removals = remove.map((removed): Proposal => {
      if (removed === this.ownLeaf || !this.#memberAt.has(removed))
        throw new MlsError("MLS_MEMBER_UNKNOWN", { leafIndex: removed });
      return { proposalType: "remove", remove: { removed } };
    });
    const additions = add.map((bytes): Proposal => {
      const keyPackage = decodeKeyPackage(bytes);
      checkLifetime(keyPackage, this.#setting.clock.now());
      return { proposalType: "add", add: { keyPackage } };
    });
    return [...removals, ...additions];
  }
}

/** Private keys stay: the epochs before and behind it may have the very same arrays. */
function wipeEpoch(epoch: Epoch, ratchets: ReadonlyMap<number, LeafRatchets>): void {
  for (const { handshake, application } of ratchets.values()) {
    handshake.secret.fill(0);
    application.secret.fill(0);
  }
  epoch.senderDataSecret.fill(0);
  epoch.initSecret.fill(0);
}
