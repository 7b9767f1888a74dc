import {
  decodeReceipt,
  encodeReceipt,
  type CommitFrame,
  type ConversationId,
  type DeviceReference,
  type FrankContext,
  type MessageData,
  type Receipt,
  type SendFrame,
} from "@portcullis/protocol";
import type {
  CursorChange,
  EpochChange,
  Group,
  Store,
  StoredItem,
  StoredSealedBucket,
} from "@portcullis/store";
import { ServerError } from "../errors.ts";
import type { PolicyState } from "../policy-state.ts";
import { membersAfter } from "./commit-members.ts";
import type { ConversationCache, ConversationState } from "./conversation-state.ts";
import { frankBatch, type FrankKeys } from "./franks.ts";
import { deviceKey, mapKey } from "./keys.ts";
import { checkCommit, checkMessage, checkRecorded, requireMember, type Instant } from "./message-checks.ts";
import { encodeRoster } from "./roster.ts";

/** What became of a frame: its place, or why not. */
export type Outcome =
  | { readonly conversationId: ConversationId; readonly sequence: number; readonly receipt?: Receipt }
  | { readonly error: unknown };

/** A frame that waits for its answer. */
export interface Submission {
  readonly device: DeviceReference;
  readonly frame: SendFrame | CommitFrame;
  answer(outcome: Outcome): void;
}

/** An item on its way to the members, once durable. */
export interface FreshItem {
  readonly item: StoredItem;
  readonly receipt?: Receipt;
  /** Who joins and leaves with this item, when it is a Commit. */
  readonly epoch?: EpochChange;
}

export interface DraftContext {
  readonly store: Store;
  readonly conversations: ConversationCache;
  readonly policy: PolicyState;
  readonly instant: Instant;
}

interface Accepted {
  readonly submissions: Submission[];
  readonly item: StoredItem;
  readonly frank?: FrankContext;
  readonly epoch?: EpochChange;
}

/**
 * One group while it is put together. It changes the conversations in memory as it goes, so that each frame is checked
 * against all before it; nothing is answered before all of it is durable.
 */
export class GroupDraft {
  readonly #context: DraftContext;
  readonly #accepted: Accepted[] = [];
  readonly #byMessage = new Map<string, Accepted>();
  readonly #answers: (() => void)[] = [];
  readonly #sealedBuckets: StoredSealedBucket[] = [];

  constructor(context: DraftContext) {
    this.#context = context;
  }

  /** The checks in their order: accepted before, membership, epoch, bucket, then what comes with the message (DEL-02). */
  async take(submission: Submission): Promise<void> {
    const { device, frame } = submission;
    const key = deviceKey(device) + mapKey(frame.messageId);
    const twin = this.#byMessage.get(key);
    if (twin !== undefined) {
      twin.submissions.push(submission);
      return;
    }
    const { store, conversations } = this.#context;
    const before = await store.items.accepted(device.accountId, device.deviceId, frame.messageId);
    if (before !== undefined) {
      const receipt = before.receipt === null ? undefined : decodeReceipt(before.receipt);
      this.#answers.push(() => submission.answer(placeOf(before, receipt)));
      return;
    }
    try {
      const state = await conversations.get(frame.conversationId);
      requireMember(state, device);
      const accepted =
        frame.type === "send"
          ? this.#takeMessage(submission, frame, state)
          : await this.#takeCommit(submission, frame, state);
      this.#accepted.push(accepted);
      this.#byMessage.set(key, accepted);
    } catch (error) {
      this.#answers.push(() => submission.answer({ error }));
    }
  }

