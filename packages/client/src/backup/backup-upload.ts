import { equalBytes, toBase64Url } from "@portcullis/protocol";
import { encodeConversationRecord } from "../conversation/conversation-record.ts";
import { ClientError } from "../errors.ts";
import { isTold, outlives } from "../messages/message-keeper.ts";
import { isRefusal } from "../server/server-api.ts";
import type { Settings } from "../settings.ts";
import type { ArrivedMessage, ClientStore, StoredMessage } from "../store.ts";
import { sealHead } from "./backup-head.ts";
import { GENERATION_BYTES, generationKeys, type GenerationKeys } from "./backup-keys.ts";
import type { BackupRecord } from "./backup-record.ts";
import { chainAfter, chainStart, sealSegment, type BackupPart } from "./backup-segment.ts";
import type { BackupVault } from "./backup-vault.ts";
import type { BackupHost, BackupPace } from "./backup.ts";
import type { KeptBackup } from "./kept-backup.ts";

/** What a segment holds, before it is padded and sealed; one message more than that may be in it. */
const SEGMENT_BYTES = 96 * 1024;
/** Of small segments, so many times what the generation began with. */
const SPARE_TIMES = 2;

export interface UploadParts {
  readonly host: BackupHost;
  readonly kept: KeptBackup;
  readonly vault: BackupVault;
  readonly store: ClientStore;
  readonly settings: Settings;
  readonly pace: BackupPace;
}

/**
 * Puts what is new into the backup, segment by segment. Each is kept as it was sealed before it is sent, and sent again
 * like that: so no place is ever sealed for twice, and whatever is cut off goes on.
 */
export class BackupUpload {
  readonly #parts: UploadParts;

  constructor(parts: UploadParts) {
    this.#parts = parts;
  }

  /** Resolves when everything that was there is in the backup that stands. @throws ClientError CLIENT_SERVER_… */
  async run(): Promise<void> {
    const { kept, vault, pace } = this.#parts;
    while (kept.record !== undefined) {
      if (kept.pending === undefined && !(await this.#seal(kept.record))) {
        const { record, keys } = kept;
        if (record.replaces) {
          await vault.stand(record.generation);
          const standing = { ...record, replaces: false, base: record.segments };
          // What the other keys open is gone.
          await kept.change({
            record: standing,
            ...(keys && { keys: { ...keys, keys: keys.keys.slice(0, 1) } }),
          });
        }
        if (kept.record.segments < (1 + SPARE_TIMES) * kept.record.base + pace.spareSegments) return;
        await this.renew();
      }
      try {
        await this.#send();
      } catch (error) {
        if (!isRefusal(error, "BACKUP_FULL") || !this.#isLoose(kept.record)) throw error;
        await this.renew();
      }
    }
  }

  /** What it holds would go into fewer segments. */
  #isLoose({ replaces, segments, base }: BackupRecord): boolean {
    return !replaces && segments >= base + this.#parts.pace.spareSegments;
  }

  /** Begins another generation, which takes the place of what stands once everything is in it. */
  async renew(): Promise<void> {
    await this.#parts.kept.change({ record: this.fresh(), pending: null });
  }

  fresh(key = this.#key()): BackupRecord {
    const { host, kept } = this.#parts;
    const generation = host.random(GENERATION_BYTES);
    return {
      generation,
      replaces: true,
      segments: 0,
      base: 0,
      bytes: 0,
      chain: chainStart(generationKeys(key, host.account.accountId, generation)),
      counter: kept.record?.counter ?? kept.restore?.counter ?? 0,
      savedAtMs: 0,
      head: new Uint8Array(0),
      arrival: 0,
    };
  }

  #key(): Uint8Array {
    const key = this.#parts.kept.keys?.keys[0];
    if (key === undefined) throw new ClientError("CLIENT_BACKUP_CODE");
    return key;
  }

  async #send(): Promise<void> {
    const { kept, vault } = this.#parts;
    const { pending } = kept;
    if (pending === undefined) return;
    const { segment, next } = pending;
    await vault.put(next.generation, next.segments - 1, { segment, head: next.head });
    await kept.change({ record: next, pending: null });
  }

  /** Keeps the next segment; false when nothing is to be said. */
  async #seal(record: BackupRecord): Promise<boolean> {
    const { host, kept, store, settings, pace } = this.#parts;
    const { random } = host;
    const arrived = await store.arrived({ after: record.arrival, limit: pace.segmentMessages });
    const { hash } = settings;
    const isSet = record.settings !== undefined && equalBytes(record.settings, hash);
    if (arrived.length === 0 && isSet) return false;
    const { parts, arrival } = this.#fitting(arrived);
    const keys: GenerationKeys = generationKeys(this.#key(), host.account.accountId, record.generation);
    const content = { before: record.chain, parts, ...(!isSet && { settings: settings.encoded }) };
    const segment = sealSegment(keys, record.segments, content, random);
    const head = {
      counter: record.counter + 1,
      segments: record.segments + 1,
      chain: chainAfter(record.chain, segment),
      savedAtMs: host.clock.now(),
    };
    const next = {
      ...record,
      ...head,
      head: sealHead(keys, head, random),
      bytes: record.bytes + segment.length,
      arrival: arrival ?? record.arrival,
      settings: hash,
    };
    await kept.change({ pending: { segment, next } });
    return true;
  }

  /** As many of the messages as go into a segment, at least one, with what is needed to show them. */
  #fitting(arrived: readonly ArrivedMessage[]): { parts: BackupPart[]; arrival: number | undefined } {
    const { host } = this.#parts;
    const parts = new Map<string, BackupPart & { chunk: { messages: StoredMessage[] } }>();
    let bytes = 0;
    let arrival: number | undefined;
    for (const { arrival: place, message } of arrived) {
      if (bytes >= SEGMENT_BYTES) break;
      arrival = place;
      if (!outlives(message) || !isTold(message)) continue;
      const { conversationId } = message;
      const key = toBase64Url(conversationId);
      const known = parts.get(key);
      if (known === undefined) {
        const conversation = host.conversations.get(key);
        const record = conversation?.record;
        const cursor = conversation?.cursor ?? 0;
        const chunk = { conversationId, ...(record && { record }), messages: [message] };
        parts.set(key, { cursor: Math.max(cursor, message.sequence), chunk });
        bytes += record ? encodeConversationRecord(record).length : 0;
      } else {
        known.chunk.messages.push(message);
        parts.set(key, { ...known, cursor: Math.max(known.cursor, message.sequence) });
      }
      bytes += message.applicationData.length + message.receipt.length;
    }
    return { parts: [...parts.values()], arrival };
  }
}
