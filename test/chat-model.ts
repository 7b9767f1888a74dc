import type { ConversationMessage } from "@portcullis/client";

/** What somebody did, and where the server put it. People are named; messages by their sequence. */
export type Done = { readonly sequence: number; readonly by: string } & (
  | { readonly what: "message"; readonly text: string; readonly answers?: number; readonly endsMs?: number }
  | { readonly what: "edit"; readonly at: number; readonly text: string }
  | { readonly what: "delete"; readonly at: number }
  | { readonly what: "react" | "unreact"; readonly at: number; readonly emoji: string }
  | { readonly what: "pin"; readonly at: number; readonly isPinned: boolean }
);

/** A message as anybody should see it. */
export interface Shown {
  readonly sequence: number;
  readonly by: string;
  text: string | undefined;
  readonly answers: number | undefined;
  isEdited: boolean;
  isPinned: boolean;
  /** "emoji by", sorted. */
  reactions: string[];
}

/** The plain model: everything that was done, one after the other, in the server's order. */
export function predict(done: readonly Done[], nowMs: number): Shown[] {
  const shown = new Map<number, Shown & { endsMs?: number }>();
  for (const act of done.toSorted((a, b) => a.sequence - b.sequence)) {
    if (act.what === "message") {
      const { sequence, by, text, answers, endsMs } = act;
      const fresh = { sequence, by, text, answers, isEdited: false, isPinned: false, reactions: [] };
      shown.set(sequence, { ...fresh, ...(endsMs !== undefined && { endsMs }) });
      continue;
    }
    const message = shown.get(act.at);
    if (message?.text === undefined) continue;
    const given = "emoji" in act ? `${act.emoji} ${act.by}` : "";
    if (act.what === "react" || act.what === "unreact")
      message.reactions = message.reactions.filter((one) => one !== given);
    if (act.what === "react") message.reactions = [...message.reactions, given].toSorted();
    if (act.what === "pin") message.isPinned = act.isPinned;
    if (act.what === "edit") [message.text, message.isEdited] = [act.text, true];
    if (act.what === "delete")
      Object.assign(message, { text: undefined, isEdited: false, isPinned: false, reactions: [] });
  }
  return [...shown.values()]
    .filter(({ endsMs = Infinity }) => endsMs > nowMs)
    .map((message) => {
      delete message.endsMs;
      return message;
    });
}

/** What a client shows, in the same words. */
export function shownBy(
  messages: readonly ConversationMessage[],
  nameOf: (accountId: Uint8Array) => string,
): Shown[] {
  const sequenceOf = (contentId: Uint8Array | undefined): number | undefined =>
    messages.find((one) => contentId && Buffer.compare(one.contentId, contentId) === 0)?.sequence;
  return messages.map((message) => ({
    sequence: message.sequence,
    by: nameOf(message.senderAccountId),
    text: message.text,
    answers: message.text === undefined ? undefined : sequenceOf(message.inReplyTo),
    isEdited: message.editedAtMs !== undefined,
    isPinned: message.pinned !== undefined,
    reactions: message.reactions
      .flatMap(({ emoji, accounts }) => accounts.map((account) => `${emoji} ${nameOf(account)}`))
      .toSorted(),
  }));
}
