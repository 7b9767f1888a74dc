const LONGEST = 120;
const NAMELESS = "attachment";
/** Control characters, what turns the direction of a text, and what has a meaning in a path or a shell of some system. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}<>:"|?*]/gu;
/** Names that Windows takes for devices, whatever their ending. */
const RESERVED = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i;

/** A name under which a file can be stored in a folder, and nowhere else; its ending stays. */
export function safeFileName(name: string): string {
  const last = name.normalize("NFC").split(/[/\\]/).at(-1) ?? "";
  const plain = last
    .replaceAll(UNSAFE, "")
    .replaceAll(/\s+/g, " ")
    .replace(/^[.\s]+/, "")
    .replace(/[.\s]+$/, "");
  if (plain === "") return NAMELESS;
  const named = RESERVED.test(plain) ? `_${plain}` : plain;
  const points = Array.from(named);
  if (points.length <= LONGEST) return named;
  const ending = /\.[^.]{1,16}$/.exec(named)?.[0] ?? "";
  return points.slice(0, LONGEST - Array.from(ending).length).join("") + ending;
}
