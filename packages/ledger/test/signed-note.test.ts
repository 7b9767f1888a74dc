import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { cosignNoteText, emptyRoot } from "@portcullis/ledger";
import { formatCheckpoint, openCheckpoint, parseNote } from "@portcullis/ledger/verify";
import { NOW, ORIGIN, policyOf, signedBy, witnesses, witnessSigner } from "./log-fixtures.ts";

const CHECKPOINT = { origin: ORIGIN, size: 0, root: emptyRoot() };
const NOTE = signedBy(CHECKPOINT, witnesses);

const malformed = (note: string, why: string): void => {
  assert.throws(() => parseNote(note), { code: "LEDGER_NOTE_MALFORMED" }, why);
};

test("LOG-02: the text ends at the last empty line, and may have empty lines itself", () => {
  const line = parseNote(NOTE).signatures[0]!.line;
  const { text, signatures } = parseNote(`one\n\ntwo\n\n${line}`);
  assert.equal(text, "one\n\ntwo\n");
  assert.equal(signatures.length, 1);
});

test("LOG-02: what is not a note is refused", () => {
  const { text, signatures } = parseNote(NOTE);
  const { line } = signatures[0]!;
  malformed("", "nothing");
  malformed(text, "no signature");
  malformed(`${text}\n`, "no signature line");
  malformed(NOTE.slice(0, -1), "no newline at the end");
  malformed(`${NOTE}x\n`, "another line");
  malformed(`${text}\n${line.replace("\u2014", "-")}`, "another dash");
  malformed(`${text}\n${line.replace(" ", "  ")}`, "two spaces");
  malformed(`${text}\n${line.slice(0, -1)} \n`, "a space at the end");
  malformed(`${text}\n${line.replaceAll("\n", "\r\n")}`, "a carriage return");
  malformed(NOTE.replace(ORIGIN, `${ORIGIN}\u0000`), "a control character");
  malformed(NOTE.replace(ORIGIN, `${ORIGIN}\ud800`), "not UTF-8");
  malformed(`${text}\n\u2014 a+b AAAAAAA=\n`, "a plus in the name");
  malformed(`${text}\n\u2014 a AAAAAA==\n`, "a key id and nothing behind it");
});

test("LOG-02: base64 has one form (D6)", () => {
  const { text, signatures } = parseNote(NOTE);
  const { line } = signatures[0]!;
  const encoded = line.trim().split(" ")[2]!;
  assert.match(encoded, /[^=]=$/, "two bits to spare in the last character");
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const stray = alphabet[alphabet.indexOf(encoded.at(-2)!) + 1]!;
  malformed(`${text}\n${line.replace(encoded, `${encoded.slice(0, -2)}${stray}=`)}`, "stray bits");
  malformed(`${text}\n${line.replace(encoded, encoded.slice(0, -1))}`, "no padding");
  malformed(`${text}\n${line.replace(encoded, `${encoded}=`)}`, "too much padding");
  malformed(
    `${text}\n${line.replace(encoded, encoded.replaceAll("+", "-").replaceAll("/", "_"))}_`,
    "URL alphabet",
  );
});

test("LOG-02: 64 signatures are read, 65 and notes beyond 256 KiB are not", () => {
  const unknown = Array.from({ length: 70 }, (_, i) =>
    cosignNoteText(witnessSigner(`unknown.example/${i}`, "one key"), formatCheckpoint(CHECKPOINT), NOW),
  );
  const note = (count: number): string => signedBy(CHECKPOINT, witnesses) + unknown.slice(0, count).join("");
  assert.equal(parseNote(note(60)).signatures.length, 64);
  assert.equal(openCheckpoint(note(60), policyOf(3)).cosignedAtMs.length, 3);
  malformed(note(61), "65 signatures");
  malformed(`${"x".repeat(256 * 1024)}\n\n${parseNote(NOTE).signatures[0]!.line}`, "length");
});

test("LOG-02: a note cut off anywhere is refused, or has lost whole signatures only", () => {
  for (let length = 0; length < NOTE.length; length++) {
    const cut = NOTE.slice(0, length);
    const isWhole = cut.includes("\n\n\u2014") && cut.endsWith("\n");
    if (isWhole) assert.ok(parseNote(cut).signatures.length < 4);
    else malformed(cut, `cut at ${length}`);
  }
});

test("LOG-02: any text is refused with a code, or taken apart without loss", () => {
  const piece = fc.constantFrom("\n", "\n\n", "\u2014 ", "a", " ", "AAAAAAA=", "\u2014 n AAAAAAA=\n", "é");
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const note = pieces.join("");
      try {
        const { text, signatures } = parseNote(note);
        assert.equal(`${text}\n${signatures.map((it) => it.line).join("")}`, note);
      } catch (error) {
        assert.equal((error as { code?: string }).code, "LEDGER_NOTE_MALFORMED");
      }
    }),
    { numRuns: 100 },
  );
});
