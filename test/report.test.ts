import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { PortcullisClient } from "@portcullis/client";
import {
  fromBase64Url,
  limits,
  toBase64Url,
  utf8,
  type ConversationId,
  type ReportedMessage,
  type ReportRequest,
  type ReportsAnswer,
} from "@portcullis/protocol";
import { decodeMimiContent, textOf } from "@portcullis/protocol/content";
import { FixedClock, temporaryDirectory } from "@portcullis/testkit";
import { meddle } from "./meddling.ts";
import { openProviderRoom, type ProviderRoom } from "./provider-room.ts";

const clock = new FixedClock("1970-04-14T03:00:00Z");
const directory = temporaryDirectory();
const spied = meddle();
let room: ProviderRoom;
let ann: PortcullisClient;
let bob: PortcullisClient;
let eve: PortcullisClient;
let operatorToken: string;
/** What Bob's client has sent to the reports route last, and with which token. */
let sent: { request: ReportRequest; token: string } | undefined;

before(async () => {
  room = await openProviderRoom(directory, clock);
  ann = await room.join("ann");
  const { platform } = spied;
  bob = await room.join("bob", {
    platform: {
      ...platform,
      fetch: (input, init) => {
        if (typeof input === "string" && input.endsWith("/v1/reports") && typeof init?.body === "string") {
          const token = new Headers(init.headers).get("authorization") ?? "";
          sent = { request: JSON.parse(init.body) as ReportRequest, token };
        }
        return platform.fetch(input, init);
      },
    },
  });
  eve = await room.join("eve");
  operatorToken = readFileSync(join(directory, "server", "operator-token"), "utf8").trim();
});
after(async () => room.close());

async function begin(conversationClass: "sealed" | "recorded"): Promise<ConversationId> {
  const id = await ann.createConversation({ class: conversationClass, members: [bob.accountId] });
  await bob.waitForConversation(id);
  return id;
}

async function call(method: string, path: string, body?: object, token = `Bearer ${operatorToken}`) {
  const headers = { authorization: token, ...(body && { "content-type": "application/json" }) };
  const init = { method, headers, ...(body && { body: JSON.stringify(body) }) };
  const response = await fetch(`${room.server.url}${path}`, init);
  return { status: response.status, answer: (await response.json()) as { code?: string } & ReportsAnswer };
}

