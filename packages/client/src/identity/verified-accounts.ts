import { toBase64Url, type AccountId } from "@portcullis/protocol";
import type { StoreChange, StoredState } from "../store.ts";

const PREFIX = "verified/";
const [NO, YES] = [Uint8Array.of(0), Uint8Array.of(1)];

/** Whom this device's person has compared safety numbers with. An id stands for one key for ever, and so does this. */
export class VerifiedAccounts {
  readonly #accounts: Set<string>;
  readonly #write: (changes: readonly StoreChange[]) => Promise<void>;

  constructor({ facts }: StoredState, write: (changes: readonly StoreChange[]) => Promise<void>) {
    const marked = [...facts].filter(([name, value]) => name.startsWith(PREFIX) && value[0] === YES[0]);
    this.#accounts = new Set(marked.map(([name]) => name.slice(PREFIX.length)));
    this.#write = write;
  }

  has(accountId: AccountId): boolean {
    return this.#accounts.has(toBase64Url(accountId));
  }

  /** Durable when it resolves. */
  async mark(accountId: AccountId, isVerified: boolean): Promise<void> {
    const name = toBase64Url(accountId);
    await this.#write([{ put: "fact", name: `${PREFIX}${name}`, value: isVerified ? YES : NO }]);
    if (isVerified) this.#accounts.add(name);
    else this.#accounts.delete(name);
  }
}
