/** Tasks for later, none of which outlives the client. */
export class Timers {
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #stopped = false;

  later(delayMs: number, task: () => void): void {
    if (this.#stopped) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      task();
    }, delayMs);
    this.#timers.add(timer);
  }

  stop(): void {
    this.#stopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }
}
