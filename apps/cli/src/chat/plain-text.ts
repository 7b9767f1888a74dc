/**
 * What can move a cursor, change colours, turn the direction of text round or hide something: controls, line and
 * paragraph separators, marks and overrides of direction, and what has no width, but for the joiners that emoji and
 * scripts need.
 */
const HOSTILE =
  /[\p{Cc}\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;

/** What somebody else wrote, in one line that does to a terminal nothing but stand there. */
export function plainText(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(/\r?\n/g, " ⏎ ")
    .replaceAll(HOSTILE, (sign) => `\\u{${sign.codePointAt(0)?.toString(16)}}`);
}
