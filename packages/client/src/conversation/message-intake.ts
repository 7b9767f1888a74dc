import {
  bucketStartAt,
  conversationUri,
  encodeReceipt,
  equalBytes,
  PortcullisError,
  type ConversationId,
  type Item,
  type Receipt,
} from "@portcullis/protocol";
import {
  actOf,
  decodeMimiContent,
  type Act,
  type MimiContent,
  type SharedState,
} from "@portcullis/protocol/content";
import type { Batch } from "./batch.ts";
import { senderOf } from "./commit-check.ts";
import type { Epoch } from "./epoch.ts";
import { ClientError } from "../errors.ts";
import type { Host } from "../host.ts";
import type { Confirmed } from "../outbox/outbox-held.ts";
import { checkMessage, type CheckedMessage } from "./message-check.ts";

type TakeState = (item: Item, state: SharedState, batch: Batch) => void;

/** Takes the messages of one conversation in, as they are delivered: those that hold go into the history. */
export class MessageIntake {
  readonly #host: Host;
  readonly #id: ConversationId;
  readonly #roomUri: string;
  readonly #takeState: TakeState;

  /** `takeState`: what to do with a shared state that a message sets; throws to refuse it. */
  constructor(host: Host, id: ConversationId, takeState: TakeState) {
    this.#host = host;
    this.#id = id;
    this.#takeState = takeState;
    this.#roomUri = conversationUri(host.provider.name, id);
  }

  /**
   * Another member's message. What fails a check is told and not kept; the keys that it used are gone all the same.
   * False then.
   * @throws ClientError CLIENT_SERVER_UNREACHABLE, before anything was used
   */
  async open(epoch: Epoch, item: Item, batch: Batch): Promise<boolean> {
    const { provider, counters } = this.#host;
    const { bucketSeconds } = provider;
    if (epoch.group.terms.class === "recorded")
      await provider.ensureKeysets(bucketStartAt(item.acceptedAtMs, bucketSeconds));
    try {
      if (item.message === undefined) throw new ClientError("CLIENT_ITEM_MALFORMED");
      const decrypted = await epoch.group.unprotect(item.message);
      epoch.setRatchet(decrypted.ratchet);
      batch.touchLeaf(decrypted.senderLeaf);
      counters.decrypted++;
      const context = { receipts: provider.receipts, roomUri: this.#roomUri, bucketSeconds };
      const checked = checkMessage({ conversationId: this.#id, epoch, ...context }, item, decrypted);
      this.#follow(epoch, decrypted.senderLeaf, { item, checked, batch });
      const act = actOf(checked.content);
      if (act?.kind === "state") this.#takeState(item, act.state, batch);
      await this.#keep(item, batch, { ...checked, act });
      batch.afterwards(() => this.#host.log.hear(checked.treeHead, senderOf(item)));
      return true;
    } catch (error) {
      if (!(error instanceof PortcullisError)) throw error;
      this.#reject(item, error.code, batch);
      return false;
    }
  }

  /** This device's own message, which the server has ordered. It is kept whatever the receipt is; a wrong one is told. */
  async confirm(item: Item, confirmed: Confirmed | undefined, batch: Batch): Promise<void> {
    if (confirmed?.entry.intent.kind !== "message") return;
    const { changes, receipt } = confirmed;
    const { applicationData, frankingTag } = confirmed.entry.intent;
    batch.add(...changes);
    this.#host.counters.sent++;
    const content = decodeMimiContent(applicationData);
    const act = actOf(content);
    await this.#keep(item, batch, { applicationData, receipt, content, act });
    this.#orReject(item, batch, () => {
      if (act?.kind === "state") this.#takeState(item, act.state, batch);
    });
    this.#orReject(item, batch, () => {
      if (receipt === undefined) throw new ClientError("CLIENT_RECEIPT", { missing: true });
      this.#host.provider.receipts.verify({ conversationId: this.#id, frankingTag, ...item }, receipt);
    });
  }

  /** Tells what is wrong, and goes on. */
  #orReject(item: Item, batch: Batch, check: () => void): void {
    try {
      check();
    } catch (error) {
      if (!(error instanceof PortcullisError)) throw error;
      this.#reject(item, error.code, batch);
    }
  }

  /** The record takes its place in its leaf's chain; what is missing before it is told. */
  #follow(
    epoch: Epoch,
    leafIndex: number,
    { item, checked, batch }: { item: Item; checked: CheckedMessage; batch: Batch },
  ): void {
    const { record } = checked;
    if (record === undefined) return;
    this.#host.counters.verifiedRecords++;
    const expected = epoch.records(leafIndex);
    epoch.setRecords(leafIndex, { index: record.index + 1, previous: record.recordHash });
    if (record.index === expected.index && equalBytes(record.previous, expected.previous)) return;
    const { sequence, senderAccountId } = item;
    const gap = { sequence, senderAccountId, expected: expected.index, actual: record.index };
    batch.afterwards(() => this.#host.events.emit("gap", { conversationId: this.#id, ...gap }));
  }

  #reject({ sequence, senderAccountId }: Item, code: string, batch: Batch): void {
    const { counters, events } = this.#host;
    const rejection = { conversationId: this.#id, sequence, senderAccountId, code };
    counters.rejected++;
    batch.afterwards(() => events.emit("rejected", rejection));
  }

  async #keep(
    { sequence, senderAccountId, senderDeviceId, messageId, acceptedAtMs }: Item,
    batch: Batch,
    kept: {
      applicationData: Uint8Array;
      receipt: Receipt | undefined;
      content: MimiContent;
      act: Act | undefined;
    },
  ): Promise<void> {
    const { applicationData, content, act } = kept;
    const receipt = kept.receipt === undefined ? new Uint8Array(0) : encodeReceipt(kept.receipt);
    const sender = { senderAccountId, senderDeviceId };
    const item = { sequence, ...sender, messageId, acceptedAtMs };
    const message = { conversationId: this.#id, ...item, applicationData, receipt };
    await this.#host.messages.take(message, { content, act }, batch);
  }
}
