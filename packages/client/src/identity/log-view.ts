import {
  parseCheckpoint,
  parseNote,
  verifyConsistency,
  type VerifiedCheckpoint,
} from "@portcullis/ledger/verify";
import {
  equalBytes,
  fromUtf8,
  toBase64Url,
  utf8,
  type DeviceReference,
  type TreeHead,
} from "@portcullis/protocol";

/** A tree of the identity log with the signatures of the log and its witnesses, which anybody can verify. */
export interface SignedHead extends TreeHead {
  /** The checkpoint as a signed note. */
  readonly note: string;
}

/** Two trees of the identity log that cannot both be honest, or that the server does not show to be one. */
export interface LogAlarm {
  /**
   * `fork`: two trees of the same size. `unproven`: the server cannot show that the larger one begins with the smaller.
   * `rollback`: the server answers with less of the log than this device knew when it asked.
   */
  readonly reason: "fork" | "unproven" | "rollback";
  /** What this device has verified. */
  readonly ours: SignedHead;
  readonly theirs: TreeHead | SignedHead;
  /** The member on whose word `theirs` is; absent when the server itself showed it. Either it or the log lies. */
  readonly by?: DeviceReference;
}

/** What a view of the log needs of its device. */
export interface LogSetting {
  /** At most one proof is asked for in so long. */
  readonly everyMs: number;
  readonly isConnected: () => boolean;
  /** The server's consistency proof between two sizes; not trusted. */
  readonly prove: (oldSize: number, newSize: number) => Promise<Uint8Array[]>;
  /** Durable when it resolves. */
  readonly keep: (value: Uint8Array) => Promise<void>;
  readonly later: (delayMs: number, task: () => void) => void;
  readonly alarm: (alarm: LogAlarm) => void;
  readonly fail: (error: unknown) => void;
}

interface Claim {
  readonly head: TreeHead | SignedHead;
  readonly by?: DeviceReference;
  attempts: number;
}

/** After so many requests the server has had its chance to prove a claim. */
const ATTEMPTS = 20;
/** Further claims are passed over: each comes again with its member's next message. */
const CLAIMS_WAITING = 256;
const CLAIMS_REMEMBERED = 4096;

/**
 * The identity log as one device sees it: the largest tree that it verified and that continues all that it verified
 * before. Whatever else it is shown or told is measured against that, in the background; rules CLT-06 to CLT-08.
 */
export class LogView {
  readonly #setting: LogSetting;
  #ours: SignedHead | undefined;
  readonly #waiting = new Map<string, Claim>();
  /** Trees that join with this device's own. */
  readonly #proven = new Set<string>();
  /** Those that raised an alarm. */
  readonly #told = new Set<string>();
  #working = false;

  /** `kept`: what `keep` was given last. Trusted: whoever takes it back makes the device forget what it has seen. */
  constructor(kept: Uint8Array | undefined, setting: LogSetting) {
    this.#setting = setting;
    this.#ours = kept && signedHead(fromUtf8(kept));
  }

  /** What others are told. Undefined before the first lookup. */
  get head(): TreeHead | undefined {
    return this.#ours;
  }

  get size(): number {
    return this.#ours?.size ?? 0;
  }

  /** This device verified a tree. `sizeWhenAsked`: `size` when it asked for it. */
  see({ size, root, note }: VerifiedCheckpoint, sizeWhenAsked = 0): void {
    const head = { size, root, note };
    if (size < sizeWhenAsked && this.#ours !== undefined) this.#alarm("rollback", { head }, this.#ours);
    this.#consider({ head, attempts: 0 });
  }

  /** A member says which tree it has verified. */
  hear(head: TreeHead | undefined, by: DeviceReference): void {
    if (head === undefined) return;
    const { size, root } = head;
    this.#consider({ head: { size, root }, by, attempts: 0 });
  }

  #consider(claim: Claim): void {
    const { head } = claim;
    const name = nameOf(head);
    const isOurs = this.#ours !== undefined && name === nameOf(this.#ours);
    if (isOurs || this.#told.has(name) || (this.#proven.has(name) && !isSigned(head))) return;
    const known = this.#waiting.get(name);
    if (known === undefined ? this.#waiting.size >= CLAIMS_WAITING : isSigned(known.head) || !isSigned(head))
      return;
    this.#waiting.set(name, claim);
    if (this.#working) return;
    this.#working = true;
    this.#work();
  }

  #work(): void {
    this.#judgeNext().catch((error: unknown) => this.#setting.fail(error));
  }

  /** One claim after the other, until the server had to be asked; then after a pause. */
  async #judgeNext(): Promise<void> {
    const { everyMs, isConnected, later } = this.#setting;
    for (const [name, claim] of this.#waiting) {
      const { size } = claim.head;
      const isAsked = this.#ours !== undefined && this.#ours.size !== size && !this.#proven.has(name);
      if (isAsked && !isConnected()) return later(everyMs, () => this.#work());
      const isJudged = await this.#judge(name, claim);
      // Unless the same tree has come with signatures meanwhile.
      if (this.#waiting.get(name) === claim) {
        this.#waiting.delete(name);
        if (!isJudged) this.#waiting.set(name, claim);
      }
      if (isAsked) return later(everyMs, () => this.#work());
    }
    this.#working = false;
  }

  /** False when it has to be tried again. */
  async #judge(name: string, claim: Claim): Promise<boolean> {
    const ours = this.#ours;
    const { head } = claim;
    if (ours === undefined) {
      if (isSigned(head)) await this.#adopt(head);
    } else if (head.size === ours.size) {
      if (!equalBytes(head.root, ours.root)) this.#alarm("fork", claim, ours);
    } else if (this.#proven.has(name) || (await this.#isProven(ours, head))) {
      remember(this.#proven, name);
      if (isSigned(head) && head.size > ours.size) await this.#adopt(head);
    } else {
      if (++claim.attempts < ATTEMPTS) return false;
      this.#alarm("unproven", claim, ours);
    }
    return true;
  }

  /** Whatever the server answers instead of a proof is none. */
  async #isProven(a: TreeHead, b: TreeHead): Promise<boolean> {
    const [old, newer] = a.size < b.size ? [a, b] : [b, a];
    try {
      const path = await this.#setting.prove(old.size, newer.size);
      const sizes = { oldSize: old.size, newSize: newer.size };
      verifyConsistency({ ...sizes, oldRoot: old.root, newRoot: newer.root, path });
      return true;
    } catch {
      return false;
    }
  }

  /** Others are told only what a restart does not forget. */
  async #adopt(head: SignedHead): Promise<void> {
    await this.#setting.keep(utf8(head.note));
    this.#ours = head;
  }

  #alarm(
    reason: LogAlarm["reason"],
    { head: theirs, by }: Pick<Claim, "head" | "by">,
    ours: SignedHead,
  ): void {
    const name = reason === "rollback" ? `${reason} ${nameOf(theirs)}` : nameOf(theirs);
    if (this.#told.has(name)) return;
    remember(this.#told, name);
    this.#setting.alarm({ reason, ours, theirs, ...(by && { by }) });
  }
}

function remember(names: Set<string>, name: string): void {
  if (names.size >= CLAIMS_REMEMBERED) names.clear();
  names.add(name);
}

function isSigned(head: TreeHead | SignedHead): head is SignedHead {
  return "note" in head;
}

function nameOf({ size, root }: TreeHead): string {
  return `${size}/${toBase64Url(root)}`;
}

function signedHead(note: string): SignedHead {
  const { size, root } = parseCheckpoint(parseNote(note).text);
  return { size, root, note };
}
