import { CliError } from "../errors.ts";

/** One message of a chat export. */
export interface TranscriptMessage {
  /** Milliseconds since 1970; the export's times are taken as UTC. */
  readonly sentAtMs: number;
  readonly name: string;
  readonly text: string;
  /** Where it begins, from 1. */
  readonly line: number;
}

/** From so many messages on, a transcript is replayed for speed. */
export const LONG_TRANSCRIPT = 1_000;

export interface Transcript {
  readonly messages: readonly TranscriptMessage[];
  /** Speakers in the order of their first word. */
  readonly names: readonly string[];
  /** Lines with a time but no speaker, such as "Anna joined": the app's own notices, left out. */
  readonly notices: number;
}

/** Characters. Longer than what any phone lets a person type in one line. */
const LONGEST_LINE = 16_384;
const LONGEST_TEXT = 32_768;
const LONGEST_NAME = 64;
const MOST_NAMES = 100;
/** Buckets are counted from 1970 on, and the demonstration begins an hour before the first message. */
const EARLIEST_MS = Date.UTC(1970, 0, 2);

/** `[dd/mm/yyyy, hh:mm:ss] rest`; exports put a left-to-right mark before some lines. */
const STAMPED = /^\u200e?\[(\d{2})\/(\d{2})\/(\d{4}), (\d{2}):(\d{2}):(\d{2})\] (.*)$/s;
const SPOKEN = /^([^:]*): ?(.*)$/s;

/**
 * Reads a phone messenger's "export chat": `[dd/mm/yyyy, hh:mm:ss] Name: text`, each line without a stamp continuing
 * the message before it.
 * @throws CliError TRANSCRIPT_...; `facts.line` is the line, from 1
 */
export function parseTranscript(bytes: Uint8Array): Transcript {
  const lines = decodeLines(bytes);
  if (!lines.some((line) => STAMPED.test(line)))
    throw new CliError("TRANSCRIPT_EMPTY", { line: lines.length });
  const messages: TranscriptMessage[] = [];
  let notices = 0;
  let inNotice = false;
  lines.forEach((content, index) => {
    const line = index + 1;
    if (content.length > LONGEST_LINE)
      throw new CliError("TRANSCRIPT_LINE_TOO_LONG", {
        line,
        characters: content.length,
        limit: LONGEST_LINE,
      });
    const stamped = STAMPED.exec(content);
    if (stamped === null) {
      if (!inNotice) continueMessage(messages, content, line);
      return;
    }
    const sentAtMs = instantOf(stamped, line);
    const previous = messages.at(-1);
    if (previous !== undefined && sentAtMs < previous.sentAtMs)
      throw new CliError("TRANSCRIPT_ORDER", { line, previous: previous.line });
    const spoken = SPOKEN.exec(stamped[7] as string);
    inNotice = spoken === null;
    if (spoken === null) notices++;
    else
      messages.push({ sentAtMs, name: speaker(spoken[1] as string, line), text: spoken[2] as string, line });
  });
  if (messages.length === 0) throw new CliError("TRANSCRIPT_EMPTY", { line: lines.length });
  const names = [...new Set(messages.map(({ name }) => name))];
  if (names.length < 2 || names.length > MOST_NAMES)
    throw new CliError("TRANSCRIPT_SPEAKERS", { people: names.length, line: lines.length });
  return { messages, names, notices };
}

function decodeLines(bytes: Uint8Array): string[] {
  try {
    return splitLines(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new CliError("TRANSCRIPT_NOT_UTF8", { line: firstBadLine(bytes) });
  }
}

function splitLines(text: string): string[] {
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

function firstBadLine(bytes: Uint8Array): number {
  let line = 1;
  let start = 0;
  for (let end = 0; end <= bytes.length; end++) {
    if (end < bytes.length && bytes[end] !== 0x0a) continue;
    try {
      new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(start, end));
    } catch {
      return line;
    }
    line++;
    start = end + 1;
  }
  return line;
}

function continueMessage(messages: TranscriptMessage[], content: string, line: number): void {
  const message = messages.pop();
  if (message === undefined) {
    if (content.trim() === "") return;
    throw new CliError("TRANSCRIPT_STRAY_LINE", { line });
  }
  const text = `${message.text}\n${content}`;
  if (text.length > LONGEST_TEXT)
    throw new CliError("TRANSCRIPT_MESSAGE_TOO_LONG", { line, characters: text.length, limit: LONGEST_TEXT });
  messages.push({ ...message, text });
}

function instantOf(stamped: RegExpExecArray, line: number): number {
  const [day, month, year, hour, minute, second] = stamped.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const instant = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
  const exists =
    instant.getUTCFullYear() === year &&
    instant.getUTCMonth() === month - 1 &&
    instant.getUTCDate() === day &&
    hour < 24 &&
    minute < 60 &&
    second < 60;
  if (!exists) throw new CliError("TRANSCRIPT_DATE", { line });
  if (instant.getTime() < EARLIEST_MS) throw new CliError("TRANSCRIPT_TOO_OLD", { line });
  return instant.getTime();
}

function speaker(name: string, line: number): string {
  const trimmed = name.trim();
  if (trimmed === "" || trimmed.length > LONGEST_NAME)
    throw new CliError("TRANSCRIPT_NAME", { line, limit: LONGEST_NAME });
  return trimmed;
}
