import { ClientError } from "../errors.ts";

/** In which order a date is written. */
export type DateOrder = "dmy" | "mdy" | "ymd";

/** How a chat's export is to be read. */
export interface ChatTextTerms {
  /** Found out from the dates when not said; day, month, year where these leave it open. */
  readonly dateOrder?: DateOrder;
  /** What the export's times are ahead of UTC; 0 when not said. */
  readonly utcOffsetMinutes?: number;
}

export interface ChatTextMessage {
  readonly name: string;
  readonly text: string;
  readonly saidAtMs: number;
}

export interface ChatText {
  readonly messages: readonly ChatTextMessage[];
  /** In the order of their first word. */
  readonly names: readonly string[];
  /** Lines with a time and no name, "Anna joined": the messenger's own, which are left out. */
  readonly notices: number;
}

const LARGEST_BYTES = 64 * 1024 * 1024;
/** Characters. */
const LONGEST_TEXT = 128 * 1024;
const LONGEST_NAME = 128;

const DATE = String.raw`(\d{1,4})[/.-](\d{1,2})[/.-](\d{1,4})`;
const TIME = String.raw`(\d{1,2})[:.](\d{2})(?:[:.](\d{2}))?(?:[ \u00a0\u202f]?([ap])\.?\s?m\.?)?`;
/** `[31/12/2017, 23:59:59] ` and `31/12/2017, 23:59 - `; a file is in one of them. */
const STAMPS = [`\\u200e?\\[${DATE},? ${TIME}\\] `, `\\u200e?${DATE},? ${TIME} - `] as const;
const SPOKEN = /^\u200e?([^:]*):(?: (.*))?$/s;

/** A further line of a text that looks like the beginning of a message in the form that we write. */
const LIKE_STAMP = new RegExp(`^ *${STAMPS[0]}`, "i");

/** One line of a text, behind its first, as it stands in an export (POR-04). */
export function escapedLine(line: string): string {
  return LIKE_STAMP.test(line) ? ` ${line}` : line;
}

function unescapedLine(line: string): string {
  return line.startsWith(" ") && LIKE_STAMP.test(line) ? line.slice(1) : line;
}

/** A line that begins a message. */
interface Stamped {
  readonly line: number;
  /** Day, month and year in some order; hour, minute, second. */
  readonly fields: readonly number[];
  readonly half: string | undefined;
  readonly rest: string;
  readonly further: string[];
}

/**
 * Reads a phone messenger's "export chat", in the form of either system: each line without a time goes on with the message
 * before it.
 * @throws ClientError CLIENT_IMPORT_FORM, CLIENT_IMPORT_LINE; `facts.line` is the line, from 1
 */
export function parseChatText(bytes: Uint8Array, terms: ChatTextTerms = {}): ChatText {
  const stamped = stampedLines(linesOf(bytes));
  const order = terms.dateOrder ?? orderOf(stamped);
  const offsetMs = (terms.utcOffsetMinutes ?? 0) * 60_000;
  let notices = 0;
  const messages = stamped.flatMap((one): ChatTextMessage[] => {
    const saidAtMs = instantOf(one, order) - offsetMs;
    if (saidAtMs < 0) throw new ClientError("CLIENT_IMPORT_LINE", { line: one.line, what: "date" });
    const spoken = SPOKEN.exec(one.rest);
    if (spoken === null) {
      notices++;
      return [];
    }
    const [, name = "", first = ""] = spoken;
    return [{ saidAtMs, name: nameOf(name, one.line), text: textOf([first, ...one.further], one.line) }];
  });
  if (messages.length === 0) throw new ClientError("CLIENT_IMPORT_FORM");
  return { messages, names: [...new Set(messages.map(({ name }) => name))], notices };
}

function linesOf(bytes: Uint8Array): string[] {
  if (bytes.length > LARGEST_BYTES) throw new ClientError("CLIENT_IMPORT_FORM", { bytes: bytes.length });
  try {
    const lines = new TextDecoder("utf-8", { fatal: true }).decode(bytes).split(/\r?\n/);
    if (lines.at(-1) === "") lines.pop();
    return lines;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new ClientError("CLIENT_IMPORT_FORM", { what: "not UTF-8" });
  }
}

function stampedLines(lines: readonly string[]): Stamped[] {
  const patterns = STAMPS.map((stamp) => new RegExp(`^${stamp}(.*)$`, "is"));
  const first = lines.find((line) => patterns.some((one) => one.test(line))) ?? "";
  const pattern = patterns.find((one) => one.test(first));
  if (pattern === undefined) throw new ClientError("CLIENT_IMPORT_FORM");
  const stamped: Stamped[] = [];
  for (const [index, content] of lines.entries()) {
    const found = pattern.exec(content);
    if (found === null) {
      if (stamped.length === 0 && content.trim() !== "")
        throw new ClientError("CLIENT_IMPORT_LINE", { line: index + 1, what: "no message before it" });
      stamped.at(-1)?.further.push(unescapedLine(content));
      continue;
    }
    const [, a, b, c, hour, minute, second = "0", half, rest = ""] = found;
    const fields = [a, b, c, hour, minute, second].map(Number);
    stamped.push({ line: index + 1, fields, half, rest, further: [] });
  }
  return stamped;
}

/** The dates themselves tell, unless no day is later than the twelfth. */
function orderOf(stamped: readonly Stamped[]): DateOrder {
  const isSome = (place: number, above: number): boolean =>
    stamped.some(({ fields }) => (fields[place] ?? 0) > above);
  if (isSome(0, 99)) return "ymd";
  return !isSome(0, 12) && isSome(1, 12) ? "mdy" : "dmy";
}

const PLACES = { dmy: [2, 1, 0], mdy: [2, 0, 1], ymd: [0, 1, 2] } as const;

function instantOf({ fields, half, line }: Stamped, order: DateOrder): number {
  const [year = 0, month = 0, day = 0] = PLACES[order].map((place) => fields[place]);
  const [, , , typedHour = 0, minute = 0, second = 0] = fields;
  const fullYear = year < 100 ? 2000 + year : year;
  const isTwelveHours = half !== undefined;
  const hour = isTwelveHours ? (typedHour % 12) + (half.toLowerCase() === "p" ? 12 : 0) : typedHour;
  const instant = new Date(Date.UTC(fullYear, month - 1, day, hour, minute, second));
  const isDate =
    instant.getUTCFullYear() === fullYear &&
    instant.getUTCMonth() === month - 1 &&
    instant.getUTCDate() === day;
  const isTime =
    hour < 24 && minute < 60 && second < 60 && !(isTwelveHours && (typedHour > 12 || typedHour < 1));
  if (!isDate || !isTime) throw new ClientError("CLIENT_IMPORT_LINE", { line, what: "date" });
  return instant.getTime();
}

function nameOf(name: string, line: number): string {
  const trimmed = name.trim();
  if (trimmed === "" || trimmed.length > LONGEST_NAME)
    throw new ClientError("CLIENT_IMPORT_LINE", { line, what: "name" });
  return trimmed;
}

function textOf(lines: readonly string[], line: number): string {
  const text = lines.join("\n");
  if (text.length > LONGEST_TEXT)
    throw new ClientError("CLIENT_IMPORT_LINE", { line, what: "length", characters: text.length });
  return text;
}