  /** Everything that must become durable; `fresh` in the same order, with the receipts that cover it. */
  close(keys: FrankKeys, cursors: readonly CursorChange[]): { group: Group; fresh: FreshItem[] } {
    const receipts = frankBatch(
      this.#accepted.flatMap(({ frank }) => frank ?? []),
      keys,
    );
    let next = 0;
    const fresh = this.#accepted.map(({ submissions, item, frank, epoch }): FreshItem => {
      const receipt = frank && (receipts[next++] as Receipt);
      const stored = receipt ? { ...item, receipt: encodeReceipt(receipt) } : item;
      for (const submission of submissions)
        this.#answers.push(() => submission.answer(placeOf(stored, receipt)));
      return { item: stored, ...(receipt && { receipt }), ...(epoch && { epoch }) };
    });
    const group: Group = {
      sealedBuckets: this.#sealedBuckets,
      items: fresh.map(({ item }) => item),
      epochs: fresh.flatMap(({ epoch }) => epoch ?? []),
      cursors,
    };
    return { group, fresh };
  }

  answer(): void {
    for (const answer of this.#answers) answer();
  }

  #takeMessage(submission: Submission, frame: SendFrame, state: ConversationState): Accepted {
    const { device } = submission;
    const data = checkMessage(frame, state, this.#context.instant);
    const recorded = checkRecorded(frame, data, state, device);
    if (recorded?.upload !== undefined)
      this.#takeSealedBucket(recorded.upload, recorded.sealedBucketHash, data, state, device);
    const item = this.#place(submission, state, {
      bucketStart: data.bucketStart,
      sealedBucketHash: recorded?.sealedBucketHash ?? null,
      record: frame.record ?? null,
      lookup: null,
    });
    return { submissions: [submission], item, frank: frankContext(item, data) };
  }

  #takeSealedBucket(
    sealedBucket: Uint8Array,
    sealedBucketHash: Uint8Array,
    { bucketStart }: MessageData,
    state: ConversationState,
    device: DeviceReference,
  ): void {
    const owner = deviceKey(device);
    for (const standing of state.sealedBuckets.values())
      if (standing.device === owner && standing.bucketStart === bucketStart)
        throw new ServerError("SEALED_BUCKET_INVALID", { reason: "another one stands for this bucket" });
    this.#context.policy.checkSealedBucket(sealedBucket, state, device.accountId, bucketStart);
    state.sealedBuckets.set(mapKey(sealedBucketHash), { device: owner, bucketStart });
    const { conversationId, epoch } = state;
    this.#sealedBuckets.push({
      sealedBucketHash,
      conversationId,
      epoch,
      bucketStart,
      ...device,
      sealedBucket,
    });
  }

  async #takeCommit(submission: Submission, frame: CommitFrame, state: ConversationState): Promise<Accepted> {
    const { store, instant } = this.#context;
    const data = checkCommit(frame, state, instant);
    const members = await membersAfter(state, data, frame, store);
    const { startBucket, rosterRoot } = data;
    const item = this.#place(submission, state, {
      bucketStart: startBucket,
      sealedBucketHash: null,
      record: null,
      lookup: frame.lookup ?? null,
    });
    state.beginEpoch({ startBucket, startedAtMs: instant.nowMs, rosterRoot: rosterRoot.slice(), members });
    const welcomes = new Map(frame.welcomes.map((welcome) => [deviceKey(welcome), welcome]));
    const epoch: EpochChange = {
      sequence: item.sequence,
      roster: {
        conversationId: state.conversationId,
        epoch: state.epoch,
        startBucket,
        startedAtMs: instant.nowMs,
        root: rosterRoot,
        roster: encodeRoster(frame.roster),
      },
      added: data.added.flatMap((device) => welcomes.get(deviceKey(device)) ?? []),
      removed: data.removed,
    };
    return { submissions: [submission], item, epoch };
  }

  #place(
    { device, frame }: Submission,
    state: ConversationState,
    parts: Pick<StoredItem, "bucketStart" | "sealedBucketHash" | "record" | "lookup">,
  ): StoredItem {
    state.lastSequence += 1;
    return {
      conversationId: state.conversationId,
      sequence: state.lastSequence,
      kind: frame.type === "send" ? "message" : "commit",
      accountId: device.accountId,
      deviceId: device.deviceId,
      messageId: frame.messageId,
      acceptedAtMs: this.#context.instant.nowMs,
      epoch: state.epoch,
      message: frame.message,
      receipt: null,
      ...parts,
    };
  }
}

function placeOf(
  { conversationId, sequence }: Pick<StoredItem, "conversationId" | "sequence">,
  receipt: Receipt | undefined,
): Outcome {
  return { conversationId, sequence, ...(receipt && { receipt }) };
}

function frankContext(item: StoredItem, { frankingTag }: MessageData): FrankContext {
  const { conversationId, messageId, acceptedAtMs } = item;
  return {
    frankingTag,
    conversationId,
    senderAccountId: item.accountId,
    senderDeviceId: item.deviceId,
    messageId,
    acceptedAtMs,
  };
}
