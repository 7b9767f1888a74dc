import assert from "node:assert/strict";
import { test } from "node:test";
import { sha256 } from "@portcullis/crypto";
import { toBase64Url, utf8 } from "@portcullis/protocol";
import { FixedClock } from "@portcullis/testkit";
import { random, ServerRoom } from "./server-room.ts";

const realClock = new FixedClock("2026-03-01T12:00:00Z");
const offer = toBase64Url(random(100));

async function opened(room: ServerRoom): Promise<{ path: string; token: string; body: object }> {
  const token = toBase64Url(random(32));
  const linkId = toBase64Url(random(32));
  const body = { linkId, tokenHash: toBase64Url(sha256(utf8(token))), offer };
  assert.equal((await room.call("POST", "/v1/links", body)).status, 201);
  return { path: `/v1/links/${linkId}`, token, body };
}

test("LNK-02: only the token reads what lies in a mailbox, and only it closes it", async (t) => {
  const room = await ServerRoom.open(t, { realClock });
  const ann = await room.token(await room.account("ann"));
  const { path, token, body } = await opened(room);
  assert.equal((await room.call("POST", "/v1/links", body)).status, 201, "again is the same as once");
  const other = { ...body, tokenHash: toBase64Url(random(32)) };
  assert.equal((await room.call("POST", "/v1/links", other)).body["code"], "LINK_TAKEN");
  assert.deepEqual((await room.call("GET", `${path}/answer`, undefined, token)).body, {});
  assert.deepEqual((await room.call("POST", `${path}/claim`, {}, ann)).body, { offer });
  await room.call("PUT", `${path}/answer`, { answer: "AAAA" }, ann);
  await room.call("PUT", `${path}/answer`, { answer: "BBBB" }, ann);
  for (const wrong of [ann, toBase64Url(random(32)), undefined]) {
    assert.equal((await room.call("GET", `${path}/answer`, undefined, wrong)).body["code"], "LINK_UNKNOWN");
    await room.call("DELETE", path, undefined, wrong);
  }
  await room.restart({ realClock });
  const { body: answer } = await room.call("GET", `${path}/answer`, undefined, token);
  assert.deepEqual(answer, { answer: "AAAA" }, "the first stays");
  await room.call("DELETE", path, undefined, token);
  assert.equal((await room.call("GET", `${path}/answer`, undefined, token)).body["code"], "LINK_UNKNOWN");
});

test("LNK-02: a code that nobody has read is good for ten minutes, one that was read for a day", async (t) => {
  const room = await ServerRoom.open(t, { realClock });
  const ann = await room.token(await room.account("ann"));
  const [unread, read] = [await opened(room), await opened(room)];
  await room.call("POST", `${read.path}/claim`, {}, ann);
  realClock.set("2026-03-01T12:10:00Z");
  assert.equal((await room.call("POST", `${unread.path}/claim`, {}, ann)).body["code"], "LINK_UNKNOWN");
  const put = await room.call("PUT", `${read.path}/answer`, { answer: "AAAA" }, ann);
  assert.equal(put.status, 200);
  const get = await room.call("GET", `${read.path}/answer`, undefined, read.token);
  assert.deepEqual(get.body, { answer: "AAAA" });
  realClock.set("2026-03-02T12:00:00Z");
  const late = await room.call("GET", `${read.path}/answer`, undefined, read.token);
  assert.equal(late.body["code"], "LINK_UNKNOWN");
  realClock.set("2026-03-01T12:00:00Z");
});

test("LNK-03: the first device that asks gets the offer; everybody else finds the code used up", async (t) => {
  const room = await ServerRoom.open(t, { realClock });
  const [ann, bob] = [
    await room.token(await room.account("ann")),
    await room.token(await room.account("bob")),
  ];
  const { path } = await opened(room);
  assert.equal(
    (await room.call("PUT", `${path}/answer`, { answer: "AAAA" }, ann)).body["code"],
    "LINK_TAKEN",
  );
  assert.equal((await room.call("POST", `${path}/claim`, {})).status, 401);
  assert.deepEqual((await room.call("POST", `${path}/claim`, {}, ann)).body, { offer });
  assert.deepEqual(
    (await room.call("POST", `${path}/claim`, {}, ann)).body,
    { offer },
    "who lost the answer",
  );
  assert.equal((await room.call("POST", `${path}/claim`, {}, bob)).body["code"], "LINK_TAKEN");
  assert.equal(
    (await room.call("PUT", `${path}/answer`, { answer: "AAAA" }, bob)).body["code"],
    "LINK_TAKEN",
  );
  for (let more = 1; more < 16; more++)
    await room.call("POST", `${(await opened(room)).path}/claim`, {}, ann);
  const last = await opened(room);
  assert.equal((await room.call("POST", `${last.path}/claim`, {}, ann)).body["code"], "LINK_LIMIT");
  assert.deepEqual((await room.call("POST", `${last.path}/claim`, {}, bob)).body, { offer });
});

test("LNK-02: mailboxes are small, and nobody opens very many", async (t) => {
  const room = await ServerRoom.open(t, { realClock });
  const { body } = await opened(room);
  const large = { ...body, offer: "A".repeat(400) };
  assert.equal((await room.call("POST", "/v1/links", large)).body["code"], "REQUEST_INVALID");
  const answers = await Promise.all(Array.from({ length: 60 }, () => room.call("POST", "/v1/links", body)));
  assert.equal(answers.at(-1)?.status, 429);
});

test("LNK-22: eight chunks wait at most; the one who has the token takes them, and who asks for the next has those before", async (t) => {
  const room = await ServerRoom.open(t, { realClock });
  const [ann, bob] = [
    await room.token(await room.account("ann")),
    await room.token(await room.account("bob")),
  ];
  const { path, token } = await opened(room);
  await room.call("POST", `${path}/claim`, {}, ann);
  const put = async (index: number, chunk: string, by = ann) =>
    (await room.call("PUT", `${path}/chunks/${index}`, { chunk }, by)).body["code"];
  const take = async (index: number, by: string | undefined = token) =>
    (await room.call("GET", `${path}/chunks/${index}`, undefined, by)).body;
  for (let index = 0; index < 8; index++) assert.equal(await put(index, "AAAA"), undefined);
  assert.equal(await put(8, "AAAA"), "LINK_FULL");
  assert.equal(await put(0, "BBBB"), undefined);
  assert.deepEqual(await take(0), { chunk: "AAAA" }, "the first stays");
  assert.equal(await put(8, "BBBB", bob), "LINK_TAKEN");
  assert.equal((await take(0, ann))["code"], "LINK_UNKNOWN");
  assert.equal(await put(8, "AAAA"), "LINK_FULL");
  assert.deepEqual(await take(1), { chunk: "AAAA" });
  assert.equal(await put(8, "CCCC"), undefined);
  assert.deepEqual(await take(9), {});
  await room.restart({ realClock });
  assert.deepEqual(await take(8), { chunk: "CCCC" });
});
