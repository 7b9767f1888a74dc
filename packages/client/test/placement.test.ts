import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { SqliteStore } from "@portcullis/client/node";
import {
  accountUri,
  asAccountId,
  asConversationId,
  asDeviceId,
  asMessageId,
  conversationUri,
  toBase64Url,
  type AccountId,
} from "@portcullis/protocol";
import { contentOf, encodeMimiContent, plainText, type Act } from "@portcullis/protocol/content";
import { seededRandom, temporaryDirectory } from "@portcullis/testkit";
import { messagesOf } from "../src/messages/conversation-message.ts";
import { contentIdOf, Placement, type ReceivedMessage } from "../src/messages/placement.ts";
import type { StoreChange } from "../src/store.ts";

const directory = temporaryDirectory();
const random = seededRandom("placement");
const conversationId = asConversationId(random(32));
const roomUri = conversationUri("a.example", conversationId);
const people = ["ann", "bob", "eve"].map(() => asAccountId(random(32)));
const deviceId = asDeviceId(random(16));
let files = 0;

const freshStore = (): SqliteStore => new SqliteStore(join(directory, `${files++}.sqlite`));
const person = (i: number): AccountId => people[i % people.length] as AccountId;

interface Said {
  readonly message: ReceivedMessage;
  readonly contentId: Uint8Array;
}

/** As it came from the server, verified. */
function say(sequence: number, by: AccountId, act: Act): Said {
  const senderUri = accountUri("a.example", by);
  const content = contentOf(act, { salt: random(16), senderUri, roomUri });
  const applicationData = encodeMimiContent(content);
  const message = {
    conversationId,
    sequence,
    senderAccountId: by,
    senderDeviceId: deviceId,
    messageId: asMessageId(random(16)),
    acceptedAtMs: sequence * 1000,
    applicationData,
    receipt: random(8),
  };
  return { message, contentId: contentIdOf(content, applicationData) };
}

const text = (words: string) => ({ body: plainText(words) });

/** Takes them in one by one as they are ordered, so many in one transaction. */
async function live(store: SqliteStore, said: readonly Said[], atOnce = 3): Promise<void> {
  for (let i = 0; i < said.length; i += atOnce) {
    const placement = new Placement(store);
    const changes: StoreChange[] = [];
    for (const { message } of said.slice(i, i + atOnce))
      changes.push(...(await placement.place(message)).changes);
    await store.write(changes);
  }
}

async function imported(store: SqliteStore, said: readonly Said[], atOnce = 3): Promise<void> {
  for (let i = 0; i < said.length; i += atOnce) {
    const placement = new Placement(store);
    const changes: StoreChange[] = [];
    for (const { message } of said.slice(i, i + atOnce))
      changes.push(...(await placement.placeImported(message)).changes);
    await store.write(changes);
  }
}

const seen = async (store: SqliteStore) =>
  messagesOf(await store.timeline(conversationId, { limit: 1000, beforeSequence: 1_000_000 })).map(
    ({ sequence, text: words, reactions, editedAtMs, pinned }) => ({
      sequence,
      words,
      reactions: reactions.map(({ emoji, accounts }) => [emoji, accounts.map((one) => toBase64Url(one))]),
      isEdited: editedAtMs !== undefined,
      pinned: pinned !== undefined,
    }),
  );

test("TML-02: nobody edits, deletes or takes back what somebody else has said", async () => {
  const store = freshStore();
  const [ann, eve] = [person(0), person(2)];
  const first = say(1, ann, { kind: "message", ...text("hello") });
  const given = say(2, ann, { kind: "reaction", target: first.contentId, emoji: "👍" });
  const said = [
    first,
    given,
    say(3, eve, { kind: "edit", target: first.contentId, ...text("changed") }),
    say(4, eve, { kind: "retract", target: first.contentId }),
    say(5, eve, { kind: "retract", target: given.contentId, of: first.contentId }),
  ];
  await live(store, said);
  const [message] = messagesOf(await store.timeline(conversationId, { limit: 9, beforeSequence: 99 }));
  assert.equal(message?.text, "hello");
  assert.equal(message.reactions[0]?.accounts.length, 1);
  const kept = await store.history(conversationId, { limit: 9, beforeSequence: 99 });
  assert.deepEqual(
    kept.map(({ applicationData }) => applicationData.length > 0),
    [true, true, false, false, false],
    "what was refused is not kept",
  );
  await store.close();
});

test("TML-02: what is said of a message comes after it in the sequence", async () => {
  const store = freshStore();
  const later = say(2, person(0), { kind: "message", ...text("hello") });
  const early = say(1, person(1), { kind: "reaction", target: later.contentId, emoji: "👍" });
  await live(store, [early, later]);
  const other = freshStore();
  await imported(other, [later, early]);
  for (const one of [store, other]) {
    const [message] = messagesOf(await one.timeline(conversationId, { limit: 9, beforeSequence: 99 }));
    assert.deepEqual(message?.reactions, []);
    await one.close();
  }
});

