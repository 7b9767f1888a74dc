import type { MessageBody } from "@portcullis/protocol/content";
import { ClientError } from "../errors.ts";
import { parseMarkdown, plainOf } from "../text/markdown.ts";

/** Scripts that put nothing between words: each of their characters is a word here. */
const UNSPACED = ["Han", "Hiragana", "Katakana", "Thai", "Lao", "Khmer", "Myanmar"]
  .map((script) => `\\p{Script=${script}}`)
  .join("");
const WORD = new RegExp(
  `[${UNSPACED}]\\p{M}*|[[\\p{L}\\p{N}\\p{M}]--[${UNSPACED}]]+|\\p{Extended_Pictographic}`,
  "gv",
);
/** A quoted text, whose second mark may be still to come, or anything between spaces. */
const TERM = /"([^"]*)("?)|([^\s"]+)/g;
const MOST_TERMS = 32;

/** Words that follow each other. `isPrefix`: of the last one only the beginning may be there. */
export interface Term {
  readonly words: readonly string[];
  readonly isPrefix: boolean;
}

/** The words of a text as they are compared: in lower case, without accents, in their order. */
export function wordsOf(text: string): string[] {
  const folded = text
    .normalize("NFKD")
    .replaceAll(/[\u0300-\u036F]/g, "")
    .toLowerCase();
  return folded.match(WORD) ?? [];
}

/** What can be found of a message, as `matches` reads it: its words between spaces; empty when there are none. */
export function lineOf({ text, format, attachments, preview }: MessageBody): string {
  const shown = format === "markdown" ? plainOf(parseMarkdown(text)) : text;
  const names = attachments.map(({ part }) => part.filename);
  const words = wordsOf([shown, ...names, preview?.title ?? "", preview?.description ?? ""].join("\n"));
  return words.length === 0 ? "" : ` ${words.join(" ")} `;
}

/** What somebody looks for, as it was typed. @throws ClientError CLIENT_SEARCH */
export function parseQuery(query: string): Term[] {
  const terms = [...query.replaceAll(/[“”„«»]/g, '"').matchAll(TERM)].flatMap(
    ([, quoted, end, bare]): Term[] => {
      const words = wordsOf(quoted ?? bare ?? "");
      return words.length === 0 ? [] : [{ words, isPrefix: end !== '"' }];
    },
  );
  if (terms.length === 0 || terms.length > MOST_TERMS)
    throw new ClientError("CLIENT_SEARCH", { terms: terms.length });
  return terms;
}

/** Whether everything that is looked for stands in this line. */
export function matches(terms: readonly Term[], line: string): boolean {
  return terms.every(({ words, isPrefix }) => line.includes(` ${words.join(" ")}${isPrefix ? "" : " "}`));
}
