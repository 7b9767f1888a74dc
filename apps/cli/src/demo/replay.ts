import { bucketStartAt, type ConversationId } from "@portcullis/protocol";
import type { DemonstrationClockWriter } from "@portcullis/store/directory";
import type { Crew } from "./crew.ts";
import { LONG_TRANSCRIPT, type Transcript, type TranscriptMessage } from "./transcript.ts";

export interface ReplayOptions {
  readonly transcript: Transcript;
  readonly crew: Pick<Crew, "by" | "each">;
  readonly clock: Pick<DemonstrationClockWriter, "now" | "set">;
  readonly conversations: readonly ConversationId[];
  readonly bucketSeconds: number;
  readonly onProgress: (sent: number) => void;
}

/** Every so many messages, clients that have not reached the mark before are waited for, so that memory stays bounded. */
const MARK_EVERY = 500;
/**
 * In a long transcript so many messages are under way at once, and neighbours may change places. In a short one people
 * speak in turn, each when the one before is acknowledged, and it reads as it was written.
 */
const UNDER_WAY = 24;

/**
 * Sends the transcript into each conversation by its clock, which crosses no boundary of a bucket while a message is
 * under way. Returns the last sequence number of each conversation.
 */
export async function replay(options: ReplayOptions): Promise<number[]> {
  const { crew, clock, conversations, transcript, onProgress, bucketSeconds } = options;
  const lastSequence = conversations.map(() => 0);
  const window = new Window(transcript.messages.length > LONG_TRANSCRIPT ? UNDER_WAY : 1);
  let sent = 0;
  const send = async ({ name, text }: TranscriptMessage): Promise<void> => {
    const sequences = conversations.map((conversation) => crew.by(name, "send", name, conversation, text));
    for (const [lane, sequence] of sequences.entries()) {
      lastSequence[lane] = Math.max(lastSequence[lane] ?? 0, await sequence);
      onProgress(++sent);
    }
  };
  let mark = [...lastSequence];
  for (const [index, message] of transcript.messages.entries()) {
    const nowMs = Math.max(clock.now(), message.sentAtMs);
    if (bucketStartAt(nowMs, bucketSeconds) !== bucketStartAt(clock.now(), bucketSeconds))
      await window.empty();
    if (index % MARK_EVERY === MARK_EVERY - 1) {
      await caughtUp(crew, conversations, mark);
      mark = [...lastSequence];
    }
    await window.room();
    clock.set(nowMs);
    window.add(send(message));
  }
  await window.empty();
  await caughtUp(crew, conversations, lastSequence);
  return lastSequence;
}

/** What is under way, at most so many at once. What fails is thrown where somebody waits next. */
class Window {
  readonly #most: number;
  readonly #underWay = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | undefined;

  constructor(most: number) {
    this.#most = most;
  }

  add(task: Promise<void>): void {
    const watched = task
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => this.#underWay.delete(watched));
    this.#underWay.add(watched);
  }

  async room(): Promise<void> {
    while (this.#underWay.size >= this.#most) await Promise.race(this.#underWay);
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async empty(): Promise<void> {
    await Promise.all(this.#underWay);
    await this.room();
  }
}

async function caughtUp(
  crew: ReplayOptions["crew"],
  conversations: readonly ConversationId[],
  sequences: readonly number[],
): Promise<void> {
  await Promise.all(
    conversations.map((conversation, lane) => crew.each("caughtUp", conversation, sequences[lane] as number)),
  );
}
