import { equalBytes } from "@portcullis/protocol";
import { ClientError } from "../errors.ts";
import { openHead, type BackupHead } from "./backup-head.ts";
import { generationKeys, type GenerationKeys } from "./backup-keys.ts";
import { NOTHING_YET, type RestoreRecord } from "./backup-record.ts";
import { chainAfter, openSegment, type BackupPart, type BackupSegment } from "./backup-segment.ts";
import type { UploadParts } from "./backup-upload.ts";

/**
 * Takes a backup back, newest segment first and one at a time; how far it is, is one write with what it got. What the
 * device has already it keeps, so that again is the same as once.
 */
export class BackupRestore {
  readonly #parts: Omit<UploadParts, "store" | "pace">;
  readonly #onProgress: () => void;

  constructor(parts: Omit<UploadParts, "store" | "pace">, onProgress: () => void) {
    this.#parts = parts;
    this.#onProgress = onProgress;
  }

  /**
   * Resolves when nothing is left to be taken back.
   * @throws ClientError CLIENT_BACKUP_NONE, CLIENT_BACKUP_HEAD, CLIENT_BACKUP_MISSING, CLIENT_SERVER_…
   */
  async run(): Promise<void> {
    const { kept } = this.#parts;
    if (kept.restore === undefined) return;
    if (kept.restore.from === undefined) await this.#begin(kept.restore);
    for (let at = kept.restore; at.left > 0; at = kept.restore ?? at) await this.#step(at);
    const { missing } = kept.restore;
    if (missing > 0) throw new ClientError("CLIENT_BACKUP_MISSING", { missing });
  }

  /** From the beginning, with what the server has by now. */
  async again(): Promise<void> {
    const { restore, record } = this.#parts.kept;
    if (restore === undefined || record !== undefined) throw new ClientError("CLIENT_BACKUP_NONE");
    const { counter } = restore;
    await this.#parts.kept.change({ restore: { ...NOTHING_YET, counter } });
  }

  async #begin(restore: RestoreRecord): Promise<void> {
    const { kept, vault } = this.#parts;
    const standing = await vault.standing();
    if (standing === undefined) {
      await kept.change({ restore: null });
      throw new ClientError("CLIENT_BACKUP_NONE");
    }
    const { head } = this.#open(standing);
    if (head.counter < restore.counter) throw new ClientError("CLIENT_BACKUP_HEAD", { older: true });
    const { generation, head: sealed } = standing;
    const { counter, savedAtMs, segments: left, chain } = head;
    const from = { generation, head: sealed };
    await kept.change({ restore: { ...restore, from, counter, savedAtMs, left, chain } });
  }

  /** Under the key that it was sealed with. */
  #open({ generation, head }: { readonly generation: Uint8Array; readonly head: Uint8Array }): {
    keys: GenerationKeys;
    head: BackupHead;
  } {
    const { host, kept } = this.#parts;
    for (const key of kept.keys?.keys ?? []) {
      const keys = generationKeys(key, host.account.accountId, generation);
      try {
        return { keys, head: openHead(keys, head) };
      } catch {
        // It is under another one, or none of ours.
      }
    }
    throw new ClientError("CLIENT_BACKUP_HEAD");
  }

  /** One segment, or that it is missing. */
  async #step(at: RestoreRecord): Promise<void> {
    const { kept, settings } = this.#parts;
    const { chain: _, ...rest } = at;
    const left = at.left - 1;
    const segment = await this.#segment(at, left);
    if (segment === undefined) await kept.change({ restore: { ...rest, left, missing: at.missing + 1 } });
    else {
      let messages = at.messages;
      for (const part of segment.parts) messages += await this.#take(part);
      const adopted = segment.settings ? settings.adopt(segment.settings) : [];
      await kept.change({ restore: { ...rest, left, chain: segment.before, messages } }, adopted);
    }
    this.#onProgress();
  }

  /** Undefined when the server does not have it, or has another one in its place. */
  async #segment({ from, chain }: RestoreRecord, index: number): Promise<BackupSegment | undefined> {
    if (from === undefined) return undefined;
    const sealed = await this.#parts.vault.segment(from.generation, index);
    if (sealed === undefined) return undefined;
    try {
      const segment = openSegment(this.#open(from).keys, index, sealed);
      const isNext = chain === undefined || equalBytes(chainAfter(segment.before, sealed), chain);
      return isNext ? segment : undefined;
    } catch (error) {
      if (error instanceof ClientError && error.code === "CLIENT_BACKUP_SEGMENT") return undefined;
      throw error;
    }
  }

  /**
   * The conversation is over for this device until a member adds it; what comes from then on it gets by itself. How many
   * messages were taken; those that are there already stay.
   */
  async #take({ cursor, chunk }: BackupPart): Promise<number> {
    const { conversationId, record, messages } = chunk;
    if (conversationId === undefined) return 0;
    const { host } = this.#parts;
    if (record !== undefined) {
      const { freeze: _, ...facts } = record;
      await host.conversation(conversationId).adopt({ ...facts, condition: "restored" }, cursor);
    }
    const conversation = host.conversation(conversationId);
    const isOpen = conversation.record?.condition === "open";
    const upTo = isOpen ? conversation.cursor : Number.MAX_SAFE_INTEGER;
    const before = messages.filter(({ sequence }) => sequence <= upTo);
    await conversation.importMessages(before, []);
    return before.length;
  }
}

/** It has come to its end, and not everything was there. */
export function isIncomplete({ from, left, missing }: RestoreRecord): boolean {
  return from !== undefined && left === 0 && missing > 0;
}
