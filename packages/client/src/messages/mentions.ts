import { parseAccountUri, PortcullisError, toBase64Url, type AccountId } from "@portcullis/protocol";
import type { MessageBody } from "@portcullis/protocol/content";

/** A Markdown link, or a bare one in angle brackets, to an account. */
const MENTION = /\]\((mimi:\/\/[^\s)]+)\)|<(mimi:\/\/[^\s>]+)>/g;

/** The accounts that a text mentions, each once. draft-ietf-mimi-content, section "Mentions" */
export function mentionsOf({ text, format }: MessageBody): AccountId[] {
  if (format !== "markdown" || !text.includes("mimi://")) return [];
  const accounts = new Map<string, AccountId>();
  for (const [, linked, bare] of text.matchAll(MENTION)) {
    const accountId = accountOf(linked ?? bare ?? "");
    if (accountId !== undefined) accounts.set(toBase64Url(accountId), accountId);
  }
  return [...accounts.values()];
}

function accountOf(uri: string): AccountId | undefined {
  try {
    return parseAccountUri(uri).accountId;
  } catch (error) {
    if (error instanceof PortcullisError) return undefined;
    throw error;
  }
}
