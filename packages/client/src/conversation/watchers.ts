interface Watcher {
  readonly condition: () => boolean;
  readonly outcome: PromiseWithResolvers<void>;
}

/** Those who wait until something is so. Looked at whenever something may have changed. */
export class Watchers {
  #waiting: Watcher[] = [];

  until(condition: () => boolean): Promise<void> {
    if (condition()) return Promise.resolve();
    const outcome = Promise.withResolvers<void>();
    this.#waiting.push({ condition, outcome });
    return outcome.promise;
  }

  look(): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const watcher of waiting) {
      if (watcher.condition()) watcher.outcome.resolve();
      else this.#waiting.push(watcher);
    }
  }

  fail(error: unknown): void {
    for (const { outcome } of this.#waiting.splice(0)) outcome.reject(error);
  }
}
