import assert from "node:assert/strict";
import { test } from "node:test";
import { asConversationId, limits, toBase64Url, type ConversationId } from "@portcullis/protocol";
import { FixedClock } from "@portcullis/testkit";
import { commitFrame } from "./hand-made.ts";
import { random, ServerRoom, type TestDevice } from "./server-room.ts";

const asked = (askedAtMs = 5) => ({
  linkId: toBase64Url(random(16)),
  askedAtMs,
  signature: toBase64Url(random(64)),
});

function put(room: ServerRoom, id: ConversationId, token: string, body: object = asked()) {
  return room.call("PUT", `/v1/join-requests/${toBase64Url(id)}`, body, token);
}

async function waiting(room: ServerRoom, id: ConversationId, token: string) {
  const { body } = await room.call("GET", `/v1/join-requests/${toBase64Url(id)}`, undefined, token);
  return body["requests"] as (ReturnType<typeof asked> & { accountId: string; sequence: number })[];
}

function refuse(room: ServerRoom, id: ConversationId, token: string, who: TestDevice, askedAtMs: number) {
  const body = { accountId: toBase64Url(who.accountId), askedAtMs, refusal: "expired" };
  return room.call("POST", `/v1/join-requests/${toBase64Url(id)}/refusals`, body, token);
}

async function scene(t: Parameters<typeof ServerRoom.open>[0]) {
  const realClock = new FixedClock("2026-01-01T00:00:00Z");
  const room = await ServerRoom.open(t, { realClock });
  const [ann, bob] = [await room.account("ann"), await room.account("bob")];
  const id = await room.conversation(ann);
  return { room, realClock, ann, bob, id, annToken: await room.token(ann), bobToken: await room.token(bob) };
}

test("DEL-60: a request waits for the members alone, once however often it is made, and the last one counts", async (t) => {
  const { room, id, bob, annToken, bobToken } = await scene(t);
  const first = asked();
  for (let i = 0; i < 2; i++)
    assert.deepEqual(await put(room, id, bobToken, first), { status: 200, body: {} });
  const accountId = toBase64Url(bob.accountId);
  assert.deepEqual(await waiting(room, id, annToken), [{ accountId, ...first, sequence: 0 }]);
  const second = asked(6);
  await put(room, id, bobToken, second);
  assert.deepEqual(await waiting(room, id, annToken), [{ accountId, ...second, sequence: 0 }]);
  assert.equal(await waiting(room, id, bobToken), undefined);
  const withdraw = `/v1/join-requests/${toBase64Url(id)}/withdrawal`;
  await room.call("POST", withdraw, undefined, annToken);
  assert.equal((await waiting(room, id, annToken)).length, 1, "each withdraws its own");
  await room.call("POST", withdraw, undefined, bobToken);
  assert.deepEqual(await waiting(room, id, annToken), []);
});

test("DEL-60: members and whoever asked are told that there is something new, and nobody else", async (t) => {
  const { room, id, ann, bob, annToken, bobToken } = await scene(t);
  const carol = await room.account("carol");
  const streams = {
    ann: await room.connect(ann),
    bob: await room.connect(bob),
    carol: await room.connect(carol),
  };
  const hintOf = (name: keyof typeof streams) =>
    streams[name].frames.find(({ type }) => type === "join-requests");
  await put(room, id, bobToken);
  await streams.ann.until(() => hintOf("ann"), "hint");
  assert.deepEqual(hintOf("ann"), { type: "join-requests", conversationId: id });
  assert.equal(hintOf("bob"), undefined);
  await refuse(room, id, annToken, bob, 5);
  await streams.bob.until(() => hintOf("bob"), "hint");
  assert.equal(hintOf("carol"), undefined);
});

test("DEL-61: a member's refusal is answered to whoever asks again, and waits no more", async (t) => {
  const { room, id, bob, annToken, bobToken } = await scene(t);
  const request = asked();
  await put(room, id, bobToken, request);
  assert.equal((await refuse(room, id, bobToken, bob, 5)).body["code"], "NOT_MEMBER");
  await refuse(room, id, annToken, bob, 4);
  assert.deepEqual((await put(room, id, bobToken, request)).body, {}, "that was another request");
  await refuse(room, id, annToken, bob, 5);
  assert.deepEqual((await put(room, id, bobToken, request)).body, { refusal: "expired" });
  assert.deepEqual(await waiting(room, id, annToken), []);
  const again = asked(7);
  assert.deepEqual((await put(room, id, bobToken, again)).body, {});
  assert.equal((await waiting(room, id, annToken)).length, 1);
  const odd = { accountId: toBase64Url(bob.accountId), askedAtMs: 7, refusal: "because" };
  const path = `/v1/join-requests/${toBase64Url(id)}/refusals`;
  assert.equal((await room.call("POST", path, odd, annToken)).body["code"], "REQUEST_INVALID");
});

test("DEL-62: a conversation that does not exist takes no request, and shows none", async (t) => {
  const { room, bobToken } = await scene(t);
  const nowhere = asConversationId(random(32));
  assert.equal((await put(room, nowhere, bobToken)).body["code"], "JOIN_NOT_TAKEN");
  const path = `/v1/join-requests/${toBase64Url(nowhere)}`;
  assert.equal((await room.call("GET", path, undefined, bobToken)).body["code"], "NOT_MEMBER");
});

test("DEL-63: an account asks a limited number of conversations, and so often", async (t) => {
  const { room, ann, bobToken, realClock } = await scene(t);
  for (let i = 0; i < limits.joinRequestsPerAccount; i++)
    assert.equal((await put(room, await room.conversation(ann), bobToken)).status, 200);
  const last = await room.conversation(ann);
  assert.equal((await put(room, last, bobToken)).body["code"], "JOIN_LIMIT");
  let code: unknown;
  for (let i = 0; i < 64 && code !== "RATE_LIMITED"; i++)
    code = (await put(room, last, bobToken)).body["code"];
  assert.equal(code, "RATE_LIMITED");
  realClock.advance(limits.joinRequestSeconds * 1000);
  const token = await room.token(await room.account("carol"));
  assert.equal((await put(room, last, token)).status, 200);
});

test("DEL-60: the Commit that adds the account ends its request, and a member asks for nothing", async (t) => {
  const { room, id, ann, bob, annToken, bobToken } = await scene(t);
  await put(room, id, bobToken);
  const stream = await room.connect(ann);
  const accounts = [ann.accountId, bob.accountId];
  const answer = await stream.ask(commitFrame(id, 0, { added: [bob], accounts }));
  assert.equal(answer.type, "accepted");
  assert.deepEqual(await waiting(room, id, annToken), []);
  assert.equal((await put(room, id, bobToken)).body["code"], "JOIN_MEMBER");
});
