import { lexer, type Token, type Tokens } from "marked";
import { decodedEntities } from "./entities.ts";

/** What may be shown of a Markdown text: no HTML, no picture that is fetched, no link to anything but the web, mail and people. */
export type Block =
  | { readonly kind: "paragraph"; readonly content: readonly Inline[] }
  | { readonly kind: "heading"; readonly level: number; readonly content: readonly Inline[] }
  | { readonly kind: "code"; readonly text: string }
  | { readonly kind: "quote"; readonly blocks: readonly Block[] }
  | { readonly kind: "list"; readonly start?: number; readonly items: readonly ListItem[] }
  | { readonly kind: "table"; readonly rows: readonly (readonly (readonly Inline[])[])[] }
  | { readonly kind: "rule" };

export interface ListItem {
  /** Of a task: whether it is done. */
  readonly isDone?: boolean;
  readonly blocks: readonly Block[];
}

export type Inline =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "code"; readonly text: string }
  | { readonly kind: "break" }
  | { readonly kind: "strong" | "emphasis" | "deleted"; readonly content: readonly Inline[] }
  /** `isPlain`: what is shown is where it leads, so that nobody need be asked before it is followed. */
  | {
      readonly kind: "link";
      readonly href: string;
      readonly isPlain: boolean;
      readonly content: readonly Inline[];
    };

/** Anything nested deeper than that is shown as it was typed. */
const DEEPEST = 16;
/** A text in which more stands that could be a mark is shown as typed: to find out what each is takes too long. */
const MOST_MARKS = 4000;
/** So many quotes and lists in one another, on one line. */
const NESTED = /^(?:[ \t]*(?:>|[-+*]|\d{1,9}[.)])){17}/m;
const LINK = /^(?:https?:\/\/|mailto:|mimi:\/\/)/i;

/** What a GFM-MIMI text shows. draft-ietf-mimi-content, section "Specifics of Github Flavored Markdown in MIMI" */
export function parseMarkdown(text: string): Block[] {
  const tokens = tokensOf(text);
  return tokens === undefined ? [paragraph([{ kind: "text", text }])] : blocksOf(tokens, 0);
}

