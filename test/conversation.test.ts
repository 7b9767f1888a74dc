import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { PortcullisClient } from "@portcullis/client";
import { nodePlatform } from "@portcullis/client/node";
import type { ConversationId } from "@portcullis/protocol";
import { FixedClock, temporaryDirectory } from "@portcullis/testkit";
import { nextEvent, openProviderRoom, type ProviderRoom } from "./provider-room.ts";

const clock = new FixedClock("1970-04-14T03:00:00Z");
const QUARTER_MS = 900_000;
const directory = temporaryDirectory();
let room: ProviderRoom;
let people: Record<"ann" | "bob" | "cem" | "dee" | "eve", PortcullisClient>;

before(async () => {
  room = await openProviderRoom(directory, clock);
  const join = (handle: string): Promise<PortcullisClient> => room.join(handle);
  people = {
    ann: await join("ann"),
    bob: await join("bob"),
    cem: await join("cem"),
    dee: await join("dee"),
    eve: await join("eve"),
  };
});
after(async () => room.close());

/** What everybody sees of a conversation, the same for all: its texts in order. */
async function sharedTexts(id: ConversationId, clients: readonly PortcullisClient[]): Promise<string[]> {
  await Promise.all(clients.map((client) => client.idle()));
  const highest = Math.max(...clients.map((client) => client.state(id).sequence));
  await Promise.all(clients.map((client) => client.caughtUp(id, highest)));
  const seen = await Promise.all(
    clients.map(async (client) =>
      (await client.messages.history(id)).map(({ sequence, text }) => `${sequence} ${text}`),
    ),
  );
  for (const texts of seen) assert.deepEqual(texts, seen[0]);
  return (seen[0] ?? []).map((line) => line.slice(line.indexOf(" ") + 1));
}

for (const conversationClass of ["sealed", "recorded"] as const) {
  test(`two people talk: ${conversationClass}`, async () => {
    const { ann, bob } = people;
    const id = await ann.createConversation({ class: conversationClass, members: [bob.accountId] });
    await bob.waitForConversation(id);
    assert.equal(bob.state(id).class, conversationClass);
    await ann.messages.send(id, { text: "Houston, we've had a problem." });
    await bob.caughtUp(id, 2);
    await bob.messages.send(id, { text: "This is Houston. Say again please." });
    assert.deepEqual(await sharedTexts(id, [ann, bob]), [
      "Houston, we've had a problem.",
      "This is Houston. Say again please.",
    ]);
  });

  test(`five people talk at once, over a change of bucket: ${conversationClass}`, async () => {
    const everybody = Object.values(people);
    const { ann } = people;
    const id = await ann.createConversation({
      class: conversationClass,
      members: everybody.map(({ accountId }) => accountId),
    });
    await Promise.all(everybody.map((client) => client.waitForConversation(id)));
    const said: string[] = [];
    for (let bucket = 0; bucket < 3; bucket++) {
      const texts = everybody.flatMap(({ handle }) => [
        `${handle} ${bucket} first`,
        `${handle} ${bucket} second`,
      ]);
      said.push(...texts);
      await Promise.all(
        everybody.flatMap((client) =>
          texts
            .filter((text) => text.startsWith(client.handle))
            .map((text) => client.messages.send(id, { text })),
        ),
      );
      clock.advance(QUARTER_MS);
    }
    const seen = await sharedTexts(id, everybody);
    assert.deepEqual(seen.toSorted(), said.toSorted());
    for (const { handle } of everybody)
      assert.deepEqual(
        seen.filter((text) => text.startsWith(handle)),
        said.filter((text) => text.startsWith(handle)),
        "each one's words stay in order",
      );
    assert.equal(
      everybody.reduce((sum, client) => sum + client.counters().rejected, 0),
      0,
    );
  });

  test(`somebody who was away catches up, over a restart: ${conversationClass}`, async () => {
    const { ann, bob } = people;
    const id = await ann.createConversation({ class: conversationClass, members: [bob.accountId] });
    await bob.waitForConversation(id);
    await bob.close();
    for (let i = 0; i < 5; i++) {
      await ann.messages.send(id, { text: `while you were out ${i}` });
      clock.advance(QUARTER_MS / 2);
    }
    await ann.addMembers(id, [people.cem.accountId]);
    await ann.messages.send(id, { text: "welcome, Cem" });
    people.bob = await room.reopen("bob");
    const late = people.bob.messages.send(id, { text: "written before the line was there" });
    await people.bob.connect();
    await late;
    assert.equal((await sharedTexts(id, [ann, people.bob])).length, 7);
    assert.equal(people.bob.state(id).members.length, 3);
  });
}

test("CLT-15: of two competing Commits the loser makes its own anew on top of the winner", async () => {
  const { ann, bob, cem, dee, eve } = people;
  const id = await ann.createConversation({ class: "recorded", members: [bob.accountId, cem.accountId] });
  await Promise.all([bob, cem].map((client) => client.waitForConversation(id)));
  await ann.setRole(id, bob.accountId, "admin");
  await bob.caughtUp(id, ann.state(id).sequence);
  await Promise.all([
    ann.addMembers(id, [dee.accountId]),
    bob.addMembers(id, [eve.accountId]),
    cem.messages.send(id, { text: "meanwhile" }),
  ]);
  await Promise.all([dee, eve].map((client) => client.waitForConversation(id)));
  await eve.messages.send(id, { text: "I came second" });
  await Promise.all([ann, bob, cem, dee, eve].map((client) => client.caughtUp(id, eve.state(id).sequence)));
  for (const client of [ann, bob, cem, dee, eve]) assert.equal(client.state(id).members.length, 5);
});

