import { AccessError } from "./errors.ts";

/** What our documents are made of: no floats, no null. */
export type Json = string | number | boolean | readonly Json[] | { readonly [name: string]: Json };

const DEEPEST = 16;

/**
 * The one text of a value: sorted names, no white space. RFC 8785, without its rules for floats, which are refused.
 * @throws AccessError DOCUMENT_NOT_CANONICAL for floats, null, undefined, lone surrogates, or nesting deeper than 16
 */
export function canonicalJson(value: unknown): string {
  return write(value, 0);
}

function write(value: unknown, depth: number): string {
  if (depth > DEEPEST) throw new AccessError("DOCUMENT_NOT_CANONICAL", { why: "nesting" });
  if (typeof value === "string" && value.isWellFormed()) return JSON.stringify(value);
  if (typeof value === "boolean") return String(value);
  if (Number.isSafeInteger(value) && !Object.is(value, -0)) return String(value);
  if (Array.isArray(value)) return `[${value.map((element) => write(element, depth + 1)).join(",")}]`;
  if (typeof value !== "object" || value === null)
    throw new AccessError("DOCUMENT_NOT_CANONICAL", { why: "value" });
  // Sorting by UTF-16 code units, as RFC 8785 section 3.2.3 wants it, is what sort() does.
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${write(name, depth)}:${write(member, depth + 1)}`).join(",")}}`;
}

/**
 * The value of a text that is canonical already; thus no name twice, no second spelling of anything.
 * @throws AccessError DOCUMENT_NOT_CANONICAL
 */
export function parseCanonicalJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new AccessError("DOCUMENT_NOT_CANONICAL", { why: "not JSON" });
  }
  if (canonicalJson(value) !== text) throw new AccessError("DOCUMENT_NOT_CANONICAL", { why: "form" });
  return value;
}
