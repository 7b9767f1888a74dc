import type { Clock } from "@portcullis/protocol";

/** A clock that moves only when told. Milliseconds. */
export class FixedClock implements Clock {
  #now: number;

  constructor(now: number | string) {
    this.#now = typeof now === "string" ? Date.parse(now) : now;
  }

  now(): number {
    return this.#now;
  }

  set(now: number | string): void {
    this.#now = typeof now === "string" ? Date.parse(now) : now;
  }

  advance(milliseconds: number): void {
    this.#now += milliseconds;
  }
}
