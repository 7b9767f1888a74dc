import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { ClientEvents, PortcullisClient } from "@portcullis/client";
import { toHex, type AccountId, type ConversationId } from "@portcullis/protocol";
import { FixedClock, temporaryDirectory } from "@portcullis/testkit";
import { meddle } from "./meddling.ts";
import { level, nextEvent, openProviderRoom, type ProviderRoom } from "./provider-room.ts";

const clock = new FixedClock("1970-04-14T03:00:00Z");
const directory = temporaryDirectory();
let room: ProviderRoom;
let ann: PortcullisClient;
let bob: PortcullisClient;
let people = 0;

before(async () => {
  room = await openProviderRoom(directory, clock);
  ann = await room.join("ann", { joinTurnMs: 0 });
  bob = await room.join("bob", { joinTurnMs: 0 });
});
after(async () => room.close());

const newcomer = (): Promise<PortcullisClient> => room.join(`newcomer ${++people}`, { joinTurnMs: 0 });

async function begin(...members: PortcullisClient[]): Promise<ConversationId> {
  const accounts = members.map(({ accountId }) => accountId);
  const id = await ann.createConversation({ class: "recorded", name: "Club", members: accounts });
  await Promise.all(members.map((client) => client.waitForConversation(id)));
  return id;
}

/** What becomes of a request, after that it waits. */
async function answerTo(client: PortcullisClient): Promise<ClientEvents["join-request"]> {
  for (;;) {
    const event = await nextEvent(client, "join-request");
    if (event.state !== "waiting") return event;
  }
}

async function join(client: PortcullisClient, link: string): Promise<void> {
  const answered = answerTo(client);
  await client.askToJoin(link);
  assert.equal((await answered).state, "joined");
}

async function refusalOf(client: PortcullisClient, link: string): Promise<string> {
  const answered = answerTo(client);
  await client.askToJoin(link);
  const event = await answered;
  assert.equal(event.state, "refused");
  return event.code;
}

const admittedBy = (client: PortcullisClient, id: ConversationId): string[][] =>
  client.joinLinks(id).map(({ admitted }) => admitted.map((accountId: AccountId) => toHex(accountId)));

test("GRP-25: whoever asks by a link is let in by an owner who is there, and everybody sees by which link", async () => {
  const id = await begin(bob);
  const link = await ann.makeJoinLink(id, { uses: 2 });
  const cem = await newcomer();
  await join(cem, link);
  await level(id, ann, bob, cem);
  for (const client of [ann, bob, cem]) {
    assert.equal(client.state(id).members.length, 3);
    assert.deepEqual(admittedBy(client, id), [[toHex(cem.accountId)]]);
  }
  assert.deepEqual(cem.joinRequests(), []);
  const { sequence } = await cem.messages.send(id, { text: "hello" });
  await bob.caughtUp(id, sequence);
  await assert.rejects(cem.askToJoin(link), { code: "CLIENT_JOIN_MEMBER" });
});

test("GRP-26: a request waits, over restarts of both, until somebody is there who may let in", async () => {
  const id = await begin(bob);
  const link = await ann.makeJoinLink(id);
  await level(id, ann, bob);
  await ann.close();
  let cem = await newcomer();
  await cem.askToJoin(link);
  assert.deepEqual(
    cem.joinRequests().map(({ conversationId, class: kind }) => [conversationId, kind]),
    [[id, "recorded"]],
  );
  const name = cem.handle;
  await cem.close();
  cem = await room.reopen(name);
  assert.equal(cem.joinRequests().length, 1);
  await cem.connect();
  const answered = answerTo(cem);
  ann = await room.reopen("ann", { joinTurnMs: 0 });
  await ann.connect();
  assert.equal((await answered).state, "joined");
  await level(id, ann, bob, cem);
  assert.equal(bob.state(id).members.length, 3);
});

test("GRP-25: whoever becomes an admin lets in those who wait", async () => {
  const meddler = meddle();
  meddler.frame = (frame) => (frame.type === "join-requests" ? undefined : frame);
  meddler.answer = (path, response) =>
    Promise.resolve(path.startsWith("/v1/join-requests/") ? new Response(null, { status: 503 }) : response);
  const deaf = await room.join("deaf", { platform: meddler.platform });
  const id = await deaf.createConversation({ class: "sealed", members: [bob.accountId] });
  const link = await deaf.makeJoinLink(id);
  const cem = await newcomer();
  const answered = answerTo(cem);
  await cem.askToJoin(link);
  await deaf.setRole(id, bob.accountId, "admin");
  assert.equal((await answered).state, "joined");
});

