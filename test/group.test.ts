import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { PortcullisClient } from "@portcullis/client";
import type { ConversationId } from "@portcullis/protocol";
import { FixedClock, temporaryDirectory } from "@portcullis/testkit";
import { level, nextEvent, openProviderRoom, type ProviderRoom } from "./provider-room.ts";

const clock = new FixedClock("1970-04-14T03:00:00Z");
const directory = temporaryDirectory();
let room: ProviderRoom;
let ann: PortcullisClient;
let bob: PortcullisClient;
let cem: PortcullisClient;

before(async () => {
  room = await openProviderRoom(directory, clock);
  ann = await room.join("ann");
  bob = await room.join("bob");
  cem = await room.join("cem");
});
after(async () => room.close());

async function begin(name: string, ...others: PortcullisClient[]): Promise<ConversationId> {
  const members = others.map(({ accountId }) => accountId);
  const id = await ann.createConversation({ class: "recorded", name, members });
  await Promise.all(others.map((client) => client.waitForConversation(id)));
  return id;
}

function seenBy(client: PortcullisClient, id: ConversationId) {
  const { name, picture, members } = client.state(id);
  const roles = members.map(({ accountId, role }) => [accountId[0], role]);
  return { name, picture, roles };
}

test("GRP-05: everybody sees name, picture and roles, whoever is added later too, and after a restart", async () => {
  const id = await begin("Flight control", bob);
  assert.equal(bob.state(id).name, "Flight control");
  const picture = Uint8Array.of(0x89, 0x50, 0x4e, 0x47);
  await ann.setName(id, "Capcom");
  await ann.setPicture(id, picture);
  await ann.setRole(id, bob.accountId, "admin");
  await level(id, ann, bob);
  await bob.addMembers(id, [cem.accountId]);
  await cem.waitForConversation(id);
  await level(id, ann, bob, cem);
  const seen = seenBy(ann, id);
  assert.deepEqual(seen, {
    name: "Capcom",
    picture,
    roles: [
      [ann.accountId[0], "owner"],
      [bob.accountId[0], "admin"],
      [cem.accountId[0], "member"],
    ],
  });
  for (const client of [bob, cem]) assert.deepEqual(seenBy(client, id), seen);
  await cem.close();
  cem = await room.reopen("cem");
  await cem.connect();
  assert.deepEqual(seenBy(cem, id), seen);
});

test("GRP-02: of two states that follow the same one the first stands, and the author of the other tries again", async () => {
  const id = await begin("", bob);
  await ann.setRole(id, bob.accountId, "admin");
  await level(id, ann, bob);
  await Promise.all([ann.setName(id, "Ann's name"), bob.setPicture(id, Uint8Array.of(1))]);
  await level(id, ann, bob);
  for (const client of [ann, bob]) {
    assert.equal(client.state(id).name, "Ann's name");
    assert.deepEqual(client.state(id).picture, Uint8Array.of(1));
  }
});

test("GRP-03, GRP-10: what the roles do not permit is refused before anything is sent", async () => {
  const id = await begin("Ours", bob, cem);
  const { sequence } = ann.state(id);
  await assert.rejects(bob.setName(id, "Mine"), { code: "CLIENT_STATE_ROLE" });
  await assert.rejects(bob.setRole(id, bob.accountId, "owner"), { code: "CLIENT_STATE_ROLE" });
  await assert.rejects(bob.removeMembers(id, [cem.accountId]), { code: "CLIENT_COMMIT_ROLE" });
  const dee = await room.join("dee");
  await assert.rejects(bob.addMembers(id, [dee.accountId]), { code: "CLIENT_COMMIT_ROLE" });
  await assert.rejects(ann.setRole(id, dee.accountId, "admin"), { code: "CLIENT_STATE_MEMBER" });
  await assert.rejects(ann.leave(id), { code: "CLIENT_STATE_OWNERLESS" });
  await assert.rejects(ann.setName(id, "x".repeat(257)), { code: "CLIENT_STATE_SIZE" });
  assert.equal(ann.state(id).sequence, sequence);
});

