import type {
  ConversationMember,
  ConversationMessage,
  ConversationState,
  PortcullisClient,
} from "@portcullis/client";
import { equalBytes, toBase64Url, PortcullisError } from "@portcullis/protocol";
import type { People } from "./people.ts";
import { plainText } from "./plain-text.ts";

const CLASS_WORDS = { sealed: "Sealed", recorded: "Recorded" } as const;

export function classWord(state: ConversationState): string {
  return CLASS_WORDS[state.class];
}

/** Its accounts, each once: a member here is a device. */
export function accountsIn({ members }: ConversationState): ConversationMember[] {
  return [...new Map(members.map((member) => [toBase64Url(member.accountId), member])).values()];
}

export function titleOf(state: ConversationState, people: People, client: PortcullisClient): string {
  if (state.name !== "") return plainText(state.name);
  const others = othersIn(state, client).map(({ accountId }) => accountId);
  return others.length === 0 ? "only you" : people.namesOf(others);
}

/** One line of the list of conversations. */
export async function conversationLine(
  number: number,
  state: ConversationState,
  { people, client }: { readonly people: People; readonly client: PortcullisClient },
): Promise<string> {
  const unread = await client.messages.unread(state.conversationId);
  const others = othersIn(state, client);
  const [partner] = others.length === 1 ? others : [];
  const { mutedUntilMs, isArchived, isPinned } = client.preferences.of(state.conversationId);
  const remarks = [
    ...(isPinned ? ["first"] : []),
    ...(isArchived ? ["archived"] : []),
    ...(mutedUntilMs === undefined ? [] : ["muted"]),
    ...(unread > 0 ? [`${unread} unread`] : []),
    ...(partner ? [partner.verified ? "verified" : "not verified"] : []),
    ...(state.condition === "open" ? [] : [state.condition]),
  ];
  const head = `${number}. [${classWord(state)}] ${titleOf(state, people, client)}`;
  return remarks.length === 0 ? head : `${head} (${remarks.join(", ")})`;
}

/** What a person must know before writing there, from signed group state and the trusted policy. */
export function banner(state: ConversationState, client: PortcullisClient): string[] {
  if (state.class === "sealed") return ["SEALED: its members alone can read this. Nobody else can open it."];
  const policy = client.policy();
  const opened = "RECORDED: what is written here can be opened under an order that a judge has signed";
  if (policy === undefined) return [`${opened}. By whom is not checked yet: the server is not there.`];
  return [
    `${opened}, by all of these together:`,
    ...policy.quorums.map(
      ({ name, threshold, custodians }, index) =>
        `  ${index > 0 ? "and " : ""}${plainText(name)}: ${threshold} of ${inWords(custodians.map(({ id }) => plainText(id)))}`,
    ),
  ];
}

function inWords(names: readonly string[]): string {
  const last = names.at(-1) ?? "";
  return names.length < 2 ? last : `${names.slice(0, -1).join(", ")} and ${last}`;
}

/** A message in one line. `#12` is what commands call it. */
export async function messageLine(
  message: ConversationMessage,
  { people, client }: { readonly people: People; readonly client: PortcullisClient },
): Promise<string> {
  const { conversationId, sequence, senderAccountId, text, inReplyTo } = message;
  const answered = inReplyTo && (await client.messages.find(conversationId, inReplyTo));
  const name = client.imports.nameOf(conversationId, senderAccountId);
  const marks = [
    ...(inReplyTo ? [answered ? `answers #${answered.sequence}` : "answers a message that is not here"] : []),
    ...(message.isForwarded ? ["forwarded"] : []),
    ...(message.editedAtMs !== undefined && text !== undefined ? ["edited"] : []),
    ...(message.pinned ? [`pinned by ${people.nameOf(message.pinned.by)}`] : []),
    ...(message.expiresAtMs === undefined ? [] : [`expires ${timeOf(message.expiresAtMs)}`]),
  ];
  const reactions = message.reactions.map(
    ({ emoji, accounts }) => ` {${plainText(emoji)} ${people.namesOf(accounts)}}`,
  );
  const readers = equalBytes(senderAccountId, client.accountId)
    ? client.messages
        .seenBy(conversationId, sequence)
        .read.filter((reader) => !equalBytes(reader, client.accountId))
    : [];
  return [
    `#${sequence} ${timeOf(message.acceptedAtMs)} ${name === undefined ? people.nameOf(senderAccountId) : plainText(name)}`,
    marks.length === 0 ? "" : ` (${marks.join(", ")})`,
    `: ${saidIn(message)}`,
    ...(message.isBlocked ? [] : (message.body?.attachments ?? [])).map(
      ({ part }) => ` <${plainText(part.filename === "" ? "a file" : part.filename)}, ${part.size} bytes>`,
    ),
    ...reactions,
    readers.length === 0 ? "" : ` (read by ${people.namesOf(readers)})`,
  ].join("");
}

/** The day, as it is written everywhere. */
export function dateOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

/** 1970-04-14 03:00 UTC */
function saidIn({ text, isBlocked }: ConversationMessage): string {
  if (text === undefined) return "(deleted)";
  return isBlocked ? "(blocked; it is shown when they are unblocked)" : plainText(text);
}

function timeOf(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

/** Errors that were foreseen say their code; anything else is a defect, which ends nothing. */
export function errorLine(error: unknown): string {
  if (!(error instanceof PortcullisError))
    return plainText(`A defect of this program: ${error instanceof Error ? error.message : String(error)}`);
  const facts = Object.entries(error.facts).map(
    ([name, value]) => `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  return plainText([error.message, ...facts].join("; "));
}

function othersIn(state: ConversationState, client: PortcullisClient): ConversationMember[] {
  return accountsIn(state).filter(({ accountId }) => !equalBytes(accountId, client.accountId));
}
