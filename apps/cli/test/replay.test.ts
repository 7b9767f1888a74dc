import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { asConversationId, bucketStartAt } from "@portcullis/protocol";
import { replay, type ReplayOptions } from "../src/demo/replay.ts";
import { LONG_TRANSCRIPT } from "../src/demo/transcript.ts";

const BUCKET_SECONDS = 900;
const conversations = [1, 2].map((number) => asConversationId(new Uint8Array(32).fill(number)));

/** A replay of so many messages, one a minute, to people who answer late. Returns what was under way, and when. */
async function replayed(
  length: number,
): Promise<{ mostUnderWay: number; crossings: number; sent: string[] }> {
  let nowMs = 0;
  let underWay = 0;
  let mostUnderWay = 0;
  let crossings = 0;
  const sent: string[] = [];
  const send = async (text: string): Promise<number> => {
    const bucket = bucketStartAt(nowMs, BUCKET_SECONDS);
    mostUnderWay = Math.max(mostUnderWay, ++underWay);
    for (let turn = 0; turn < 5; turn++) await nextTurn();
    underWay--;
    if (bucketStartAt(nowMs, BUCKET_SECONDS) !== bucket) crossings++;
    return sent.push(text);
  };
  const crew = {
    by: (_person: string, _name: string, ...args: readonly unknown[]) => send(String(args[2])),
    each: () => Promise.resolve([]),
  } as unknown as ReplayOptions["crew"];
  const messages = Array.from({ length }, (_, line) => {
    const name = line % 2 === 0 ? "Anna" : "Ben";
    return { sentAtMs: line * 60_000, name, text: String(line), line };
  });
  await replay({
    transcript: { messages, names: ["Anna", "Ben"], notices: 0 },
    crew,
    clock: { now: () => nowMs, set: (next) => (nowMs = next) },
    conversations,
    bucketSeconds: BUCKET_SECONDS,
    onProgress: () => undefined,
  });
  return { mostUnderWay, crossings, sent };
}

test("a short transcript is sent turn by turn, in its order", async () => {
  const { mostUnderWay, crossings, sent } = await replayed(40);
  assert.deepEqual([mostUnderWay, crossings], [conversations.length, 0]);
  assert.deepEqual(sent, Array.from({ length: 40 }, (_, line) => [String(line), String(line)]).flat());
});

test("of a long transcript many messages are under way, and the clock crosses no bucket's boundary with one", async () => {
  const { mostUnderWay, crossings, sent } = await replayed(LONG_TRANSCRIPT + 1);
  assert.ok(mostUnderWay > conversations.length);
  assert.equal(crossings, 0);
  assert.equal(sent.length, conversations.length * (LONG_TRANSCRIPT + 1));
});
