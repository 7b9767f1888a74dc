import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ClientError, type PortcullisClient } from "@portcullis/client";
import { equalBytes, type ConversationId, type Item, type ServerFrame } from "@portcullis/protocol";
import { FixedClock, temporaryDirectory } from "@portcullis/testkit";
import { inTime, meddle } from "./meddling.ts";
import { nextEvent, openProviderRoom, type ProviderRoom } from "./provider-room.ts";

const clock = new FixedClock("1970-04-14T03:00:00Z");
const directory = temporaryDirectory();
const meddler = meddle();
let room: ProviderRoom;
let ann: PortcullisClient;
let bob: PortcullisClient;
let cem: PortcullisClient;
const told: unknown[] = [];

before(async () => {
  room = await openProviderRoom(directory, clock);
  ann = await room.join("ann");
  bob = await room.join("bob", { platform: meddler.platform });
  cem = await room.join("cem");
  listen();
});
after(async () => room.close());

function listen(): void {
  for (const event of ["rejected", "frozen", "refused", "gap", "identity-alarm", "log-alarm"] as const)
    bob.on(event, (what) => told.push(what));
}

/** What was on its way waits in Bob's store for the next connection, which is an honest one. */
async function becomeHonest(): Promise<void> {
  meddler.arrivals = inTime;
  await bob.close();
  bob = await room.reopen("bob", { platform: meddler.platform });
  listen();
  await bob.connect();
}

async function begin(): Promise<ConversationId> {
  const id = await ann.createConversation({ class: "recorded", members: [bob.accountId] });
  await bob.waitForConversation(id);
  return id;
}

async function textsOf(client: PortcullisClient, id: ConversationId): Promise<(string | undefined)[]> {
  return (await client.messages.history(id, { limit: 100 })).map(({ text }) => text);
}

const hasCommit = (frame: ServerFrame): boolean =>
  frame.type === "items" && frame.items.some(({ kind }) => kind === "commit");

/** Each makes the arrivals of one attack. What the server does to frames, it does to those of items and answers alike. */
const attacks: Record<string, () => (frame: ServerFrame) => readonly ServerFrame[]> = {
  "drops every other frame": () => {
    let frames = 0;
    return (frame) => (frame.type !== "ready" && frames++ % 2 === 0 ? [] : [frame]);
  },
  "drops every answer": () => (frame) => (frame.type === "accepted" ? [] : [frame]),
  "delays frames, and delivers them three at a time": () => {
    const held: ServerFrame[] = [];
    return (frame) => {
      if (frame.type === "ready") return [frame];
      held.push(frame);
      return held.length === 3 ? held.splice(0) : [];
    };
  },
  "delivers each frame behind the next one": () => {
    let late: ServerFrame | undefined;
    return (frame) => {
      if (frame.type === "ready") return [frame];
      const before = late;
      late = before === undefined ? frame : undefined;
      return before === undefined ? [] : [frame, before];
    };
  },
  "delivers every frame twice": () => (frame) => (frame.type === "ready" ? [frame] : [frame, frame]),
  "withholds Commits": () => (frame) => (hasCommit(frame) ? [] : [frame]),
};

for (const [attack, arrivals] of Object.entries(attacks))
  test(`CLT-41: a server that ${attack} does no harm: at the next honest connection all is there, in order and once, and nothing was wrong meanwhile`, async () => {
    const id = await begin();
    told.length = 0;
    meddler.arrivals = arrivals();
    const words = ["one", "two", "three", "four"];
    const sends: Promise<unknown>[] = [];
    for (const text of words.slice(0, 2)) {
      sends.push(bob.messages.send(id, { text: `Bob's ${text}` }).catch(() => undefined));
      await ann.messages.send(id, { text: `Ann's ${text}` });
    }
    await ann.addMembers(id, [cem.accountId]);
    for (const text of words.slice(2)) {
      sends.push(bob.messages.send(id, { text: `Bob's ${text}` }).catch(() => undefined));
      await ann.messages.send(id, { text: `Ann's ${text}` });
    }
    const seen = await textsOf(bob, id);
    await becomeHonest();
    await Promise.all(sends);
    const { sequence } = await ann.messages.send(id, { text: "honest again" });
    await bob.caughtUp(id, sequence);
    await bob.idle();
    const last = bob.state(id).sequence;
    await Promise.all([ann, cem].map((client) => client.caughtUp(id, last)));
    const all = await textsOf(ann, id);
    assert.deepEqual(await textsOf(bob, id), all);
    assert.deepEqual(all.slice(0, seen.length), seen, "what was shown meanwhile was true");
    const expected = words.flatMap((text) => [`Ann's ${text}`, `Bob's ${text}`]);
    assert.equal(all.length, expected.length + 1, "nothing twice");
    assert.deepEqual(new Set(all), new Set([...expected, "honest again"]), "nothing lost");
    assert.deepEqual(told, []);
    assert.equal(bob.state(id).members.length, 3);
  });

