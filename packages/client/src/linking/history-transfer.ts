import {
  compareBytes,
  equalBytes,
  PortcullisError,
  toBase64Url,
  type ConversationId,
  type DeviceId,
} from "@portcullis/protocol";
import type { Conversation } from "../conversation/conversation.ts";
import { Lane } from "../lane.ts";
import { isTransient } from "../errors.ts";
import type { Host } from "../host.ts";
import { isTold } from "../messages/message-keeper.ts";
import { isRefusal, type ServerApi } from "../server/server-api.ts";
import type { ClientStore, StoredMessage } from "../store.ts";
import { openChunk, sealChunk, type HistoryChunk } from "./history-chunk.ts";
import { LinkMailbox } from "./link-mailbox.ts";
import {
  decodeReceivingRecord,
  decodeSendingRecord,
  encodeReceivingRecord,
  encodeSendingRecord,
  type ReceivingRecord,
  type SendingRecord,
} from "./transfer-record.ts";

const SENDING = "link/sending/";
export const RECEIVING = "link/receiving";
const MESSAGES_PER_CHUNK = 64;
const CHUNK_BYTES = 128 * 1024;
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 10_000;

export interface TransferHost extends Host {
  readonly conversations: ReadonlyMap<string, Conversation>;
  conversation(id: ConversationId): Conversation;
}

/**
 * The history on its way from a device to one that it linked: newest messages first, one conversation after the other, in
 * chunks that wait in the link's mailbox. Both sides keep how far they are, in one write with what they got; what is
 * sent again overlaps and is kept once.
 */
export class HistoryTransfer {
  readonly #host: TransferHost;
  readonly #api: ServerApi;
  readonly #store: ClientStore;
  readonly #lane = new Lane();
  readonly #sending = new Map<string, SendingRecord>();
  #receiving: ReceivingRecord | undefined;
  #waitMs = FIRST_WAIT_MS;
  #waiting = false;

  constructor(
    host: TransferHost,
    { api, store, secrets }: { api: ServerApi; store: ClientStore; secrets: ReadonlyMap<string, Uint8Array> },
  ) {
    this.#host = host;
    this.#api = api;
    this.#store = store;
    for (const [name, value] of secrets)
      if (name.startsWith(SENDING)) this.#sending.set(name, decodeSendingRecord(value));
    const receiving = secrets.get(RECEIVING);
    this.#receiving = receiving && decodeReceivingRecord(receiving);
  }

