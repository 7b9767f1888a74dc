import { fromBase64Url, toBase64Url } from "./bytes.ts";
import { ProtocolError } from "./errors.ts";
import { asAccountId, asConversationId, type AccountId, type ConversationId } from "./identifiers.ts";

/** Host, with a port where one is needed; lower case, as it stands in the policy. */
const URI =
  /^mimi:\/\/([a-z0-9](?:[a-z0-9.-]{0,252}[a-z0-9])?(?::[1-9][0-9]{0,4})?)\/([ur])\/([A-Za-z0-9_-]{43})$/;

/** `mimi://provider/u/account`, the account id as base64url. */
export function accountUri(provider: string, accountId: AccountId): string {
  return `mimi://${provider}/u/${toBase64Url(accountId)}`;
}

/** `mimi://provider/r/conversation`, the conversation id as base64url. */
export function conversationUri(provider: string, conversationId: ConversationId): string {
  return `mimi://${provider}/r/${toBase64Url(conversationId)}`;
}

/** @throws ProtocolError DECODE_SHAPE, DECODE_NOT_CANONICAL */
export function parseAccountUri(uri: string): { provider: string; accountId: AccountId } {
  const { provider, identifier } = parse(uri, "u", "account URI");
  return { provider, accountId: asAccountId(identifier) };
}

/** @throws ProtocolError DECODE_SHAPE, DECODE_NOT_CANONICAL */
export function parseConversationUri(uri: string): { provider: string; conversationId: ConversationId } {
  const { provider, identifier } = parse(uri, "r", "conversation URI");
  return { provider, conversationId: asConversationId(identifier) };
}

function parse(uri: string, kind: "u" | "r", what: string): { provider: string; identifier: Uint8Array } {
  const match = URI.exec(uri);
  if (match === null || match[2] !== kind) throw new ProtocolError("DECODE_SHAPE", { what });
  return { provider: match[1] as string, identifier: fromBase64Url(match[3] as string) };
}