test("GRP-26: a refusal says why: used up, over, revoked, joined before", async () => {
  const id = await begin(bob);
  const [cem, dee] = [await newcomer(), await newcomer()];
  const once = await ann.makeJoinLink(id);
  await join(cem, once);
  assert.equal(await refusalOf(dee, once), "CLIENT_JOIN_USED_UP");
  const short = await ann.makeJoinLink(id, { expiresAtMs: clock.now() + 1000, uses: 2 });
  clock.advance(1000);
  assert.equal(await refusalOf(dee, short), "CLIENT_JOIN_EXPIRED");
  const twice = await ann.makeJoinLink(id, { uses: 2 });
  const [standing] = ann.joinLinks(id);
  await join(dee, twice);
  await level(id, ann, dee);
  const left = nextEvent(dee, "left");
  await ann.removeMembers(id, [dee.accountId]);
  await left;
  assert.equal(await refusalOf(dee, twice), "CLIENT_JOIN_ADMITTED");
  await ann.revokeJoinLink(id, standing!.linkId);
  assert.equal(await refusalOf(dee, twice), "CLIENT_JOIN_UNKNOWN");
  await join(dee, await ann.makeJoinLink(id));
  await level(id, ann, bob, cem, dee);
  assert.deepEqual(dee.joinRequests(), []);
});

test("GRP-25: two admins who are there at once let somebody in once", async () => {
  const id = await begin(bob);
  await ann.setRole(id, bob.accountId, "admin");
  const link = await ann.makeJoinLink(id, { uses: 3 });
  await level(id, ann, bob);
  for (let i = 0; i < 3; i++) await join(await newcomer(), link);
  await level(id, ann, bob);
  for (const client of [ann, bob]) {
    assert.equal(client.state(id).members.length, 5);
    assert.equal(client.state(id).condition, "open");
    assert.deepEqual(client.joinLinks(id), [], "used up");
  }
});

test("GRP-21: by an owner's link one joins as an admin, who lets others in", async () => {
  const id = await begin(bob);
  const cem = await newcomer();
  await join(cem, await ann.makeJoinLink(id, { role: "admin" }));
  await level(id, ann, bob, cem);
  const roleSeenBy = (client: PortcullisClient) =>
    client.state(id).members.find(({ accountId }) => toHex(accountId) === toHex(cem.accountId))?.role;
  for (const client of [ann, bob, cem]) assert.equal(roleSeenBy(client), "admin");
  const link = await cem.makeJoinLink(id);
  await level(id, ann, bob, cem);
  await ann.close();
  await join(await newcomer(), link);
  ann = await room.reopen("ann", { joinTurnMs: 0 });
  await ann.connect();
  await level(id, ann, bob, cem);
  assert.equal(ann.state(id).members.length, 4);
});

test("GRP-26: a request that is withdrawn lets nobody in, though somebody comes who may", async () => {
  const id = await begin(bob);
  const link = await ann.makeJoinLink(id);
  await ann.close();
  const cem = await newcomer();
  await cem.askToJoin(link);
  await cem.withdrawJoinRequest(id);
  assert.deepEqual(cem.joinRequests(), []);
  ann = await room.reopen("ann", { joinTurnMs: 0 });
  await ann.connect();
  const dee = await newcomer();
  await join(dee, link);
  assert.equal(ann.state(id).members.length, 3);
});

test("GRP-20: a link of another server, and a text that is none, are refused before anything is sent", async () => {
  const id = await begin(bob);
  const link = await ann.makeJoinLink(id);
  const cem = await newcomer();
  const elsewhere = link.replace(/^http:\/\/[^/]+/, "https://other.example");
  await assert.rejects(cem.askToJoin(elsewhere), { code: "CLIENT_JOIN_SERVER" });
  await assert.rejects(cem.askToJoin(link.slice(0, -1)), { code: "JOIN_LINK" });
  assert.deepEqual(cem.joinRequests(), []);
});

test("GRP-22: a link that somebody changed leads nowhere: another class, another conversation", async () => {
  const id = await begin(bob);
  const link = await ann.makeJoinLink(id);
  const cem = await newcomer();
  const other = link.replace(".recorded.", ".sealed.");
  assert.equal(await refusalOf(cem, other), "CLIENT_JOIN_UNKNOWN");
  const parts = link.split(".");
  const nowhere = parts.with(parts.length - 2, `${"A".repeat(42)}A`).join(".");
  await assert.rejects(cem.askToJoin(nowhere), { code: "CLIENT_SERVER_REFUSED" });
  assert.deepEqual(cem.joinRequests(), []);
});
