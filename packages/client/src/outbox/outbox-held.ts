import type { Receipt } from "@portcullis/protocol";
import { encodeOutboxEntry, type OutboxEntry } from "./outbox-entry.ts";
import type { StoreChange } from "../store.ts";

/** Where the server put something. */
export interface Accepted {
  readonly sequence: number;
  readonly acceptedAtMs: number;
}

/** `waiting`: to be encrypted. `sent`: its attempt is on the way. `accepted`: answered; its item is still to come. */
export interface Held {
  readonly place: number;
  entry: OutboxEntry;
  state: "waiting" | "sent" | "accepted";
  stored: boolean;
  /** Not to be tried before this epoch: the server has a newer one than we. */
  notBeforeEpoch: number;
  /** Answers to any other ticket come too late. */
  ticket: object | undefined;
  receipt: Receipt | undefined;
  readonly outcome: Outcome;
}

/** Whoever waits for it. */
export type Outcome = PromiseWithResolvers<Accepted>;

/** What this device sent and the server has ordered, and what takes it out of the outbox. */
export interface Confirmed {
  readonly entry: OutboxEntry;
  readonly receipt: Receipt | undefined;
  /** Of a change of the state this is still open: it may have come too late. */
  readonly outcome: Outcome;
  readonly changes: readonly StoreChange[];
}

/** `stored`: whether the store has it already. */
export function hold(
  place: number,
  entry: OutboxEntry,
  stored: boolean,
  outcome: Outcome = Promise.withResolvers(),
): Held {
  return {
    place,
    entry,
    state: entry.attempt === undefined ? "waiting" : "sent",
    stored,
    notBeforeEpoch: 0,
    ticket: undefined,
    receipt: undefined,
    outcome,
  };
}

/** Whether it has done its work once the server has accepted it. */
export function isDoneOnceAccepted({ entry: { intent } }: Held): boolean {
  return intent.kind !== "message" || intent.change === undefined;
}

export function storeEntry({ place, entry }: Held): StoreChange {
  return { put: "outbox", order: place, value: encodeOutboxEntry(entry) };
}
