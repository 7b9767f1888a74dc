import { toBase64Url } from "@portcullis/protocol";
import type { ConversationMessage } from "../messages/conversation-message.ts";
import { parseMarkdown, type Block, type Inline } from "../text/markdown.ts";
import type { Exported } from "./export.ts";

const STYLE = `
:root{color-scheme:light dark;--bg:#f4f6f7;--surface:#fff;--text:#14202a;--muted:#52616d;--line:#d7dee3;--link:#1d4e6b}
@media(prefers-color-scheme:dark){:root{--bg:#0d141a;--surface:#141d25;--text:#e7edf2;--muted:#9fb0bd;--line:#26333d;--link:#7cc0e6}}
*{box-sizing:border-box}
body{margin:0 auto;padding:24px 16px 48px;max-width:720px;background:var(--bg);color:var(--text);font:15px/1.45 Inter,system-ui,sans-serif}
h1{font-size:22px;margin:0 0 4px}
header p,time,.meta{color:var(--muted);font-size:13px}
article{background:var(--surface);border:1px solid var(--line);border-radius:12px;padding:8px 12px;margin:8px 0;overflow-wrap:anywhere}
article>header{display:flex;justify-content:space-between;gap:12px;flex-wrap:wrap}
article p{margin:4px 0;white-space:pre-wrap}
pre{overflow-x:auto;background:var(--bg);padding:8px;border-radius:8px}
table{border-collapse:collapse}td{border:1px solid var(--line);padding:2px 8px}
blockquote{margin:4px 0;padding-left:12px;border-left:3px solid var(--line)}
a{color:var(--link)}
.deleted{font-style:italic;color:var(--muted)}`;

/** One page without script or anything from elsewhere, each text by itself as to its direction. */
export async function* exportHtml(exported: Exported): AsyncGenerator<string, void, undefined> {
  const { conversation, title, exportedAtMs, isWithoutExpiring, messages } = exported;
  const about = [
    conversation.class === "recorded" ? "Recorded conversation" : "Sealed conversation",
    `exported ${spoken(exportedAtMs)}`,
    ...(isWithoutExpiring ? ["messages that expire are left out"] : []),
    "times in UTC",
  ];
  yield `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escaped(title)}</title>
<style>${STYLE}
</style>
</head>
<body>
<header><h1>${isolated(title)}</h1><p>${escaped(about.join(" · "))}</p></header>
<main>
`;
  for await (const message of messages) yield articleOf(message, exported);
  yield "</main>\n</body>\n</html>\n";
}

function articleOf(message: ConversationMessage, { nameOf }: Exported): string {
  const { contentId, senderAccountId, acceptedAtMs, body, reactions } = message;
  const marks = [
    ...(message.isForwarded ? ["passed on"] : []),
    ...(message.editedAtMs === undefined ? [] : ["edited"]),
    ...(message.pinned ? ["pinned"] : []),
    ...(message.expiresAtMs === undefined ? [] : [`expires ${spoken(message.expiresAtMs)}`]),
  ];
  const answered = message.inReplyTo && toBase64Url(message.inReplyTo);
  const attached =
    body?.attachments.map(({ part }) => `<li>${isolated(part.filename)}, ${part.size} bytes</li>`) ?? [];
  const given = reactions.map(
    ({ emoji, accounts }) => `${isolated(emoji)} ${isolated(accounts.map(nameOf).join(", "))}`,
  );
  return `<article id="m${toBase64Url(contentId)}">
<header><strong>${isolated(nameOf(senderAccountId))}</strong><time datetime="${new Date(acceptedAtMs).toISOString()}">${spoken(acceptedAtMs)}</time></header>
${answered === undefined ? "" : `<p class="meta"><a href="#m${answered}">in answer to this</a></p>\n`}${said(body)}
${attached.length === 0 ? "" : `<ul>${attached.join("")}</ul>\n`}${given.length === 0 ? "" : `<p class="meta">${given.join(" · ")}</p>\n`}${marks.length === 0 ? "" : `<p class="meta">${escaped(marks.join(" · "))}</p>\n`}</article>
`;
}

function said(body: ConversationMessage["body"]): string {
  if (body === undefined) return '<p class="deleted">This message was deleted</p>';
  if (body.format === "plain") return `<p dir="auto">${escaped(body.text)}</p>`;
  return `<div dir="auto">${blocks(parseMarkdown(body.text))}</div>`;
}

function blocks(all: readonly Block[]): string {
  return all.map((one) => block(one)).join("");
}

function block(one: Block): string {
  switch (one.kind) {
    case "paragraph":
      return `<p>${inlines(one.content)}</p>`;
    case "heading":
      return `<p><strong>${inlines(one.content)}</strong></p>`;
    case "code":
      return `<pre><code>${escaped(one.text)}</code></pre>`;
    case "quote":
      return `<blockquote>${blocks(one.blocks)}</blockquote>`;
    case "list": {
      const items = one.items.map(({ isDone, blocks: within }) => {
        const box = isDone === undefined ? "" : isDone ? "☑ " : "☐ ";
        return `<li>${box}${blocks(within)}</li>`;
      });
      return one.start === undefined
        ? `<ul>${items.join("")}</ul>`
        : `<ol start="${one.start}">${items.join("")}</ol>`;
    }
    case "table":
      return `<table>${one.rows.map((row) => `<tr>${row.map((cell) => `<td>${inlines(cell)}</td>`).join("")}</tr>`).join("")}</table>`;
    case "rule":
      break;
  }
  return "<hr>";
}

function inlines(all: readonly Inline[]): string {
  return all.map((one) => inline(one)).join("");
}

function inline(one: Inline): string {
  switch (one.kind) {
    case "text":
      return escaped(one.text);
    case "code":
      return `<code>${escaped(one.text)}</code>`;
    case "strong":
      return `<strong>${inlines(one.content)}</strong>`;
    case "emphasis":
      return `<em>${inlines(one.content)}</em>`;
    case "deleted":
      return `<del>${inlines(one.content)}</del>`;
    case "link": {
      const where = one.isPlain ? "" : ` (${escaped(one.href)})`;
      return `<a href="${escaped(one.href)}" rel="noreferrer noopener">${inlines(one.content)}</a>${where}`;
    }
    case "break":
      break;
  }
  return "<br>";
}

const isolated = (text: string): string => `<bdi>${escaped(text)}</bdi>`;

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ESCAPES[character] ?? character);
}

function spoken(ms: number): string {
  return new Date(ms).toISOString().slice(0, 16).replace("T", " ");
}
