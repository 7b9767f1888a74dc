import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { ExportTerms, PortcullisClient } from "@portcullis/client";
import { accountUri, type ConversationId } from "@portcullis/protocol";
import { FixedClock, temporaryDirectory } from "@portcullis/testkit";
import { parseTranscript } from "../apps/cli/src/demo/transcript.ts";
import { openProviderRoom, type ProviderRoom } from "./provider-room.ts";

const clock = new FixedClock("1970-04-14T03:00:00Z");
const directory = temporaryDirectory();
let room: ProviderRoom;
let ann: PortcullisClient;
let bob: PortcullisClient;
let id: ConversationId;

const hostile = [
  '<script>alert(1)</script> & "quoted"',
  "\u202eevil\u202c",
  "two\nlines",
  "first\n[14/04/1970, 03:00:00] bob: I said that",
  "a: b: c",
];

before(async () => {
  room = await openProviderRoom(directory, clock);
  [ann, bob] = [await room.join("ann"), await room.join("bob")];
  await ann.findAccount("bob");
  id = await ann.createConversation({ class: "recorded", members: [bob.accountId], name: "<b>Talk</b>" });
  await bob.waitForConversation(id);
  for (const text of hostile) await ann.messages.send(id, { text });
  const mention = accountUri("chat.example", bob.accountId);
  const { sequence } = await ann.messages.send(id, {
    text: `**loud** [x](javascript:y) [@bob](${mention}) <i>z</i>`,
    format: "markdown",
  });
  await bob.caughtUp(id, sequence);
  await bob.messages.react(id, sequence, "👍");
  const answer = await bob.messages.send(id, { text: "first", inReplyTo: sequence });
  await bob.messages.edit(id, answer.sequence, { text: "changed" });
  const gone = await bob.messages.send(id, { text: "to be deleted" });
  await bob.messages.delete(id, gone.sequence);
  await bob.messages.send(id, { text: "not for ever", expiresInSeconds: 1000 });
  // More than one page of them.
  await Promise.all(Array.from({ length: 600 }, (_, i) => ann.messages.send(id, { text: `message ${i}` })));
  await Promise.all([ann.idle(), bob.idle()]);
  await ann.caughtUp(id, bob.state(id).sequence);
});
after(async () => room.close());

async function exported(terms: ExportTerms): Promise<string> {
  const pieces: string[] = [];
  for await (const piece of ann.export(id, terms)) pieces.push(piece);
  return pieces.join("");
}

test("POR-01, POR-02: a JSON export has every message once, with what became of it", async () => {
  const json = await exported({ format: "json" });
  const { messages, ...head } = JSON.parse(json) as { messages: Record<string, unknown>[] } & Record<
    string,
    unknown
  >;
  assert.equal(head["version"], "portcullis/chat-export/v1");
  assert.equal((head["conversation"] as { class: string }).class, "recorded");
  const timeline = await ann.messages.history(id, { limit: 10_000 });
  const kept = timeline.filter(({ expiresAtMs }) => expiresAtMs === undefined);
  assert.deepEqual(
    messages.map(({ sequence, text }) => [sequence, text]),
    kept.map(({ sequence, text }) => [sequence, text]),
  );
  assert.ok(kept.length > 600);
  const loud = messages.find(({ reactions }) => reactions !== undefined);
  const answer = messages.find(({ inReplyTo }) => inReplyTo !== undefined);
  assert.equal(answer?.["inReplyTo"], loud?.["id"]);
  assert.equal(answer?.["text"], "changed");
  assert.ok(answer["editedAt"]);
  assert.equal(messages.filter(({ deleted }) => deleted === true).length, 1);
  assert.ok(!json.includes("to be deleted") && !json.includes("not for ever"));
  assert.ok((await exported({ format: "json", withExpiring: true })).includes("not for ever"));
});

test("POR-03: in an HTML export what people wrote is text and never markup", async () => {
  const html = await exported({ format: "html" });
  assert.ok(
    !html.includes("<script") &&
      !html.includes('javascript:y"') &&
      !html.includes("<i>") &&
      !html.includes("<b>"),
  );
  assert.ok(html.includes("&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;quoted&quot;"));
  assert.ok(html.includes("<strong>loud</strong>"));
  assert.ok(html.includes("<bdi>&lt;b&gt;Talk&lt;/b&gt;</bdi>"));
  assert.doesNotMatch(html, /src=|srcset=|@import|url\(/);
  assert.equal(
    html.match(/<article /g)?.length,
    (await ann.messages.history(id, { limit: 10_000 })).length - 1,
  );
});

test("POR-04: a text export is read as what was said, and nobody writes in another's name", async () => {
  const text = await exported({ format: "text" });
  const { messages } = parseTranscript(new TextEncoder().encode(text));
  const timeline = (await ann.messages.history(id, { limit: 10_000 })).filter(
    ({ expiresAtMs }) => expiresAtMs === undefined,
  );
  assert.equal(messages.length, timeline.length);
  for (const [i, message] of messages.entries()) {
    const { text: said = "This message was deleted", acceptedAtMs } = timeline[i]!;
    assert.equal(message.text, said.replace("\n[14/", "\n [14/"));
    assert.equal(message.sentAtMs, Math.floor(acceptedAtMs / 1000) * 1000);
  }
  const names = new Set(messages.map(({ name }) => name));
  assert.equal(names.size, 2);
});
