import { merkleLeafHash, rootFromPath, verifySignature } from "@portcullis/crypto";
import { deviceOf, type VerifiedDeviceList } from "@portcullis/ledger/identity";
import {
  accountUri,
  conversationUri,
  decodeReceipt,
  encodeFrankLeaf,
  encodeFrankRoot,
  equalBytes,
  PortcullisError,
  toBase64Url,
  type AccountId,
  type BucketStart,
  type ConversationId,
  type DeviceId,
  type MessageId,
  type Receipt,
} from "@portcullis/protocol";
import { decodeMimiContent, textOf } from "@portcullis/protocol/content";
import { AccessError } from "./errors.ts";
import type { OrderItem } from "./items.ts";
import type { VerifiedLabel } from "./label.ts";
import { CLOSED_AFTER_SECONDS } from "./order-verification.ts";
import type { Policy } from "./policy.ts";
import { openRecord, verifyFrankingTag, type OpenedRecord } from "./record.ts";

/** An account whose words an order opened, with its device lists from the identity log. */
export interface OpenedAccount {
  readonly accountId: AccountId;
  /** For accounts that the order names, the order's; for others the provider's word. */
  readonly handle: string;
  readonly lists: readonly VerifiedDeviceList[];
}

/** One message, and all that ties it to a device, an account, a conversation and a time. */
export interface OpenedMessage {
  readonly conversationId: ConversationId;
  readonly epoch: number;
  readonly leafIndex: number;
  readonly bucketStart: BucketStart;
  /** Its place in the conversation, by the server's word. */
  readonly sequence: number;
  readonly senderAccountId: AccountId;
  readonly senderDeviceId: DeviceId;
  readonly handle: string;
  readonly messageId: MessageId;
  /** By the server's signed receipt. */
  readonly acceptedAtMs: number;
  /** MIMI content (draft-ietf-mimi-content). */
  readonly applicationData: Uint8Array;
  /** Undefined when the content is not one text. */
  readonly text: string | undefined;
  readonly record: OpenedRecord;
}

export interface MessageContext {
  readonly policy: Policy;
  readonly accounts: readonly OpenedAccount[];
  /** Keys under which the delivery service signs receipts. */
  readonly deliveryKeys: readonly Uint8Array[];
}

/**
 * The message in one item of a bucket; rules EVD-22 to EVD-26.
 * @throws AccessError RECORD_…, OPENING_DEVICE, OPENING_CONTENT, OPENING_FRANK, OPENING_TIME; ProtocolError for malformed content
 */
export function openMessage(
  item: OrderItem,
  label: VerifiedLabel,
  key: Uint8Array,
  context: MessageContext,
): OpenedMessage {
  const { handle, signatureKey } = senderOf(item, label, context.accounts);
  const record = openRecord({ key, labelHash: label.hash, record: item.record, signatureKey });
  const content = decodeMimiContent(record.applicationData);
  verifyFrankingTag(record.frankingTag, content.salt, record.applicationData);
  const { provider } = context.policy;
  const named =
    content.extensions.senderUri === accountUri(provider, label.accountId) &&
    content.extensions.roomUri === conversationUri(provider, label.conversationId);
  if (!named) throw new AccessError("OPENING_CONTENT", { sequence: item.sequence });
  const { acceptedAtMs } = verifyReceipt(item, label, record, context.deliveryKeys);
  const { conversationId, epoch, leafIndex, bucketStart } = label;
  const { sequence, senderAccountId, senderDeviceId } = item;
  const { messageId, applicationData } = record;
  const place = { conversationId, epoch, leafIndex, bucketStart, sequence };
  const sender = { senderAccountId, senderDeviceId, handle };
  return { ...place, ...sender, messageId, acceptedAtMs, applicationData, text: textOf(content), record };
}

/** The device that the item names, in a proven list of the account that the label names. */
function senderOf(
  item: OrderItem,
  label: VerifiedLabel,
  accounts: readonly OpenedAccount[],
): { handle: string; signatureKey: Uint8Array } {
  const account = accounts.find(({ accountId }) => equalBytes(accountId, label.accountId));
  if (account !== undefined && equalBytes(item.senderAccountId, label.accountId))
    for (const list of account.lists) {
      const device = equalBytes(list.accountId, account.accountId)
        ? deviceOf(list, item.senderDeviceId)
        : undefined;
      if (device !== undefined) return { handle: account.handle, signatureKey: device.signatureKey };
    }
  throw new AccessError("OPENING_DEVICE", { account: toBase64Url(label.accountId), sequence: item.sequence });
}

/** That the delivery service accepted this very commitment, from this device, here, at a time within the bucket. */
function verifyReceipt(
  item: OrderItem,
  label: VerifiedLabel,
  record: OpenedRecord,
  deliveryKeys: readonly Uint8Array[],
): Receipt {
  const receipt = decodeReceipt(item.receipt);
  const { acceptedAtMs, batchIndex: index, batchSize: size, path, rootSignature } = receipt;
  const context = {
    frankingTag: record.frankingTag,
    conversationId: label.conversationId,
    senderAccountId: item.senderAccountId,
    senderDeviceId: item.senderDeviceId,
    messageId: record.messageId,
    acceptedAtMs,
  };
  const signs = (key: Uint8Array): boolean => {
    try {
      const leafHash = merkleLeafHash(encodeFrankLeaf(context, receipt.serverFrank));
      const root = rootFromPath({ index, size, leafHash, path });
      verifySignature(key, encodeFrankRoot({ root, size }), rootSignature);
      return true;
    } catch (error) {
      if (error instanceof PortcullisError) return false;
      throw error;
    }
  };
  if (!deliveryKeys.some(signs)) throw new AccessError("OPENING_FRANK", { sequence: item.sequence });
  const closesMs = (label.bucketStart + label.bucketSeconds + CLOSED_AFTER_SECONDS) * 1000;
  if (acceptedAtMs < label.bucketStart * 1000 || acceptedAtMs >= closesMs)
    throw new AccessError("OPENING_TIME", { sequence: item.sequence, acceptedAtMs });
  return receipt;
}
