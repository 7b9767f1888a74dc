import type { ConversationId } from "@portcullis/protocol";
import type { DemonstrationClockWriter } from "@portcullis/store";
import type { Crew } from "./crew.ts";
import type { Transcript, TranscriptMessage } from "./transcript.ts";

export interface ReplayOptions {
  readonly transcript: Transcript;
  readonly crew: Crew;
  readonly clock: DemonstrationClockWriter;
  readonly conversations: readonly ConversationId[];
  readonly onProgress: (sent: number) => void;
}

/** Clients that lag more than this many messages are waited for, so that memory stays bounded. */
const LONGEST_LAG = 1_000;

/**
 * Sends the transcript into each conversation, in its order and by its clock, which moves on only when every send of the
 * second before is acknowledged: so no bucket's boundary is crossed with a message under way. Returns the last sequence
 * number of each conversation.
 */
export async function replay(options: ReplayOptions): Promise<number[]> {
  const { crew, clock, conversations, transcript, onProgress } = options;
  const lastSequence = conversations.map(() => 0);
  let sent = 0;
  let waitedAt = 0;
  const send = async ({ name, text }: TranscriptMessage, lane: number): Promise<void> => {
    const sequence = await crew.by(name, "send", name, conversations[lane] as ConversationId, text);
    lastSequence[lane] = Math.max(lastSequence[lane] ?? 0, sequence);
    onProgress(++sent);
  };
  for (const second of bySecond(transcript.messages)) {
    clock.set(Math.max(clock.now(), second[0]?.sentAtMs ?? 0));
    await Promise.all(second.flatMap((message) => conversations.map((_, lane) => send(message, lane))));
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

function* bySecond(messages: readonly TranscriptMessage[]): Generator<readonly TranscriptMessage[]> {
  let start = 0;
  for (let end = 1; end <= messages.length; end++) {
    if (messages[end]?.sentAtMs === messages[start]?.sentAtMs) continue;
    yield messages.slice(start, end);
    start = end;
  }
}
