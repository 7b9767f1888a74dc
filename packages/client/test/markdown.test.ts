import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseMarkdown, plainOf, withoutHtml, type Block, type Inline } from "../src/text/markdown.ts";
import { accountUri, asAccountId } from "@portcullis/protocol";
import { mentionsOf } from "../src/messages/mentions.ts";

const inlinesOf = (text: string): readonly Inline[] => {
  const [block] = parseMarkdown(text);
  return block !== undefined && "content" in block ? block.content : [];
};

/** Everything in a text that leads somewhere. */
function linksIn(blocks: readonly Block[]): string[] {
  const found: string[] = [];
  JSON.stringify(blocks, (key, value: unknown) => {
    if (key === "href") found.push(String(value));
    return value;
  });
  return found;
}

test("TML-10: what is marked up is understood", () => {
  assert.deepEqual(inlinesOf("a *b* **c** ~~d~~ `<e>`"), [
    { kind: "text", text: "a " },
    { kind: "emphasis", content: [{ kind: "text", text: "b" }] },
    { kind: "text", text: " " },
    { kind: "strong", content: [{ kind: "text", text: "c" }] },
    { kind: "text", text: " " },
    { kind: "deleted", content: [{ kind: "text", text: "d" }] },
    { kind: "text", text: " " },
    { kind: "code", text: "<e>" },
  ]);
  const kinds = parseMarkdown("# a\n\n> b\n\n- [x] c\n- d\n\n|e|f|\n|-|-|\n|g|h|\n\n---\n\n```\ni\n```").map(
    ({ kind }) => kind,
  );
  assert.deepEqual(kinds, ["heading", "quote", "list", "table", "rule", "code"]);
  const [list] = parseMarkdown("3. a\n4. b");
  assert.equal(list?.kind === "list" && list.start, 3);
});

test("TML-10: HTML is shown as it was typed, and entities as what they stand for", () => {
  for (const html of ["<b>x</b>", "<script>alert(1)</script>", "<img src=x onerror=y>", "<!-- x -->"])
    assert.equal(plainOf(parseMarkdown(html)), html);
  assert.equal(
    plainOf(parseMarkdown("&lt;b&gt; &amp;lt; &#60; &#x3c; &unknown; &#0;")),
    "<b> &lt; < < &unknown; \ufffd",
  );
});

test("TML-10: a sender's HTML is neutral for everybody, and what is code stays as it is", () => {
  const typed =
    "a <b>x</b> 1 < 2 `<c>`\n\n<div>\n\n```\n<pre>\n```\n\n- <i>q</i>\n\n> <u>r</u>\n\n|<s>|\n|-|\n";
  const sent = withoutHtml(typed);
  assert.equal(
    sent,
    "a &lt;b>x&lt;/b> 1 < 2 `<c>`\n\n&lt;div>\n\n```\n<pre>\n```\n\n- &lt;i>q&lt;/i>\n\n> &lt;u>r&lt;/u>\n\n|&lt;s>|\n|-|\n",
  );
  const shown = (text: string): string => plainOf(parseMarkdown(text));
  assert.ok(shown(sent).includes("<b>x</b>") && shown(sent).includes("<div>"));
});

test("TML-10: a link leads to the web, to mail or to a person, a picture is one, and each says whether it is what it shows", () => {
  const links =
    "[a](javascript:x) [b](data:x) [c](https://c.example) ![d](http://d.example/p) <mailto:e@f.example>";
  assert.deepEqual(linksIn(parseMarkdown(links)), [
    "https://c.example",
    "http://d.example/p",
    "mailto:e@f.example",
  ]);
  const isPlain = (text: string): boolean | undefined => {
    const link = inlinesOf(text).find(({ kind }) => kind === "link");
    return link?.kind === "link" ? link.isPlain : undefined;
  };
  assert.equal(isPlain("[https://c.example/](https://c.example)"), true);
  assert.equal(isPlain("[c.example/x](https://c.example/x)"), true);
  assert.equal(isPlain("https://c.example"), true);
  assert.equal(isPlain("[https://c.example](https://other.example)"), false);
  assert.equal(isPlain("[https://c.example](http://c.example)"), false);
});

test("TML-10: what is made to keep a reader busy is shown as it was typed", () => {
  for (const piece of ["> ", "1. ", "- ", "*a", "[a](", "<"]) {
    const text = piece.repeat(18_000);
    assert.deepEqual(parseMarkdown(text), [{ kind: "paragraph", content: [{ kind: "text", text }] }], piece);
    assert.equal(withoutHtml(text).replaceAll("&lt;", "<"), text);
  }
});

const pieces = fc.constantFrom(
  ..."abc *_~`[]()<>!|#-+1.&;:/\\\n\"' \u202e".split(""),
  "https://",
  "javascript:",
  "<b>",
  "```",
);

test("TML-10: whatever was typed, something is shown, and nothing leads where it must not", () => {
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 60 }), (typed) => {
      const text = typed.join("");
      const blocks = parseMarkdown(text);
      assert.equal(typeof plainOf(blocks), "string");
      for (const href of linksIn(blocks)) assert.match(href, /^(?:https?:\/\/|mailto:|mimi:\/\/)/i);
      withoutHtml(text);
    }),
    { numRuns: 300 },
  );
});

test("a mention is a link to an account that a reader is shown, wherever it stands, and none in code or plain text", () => {
  const people = [1, 2, 3, 4, 5].map((i) => asAccountId(new Uint8Array(32).fill(i)));
  const [a = "", b = "", c = "", d = "", e = ""] = people.map((id) => accountUri("a.example", id));
  const text = `[@a](${a}) **[@b](${b})** [@a](${a})\n\n> - [@c](${c})\n\n| x |\n|---|\n| <${d}> |\n\n`;
  const code = `\`[@e](${e})\`\n\n    [@e](${e})\n\n\`\`\`\n[@e](${e})\n\`\`\`\n[x](mimi://nobody) \\[@e](${e.slice(0, 9)}`;
  const mentioned = (format: "markdown" | "plain") =>
    mentionsOf({ text: text + code, format, attachments: [] });
  assert.deepEqual(mentioned("markdown"), people.slice(0, 4));
  assert.deepEqual(mentioned("plain"), []);
});