  /** The key under which the history is going to be sent, kept before anybody gets it; again the same one. */
  async prepare(linkId: Uint8Array, to: DeviceId): Promise<Uint8Array> {
    const name = SENDING + toBase64Url(linkId);
    const begun = this.#sending.get(name);
    if (begun !== undefined) return begun.key;
    const record = { linkId, key: this.#host.random(32), to, index: 0, done: [] };
    await this.#host.write([{ put: "secret", name, value: encodeSendingRecord(record) }]);
    this.#sending.set(name, record);
    return record.key;
  }

  /** Goes on, as far as it can; the rest later. */
  go(): void {
    this.#lane.run(() => this.#run()).catch((error: unknown) => this.#host.stop(error));
  }

  /** Resolves when nothing of it runs any more. */
  drained(): Promise<void> {
    return this.#lane.drained();
  }

  async #run(): Promise<void> {
    if (!this.#host.ready) return;
    try {
      for (const [name, record] of this.#sending) await this.#send(name, record);
      await this.#receive();
    } catch (error) {
      if (!(error instanceof PortcullisError)) throw error;
      if (this.#host.ready && !isTransient(error)) this.#host.events.emit("fault", error);
    }
    if (this.#waiting || (this.#sending.size === 0 && this.#receiving === undefined)) return;
    this.#waiting = true;
    this.#host.later(this.#waitMs, () => {
      this.#waiting = false;
      this.go();
    });
    this.#waitMs = Math.min(2 * this.#waitMs, LONGEST_WAIT_MS);
  }

  async #send(name: string, begun: SendingRecord): Promise<void> {
    let record = begun;
    const keep = async (next: SendingRecord): Promise<void> => {
      await this.#host.write([{ put: "secret", name, value: encodeSendingRecord(next) }]);
      this.#sending.set(name, next);
      record = next;
    };
    try {
      for (;;) {
        if (!this.#host.ready) return;
        if (record.at === undefined) {
          const next = this.#nextConversation(record);
          if (next === "later") return;
          if (next === undefined) break;
          // Kept before the chunk leaves: the first one at an index stays, so it must be this conversation's again.
          await keep({ ...record, at: { conversationId: next.id, beforeSequence: Number.MAX_SAFE_INTEGER } });
        }
        await keep(await this.#sendNext(record));
        this.#waitMs = FIRST_WAIT_MS;
      }
      await this.#put(record, { messages: [] });
    } catch (error) {
      if (isRefusal(error, "LINK_FULL")) return;
      // The mailbox is closed: the new device has all of it, or has given up.
      if (!isRefusal(error, "LINK_UNKNOWN", "LINK_TAKEN")) throw error;
    }
    await this.#host.write([{ erase: "secret", name }]);
    this.#sending.delete(name);
  }

  /** One that the new device can take; `later` when none is left but those that it is still to join. */
  #nextConversation({ to, done }: SendingRecord): Conversation | "later" | undefined {
    const left = [...this.#host.conversations.values()]
      .filter(({ record }) => record !== undefined && record.condition !== "creating")
      .filter(({ id }) => !done.some((one) => equalBytes(one, id)))
      .toSorted((a, b) => compareBytes(a.id, b.id));
    const isTakenBy = ({ record, epoch }: Conversation): boolean =>
      record?.condition !== "open" ||
      epoch?.group.members.some(({ deviceId }) => equalBytes(deviceId, to)) === true;
    return left.length === 0 ? undefined : (left.find(isTakenBy) ?? "later");
  }

  /** Leaves the next chunk of the conversation that is being sent; what is to be kept then. The one without messages ends it. */
  async #sendNext(sending: SendingRecord): Promise<SendingRecord> {
    const { at: place, done, index, ...link } = sending;
    if (place === undefined) return sending;
    const { conversationId } = place;
    const conversation = this.#host.conversation(conversationId);
    // What came before the new device joined is durable then.
    await conversation.drained();
    const { record } = conversation;
    const range = { limit: MESSAGES_PER_CHUNK, beforeSequence: place.beforeSequence };
    const page = fitting((await this.#store.history(conversationId, range)).toReversed());
    const messages = page.filter(isTold);
    const beforeSequence = page.at(-1)?.sequence;
    const at = beforeSequence === undefined ? undefined : { conversationId, beforeSequence };
    if (at !== undefined && messages.length === 0) return { ...link, index, at, done };
    const isOver = record?.condition !== "open";
    await this.#put(sending, { conversationId, ...(isOver && record && { record }), messages });
    const next = { ...link, index: index + 1 };
    return at === undefined ? { ...next, done: [...done, conversationId] } : { ...next, at, done };
  }

  async #put(record: SendingRecord, chunk: HistoryChunk): Promise<void> {
    const sealed = sealChunk(record, chunk, this.#host.random);
    await new LinkMailbox(this.#api, record.linkId).putChunk(this.#host.account, record.index, sealed);
  }

  async #receive(): Promise<void> {
    while (this.#receiving !== undefined && this.#host.ready) {
      const receiving = this.#receiving;
      const { linkId, token, index } = receiving;
      const mailbox = new LinkMailbox(this.#api, linkId);
      let sealed: Uint8Array | undefined;
      try {
        sealed = await mailbox.takeChunk(token, index);
      } catch (error) {
        if (!isRefusal(error, "LINK_UNKNOWN")) throw error;
        return this.#end("lost", receiving);
      }
      if (sealed === undefined) return;
      const chunk = openChunk(receiving, sealed);
      if (chunk.conversationId === undefined) {
        await this.#end("complete", receiving);
        await mailbox.close(token).catch(() => undefined);
        return;
      }
      if (!(await this.#take(chunk, receiving))) return;
    }
  }

  /** False when this device is still to join the conversation; what comes after that it gets by itself. */
  async #take(
    { conversationId, record, messages }: HistoryChunk,
    receiving: ReceivingRecord,
  ): Promise<boolean> {
    if (conversationId === undefined) return false;
    const conversation = this.#host.conversation(conversationId);
    if (record !== undefined) await conversation.adopt(record);
    if (conversation.record === undefined) return false;
    const isOver = conversation.record.condition !== "open";
    const upTo = isOver ? Number.MAX_SAFE_INTEGER : conversation.cursor;
    const before = messages.filter(({ sequence }) => sequence <= upTo);
    const { index, messages: count } = receiving;
    const next = { ...receiving, index: index + 1, messages: count + before.length };
    await conversation.importMessages(before, [
      { put: "secret", name: RECEIVING, value: encodeReceivingRecord(next) },
    ]);
    this.#receiving = next;
    this.#waitMs = FIRST_WAIT_MS;
    this.#host.events.emit("history", { state: "partial", messages: next.messages });
    return true;
  }

  async #end(state: "complete" | "lost", { messages }: ReceivingRecord): Promise<void> {
    await this.#host.write([{ erase: "secret", name: RECEIVING }]);
    this.#receiving = undefined;
    this.#host.events.emit("history", { state, messages });
  }
}

/** As many as a chunk holds, at least one. */
function fitting(messages: readonly StoredMessage[]): StoredMessage[] {
  let bytes = 0;
  return messages.filter(({ applicationData, receipt }, i) => {
    bytes += applicationData.length + receipt.length;
    return i === 0 || bytes <= CHUNK_BYTES;
  });
}
