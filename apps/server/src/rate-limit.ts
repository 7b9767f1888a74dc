/** A bucket of tokens for each key: `burst` at once, `perSecond` in the long run. */
export class RateLimit {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #buckets = new Map<string, { tokens: number; atMs: number }>();

  constructor(limit: { readonly perSecond: number; readonly burst: number }) {
    this.#perSecond = limit.perSecond;
    this.#burst = limit.burst;
  }

  /** Whether one more is within the limit, and if so counts it. */
  take(key: string, nowMs: number): boolean {
    const bucket = this.#buckets.get(key) ?? { tokens: this.#burst, atMs: nowMs };
    const refilled = bucket.tokens + (Math.max(0, nowMs - bucket.atMs) / 1000) * this.#perSecond;
    const tokens = Math.min(this.#burst, refilled);
    const allowed = tokens >= 1;
    this.#buckets.set(key, { tokens: allowed ? tokens - 1 : tokens, atMs: nowMs });
    if (this.#buckets.size > MOST_KEYS) this.#forget(nowMs);
    return allowed;
  }

  /** Those that are full again say nothing. */
  #forget(nowMs: number): void {
    const fullAfterMs = (this.#burst / this.#perSecond) * 1000;
    for (const [key, { atMs }] of this.#buckets) if (nowMs - atMs > fullAfterMs) this.#buckets.delete(key);
  }
}

const MOST_KEYS = 10_000;
