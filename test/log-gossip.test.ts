import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { PortcullisClient, StoreChange } from "@portcullis/client";
import { SqliteStore } from "@portcullis/client/node";
import { openCheckpoint, parseVerifierKey } from "@portcullis/ledger/verify";
import type { ConversationId } from "@portcullis/protocol";
import { FixedClock, seededRandom, temporaryDirectory } from "@portcullis/testkit";
import { ForkedLog, identityOpenings } from "./forked-log.ts";
import { meddle } from "./meddling.ts";
import { nextEvent, openProviderRoom, type ProviderRoom } from "./provider-room.ts";

const clock = new FixedClock("1970-04-14T03:00:00Z");
const directory = temporaryDirectory();
const random = seededRandom("log gossip");
const meddler = meddle();
let room: ProviderRoom;
let ann: PortcullisClient;
let strangers = 0;

before(async () => {
  room = await openProviderRoom(directory, clock);
  ann = await room.join("ann", { logProofMs: 1 });
});
after(async () => room.close());

/** The honest log grows, and Ann sees it. */
async function grow(): Promise<void> {
  const stranger = await room.join(`stranger ${strangers++}`);
  await ann.createConversation({ class: "sealed", members: [stranger.accountId] });
}

async function talkWith(client: PortcullisClient): Promise<ConversationId> {
  const id = await ann.createConversation({ class: "sealed", members: [client.accountId] });
  await client.waitForConversation(id);
  return id;
}

/** Two signed notes of one size and different roots: what convinces anybody who knows the keys. */
function openNote(note: string): { size: number; root: Uint8Array } {
  return openCheckpoint(note, {
    log: parseVerifierKey(room.trust.identityLog),
    witnesses: room.trust.witnesses.map((line) => parseVerifierKey(line)),
    threshold: 2,
  });
}

test("CLT-07: a server that shows one client another identity log, its witnesses in league, is found out by the next message", async () => {
  const bob = await room.join("bob");
  const id = await talkWith(bob);
  await bob.close();
  const from = await identityOpenings(room);
  const fork = new ForkedLog(room, directory, { from, ghosts: 1, random });
  await grow();
  meddler.request = (url, response) => fork.answer(url, response);
  const misled = await room.reopen("bob", { platform: meddler.platform, logProofMs: 1 });
  const bobs = nextEvent(misled, "log-alarm");
  await misled.connect();
  await ann.messages.send(id, { text: "what I have seen goes with this" });
  const seenByBob = await bobs;
  const anns = nextEvent(ann, "log-alarm");
  await misled.messages.send(id, { text: "and here goes what I was shown" });
  const seenByAnn = await anns;
  assert.deepEqual([seenByBob.reason, seenByAnn.reason], ["fork", "fork"]);
  assert.deepEqual(seenByBob.by, { accountId: ann.accountId, deviceId: ann.deviceId });
  assert.deepEqual(seenByAnn.by, { accountId: misled.accountId, deviceId: misled.deviceId });
  const [one, other] = [openNote(seenByBob.ours.note), openNote(seenByAnn.ours.note)];
  assert.equal(one.size, other.size);
  assert.notDeepEqual(one.root, other.root);
  assert.deepEqual(seenByBob.theirs.root, other.root);
  assert.ok(
    (await misled.messages.history(id)).some(({ text }) => text?.startsWith("what I")),
    "no message is held up",
  );
  meddler.request = (_, response) => Promise.resolve(response);
  await misled.close();
});

test("CLT-07, CLT-08: a fork of another size is found out too: no proof joins it with what others see", async () => {
  const cem = await room.join("cem");
  const id = await talkWith(cem);
  await cem.close();
  const from = await identityOpenings(room);
  const fork = new ForkedLog(room, directory, { from, ghosts: 3, random });
  await grow();
  meddler.request = (url, response) => fork.answer(url, response);
  const misled = await room.reopen("cem", { platform: meddler.platform, logProofMs: 1 });
  const cems = nextEvent(misled, "log-alarm");
  await misled.connect();
  await ann.messages.send(id, { text: "of another size" });
  const { reason, ours, theirs, by } = await cems;
  assert.equal(reason, "unproven");
  assert.equal(ours.size, fork.size);
  assert.ok(theirs.size < ours.size);
  assert.deepEqual(by?.deviceId, ann.deviceId);
  meddler.request = (_, response) => Promise.resolve(response);
  await misled.close();
});

/** Tells when what was verified of the log is durable. */
class TellingStore extends SqliteStore {
  readonly kept = Promise.withResolvers<void>();

  override async write(changes: readonly StoreChange[]): Promise<void> {
    await super.write(changes);
    if (changes.some((change) => "put" in change && change.put === "fact")) this.kept.resolve();
  }
}

test("CLT-06, CLT-08: a device that starts again still knows how far the log was, and says so when it is shown less", async () => {
  const dee = await room.join("dee");
  let older: string | undefined;
  meddler.request = async (url, response) => {
    if (url.pathname === "/v1/lookups") older ??= await response.clone().text();
    return response;
  };
  await dee.close();
  const first = await room.reopen("dee", { platform: meddler.platform });
  await first.connect();
  await first.devices();
  await first.close();
  await grow();
  const store = new TellingStore(room.storePath("dee"));
  const second = await room.reopen("dee", { store });
  await second.connect();
  await store.kept.promise;
  await second.close();
  meddler.request = (url, response) =>
    Promise.resolve(url.pathname === "/v1/lookups" ? new Response(older) : response);
  const third = await room.reopen("dee", { platform: meddler.platform });
  const alarm = nextEvent(third, "log-alarm");
  await third.connect();
  const { reason, ours, theirs } = await alarm;
  assert.equal(reason, "rollback");
  assert.ok(theirs.size < ours.size);
  meddler.request = (_, response) => Promise.resolve(response);
});

test("CLT-07: honest people hear no alarm, and what was proven once is not asked for again", async () => {
  const asked: string[] = [];
  meddler.request = (url, response) => {
    if (url.pathname === "/v1/identity/consistency") asked.push(url.search);
    return Promise.resolve(response);
  };
  const eve = await room.join("eve", { platform: meddler.platform, logProofMs: 1 });
  const alarms: unknown[] = [];
  for (const client of [ann, eve]) client.on("log-alarm", (alarm) => alarms.push(alarm));
  const id = await talkWith(eve);
  for (let i = 0; i < 3; i++) {
    await grow();
    await ann.messages.send(id, { text: "one" });
    const { sequence } = await ann.messages.send(id, { text: "and one more" });
    await eve.caughtUp(id, sequence);
    await eve.messages.send(id, { text: "well" });
  }
  await ann.idle();
  assert.deepEqual(alarms, []);
  assert.equal(new Set(asked).size, asked.length);
});
