import { AccessError } from "./errors.ts";

/** The form of times in documents, e.g. "1970-04-14T03:00:00Z". For schemas. */
export const UTC_TIME_PATTERN = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$";

/** `timeMs`: milliseconds, of which whole seconds remain. */
export function formatUtcTime(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 19)}Z`;
}

/** Milliseconds. @throws AccessError DOCUMENT_TIME for another form, or a time that does not exist */
export function parseUtcTime(text: string): number {
  const timeMs = new RegExp(UTC_TIME_PATTERN, "v").test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(timeMs) || formatUtcTime(timeMs) !== text)
    throw new AccessError("DOCUMENT_TIME", { text });
  return timeMs;
}