/** Undefined for a text that is made to keep its readers busy. */
function tokensOf(text: string): Token[] | undefined {
  const marks = text.match(/[*_~[\]()<>`|#!\\-]/g)?.length ?? 0;
  return marks > MOST_MARKS || NESTED.test(text) ? undefined : lexer(text, { gfm: true });
}

/** A Markdown text without its marks, for lists, searches and terminals. */
export function plainOf(blocks: readonly Block[]): string {
  return blocks.map((block) => plainBlock(block)).join("\n");
}

/** What is typed as HTML stays text for every reader: draft-ietf-mimi-content, "No HTML extension". */
export function withoutHtml(text: string): string {
  const tokens = tokensOf(text);
  return tokens === undefined ? neutralText(text) : tokens.map((token) => neutral(token)).join("");
}

function neutral(token: Token): string {
  const { raw, type } = token;
  if (type === "html" || type === "table") return neutralText(raw);
  const { tokens, items } = token as Partial<Tokens.List & { tokens: Token[] }>;
  const parts = items ?? tokens ?? [];
  if (type === "code" || parts.length === 0) return raw;
  // What a token holds stands in its text as it does in its own.
  let at = 0;
  let out = "";
  for (const part of parts) {
    const found = raw.indexOf(part.raw, at);
    if (found < 0) return neutralText(raw);
    out += raw.slice(at, found) + neutral(part);
    at = found + part.raw.length;
  }
  return out + raw.slice(at);
}

function neutralText(text: string): string {
  return text.replaceAll(/<(?=[A-Za-z/!?])/g, "&lt;");
}

function blocksOf(tokens: readonly Token[], depth: number): Block[] {
  return tokens.flatMap((token) => blockOf(token as Tokens.Generic, depth));
}

function blockOf(token: Tokens.Generic, depth: number): Block[] {
  if (depth > DEEPEST) return [paragraph([{ kind: "text", text: token.raw }])];
  switch (token.type) {
    case "space":
    case "def":
    case "checkbox":
      return [];
    case "heading":
      return [{ kind: "heading", level: (token as Tokens.Heading).depth, content: inlines(token, depth) }];
    case "code":
      return [{ kind: "code", text: (token as Tokens.Code).text }];
    case "blockquote":
      return [{ kind: "quote", blocks: blocksOf(token.tokens ?? [], depth + 1) }];
    case "list":
      return [listOf(token as Tokens.List, depth)];
    case "table":
      return [tableOf(token as Tokens.Table, depth)];
    case "hr":
      return [{ kind: "rule" }];
    case "html":
      return [paragraph([{ kind: "text", text: token.raw.trimEnd() }])];
    default:
      return [paragraph(inlines(token, depth))];
  }
}

const paragraph = (content: readonly Inline[]): Block => ({ kind: "paragraph", content });

function listOf({ ordered, start, items }: Tokens.List, depth: number): Block {
  return {
    kind: "list",
    ...(ordered && { start: Number(start) }),
    items: items.map(({ task, checked, tokens }) => ({
      ...(task && { isDone: checked === true }),
      blocks: blocksOf(tokens, depth + 1),
    })),
  };
}

function tableOf({ header, rows }: Tokens.Table, depth: number): Block {
  const all = [header, ...rows];
  return { kind: "table", rows: all.map((row) => row.map((cell) => inlinesOf(cell.tokens, depth + 1))) };
}

function inlines(token: Tokens.Generic, depth: number): Inline[] {
  if (token.tokens === undefined)
    return [{ kind: "text", text: decodedEntities(String(token["text"] ?? token.raw)) }];
  return inlinesOf(token.tokens, depth + 1);
}

function inlinesOf(tokens: readonly Token[], depth: number): Inline[] {
  return tokens.flatMap((token) => inlineOf(token as Tokens.Generic, depth));
}

function inlineOf(token: Tokens.Generic, depth: number): Inline[] {
  if (depth > DEEPEST) return [{ kind: "text", text: token.raw }];
  switch (token.type) {
    case "strong":
      return [{ kind: "strong", content: inlines(token, depth) }];
    case "em":
      return [{ kind: "emphasis", content: inlines(token, depth) }];
    case "del":
      return [{ kind: "deleted", content: inlines(token, depth) }];
    case "codespan":
      return [{ kind: "code", text: (token as Tokens.Codespan).text }];
    case "br":
      return [{ kind: "break" }];
    case "link":
    case "image":
      return linkOf(token as Tokens.Link, depth);
    case "html":
      return [{ kind: "text", text: token.raw }];
    case "escape":
      return [{ kind: "text", text: String(token["text"]) }];
    default:
      return inlines(token, depth);
  }
}

/** A picture is a link to it: nothing is fetched because somebody was sent a text. */
function linkOf(token: Tokens.Link, depth: number): Inline[] {
  const { href, raw } = token;
  if (!LINK.test(href)) return [{ kind: "text", text: raw }];
  const content = inlines(token, depth);
  const shown = plainInlines(content);
  const isPlain = shown === href || `mailto:${shown}` === href || isSameAddress(shown, href);
  return [
    { kind: "link", href, isPlain, content: content.length > 0 ? content : [{ kind: "text", text: href }] },
  ];
}

/** Whether a text says where a link leads: the same address with its scheme, port or last slash left out. */
function isSameAddress(shown: string, href: string): boolean {
  const spelled = (address: string): string | undefined => {
    try {
      return new URL(address).href;
    } catch {
      return undefined;
    }
  };
  const address = spelled(href);
  return (
    address !== undefined &&
    [shown, `https://${shown}`, `http://${shown}`].some((one) => spelled(one) === address)
  );
}

function plainBlock(block: Block): string {
  switch (block.kind) {
    case "paragraph":
    case "heading":
      return plainInlines(block.content);
    case "code":
      return block.text;
    case "quote":
      return plainOf(block.blocks);
    case "list":
      return block.items.map(({ blocks }) => plainOf(blocks)).join("\n");
    case "table":
      return block.rows.map((row) => row.map((cell) => plainInlines(cell)).join("\t")).join("\n");
    case "rule":
      break;
  }
  return "";
}

function plainInlines(content: readonly Inline[]): string {
  return content
    .map((part) => {
      if (part.kind === "break") return "\n";
      return "text" in part ? part.text : plainInlines(part.content);
    })
    .join("");
}

/** Where the links lead that a reader is shown, in their order. */
export function linksOf(blocks: readonly Block[]): string[] {
  return blocks.flatMap((block) => {
    switch (block.kind) {
      case "paragraph":
      case "heading":
        return inlineLinks(block.content);
      case "quote":
        return linksOf(block.blocks);
      case "list":
        return block.items.flatMap((item) => linksOf(item.blocks));
      case "table":
        return block.rows.flatMap((row) => row.flatMap((cell) => inlineLinks(cell)));
      case "code":
      case "rule":
        break;
    }
    return [];
  });
}

function inlineLinks(content: readonly Inline[]): string[] {
  return content.flatMap((part) => {
    const within = "content" in part ? inlineLinks(part.content) : [];
    return part.kind === "link" ? [part.href, ...within] : within;
  });
}
