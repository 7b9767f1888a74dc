import { contentOf, type ContentFrame } from "./acts.ts";
import { bodyOf, type MessageBody } from "./body.ts";
import type { MimiContent } from "./mimi-content.ts";

/** A body of nothing but text, shown as typed. */
export function plainText(text: string): MessageBody {
  return { text, format: "plain", attachments: [] };
}

/** Content with one part of plain text to be shown. */
export function textMessage({
  text,
  ...frame
}: ContentFrame & {
  readonly text: string;
}): MimiContent {
  return contentOf({ kind: "message", body: plainText(text) }, frame);
}

/** The text of a content; undefined for content without a text. */
export function textOf({ nestedPart }: MimiContent): string | undefined {
  const body = bodyOf(nestedPart);
  return body && (body.text !== "" || body.attachments.length === 0) ? body.text : undefined;
}
