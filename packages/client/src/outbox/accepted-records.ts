import { recordChainStart, type RecordChain } from "@portcullis/access";
import type { Epoch } from "../conversation/epoch.ts";
import type { OutboxEntry } from "./outbox-entry.ts";

/** This device's records in the current epoch, as far as the server has accepted them: those are followed by the next. */
export class AcceptedRecords {
  #chain: RecordChain = recordChainStart;

  get chain(): RecordChain {
    return this.#chain;
  }

  /** After a restart: the records that are not certain to be accepted are those of the attempts that are stored. */
  resume(entries: readonly OutboxEntry[], epoch: Epoch): void {
    const first = entries
      .map(({ attempt }) => attempt)
      .find((attempt) => attempt?.kind === "message" && attempt.epoch === epoch.group.epoch);
    this.#chain = first?.kind === "message" ? first.records : epoch.records(epoch.group.ownLeaf);
  }

  /** `epoch`: the current one's number. */
  note({ attempt }: OutboxEntry, epoch: number | undefined): void {
    if (attempt?.kind !== "message" || attempt.epoch !== epoch) return;
    if (attempt.recordsAfter.index > this.#chain.index) this.#chain = attempt.recordsAfter;
  }

  /** An epoch begins. */
  restart(): void {
    this.#chain = recordChainStart;
  }
}
