import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "@portcullis/protocol";
import type { CursorChange } from "@portcullis/store";
import type { FrankKeys } from "./franks.ts";
import { GroupDraft, type DraftContext, type FreshItem, type Submission } from "./group-draft.ts";
import { deviceKey, mapKey } from "./keys.ts";

const LARGEST_GROUP = 512;
const CURSOR_DELAY_MS = 200;

export interface GroupCommitOptions extends Omit<DraftContext, "instant"> {
  readonly keys: FrankKeys;
  readonly clock: Clock;
  /** Called when a group is durable, before it is answered. */
  deliver(fresh: readonly FreshItem[]): void;
  /** Called when the database failed. Whether the group is durable is then unknown, and its senders ask again. */
  failed(error: unknown): void;
}

/**
 * One loop: whatever waits when a transaction starts goes into it together, in the order of arrival, so that one fsync
 * and one signature serve all of it. Sequences are given here and nowhere else, so they become durable in order (DEL-01).
 */
export class GroupCommit {
  readonly #options: GroupCommitOptions;
  readonly #waiting: Submission[] = [];
  readonly #cursors = new Map<string, CursorChange>();
  readonly #between: (() => Promise<void>)[] = [];
  #running = false;
  #cursorTimer: NodeJS.Timeout | undefined;
  #latestMs = 0;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
  }

  submit(submission: Submission): void {
    this.#waiting.push(submission);
    this.#start();
  }

  /** A cursor only saves deliveries, so it rides along with the next group, or waits a little for one. */
  setCursor(change: CursorChange): void {
    this.#cursors.set(deviceKey(change) + mapKey(change.conversationId), change);
    this.#cursorTimer ??= setTimeout(() => this.#start(), CURSOR_DELAY_MS);
  }

  /** Does something between two groups: all that was handed over before is durable, and nothing becomes so meanwhile. */
  between<T>(work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#between.push(() => work().then(resolve, reject));
      this.#start();
    });
  }

  #start(): void {
    if (this.#running) return;
    this.#running = true;
    void this.#run();
  }

  async #run(): Promise<void> {
    do {
      await nextTurn();
      const submissions = this.#waiting.splice(0, LARGEST_GROUP);
      const cursors = [...this.#cursors.values()];
      this.#cursors.clear();
      clearTimeout(this.#cursorTimer);
      this.#cursorTimer = undefined;
      if (submissions.length > 0 || cursors.length > 0) await this.#commit(submissions, cursors);
      for (const work of this.#between.splice(0)) await work();
    } while (this.#waiting.length > 0 || this.#between.length > 0);
    // In the same step as that look: what comes a step later would wait for a run that is over.
    this.#running = false;
  }

  async #commit(submissions: readonly Submission[], cursors: readonly CursorChange[]): Promise<void> {
    const { store, conversations, policy, keys, clock } = this.#options;
    // Accepted times never go back, whatever the system's clock does.
    this.#latestMs = Math.max(this.#latestMs, clock.now());
    const instant = { nowMs: this.#latestMs, bucketSeconds: policy.bucketSeconds };
    const draft = new GroupDraft({ store, conversations, policy, instant });
    try {
      for (const submission of submissions) await draft.take(submission);
      const { group, fresh } = draft.close(keys, cursors);
      if (fresh.length > 0 || cursors.length > 0) await store.items.append(group);
      this.#options.deliver(fresh);
      draft.answer();
    } catch (error) {
      conversations.clear();
      for (const submission of submissions) submission.answer({ error });
      this.#options.failed(error);
    }
    conversations.trim();
  }
}
