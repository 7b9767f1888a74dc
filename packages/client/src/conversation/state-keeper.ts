import type { Member } from "@portcullis/mls";
import {
  decodeSharedState,
  type JoinLink,
  type SharedState,
  type Standing,
} from "@portcullis/protocol/content";
import { equalBytes, type AccountId, type AdmittedAccount } from "@portcullis/protocol";
import { ClientError } from "../errors.ts";
import { checkAdmissions, linksWithout } from "./join-rules.ts";
import {
  afterCommit,
  checkSuccessor,
  isSameState,
  mayCommit,
  stateWithoutRoles,
  type CommitDone,
} from "./state-rules.ts";

/** What a device keeps of a conversation's shared state. */
export interface KeptState {
  readonly state: SharedState;
  /** The roles with which the epoch began. */
  readonly standing: Standing;
  /** The state's version then. */
  readonly startVersion: number;
  /** Who added this device, while the epoch lasts in which it joined. */
  readonly welcomedBy?: AccountId;
  /** Links that were taken away in this epoch: what was let in by one may have been on the way. Absent when there are none. */
  readonly revoked?: readonly JoinLink[];
}

/** The shared state of one conversation as the sequence of its items makes it, the same for every member. */
export class StateKeeper {
  #kept: KeptState;

  constructor(kept: KeptState) {
    this.#kept = kept;
  }

  /** What the one who added this device says the state is. @throws ProtocolError DECODE_* */
  static welcomed(encoded: Uint8Array, welcomedBy: AccountId): StateKeeper {
    const state = decodeSharedState(encoded);
    return new StateKeeper({ ...beginning(state), welcomedBy });
  }

  static begun(state: SharedState): StateKeeper {
    return new StateKeeper(beginning(state));
  }

  /** Of a conversation from before there were roles. */
  static withoutRoles(): StateKeeper {
    return StateKeeper.begun(stateWithoutRoles);
  }

  get kept(): KeptState {
    return this.#kept;
  }

  get state(): SharedState {
    return this.#kept.state;
  }

  /** Whether anything was changed since the epoch began: somebody who is welcomed now was told what stood before. */
  get isChangedInEpoch(): boolean {
    return this.#kept.state.version !== this.#kept.startVersion;
  }

  /**
   * A member's next state. What already stands is no news; and whoever is new takes the word of the one who added it
   * for what was changed meanwhile (GRP-05). @throws ClientError CLIENT_STATE_…
   */
  take(author: AccountId, next: SharedState, members: readonly Member[]): void {
    const { state, welcomedBy } = this.#kept;
    if (isSameState(state, next)) return;
    const isTold = welcomedBy !== undefined && equalBytes(author, welcomedBy) && next.version > state.version;
    if (!isTold) checkSuccessor(state, next, author, members);
    const { revoked = [] } = this.#kept;
    const gone = [...revoked, ...linksWithout(state.links ?? [], next.links ?? [])];
    this.#kept = { ...this.#kept, state: next, ...(gone.length > 0 && { revoked: gone }) };
  }

  /** @throws ClientError CLIENT_COMMIT_ROLE unless the roles permit it that the epoch began with, or those of now (GRP-11) */
  demandRight(committer: AccountId, done: CommitDone): void {
    const { state, standing } = this.#kept;
    if (!mayCommit(state, committer, done) && !mayCommit(standing, committer, done))
      throw new ClientError("CLIENT_COMMIT_ROLE");
  }

  /**
   * Judges whom a Commit lets in by links that stood at any time in its epoch (GRP-23). A device that joined in this epoch
   * takes the others' word: it may not have been told yet what stands (GRP-05). @throws ClientError CLIENT_JOIN_…
   */
  demandAdmissions(admitted: readonly AdmittedAccount[], epoch: Parameters<typeof checkAdmissions>[2]): void {
    const { state, revoked = [], welcomedBy } = this.#kept;
    if (welcomedBy === undefined) checkAdmissions([...(state.links ?? []), ...revoked], admitted, epoch);
  }

  /** A Commit was taken in. */
  beginEpoch(members: readonly Member[], admitted: readonly AdmittedAccount[] = []): void {
    this.#kept = beginning(afterCommit(this.#kept.state, members, admitted));
  }
}

function beginning(state: SharedState): KeptState {
  const { roles, leaving, version } = state;
  return { state, standing: { roles, leaving }, startVersion: version };
}