test("GRP-11: whoever lost a role may add nobody in the epoch that follows", async () => {
  const id = await begin("", bob, cem);
  await ann.setRole(id, bob.accountId, "admin");
  const { epoch } = ann.state(id);
  await ann.setRole(id, bob.accountId, "member");
  await level(id, ann, bob, cem);
  assert.equal(bob.state(id).epoch, epoch + 1);
  await assert.rejects(bob.removeMembers(id, [cem.accountId]), { code: "CLIENT_COMMIT_ROLE" });
});

test("GRP-21: every member sees a link until it is revoked, used up or over, and it is refused to whoever may not make it", async () => {
  const id = await begin("", bob);
  await ann.setRole(id, bob.accountId, "admin");
  await level(id, ann, bob);
  const expiresAtMs = clock.now() + 3_600_000;
  const text = await ann.makeJoinLink(id, { role: "admin", expiresAtMs, uses: 3 });
  assert.match(text, /\/group#portcullis-join\.1\.recorded\./);
  await level(id, ann, bob);
  const [link] = bob.joinLinks(id);
  assert.ok(link);
  assert.deepEqual(
    [link.maker, link.role, link.expiresAtMs, link.uses, link.admitted],
    [ann.accountId, "admin", expiresAtMs, 3, []],
  );
  await assert.rejects(bob.makeJoinLink(id, { role: "admin" }), { code: "CLIENT_STATE_ROLE" });
  for (const wrong of [
    { uses: 0 },
    { uses: 1.5 },
    { uses: 101 },
    { expiresAtMs: clock.now() },
    { expiresAtMs: clock.now() + 91 * 86_400_000 },
  ])
    await assert.rejects(ann.makeJoinLink(id, wrong), { code: "CLIENT_JOIN_LIMIT" });
  for (let links = 1; links < 8; links++) await ann.makeJoinLink(id, { expiresAtMs });
  await assert.rejects(ann.makeJoinLink(id), { code: "CLIENT_JOIN_LIMIT" });
  await level(id, ann, bob);
  await bob.revokeJoinLink(id, link.linkId);
  await bob.revokeJoinLink(id, link.linkId);
  await level(id, ann, bob);
  assert.deepEqual([ann.joinLinks(id).length, bob.joinLinks(id).length], [7, 7]);
  await ann.setRole(id, bob.accountId, "member");
  await level(id, ann, bob);
  await assert.rejects(bob.makeJoinLink(id), { code: "CLIENT_STATE_ROLE" });
  await assert.rejects(bob.revokeJoinLink(id, ann.joinLinks(id)[0]!.linkId), { code: "CLIENT_STATE_ROLE" });
  clock.advance(3_600_000);
  assert.deepEqual(bob.joinLinks(id), []);
  await ann.makeJoinLink(id);
  assert.equal(ann.joinLinks(id).length, 1, "those that are over make room");
});

test("GRP-13: whoever leaves is removed by the others, and reads nothing after", async () => {
  const id = await begin("", bob, cem);
  const left = nextEvent(bob, "left");
  await bob.leave(id);
  await left;
  await level(id, ann, cem);
  const { sequence } = await ann.messages.send(id, { text: "he is gone" });
  await cem.caughtUp(id, sequence);
  assert.equal(bob.state(id).condition, "left");
  assert.deepEqual(
    (await bob.messages.history(id)).flatMap(({ text }) => text ?? []),
    [],
  );
  for (const client of [ann, cem]) assert.equal(client.state(id).members.length, 2);
});

test("GRP-13: an owner leaves after naming another one, who was away and sees to it on return", async () => {
  const id = await begin("", bob);
  await ann.setRole(id, bob.accountId, "owner");
  await level(id, ann, bob);
  await bob.close();
  await ann.leave(id);
  assert.ok(ann.state(id).members.some(({ leaving }) => leaving));
  const left = nextEvent(ann, "left");
  bob = await room.reopen("bob");
  await bob.connect();
  await left;
  await bob.idle();
  assert.deepEqual(
    bob.state(id).members.map(({ role }) => role),
    ["owner"],
  );
});
