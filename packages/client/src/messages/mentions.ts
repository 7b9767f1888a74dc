import { parseAccountUri, PortcullisError, toBase64Url, type AccountId } from "@portcullis/protocol";
import type { MessageBody } from "@portcullis/protocol/content";
import { linksOf, parseMarkdown } from "../text/markdown.ts";

/** The accounts to which a text links where it is shown, each once. draft-ietf-mimi-content, section "Mentions" */
export function mentionsOf({ text, format }: MessageBody): AccountId[] {
  if (format !== "markdown" || !text.includes("mimi://")) return [];
  const accounts = new Map<string, AccountId>();
  for (const href of linksOf(parseMarkdown(text))) {
    const accountId = accountOf(href);
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
