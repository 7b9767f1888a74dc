import type { ClientFrame } from "@portcullis/protocol";
import type { OutboxEntry } from "./outbox-entry.ts";

/** The frame that carries an entry's attempt: the same bytes every time but for the request id. */
export function frameOf(entry: OutboxEntry, requestId: number): ClientFrame {
  const { conversationId, messageId, attempt } = entry;
  if (attempt === undefined) throw new RangeError("nothing was encrypted yet");
  if (attempt.kind === "message") {
    const { message, record, sealedBucket } = attempt;
    return {
      type: "send",
      requestId,
      conversationId,
      messageId,
      message,
      ...(record && { record }),
      ...(sealedBucket && { sealedBucket }),
    };
  }
  const { message, welcome, welcomed, roster, lookup } = attempt;
  const welcomes =
    welcome === undefined
      ? []
      : welcomed.map(({ accountId, deviceId }) => ({ accountId, deviceId, welcome }));
  const frame = { type: "commit" as const, requestId, conversationId, messageId, message, welcomes, roster };
  return { ...frame, ...(lookup && { lookup }) };
}
