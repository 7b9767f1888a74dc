import { ProtocolError } from "./errors.ts";
import { skeletonOf } from "./handle-skeleton.ts";
import { limits } from "./limits.ts";

declare const brand: unique symbol;

/** What an account is found by and shown as. Only {@link prepareHandle} makes one. */
export type Handle = string & { readonly [brand]: "Handle" };

/** Letters, marks and digits of any script; the space; and the punctuation that stands in names. */
const ALLOWED = /^[\p{L}\p{M}\p{Nd} .,'’·_+&()-]+$/u;
/** What turns the direction of text, shows nothing, or is no character. */
const INVISIBLE = /[\p{Bidi_Control}\p{Default_Ignorable_Code_Point}\p{Cc}\p{Cf}\p{Cn}\p{Co}\p{Cs}]/u;
/** Letters for phonetic notation and for lost manuscripts: no name needs them, and most look like another letter. */
const PHONETIC = /[\u0250-\u02ff\u1d00-\u1dbf\u2c60-\u2c7f\ua720-\ua7ff\uab30-\uab6f]/u;
const PILED_MARKS = /^\p{M}|\p{Mn}{5}/u;

/** The scripts in everyday use: UAX #31, table 5. */
const SCRIPTS = (
  "Arabic Armenian Bengali Cyrillic Devanagari Ethiopic Georgian Greek Gujarati Gurmukhi Hebrew Kannada Khmer Lao " +
  "Latin Malayalam Myanmar Oriya Sinhala Tamil Telugu Thaana Thai Tibetan"
).split(" ");
/** What is written together: UTS #39, "highly restrictive". */
const MIXTURES = [
  ["Latin", "Han", "Hiragana", "Katakana"],
  ["Latin", "Han", "Bopomofo"],
  ["Latin", "Han", "Hangul"],
];
const TOGETHER = [...SCRIPTS.map((script) => [script]), ...MIXTURES].map((scripts) => {
  const classes = ["Common", "Inherited", ...scripts].map((name) => `\\p{Script_Extensions=${name}}`);
  return new RegExp(`^[${classes.join("")}]+$`, "u");
});

/**
 * A handle in its one form: NFKC, spaces trimmed and single, letters as they were typed. What is returned prepares to
 * itself. In the manner of RFC 8266 (Nickname), with the restrictions of UTS #39.
 * @throws ProtocolError HANDLE_INVISIBLE, HANDLE_LENGTH, HANDLE_CHARACTER, HANDLE_SCRIPT
 */
export function prepareHandle(text: string): Handle {
  if (text.length > 4 * limits.handleLength) throw new ProtocolError("HANDLE_LENGTH");
  if (INVISIBLE.test(text)) throw new ProtocolError("HANDLE_INVISIBLE");
  const handle = text
    .normalize("NFKC")
    .replaceAll(/\p{Zs}+/gu, " ")
    .trim();
  const length = Array.from(handle).length;
  if (length < 1 || length > limits.handleLength) throw new ProtocolError("HANDLE_LENGTH", { length });
  if (
    !ALLOWED.test(handle) ||
    PHONETIC.test(handle) ||
    PILED_MARKS.test(handle) ||
    !/[\p{L}\p{Nd}]/u.test(handle)
  )
    throw new ProtocolError("HANDLE_CHARACTER");
  if (!TOGETHER.some((pattern) => pattern.test(handle))) throw new ProtocolError("HANDLE_SCRIPT");
  return handle as Handle;
}

/** Two handles with the same folded form are the same name, typed differently. Total: takes any text. */
export function foldHandle(handle: string): string {
  return handle.normalize("NFKC").toUpperCase().toLowerCase().normalize("NFKC");
}

/** Two handles with the same skeleton cannot be told apart at a glance. Total: takes any text. */
export function handleSkeleton(handle: string): string {
  return skeletonOf(handle.normalize("NFKC"));
}