/** The last item of others in this conversation that Bob gets by this message. */
async function captured(id: ConversationId, text: string): Promise<Item> {
  const taken = Promise.withResolvers<Item>();
  meddler.nextItem((item) => {
    taken.resolve(item);
    return item;
  });
  const { sequence } = await ann.messages.send(id, { text });
  await bob.caughtUp(id, sequence);
  return taken.promise;
}

test("a server that puts an old message in the place of the next one is told of, and nothing is shown twice", async () => {
  const id = await begin();
  const old = await captured(id, "said once");
  meddler.nextItem((item) => ({ ...old, sequence: item.sequence }));
  const rejected = nextEvent(bob, "rejected");
  const { sequence } = await ann.messages.send(id, { text: "kept from Bob" });
  const { code, ...where } = await rejected;
  assert.deepEqual([where.sequence, code], [sequence, "MLS_GENERATION_USED"]);
  const gap = nextEvent(bob, "gap");
  const next = await ann.messages.send(id, { text: "and on" });
  await bob.caughtUp(id, next.sequence);
  assert.deepEqual([(await gap).sequence, await textsOf(bob, id)], [next.sequence, ["said once", "and on"]]);
});

test("a server that puts a message into another conversation is told of, and it is not shown there", async () => {
  const [id, other] = [await begin(), await begin()];
  const stranger = await captured(id, "for this conversation alone");
  meddler.nextItem((item) => ({ ...stranger, sequence: item.sequence }));
  const rejected = nextEvent(bob, "rejected");
  await ann.messages.send(other, { text: "replaced" });
  const { conversationId, code } = await rejected;
  assert.deepEqual([conversationId, code], [other, "MLS_CONVERSATION"]);
  assert.deepEqual(await textsOf(bob, other), []);
  assert.deepEqual(await textsOf(bob, id), ["for this conversation alone"]);
});

test("CLT-14: a server that puts an old Commit in the place of the next one freezes, and is told of", async () => {
  const id = await begin();
  const taken = Promise.withResolvers<Item>();
  meddler.nextItem((item) => {
    taken.resolve(item);
    return item;
  });
  await ann.addMembers(id, [cem.accountId]);
  const old = await taken.promise;
  assert.equal(old.kind, "commit");
  meddler.nextItem((item) => ({ ...old, sequence: item.sequence }));
  const frozen = nextEvent(bob, "frozen");
  await ann.removeMembers(id, [cem.accountId]);
  const { code, committer } = await frozen;
  assert.deepEqual([code, committer.deviceId], ["MLS_EPOCH", ann.deviceId]);
});

/** Withholds what the server says of this conversation, answers and items, until the connection after an answer. */
function silentAbout(id: ConversationId): (frame: ServerFrame) => readonly ServerFrame[] {
  let hasAnswered = false;
  let isOver = false;
  return (frame) => {
    isOver ||= frame.type === "ready" && hasAnswered;
    if (isOver || !("conversationId" in frame) || !equalBytes(frame.conversationId, id)) return [frame];
    hasAnswered ||= frame.type === "accepted";
    return [];
  };
}

/** Why the connection breaks next. */
async function nextBreak(client: PortcullisClient): Promise<unknown> {
  for (;;) {
    const { state, reason } = await nextEvent(client, "connection");
    if (state === "down") return reason;
  }
}

test("CLT-45: an answer that never comes is asked for over a new connection, and what was sent is there once", async () => {
  const silent = meddle();
  const dee = await room.join("dee", { platform: silent.platform, answerMs: 2000 });
  const id = await dee.createConversation({ class: "recorded", members: [ann.accountId] });
  const other = await ann.createConversation({ class: "sealed", members: [dee.accountId] });
  await Promise.all([ann.waitForConversation(id), dee.waitForConversation(other)]);
  const requests: Record<string, () => Promise<unknown>> = {
    message: () => dee.messages.send(id, { text: "said once" }),
    commit: () => dee.addMembers(id, [cem.accountId]),
  };
  for (const [name, request] of Object.entries(requests)) {
    await dee.idle();
    silent.arrivals = silentAbout(id);
    const reason = nextBreak(dee);
    const requested = request();
    const { sequence } = await ann.messages.send(other, {
      text: `while the server says nothing of a ${name}`,
    });
    await dee.caughtUp(other, sequence);
    assert.deepEqual(await reason, new ClientError("CLIENT_SERVER_SILENT"));
    await requested;
  }
  await cem.waitForConversation(id);
  const { sequence } = await dee.messages.send(id, { text: "and on" });
  await Promise.all([ann, dee].map((client) => client.caughtUp(id, sequence)));
  for (const client of [ann, dee]) assert.deepEqual(await textsOf(client, id), ["said once", "and on"]);
  assert.equal(ann.state(id).members.length, 3);
});
