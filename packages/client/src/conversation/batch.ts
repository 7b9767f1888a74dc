import type { Epoch } from "./epoch.ts";
import type { Placement } from "../messages/placement.ts";
import type { SecretNames } from "./secret-names.ts";
import type { StoreChange } from "../store.ts";

/**
 * What one run of delivered items changes, stored in one transaction. However often a leaf's ratchet turned, its row is
 * written once; when a new epoch begins, the rows of the old one need not be written at all.
 */
export class Batch {
  readonly #changes: StoreChange[] = [];
  readonly #leaves = new Set<number>();
  #chainsMoved = false;
  #placement: Placement | undefined;
  /** Epochs that are over once the batch is durable. */
  readonly #over: Epoch[] = [];
  readonly #afterwards: (() => void)[] = [];

  get isEmpty(): boolean {
    return this.#changes.length === 0;
  }

  add(...changes: readonly StoreChange[]): void {
    this.#changes.push(...changes);
  }

  touchLeaf(leafIndex: number): void {
    this.#leaves.add(leafIndex);
  }

  touchChains(): void {
    this.#chainsMoved = true;
  }

  /** `previous` ended: none of its rows counts any more. */
  replaceEpoch(previous: Epoch | undefined): void {
    if (previous !== undefined) this.#over.push(previous);
    this.#leaves.clear();
    this.#chainsMoved = false;
  }

  /** Where this batch's messages go. */
  placement(make: () => Placement): Placement {
    return (this.#placement ??= make());
  }

  /** Told once the batch is durable. */
  afterwards(task: () => void): void {
    this.#afterwards.push(task);
  }

  /** Everything to write, with the last state of each leaf of the epoch that stands at the end. */
  changes(epoch: Epoch | undefined, names: SecretNames): StoreChange[] {
    if (epoch === undefined) return this.#changes;
    const leaves = epoch.leafChanges(names, this.#leaves);
    const chains = this.#chainsMoved ? epoch.chainChanges(names) : [];
    return [...this.#changes, ...leaves, ...chains];
  }

  /** The batch is durable. */
  settle(): void {
    for (const epoch of this.#over) epoch.wipe();
    for (const task of this.#afterwards) task();
  }
}
