import { openRecord, verifyFrankingTag, type OpenedRecord } from "@portcullis/access";
import {
  decodeMessageData,
  equalBytes,
  isSameDevice,
  unpadme,
  type ConversationId,
  type Item,
  type MessageData,
  type Receipt,
  type TreeHead,
} from "@portcullis/protocol";
import { decodeMimiContent, type MimiContent } from "@portcullis/protocol/content";
import { sha256 } from "@portcullis/crypto";
import { isBucketCurrent, senderOf } from "./commit-check.ts";
import type { Epoch } from "./epoch.ts";
import { ClientError } from "../errors.ts";
import type { ReceiptVerifier } from "../server/receipt.ts";

/** What MLS says of a message that it decrypted. */
export interface Decrypted {
  readonly senderLeaf: number;
  readonly authenticatedData: Uint8Array;
  readonly plaintext: Uint8Array;
}

export interface CheckContext {
  readonly conversationId: ConversationId;
  readonly epoch: Epoch;
  readonly receipts: ReceiptVerifier;
  readonly roomUri: string;
  readonly bucketSeconds: number;
}

/** A message of which everything was checked. Only {@link checkMessage} makes one. */
export interface CheckedMessage {
  readonly applicationData: Uint8Array;
  readonly content: MimiContent;
  readonly receipt: Receipt;
  /** In recorded conversations, and there always. */
  readonly record: OpenedRecord | undefined;
  /** What its sender says to have verified of the identity log. */
  readonly treeHead: TreeHead | undefined;
}

/**
 * All that a recipient checks of a message beyond MLS: rules CLT-20 to CLT-27. Changes nothing.
 * @throws ClientError CLIENT_…, AccessError CAPSULE_DIFFERS, RECORD_…, ProtocolError
 */
export function checkMessage(context: CheckContext, item: Item, decrypted: Decrypted): CheckedMessage {
  const { epoch } = context;
  if (!isSameDevice(epoch.member(decrypted.senderLeaf), senderOf(item)))
    throw new ClientError("CLIENT_ITEM_SENDER");
  const data = decodeMessageData(decrypted.authenticatedData);
  if (!equalBytes(data.messageId, item.messageId)) throw new ClientError("CLIENT_ITEM_MALFORMED");
  if (!isBucketCurrent(data.bucketStart, item.acceptedAtMs, context.bucketSeconds))
    throw new ClientError("CLIENT_ITEM_BUCKET", { bucketStart: data.bucketStart });
  const receipt = checkReceipt(context, item, data);
  const applicationData = unpadme(decrypted.plaintext);
  const content = checkContent(context, decrypted.senderLeaf, { applicationData, data });
  const record = checkRecord(context, item, { leafIndex: decrypted.senderLeaf, data, applicationData });
  return { applicationData, content, receipt, record, treeHead: data.treeHead };
}

function checkReceipt(context: CheckContext, item: Item, data: MessageData): Receipt {
  const { receipt } = item;
  if (receipt === undefined) throw new ClientError("CLIENT_RECEIPT", { missing: true });
  const { senderAccountId, senderDeviceId, messageId, acceptedAtMs } = item;
  const { conversationId } = context;
  const { frankingTag } = data;
  context.receipts.verify(
    { frankingTag, conversationId, senderAccountId, senderDeviceId, messageId, acceptedAtMs },
    receipt,
  );
  return receipt;
}

function checkContent(
  context: CheckContext,
  leafIndex: number,
  { applicationData, data }: { applicationData: Uint8Array; data: MessageData },
): MimiContent {
  const content = decodeMimiContent(applicationData);
  verifyFrankingTag(data.frankingTag, content.salt, applicationData);
  const { senderUri, roomUri } = content.extensions;
  if (senderUri !== context.epoch.senderUri(leafIndex)) throw new ClientError("CLIENT_CONTENT_SENDER");
  if (roomUri !== context.roomUri) throw new ClientError("CLIENT_CONTENT_ROOM");
  return content;
}

function checkRecord(
  context: CheckContext,
  item: Item,
  said: { leafIndex: number; data: MessageData; applicationData: Uint8Array },
): OpenedRecord | undefined {
  const { epoch } = context;
  const { sealedBucketHash, recordHash } = said.data;
  if (epoch.group.terms.class === "sealed") {
    if (item.record ?? sealedBucketHash ?? recordHash) throw new ClientError("CLIENT_ITEM_MALFORMED");
    return undefined;
  }
  if (item.record === undefined || sealedBucketHash === undefined || recordHash === undefined)
    throw new ClientError("CLIENT_ITEM_MALFORMED");
  if (!equalBytes(sha256(item.record), recordHash)) throw new ClientError("CLIENT_RECORD_HASH");
  const seal = epoch.checkedSeal(said.leafIndex, said.data.bucketStart, sealedBucketHash);
  const { signatureKey } = epoch.member(said.leafIndex);
  const record = openRecord({ key: seal.key, labelHash: seal.labelHash, record: item.record, signatureKey });
  const same =
    equalBytes(record.messageId, item.messageId) &&
    equalBytes(record.frankingTag, said.data.frankingTag) &&
    equalBytes(record.applicationData, said.applicationData);
  if (!same) throw new ClientError("CLIENT_RECORD_CONTENT");
  if (record.index < epoch.records(said.leafIndex).index) throw new ClientError("CLIENT_RECORD_CHAIN");
  return record;
}