const serverKnows = (words: string): boolean =>
  readdirSync(join(directory, "server"), { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile())
    .some((file) => readFileSync(join(file.parentPath, file.name)).includes(utf8(words)));

for (const conversationClass of ["sealed", "recorded"] as const)
  test(`FRK-03: in a ${conversationClass} conversation one message is reported and proved, and no other is known`, async () => {
    const id = await begin(conversationClass);
    await ann.messages.send(id, { text: `the other words, ${conversationClass}` });
    const { sequence } = await ann.messages.send(id, { text: `the reported words, ${conversationClass}` });
    await bob.caughtUp(id, sequence);
    const reportId = await bob.report(id, sequence, { reason: "threat", comment: "look at this" });
    assert.equal(await bob.report(id, sequence, { reason: "threat" }), reportId, "again it is the same");
    const { answer } = await call("GET", "/v1/reports");
    const report = answer.reports.find((one) => one.reportId === reportId);
    assert.ok(report);
    assert.equal(report.message.senderAccountId, toBase64Url(ann.accountId));
    assert.equal(report.reportedBy, toBase64Url(bob.accountId));
    assert.deepEqual([report.reason, report.comment, report.state], ["threat", "look at this", "open"]);
    const content = decodeMimiContent(fromBase64Url(report.message.applicationData));
    assert.equal(textOf(content), `the reported words, ${conversationClass}`);
    assert.ok(serverKnows(`the reported words, ${conversationClass}`), "this one it has now");
    assert.ok(!serverKnows(`the other words, ${conversationClass}`));
  });

test("FRK-03: a report that is forged in any part is refused", async () => {
  const id = await begin("sealed");
  const other = await begin("sealed");
  const first = await ann.messages.send(id, { text: "first" });
  const second = await ann.messages.send(id, { text: "second" });
  await bob.caughtUp(id, second.sequence);
  await bob.report(id, first.sequence, { reason: "spam" });
  const { message: one } = sent!.request;
  await bob.report(id, second.sequence, { reason: "spam" });
  const { message: two } = sent!.request;
  const { token } = sent!;
  const flip = (text: string): string => {
    const bytes = fromBase64Url(text);
    bytes[bytes.length - 1]! ^= 1;
    return toBase64Url(bytes);
  };
  const forged: Record<string, Partial<ReportedMessage>> = {
    text: { applicationData: flip(one.applicationData) },
    "another text": { applicationData: two.applicationData },
    salt: { applicationData: toBase64Url(fromBase64Url(one.applicationData).with(3, 0x77)) },
    "no content": { applicationData: "AAAA" },
    sender: { senderAccountId: toBase64Url(bob.accountId) },
    device: { senderDeviceId: toBase64Url(bob.deviceId) },
    time: { acceptedAtMs: one.acceptedAtMs + 1 },
    conversation: { conversationId: toBase64Url(other) },
    "message id": { messageId: two.messageId },
    frank: { serverFrank: flip(one.serverFrank) },
    "another frank": { serverFrank: two.serverFrank },
  };
  const send = (message: ReportedMessage) =>
    call("POST", "/v1/reports", { message, reason: "spam", comment: "" }, token);
  assert.equal((await send(one)).status, 201, "the true one is taken");
  for (const [what, change] of Object.entries(forged)) {
    const { status, answer } = await send({ ...one, ...change });
    assert.deepEqual([status, answer.code], [400, "REPORT_FORGED"], what);
  }
});

test("FRK-04: only who is or was a member reports, not too often, and not what is gone", async () => {
  const id = await begin("sealed");
  const { sequence } = await ann.messages.send(id, { text: "words" });
  await bob.caughtUp(id, sequence);
  await ann.removeMembers(id, [bob.accountId]);
  await bob.caughtUp(id, sequence + 1).catch(() => undefined);
  await bob.report(id, sequence, { reason: "other" });
  const { request } = sent!;
  const eveSends = meddle();
  await eve.close();
  let token = "";
  eve = await room.reopen("eve", {
    platform: {
      ...eveSends.platform,
      fetch: (input, init) => {
        token = new Headers(init?.headers).get("authorization") ?? token;
        return eveSends.platform.fetch(input, init);
      },
    },
  });
  await eve.connect();
  await eve.devices();
  assert.equal((await call("POST", "/v1/reports", request, token)).answer.code, "NOT_MEMBER");
  const talk = await begin("sealed");
  const said = await ann.messages.send(talk, { text: "to be deleted" });
  await bob.caughtUp(talk, said.sequence);
  await ann.messages.delete(talk, said.sequence);
  await bob.caughtUp(talk, said.sequence + 1);
  await assert.rejects(bob.report(talk, said.sequence, { reason: "other" }), {
    code: "CLIENT_MESSAGE_DELETED",
  });
  await assert.rejects(bob.report(talk, 999, { reason: "other" }), { code: "CLIENT_MESSAGE_UNKNOWN" });
  const many = Array.from({ length: limits.reportsPerDay }, (_, i) =>
    ann.messages.send(talk, { text: `${i}` }),
  );
  const places = (await Promise.all(many)).map((one) => one.sequence);
  await bob.caughtUp(talk, Math.max(...places));
  const outcomes = await Promise.allSettled(
    places.map((place) => bob.report(talk, place, { reason: "spam" })),
  );
  const refused = outcomes.filter(({ status }) => status === "rejected");
  assert.ok(refused.length > 0 && refused.length < places.length);
});

test("FRK-05: reports are the operator's alone, who resolves them", async () => {
  const id = await begin("sealed");
  const { token } = sent!;
  assert.equal((await call("GET", "/v1/reports", undefined, token)).status, 403);
  const { answer } = await call("GET", "/v1/reports");
  const [report, next] = answer.reports;
  assert.ok(report && next && report.position < next.position);
  const path = `/v1/reports/${report.reportId}/resolution`;
  assert.equal((await call("POST", path, { state: "acted", note: "" }, token)).status, 403);
  assert.equal((await call("POST", path, { state: "acted", note: "warned" })).status, 200);
  const acted = (await call("GET", "/v1/reports?state=acted")).answer.reports;
  assert.deepEqual(
    acted.map(({ reportId, note }) => [reportId, note]),
    [[report.reportId, "warned"]],
  );
  const rest = (await call("GET", `/v1/reports?after=${next.position}`)).answer.reports;
  assert.ok(rest.every(({ position }) => position > next.position));
  const unknown = `/v1/reports/${toBase64Url(id)}/resolution`;
  assert.equal((await call("POST", unknown, { state: "acted", note: "" })).answer.code, "REPORT_UNKNOWN");
});
