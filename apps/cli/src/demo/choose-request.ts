import type { Transcript } from "./transcript.ts";

export interface Request {
  readonly account: string;
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * What the officer asks for when nobody says: of the person who wrote most, the two adjoining buckets in which that
 * person wrote most.
 */
export function chooseRequest({ messages, names }: Transcript, bucketSeconds: number): Request {
  const bucketMs = bucketSeconds * 1000;
  const count = (name: string): number => messages.filter((message) => message.name === name).length;
  const account = names.toSorted((a, b) => count(b) - count(a))[0] as string;
  const perBucket = new Map<number, number>();
  for (const { name, sentAtMs } of messages) {
    if (name !== account) continue;
    const bucket = Math.floor(sentAtMs / bucketMs) * bucketMs;
    perBucket.set(bucket, (perBucket.get(bucket) ?? 0) + 1);
  }
  const within = (fromMs: number): number =>
    (perBucket.get(fromMs) ?? 0) + (perBucket.get(fromMs + bucketMs) ?? 0);
  const fromMs = [...perBucket.keys()].toSorted((a, b) => within(b) - within(a) || a - b)[0] as number;
  return { account, fromMs, toMs: fromMs + 2 * bucketMs };
}
