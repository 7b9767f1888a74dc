import { LedgerError } from "../errors.ts";

/**
 * Runs writes one after the other. After one that failed nobody knows what is on disk: all later ones are refused, and
 * the owner is to be opened again from there.
 */
export class OneAtATime {
  #last: Promise<unknown> = Promise.resolve();
  #failure: unknown;

  /** `check` may throw without harm; once `write` has begun, an error is final. @throws LedgerError LEDGER_FAILED */
  run<T, R>(check: () => Promise<T>, write: (checked: T) => Promise<R>): Promise<R> {
    const result = this.#last.then(async () => {
      if (this.#failure !== undefined) throw new LedgerError("LEDGER_FAILED");
      const checked = await check();
      try {
        return await write(checked);
      } catch (error) {
        this.#failure = error;
        throw error;
      }
    });
    this.#last = result.catch(() => undefined);
    return result;
  }
}
