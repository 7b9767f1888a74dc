import { bucketStartAt, type ConversationId } from "@portcullis/protocol";
import type { DemonstrationClockWriter } from "@portcullis/store";
import type { Crew } from "./crew.ts";
import type { Transcript, TranscriptMessage } from "./transcript.ts";

export interface ReplayOptions {
  readonly transcript: Transcript;
  readonly crew: Crew;
  readonly clock: DemonstrationClockWriter;
  readonly bucketSeconds: number;
  readonly conversations: readonly ConversationId[];
  readonly onProgress: (sent: number) => void;
}

/**
 * Messages under way at once in each conversation, so that clients and server write many together. One person's words
 * keep their order; what two people write in the same moment may come in either.
 */
const WINDOW = 32;
/** Clients that lag more than this many messages are waited for, so that memory stays bounded. */
const LONGEST_LAG = 1_000;

/**
 * Sends the transcript into each conversation by its clock. A bucket's boundary is crossed only when
 * every send of the bucket is acknowledged. Returns the last sequence number of each conversation.
 */
export async function replay(options: ReplayOptions): Promise<number[]> {
  const { crew, clock, conversations, bucketSeconds, transcript, onProgress } = options;
  const lastSequence = conversations.map(() => 0);
  let sent = 0;
  let waitedAt = 0;
  for (const bucket of byBucket(transcript.messages, bucketSeconds)) {
    await Promise.all(
      conversations.map(async (conversation, lane) => {
        const acknowledged = (sequence: number): void => {
          lastSequence[lane] = Math.max(lastSequence[lane] ?? 0, sequence);
          onProgress(++sent);
        };
        const underWay: Promise<void>[] = [];
        for (const { name, text, sentAtMs } of bucket) {
          clock.set(Math.max(clock.now(), sentAtMs));
          underWay.push(crew.by(name, "send", name, conversation, text).then(acknowledged));
          if (underWay.length >= WINDOW) await underWay.shift();
        }
        await Promise.all(underWay);
      }),
    );
    if (sent - waitedAt < LONGEST_LAG) continue;
    waitedAt = sent;
    await caughtUp(crew, conversations, lastSequence);
  }
  await caughtUp(crew, conversations, lastSequence);
  return lastSequence;
}

async function caughtUp(
  crew: Crew,
  conversations: readonly ConversationId[],
  sequences: readonly number[],
): Promise<void> {
  await Promise.all(
    conversations.map((conversation, lane) => crew.each("caughtUp", conversation, sequences[lane] as number)),
  );
}

function* byBucket(
  messages: readonly TranscriptMessage[],
  bucketSeconds: number,
): Generator<readonly TranscriptMessage[]> {
  let start = 0;
  for (let end = 1; end <= messages.length; end++) {
    const next = messages[end];
    const first = messages[start] as TranscriptMessage;
    if (
      next !== undefined &&
      bucketStartAt(next.sentAtMs, bucketSeconds) === bucketStartAt(first.sentAtMs, bucketSeconds)
    )
      continue;
    yield messages.slice(start, end);
    start = end;
  }
}