test("TML-03, TML-05: edits of edits and reactions to edits belong to the message, and the last edit counts", async () => {
  const [ann, bob] = [person(0), person(1)];
  const first = say(1, ann, { kind: "message", ...text("one") });
  const second = say(2, ann, { kind: "edit", target: first.contentId, ...text("two") });
  const third = say(3, ann, { kind: "edit", target: second.contentId, ...text("three") });
  const praise = say(4, bob, { kind: "reaction", target: second.contentId, emoji: "👍" });
  for (const order of [
    [first, second, third, praise],
    [praise, third, second, first],
  ]) {
    const store = freshStore();
    await imported(store, order, 1);
    const [message, ...more] = messagesOf(
      await store.timeline(conversationId, { limit: 9, beforeSequence: 99 }),
    );
    assert.equal(more.length, 0);
    assert.equal(message?.text, "three");
    assert.equal(message.editedAtMs, 3000);
    assert.equal(message.reactions[0]?.emoji, "👍");
    await store.close();
  }
});

test("TML-04: of a deleted message, its edits and what was said to it nothing is kept but that it was there", async () => {
  const ann = person(0);
  const first = say(1, ann, { kind: "message", ...text("one") });
  const said = [
    first,
    say(2, ann, { kind: "edit", target: first.contentId, ...text("two") }),
    say(3, person(1), { kind: "reaction", target: first.contentId, emoji: "👍" }),
    say(4, ann, { kind: "retract", target: first.contentId }),
    say(5, ann, { kind: "edit", target: first.contentId, ...text("three") }),
    say(6, person(1), { kind: "pin", target: first.contentId, isPinned: true }),
  ];
  for (const order of [said, said.toReversed()]) {
    const store = freshStore();
    await (order === said ? live(store, order) : imported(store, order, 2));
    const [message] = messagesOf(await store.timeline(conversationId, { limit: 9, beforeSequence: 99 }));
    assert.equal(message?.sequence, 1);
    assert.deepEqual([message.body, message.reactions, message.pinned], [undefined, [], undefined]);
    const kept = await store.history(conversationId, { limit: 9, beforeSequence: 99 });
    const readable = kept.filter(
      ({ sequence, applicationData }) => sequence < 4 && applicationData.length > 0,
    );
    assert.deepEqual(readable, []);
    await store.close();
  }
});

/** A plan: who does what to which earlier message, by its place in the plan. */
const step = fc.record({
  by: fc.nat(2),
  what: fc.constantFrom("message", "message", "reaction", "edit", "retract", "pin", "unpin"),
  at: fc.nat(40),
  emoji: fc.constantFrom("👍", "❤"),
});

function play(plan: readonly (typeof step extends fc.Arbitrary<infer T> ? T : never)[]): Said[] {
  const said: Said[] = [];
  for (const [i, { by, what, at, emoji }] of plan.entries()) {
    const target = said[at % Math.max(1, i)]?.contentId;
    const words = text(`words ${i}`);
    if (what === "message" || target === undefined)
      said.push(say(i + 1, person(by), { kind: "message", ...words }));
    else if (what === "reaction") said.push(say(i + 1, person(by), { kind: "reaction", target, emoji }));
    else if (what === "edit") said.push(say(i + 1, person(by), { kind: "edit", target, ...words }));
    else if (what === "retract") said.push(say(i + 1, person(by), { kind: "retract", target }));
    else said.push(say(i + 1, person(by), { kind: "pin", target, isPinned: what === "pin" }));
  }
  return said;
}

test("TML-01: in whatever order messages come, and however many at once, the timeline is the same", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 30 }),
      fc.integer({ min: 1, max: 7 }),
      fc.nat(),
      async (plan, atOnce, seed) => {
        const said = play(plan);
        const inOrder = freshStore();
        await live(inOrder, said, atOnce);
        const expected = await seen(inOrder);
        const shuffled = said
          .map((one, i) => ({ one, rank: (Math.imul(seed + i, 2654435761) >>> 0) % 1009 }))
          .toSorted((a, b) => a.rank - b.rank)
          .map(({ one }) => one);
        for (const order of [said.toReversed(), shuffled]) {
          const store = freshStore();
          await imported(store, order, atOnce);
          assert.deepEqual(await seen(store), expected);
          // What was imported once is imported again after a crash.
          await imported(store, order, atOnce + 1);
          assert.deepEqual(await seen(store), expected);
          await store.close();
        }
        await inOrder.close();
      },
    ),
    { numRuns: 40 },
  );
});
