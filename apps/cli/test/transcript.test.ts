import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { samplesDirectory, skipWithoutSamples } from "@portcullis/testkit";
import { parseTranscript } from "../src/demo/transcript.ts";

const parse = (text: string): ReturnType<typeof parseTranscript> =>
  parseTranscript(new TextEncoder().encode(text));
const anna = "[01/02/2024, 10:00:00] Anna: Hello";
const ben = "[01/02/2024, 10:00:05] Ben: Hello: you";

test("a message has its time in UTC, its name and its text; names keep the order of the first word", () => {
  const { messages, names } = parse(`${anna}\r\n${ben}\n`);
  assert.deepEqual(names, ["Anna", "Ben"]);
  assert.deepEqual(messages[1], {
    sentAtMs: Date.UTC(2024, 1, 1, 10, 0, 5),
    name: "Ben",
    text: "Hello: you",
    line: 2,
  });
});

test("a line without a stamp continues the message before it", () => {
  assert.equal(
    parse(`${anna}\nsecond line\n\nfourth\n${ben}`).messages[0]?.text,
    "Hello\nsecond line\n\nfourth",
  );
});

test("a byte order mark, a left-to-right mark and the app's own notices do no harm", () => {
  const { messages, notices } = parse(
    `\ufeff${anna}\n\u200e[01/02/2024, 10:00:02] Anna added Ben\nmore of the notice\n${ben}`,
  );
  assert.equal(messages.length, 2);
  assert.equal(messages[0]?.text, "Hello");
  assert.equal(notices, 1);
});

const refused: readonly (readonly [name: string, text: string | Uint8Array, code: string, line: number])[] = [
  [
    "not UTF-8",
    Uint8Array.of(...new TextEncoder().encode(`${anna}\n`), 0xff, 0xfe),
    "TRANSCRIPT_NOT_UTF8",
    2,
  ],
  ["nothing at all", "", "TRANSCRIPT_EMPTY", 0],
  ["no message in it", "a shopping list\nmilk\neggs", "TRANSCRIPT_EMPTY", 3],
  ["a stray line", `who?\n${anna}\n${ben}`, "TRANSCRIPT_STRAY_LINE", 1],
  [
    "a line of 1 MB",
    `${anna}\n[01/02/2024, 10:00:05] Ben: ${"x".repeat(1_000_000)}`,
    "TRANSCRIPT_LINE_TOO_LONG",
    2,
  ],
  [
    "a message of many lines",
    `${anna}\n${"x".repeat(16_000)}\n${"x".repeat(16_000)}\n${"x".repeat(16_000)}`,
    "TRANSCRIPT_MESSAGE_TOO_LONG",
    4,
  ],
  ["30 February", `${anna}\n[30/02/2024, 10:00:05] Ben: Hello`, "TRANSCRIPT_DATE", 2],
  ["29 February of a common year", "[29/02/2023, 10:00:05] Ben: Hello", "TRANSCRIPT_DATE", 1],
  ["25 o'clock", `${anna}\n[02/02/2024, 25:00:05] Ben: Hello`, "TRANSCRIPT_DATE", 2],
  ["second 60", `${anna}\n[02/02/2024, 23:59:60] Ben: Hello`, "TRANSCRIPT_DATE", 2],
  ["1 January 1970", "[01/01/1970, 23:59:59] Ben: Hello", "TRANSCRIPT_TOO_OLD", 1],
  ["1969", "[20/07/1969, 20:17:40] Ben: Hello", "TRANSCRIPT_TOO_OLD", 1],
  ["month 13", `${anna}\n[02/13/2024, 23:59:00] Ben: Hello`, "TRANSCRIPT_DATE", 2],
  ["a time earlier than the line before", `${ben}\n${anna}`, "TRANSCRIPT_ORDER", 2],
  [
    "a name of 65 characters",
    `${anna}\n[01/02/2024, 10:00:05] ${"B".repeat(65)}: Hello`,
    "TRANSCRIPT_NAME",
    2,
  ],
  ["an empty name", `${anna}\n[01/02/2024, 10:00:05]  : Hello`, "TRANSCRIPT_NAME", 2],
  ["one person alone", `${anna}\n${anna}`, "TRANSCRIPT_SPEAKERS", 2],
];

for (const [name, text, code, line] of refused) {
  test(`refused with its line: ${name}`, () => {
    const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
    assert.throws(
      () => parseTranscript(bytes),
      (error: { code: string; facts: { line: number } }) => {
        assert.equal(error.code, code);
        assert.equal(error.facts.line, line);
        return true;
      },
    );
  });
}

test("a real export of 11,264 messages", { skip: skipWithoutSamples() }, () => {
  const { messages, names } = parseTranscript(
    readFileSync(join(samplesDirectory() as string, "data/apollo13.txt")),
  );
  assert.equal(messages.length, 11_264);
  assert.equal(names.length, 14);
});
