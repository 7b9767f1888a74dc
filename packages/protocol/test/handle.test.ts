import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { foldHandle, handleSkeleton, prepareHandle } from "@portcullis/protocol";

const accepted = [
  "ann",
  "Jim Lovell",
  "Swimmer 1",
  "Conan O'Brien",
  "J. R. R. Tolkien",
  "Zoë Ødegård-Nuñez",
  "李",
  "田中さくら",
  "Tanaka 田中",
  "김민준",
  "Дмитрий Менделеев",
  "Ελένη Παπαδοπούλου",
  "דוד בן-גוריון",
  "نجيب محفوظ",
  "रवीन्द्रनाथ ठाकुर",
  "สมชาย",
  "Nguyễn Văn A",
];
for (const handle of accepted)
  test(`ACN-01: ${handle} is a handle, in its one form`, () => {
    assert.equal(prepareHandle(handle), handle.normalize("NFC"));
  });

test("ACN-01: a handle comes out in one form, however it was typed", () => {
  const typed = {
    "  Jim   Lovell ": "Jim Lovell",
    Ａｎｎ: "Ann",
    "Zoe\u0308": "Zoë",
    "ann\u00a0bee": "ann bee",
  };
  for (const [text, handle] of Object.entries(typed)) assert.equal(prepareHandle(text), handle);
});

const refused: [string, string, string][] = [
  ["nothing", "   ", "HANDLE_LENGTH"],
  ["65 characters", "a".repeat(65), "HANDLE_LENGTH"],
  ["a page of text", "a ".repeat(1000), "HANDLE_LENGTH"],
  ["one character that unfolds into eighteen", "\ufdfa".repeat(4), "HANDLE_LENGTH"],
  ["a text turned around", "ann\u202egpj.exe", "HANDLE_INVISIBLE"],
  ["an isolate", "\u2067ann\u2069", "HANDLE_INVISIBLE"],
  ["a mark of direction", "ann\u200e", "HANDLE_INVISIBLE"],
  ["a space of no width", "an\u200bn", "HANDLE_INVISIBLE"],
  ["a soft hyphen", "an\u00adn", "HANDLE_INVISIBLE"],
  ["a Hangul filler", "ann\u3164", "HANDLE_INVISIBLE"],
  ["a joiner", "an\u200dn", "HANDLE_INVISIBLE"],
  ["a tag character", "ann\u{e0041}", "HANDLE_INVISIBLE"],
  ["a tabulator", "tab\there", "HANDLE_INVISIBLE"],
  ["a line break", "two\nlines", "HANDLE_INVISIBLE"],
  ["a character of private use", "\ue000", "HANDLE_INVISIBLE"],
  ["half a character", "ann\ud800", "HANDLE_INVISIBLE"],
  ["an emoji", "ann 🚀", "HANDLE_CHARACTER"],
  ["an address", "ann@example.org", "HANDLE_CHARACTER"],
  ["a path", "../ann", "HANDLE_CHARACTER"],
  ["markup", "<b>ann", "HANDLE_CHARACTER"],
  ["punctuation alone", "...", "HANDLE_CHARACTER"],
  ["a mark with nothing under it", "\u0301ann", "HANDLE_CHARACTER"],
  ["a pile of marks", `a${"\u030d".repeat(9)}`, "HANDLE_CHARACTER"],
  ["phonetic letters", "ɑnn", "HANDLE_CHARACTER"],
  ["a Latin word with a Cyrillic letter", "p\u0430ypal", "HANDLE_SCRIPT"],
  ["a Latin word with a Greek letter", "Jim L\u03bfvell", "HANDLE_SCRIPT"],
  ["two words in two alphabets", "Jim Дмитрий", "HANDLE_SCRIPT"],
  ["Hiragana with Hangul", "さ김", "HANDLE_SCRIPT"],
  ["Latin with a long-vowel mark of Katakana, and Greek", "αー", "HANDLE_SCRIPT"],
  ["a script that nobody writes today", "𐎠𐎡", "HANDLE_SCRIPT"],
];
for (const [what, text, code] of refused)
  test(`ACN-02: refused as a handle: ${what}`, () => {
    assert.throws(() => prepareHandle(text), { code });
  });

test("ACN-02: a prepared handle prepares to itself, and whatever is not one has a code", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 70 }), (text) => {
      try {
        const handle = prepareHandle(text);
        assert.equal(prepareHandle(handle), handle);
      } catch (error) {
        assert.match((error as { code: string }).code, /^HANDLE_/);
      }
    }),
    { numRuns: 50 },
  );
});

test("ACN-03: the same name typed differently folds to the same", () => {
  for (const [one, other] of [
    ["Ann", "ANN"],
    ["Straße", "STRASSE"],
    ["ΟΔΥΣΣΕΥΣ", "οδυσσευς"],
    ["Дмитрий", "ДМИТРИЙ"],
    ["Ａｎｎ", "ann"],
  ] as const)
    assert.equal(foldHandle(one), foldHandle(other), one);
  assert.notEqual(foldHandle("ann"), foldHandle("anne"));
});

test("ACN-03: names that cannot be told apart at a glance have one skeleton", () => {
  for (const [name, imposter] of [
    ["paypal", "paypa1"],
    ["Bill", "BlLL"],
    ["Ian", "lan"],
    ["bob", "b0b"],
    ["modern", "modem"],
    ["coco", "сосо"],
    ["Pope", "Роре"],
    ["NIKO", "ΝΙΚΟ"],
    ["niko", "Νικο"],
    ["Oscar", "Оѕсаг"],
    ["weaver", "vveaver"],
  ] as const)
    assert.equal(handleSkeleton(name), handleSkeleton(imposter), `${name} ${imposter}`);
  for (const [one, other] of [
    ["Swimmer 1", "Swimmer 2"],
    ["ann", "anne"],
    ["zoe", "zoë"],
    ["Дима", "Дина"],
  ] as const)
    assert.notEqual(handleSkeleton(one), handleSkeleton(other), one);
});
