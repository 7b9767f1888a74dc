import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { temporaryDirectory } from "@portcullis/testkit";
import { plaintextFoundIn } from "../src/demo/plaintext-scan.ts";

const planted = 'Houston, "we\'ve had" a problem — \u00e9t\u00e9\nhere';
const absent = "Nobody ever wrote this sentence anywhere";
const texts = [planted, absent, "too short"];
const noise = Buffer.from("x".repeat(1000));

const forms: readonly (readonly [name: string, bytes: Buffer])[] = [
  ["UTF-8", Buffer.from(planted)],
  ["UTF-16LE", Buffer.from(planted, "utf16le")],
  ["hex", Buffer.from(Buffer.from(planted).toString("hex"))],
  ["upper-case hex", Buffer.from(Buffer.from(planted).toString("hex").toUpperCase())],
  ...["", "a", "ab"].flatMap((before): [string, Buffer][] => [
    [
      `base64 behind ${before.length} bytes`,
      Buffer.from(Buffer.from(`${before}${planted}tail`).toString("base64")),
    ],
    [
      `base64url behind ${before.length} bytes`,
      Buffer.from(Buffer.from(`${before}${planted}tail`).toString("base64url")),
    ],
  ]),
  ["JSON-escaped", Buffer.from(JSON.stringify({ text: planted }))],
];

for (const [name, bytes] of forms) {
  test(`a planted text is counted once: ${name}`, () => {
    const folder = temporaryDirectory();
    writeFileSync(join(folder, "some.log"), Buffer.concat([noise, bytes, noise, bytes]));
    assert.equal(plaintextFoundIn(folder, texts), 1);
  });
}

test("a text that SQLite splits over overflow pages is counted", () => {
  const folder = temporaryDirectory();
  const database = new DatabaseSync(join(folder, "server.db"));
  database.exec("PRAGMA page_size = 512; CREATE TABLE item (body BLOB, note TEXT)");
  const long = `${planted} ${"and so on ".repeat(200)}`;
  database
    .prepare("INSERT INTO item VALUES (?, ?)")
    .run(Buffer.concat([noise, Buffer.from(long), noise]), "nothing here");
  database.close();
  assert.equal(plaintextFoundIn(folder, [long, absent]), 1);
});

test("a text that lies across two pieces of a large file is counted", () => {
  const folder = temporaryDirectory();
  const piece = 8 * 1024 * 1024;
  writeFileSync(
    join(folder, "large"),
    Buffer.concat([Buffer.alloc(piece - 10), Buffer.from(planted), Buffer.alloc(100)]),
  );
  assert.equal(plaintextFoundIn(folder, texts), 1);
});

test("ciphertext, short texts and texts that are not there are not counted", () => {
  const folder = temporaryDirectory();
  writeFileSync(
    join(folder, "some.log"),
    Buffer.concat([noise, Buffer.from("too short"), Buffer.from(planted).fill(0x5a), noise]),
  );
  assert.equal(plaintextFoundIn(folder, texts), 0);
});
