import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { utf8 } from "@portcullis/protocol";
import { samplesDirectory } from "@portcullis/testkit";
import { ClientError } from "../src/errors.ts";
import { escapedLine, parseChatText, type ChatTextTerms } from "../src/portable/chat-text.ts";

const parse = (text: string, terms?: ChatTextTerms) => parseChatText(utf8(text), terms);
const timeOf = (text: string, terms?: ChatTextTerms): string =>
  new Date(parse(text, terms).messages[0]!.saidAtMs).toISOString();

test("POR-05: both forms are read, with their times, further lines and the messenger's own lines", () => {
  const brackets =
    "[31/12/2017, 23:59:59] Ann: one\ntwo\n\n[01/01/2018, 00:00:00] Bob joined\n\u200e[01/01/2018, 00:00:01] Bob: a: b\n";
  assert.deepEqual(parse(brackets), {
    messages: [
      { name: "Ann", text: "one\ntwo\n", saidAtMs: Date.UTC(2017, 11, 31, 23, 59, 59) },
      { name: "Bob", text: "a: b", saidAtMs: Date.UTC(2018, 0, 1, 0, 0, 1) },
    ],
    names: ["Ann", "Bob"],
    notices: 1,
  });
  const dashes = "31.12.17, 23:59 - Ann: see\r\n[01/01/2018, 00:00:00] Bob: not I\r\n";
  assert.deepEqual(parse(dashes).messages, [
    { name: "Ann", text: "see\n[01/01/2018, 00:00:00] Bob: not I", saidAtMs: Date.UTC(2017, 11, 31, 23, 59) },
  ]);
});

test("POR-05: the order of the dates is found from them or said, and so is the time zone", () => {
  for (const [stamp, iso] of [
    ["[3/4/18, 9:05:00 PM]", "2018-04-03T21:05:00.000Z"],
    ["[12/31/17, 12:05:00\u202fAM]", "2017-12-31T00:05:00.000Z"],
    ["[2017-12-31, 12:05:00 p.m.]", "2017-12-31T12:05:00.000Z"],
    ["[31.12.2017, 23:05:00]", "2017-12-31T23:05:00.000Z"],
  ] as const)
    assert.equal(timeOf(`${stamp} Ann: hello`), iso, stamp);
  assert.equal(timeOf("[3/4/18, 09:05:00] A: x", { dateOrder: "mdy" }), "2018-03-04T09:05:00.000Z");
  assert.equal(timeOf("[3/4/18, 09:05:00] A: x", { utcOffsetMinutes: 120 }), "2018-04-03T07:05:00.000Z");
  assert.equal(timeOf("[3/4/18, 09:05:00] A: x\n[1/13/18, 09:05:00] A: x"), "2018-03-04T09:05:00.000Z");
});

test("POR-06: what is no chat, or has a line that cannot be read, is refused with that line", () => {
  for (const text of ["", "hello", "[31/12/2017, 23:59:59] Ann joined"])
    assert.throws(() => parse(text), { code: "CLIENT_IMPORT_FORM" }, text);
  assert.throws(() => parseChatText(Uint8Array.of(0xff, 0x0a)), { code: "CLIENT_IMPORT_FORM" });
  assert.throws(() => parseChatText(new Uint8Array(64 * 1024 * 1024 + 1)), { code: "CLIENT_IMPORT_FORM" });
  const good = "[31/12/2017, 23:59:59] Ann: one\n";
  for (const [text, line] of [
    [`stray\n${good}`, 1],
    [`${good}[31/02/2017, 23:59:59] Ann: one`, 2],
    [`${good}[31/12/2017, 24:00:00] Ann: one`, 2],
    [`${good}[31/12/2017, 13:00:00 PM] Ann: one`, 2],
    [`${good}more\n[31/12/1969, 23:59:59] Ann: one`, 3],
    [`${good}[31/12/2017, 23:59:59] : one`, 2],
    [`${good}[31/12/2017, 23:59:59] ${"n".repeat(129)}: one`, 2],
    [`${good}[31/12/2017, 23:59:59] Ann: ${"n".repeat(129 * 1024)}`, 2],
  ] as const)
    assert.throws(
      () => parse(text),
      (error) =>
        error instanceof ClientError && error.code === "CLIENT_IMPORT_LINE" && error.facts["line"] === line,
      text.slice(0, 80),
    );
});

test("POR-04, POR-05: whatever lines somebody writes, they are read as they were", () => {
  const line = fc.oneof(
    fc.constantFrom(
      "",
      " ",
      "[31/12/2017, 23:59:59] Bob: x",
      " [31/12/2017, 23:59:59] Bob: x",
      "a: b",
      "\u200e[1/2/18, 3:04] x",
    ),
    fc.string().filter((text) => !/[\r\n]/.test(text) && text.isWellFormed()),
  );
  fc.assert(
    fc.property(
      fc.array(fc.array(line, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 5 }),
      (said) => {
        const written = said.map(([first = "", ...more]) =>
          [`[31/12/2017, 23:59:59] Ann: ${first}`, ...more.map((one) => escapedLine(one))].join("\n"),
        );
        const { messages } = parse(`${written.join("\n")}\n`);
        assert.deepEqual(
          messages.map(({ text }) => text),
          said.map((lines) => lines.join("\n")),
        );
      },
    ),
  );
});

const samples = samplesDirectory();
const sample = samples && join(samples, "data/apollo13.txt");
test(
  "POR-05: a large export is read whole",
  { skip: sample !== undefined && existsSync(sample) ? false : "there is no sample here" },
  () => {
    const { messages, notices, names } = parseChatText(new Uint8Array(readFileSync(sample!)));
    assert.equal(messages.length, 11_264);
    assert.equal(notices, 0);
    assert.equal(names.length, 14);
  },
);
