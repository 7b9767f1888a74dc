import {
  decodeReceipt,
  toBase64Url,
  type ConversationId,
  type ReportAnswer,
  type ReportReason,
  type ReportRequest,
} from "@portcullis/protocol";
import { ClientError } from "../errors.ts";
import type { Host } from "../host.ts";
import type { ServerApi } from "../server/server-api.ts";
import type { ClientStore } from "../store.ts";

/** Why a message is reported. */
export interface Report {
  readonly reason: ReportReason;
  /** For whoever looks into it; at most 2 KiB. */
  readonly comment?: string;
}

/**
 * Shows one message as it was sent to the operator, who can check with its own frank that it was sent so, and learns
 * nothing of any other. The id of the report; again it is the same.
 * @throws ClientError CLIENT_MESSAGE_UNKNOWN, CLIENT_MESSAGE_DELETED, CLIENT_SERVER_REFUSED (REPORT_LIMIT, NOT_MEMBER)
 */
export async function reportMessage(
  { account }: Pick<Host, "account">,
  { api, store }: { readonly api: ServerApi; readonly store: Pick<ClientStore, "history"> },
  reported: Report & { readonly conversationId: ConversationId; readonly sequence: number },
): Promise<string> {
  const { conversationId, sequence, reason, comment = "" } = reported;
  const range = { limit: 1, beforeSequence: sequence + 1 };
  const [message] = await store.history(conversationId, range);
  if (message?.sequence !== sequence) throw new ClientError("CLIENT_MESSAGE_UNKNOWN", { sequence });
  if (message.receipt.length === 0) throw new ClientError("CLIENT_MESSAGE_DELETED", { sequence });
  const { serverFrank } = decodeReceipt(message.receipt);
  const request: ReportRequest = {
    message: {
      conversationId: toBase64Url(conversationId),
      senderAccountId: toBase64Url(message.senderAccountId),
      senderDeviceId: toBase64Url(message.senderDeviceId),
      messageId: toBase64Url(message.messageId),
      acceptedAtMs: message.acceptedAtMs,
      applicationData: toBase64Url(message.applicationData),
      serverFrank: toBase64Url(serverFrank),
    },
    reason,
    comment,
  };
  const token = await api.token(account);
  return (await api.call<ReportAnswer>("POST", "/v1/reports", request, token)).reportId;
}