test("CLT-34: somebody who is removed keeps the history and nothing else", async () => {
  const { ann, bob, cem } = people;
  const id = await ann.createConversation({ class: "recorded", members: [bob.accountId, cem.accountId] });
  await Promise.all([bob, cem].map((client) => client.waitForConversation(id)));
  await ann.messages.send(id, { text: "goodbye, Cem" });
  const left = nextEvent(cem, "left");
  await ann.removeMembers(id, [cem.accountId]);
  await left;
  await ann.messages.send(id, { text: "he is gone" });
  await cem.settled();
  assert.equal(cem.state(id).condition, "left");
  assert.deepEqual(
    (await cem.messages.history(id)).map(({ text }) => text),
    ["goodbye, Cem"],
  );
  await assert.rejects(cem.messages.send(id, { text: "let me in" }), { code: "CLIENT_CONVERSATION_LEFT" });
  assert.deepEqual(await sharedTexts(id, [ann, bob]), ["goodbye, Cem", "he is gone"]);
});

test("CLT-17: an epoch older than seven days is renewed before anything is said in it", async () => {
  const { ann, bob } = people;
  const id = await ann.createConversation({ class: "recorded", members: [bob.accountId] });
  await bob.waitForConversation(id);
  clock.advance(7 * 86_400_000 + 1);
  await bob.messages.send(id, { text: "a week later" });
  assert.deepEqual(await sharedTexts(id, [ann, bob]), ["a week later"]);
  assert.equal(ann.state(id).epoch, 2);
});

test("CLT-42: a clock that is behind does not keep anybody from writing", async () => {
  const { ann } = people;
  const slow = new FixedClock(clock.now() - 2 * QUARTER_MS);
  const fay = await room.join("fay", { clock: slow });
  const id = await ann.createConversation({ class: "recorded", members: [fay.accountId] });
  await fay.waitForConversation(id);
  await ann.messages.send(id, { text: "what time is it?" });
  await fay.caughtUp(id, 2);
  await fay.messages.send(id, { text: "later than I thought" });
  assert.equal((await sharedTexts(id, [ann, fay])).length, 2);
});

test("CLT-04: a device that is more than a day behind the witnesses joins nothing, and is told", async () => {
  const { ann } = people;
  const slow = new FixedClock(clock.now() - 25 * 3_600_000);
  const lou = await room.join("lou", { clock: slow });
  const refused = nextEvent(lou, "refused");
  await ann.createConversation({ class: "sealed", members: [lou.accountId] });
  assert.equal((await refused).code, "LEDGER_STALE");
});

test("CLT-01: a provider whose policy is not the trusted one is not spoken to", async () => {
  const trust = {
    ...room.trust,
    policyId: room.trust.policyId.replace(/^./, (c) => (c === "A" ? "B" : "A")),
  };
  await assert.rejects(room.join("gil", { trust }), { code: "POLICY_ID" });
});

test("CLT-02: a keyset that the witnesses have not seen is no keyset", async () => {
  const [first = ""] = room.trust.witnesses;
  await assert.rejects(room.join("hal", { trust: { ...room.trust, witnesses: [first, first] } }), {
    code: "CLIENT_TRUST",
  });
  const platform = {
    ...nodePlatform,
    fetch: async (...request: Parameters<typeof fetch>): Promise<Response> => {
      const response = await fetch(...request);
      if (!response.url.endsWith("/v1/keysets")) return response;
      // One cosignature of the two goes.
      const text = (await response.text()).replaceAll(/— witness\.two [^"\\]*\\n/g, "");
      return new Response(text, { status: response.status });
    },
  };
  await assert.rejects(room.join("ida", { platform }), { code: "LEDGER_WITNESS_QUORUM" });
});

test("CLT-03: a server that shows another franking key than at first is refused", async () => {
  const kim = await room.join("kim");
  await kim.close();
  const platform = {
    ...nodePlatform,
    fetch: async (...request: Parameters<typeof fetch>): Promise<Response> => {
      const response = await fetch(...request);
      if (!response.url.endsWith("/v1/server")) return response;
      const text = (await response.text()).replace(/("frankingKey":")./, "$1_");
      return new Response(text, { status: response.status });
    },
  };
  const again = await room.reopen("kim", { platform });
  await assert.rejects(again.connect(), { code: "CLIENT_TRUST" });
});

test("a handle that is taken is refused, and an account is made once", async () => {
  await assert.rejects(room.join("ann", { storeName: "another ann" }), { code: "CLIENT_HANDLE_TAKEN" });
  await assert.rejects(room.join("bob"), { code: "CLIENT_ACCOUNT_EXISTS" });
  await assert.rejects(room.join("b0b", { storeName: "an imposter" }), { code: "CLIENT_HANDLE_CONFUSABLE" });
  await assert.rejects(room.join("bоb", { storeName: "an imposter" }), { code: "HANDLE_SCRIPT" });
  assert.deepEqual(await people.ann.findAccount("BOB"), people.bob.accountId);
});
