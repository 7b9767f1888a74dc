import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  asAccountId,
  asConversationId,
  asDeviceId,
  asMessageId,
  encodeCbor,
  ProtocolError,
} from "@portcullis/protocol";
import { contentOf, encodeMimiContent, plainText } from "@portcullis/protocol/content";
import { SearchPart } from "../src/search/search-part.ts";
import { lineOf, matches, parseQuery, wordsOf } from "../src/search/words.ts";
import type { ArrivedMessage } from "../src/store.ts";

const finds = (query: string, text: string): boolean => matches(parseQuery(query), lineOf(plainText(text)));

test("SRC-01: every word counts by its beginning, and words in quotation marks follow each other", () => {
  const text = "Okay, Houston, we've had a problem here. Crème brûlée at 12:30";
  const found = ["hous", "HOUSTON problem", "prob hou", '"had a problem"', "“had a problem”", "creme BRULEE"];
  const typed = ["12:30", "12:3", "we've", '"had a pro', "okay,", '"okay houston"'];
  for (const query of [...found, ...typed]) assert.ok(finds(query, text), query);
  for (const query of ["ouston", '"had problem"', '"had a pro"', "houston mars", "30:12", '"a had"'])
    assert.ok(!finds(query, text), query);
});

test("SRC-01: in scripts that put nothing between words any part of a text is found", () => {
  for (const [query, text] of [
    ["京都", "東京都に行く"],
    ["行く", "東京都に行く"],
    ["ไทย", "ภาษาไทยง่าย"],
    ["한국", "한국어"],
    ["🚀", "off we go 🚀"],
    ["привет", "ПРИВЕТ всем"],
    ["ﬁle", "a file"],
  ] as const)
    assert.ok(finds(query, text), query);
  assert.ok(!finds("都京", "東京都に行く"));
});

test("SRC-01: a query without a word, or with more than 32, is refused", () => {
  for (const query of ["", " ?! ", '""', "a ".repeat(33)])
    assert.throws(() => parseQuery(query), { code: "CLIENT_SEARCH" }, query);
  assert.equal(parseQuery("a ".repeat(32)).length, 32);
});

test("SRC-02: of Markdown is found what is shown, and names and previews are", () => {
  const body = {
    text: "**bo**ld [link](https://hidden.example)",
    format: "markdown",
    attachments: [],
    preview: { url: "https://x.example", title: "Title", description: "what it is about" },
  } as const;
  const line = lineOf(body);
  for (const query of ["bold", "link", "title", "about"]) assert.ok(matches(parseQuery(query), line), query);
  assert.ok(!matches(parseQuery("hidden"), line));
});

const words = ["go", "gone", "goes", "we", "well", "we’ll", "É", "e", "東", "東京", "12:30", "!"];
const texts = fc.array(fc.constantFrom(...words), { maxLength: 6 }).map((some) => some.join(" "));

test("SRC-01: the index finds exactly what reading every message finds, also after it was written and read", () => {
  const conversations = [1, 2].map((i) => asConversationId(new Uint8Array(32).fill(i)));
  const queries = fc.tuple(texts, fc.constantFrom("", '"')).map(([text, mark]) => `${mark}${text}${mark}`);
  fc.assert(
    fc.property(
      fc.array(texts, { maxLength: 12 }),
      queries,
      fc.integer({ min: 0, max: 2 }),
      (said, query, where) => {
        fc.pre(wordsOf(query).length > 0);
        const part = new SearchPart(0);
        part.take(said.map((text, i) => arrivedOf(i + 1, conversations[i % 2]!, text)));
        const terms = parseQuery(query);
        const expected = said.flatMap((text, i) =>
          (where === 2 || i % 2 === where) && matches(terms, lineOf(plainText(text))) ? [i + 1] : [],
        );
        for (const one of [part, SearchPart.decode(part.encode(), 0)]) {
          const found = one.search(terms, conversations[where]).map(({ sequence }) => sequence);
          assert.deepEqual(
            found.toSorted((a, b) => a - b),
            expected,
          );
        }
      },
    ),
  );
});

test("SRC-07: a part that is cut short, longer or of another place is none", () => {
  const part = new SearchPart(8);
  part.take([arrivedOf(9, asConversationId(new Uint8Array(32)), "one two")]);
  const bytes = part.encode();
  assert.ok(SearchPart.decode(bytes, 8));
  const refused = (one: Uint8Array, after = 8): void =>
    assert.throws(() => SearchPart.decode(one, after), ProtocolError);
  refused(bytes, 16);
  refused(Uint8Array.of(...bytes, 0));
  for (let length = 0; length < bytes.length; length++) refused(bytes.subarray(0, length));
  const lines = ["portcullis/client-search-part/v1", 8, 9, 1, [new Uint8Array(32)]];
  refused(encodeCbor([...lines, [[0, 1, 1]], " one \n two "]));
  refused(encodeCbor([...lines, [[1, 1, 1]], " one "]));
});

test("SRC-07: a full part is read again as it was written", () => {
  const part = new SearchPart(0);
  const id = asConversationId(new Uint8Array(32));
  part.take(Array.from({ length: 4096 }, (_, i) => arrivedOf(i + 1, id, `number ${i} of some messages`)));
  const again = SearchPart.decode(part.encode(), 0);
  assert.deepEqual([again.upTo, again.speaking], [4096, 4096]);
  assert.equal(again.search(parseQuery("number 40")).length, 1 + 10 + 96);
});

function arrivedOf(
  arrival: number,
  conversationId: ReturnType<typeof asConversationId>,
  text: string,
): ArrivedMessage {
  const frame = { salt: new Uint8Array(16), senderUri: "mimi://a/u/b", roomUri: "mimi://a/r/c" };
  const applicationData = encodeMimiContent(contentOf({ kind: "message", body: plainText(text) }, frame));
  const message = {
    conversationId,
    sequence: arrival,
    senderAccountId: asAccountId(new Uint8Array(32)),
    senderDeviceId: asDeviceId(new Uint8Array(16)),
    messageId: asMessageId(new Uint8Array(16)),
    acceptedAtMs: arrival,
    applicationData,
    receipt: new Uint8Array(0),
    contentId: new Uint8Array(32),
    anchor: arrival,
  };
  return { arrival, message };
}
