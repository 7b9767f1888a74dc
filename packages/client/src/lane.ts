/** Runs tasks one after the other, in the order in which they came. A task that fails does not stop the next. */
export class Lane {
  #tail: Promise<unknown> = Promise.resolve();

  run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(task);
    this.#tail = result.catch(() => undefined);
    return result;
  }

  /** Resolves when everything that was asked for until now has run. */
  async drained(): Promise<void> {
    await this.#tail;
  }
}
