import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { PortcullisClient } from "@portcullis/client";
import { accountUri, type ConversationId } from "@portcullis/protocol";
import { FixedClock, temporaryDirectory } from "@portcullis/testkit";
import { ReminderBot } from "../examples/reminder-bot/reminder-bot.ts";
import { openProviderRoom, type ProviderRoom } from "./provider-room.ts";

const clock = new FixedClock("1970-04-14T03:00:00Z");
const directory = temporaryDirectory();
let room: ProviderRoom;
let ann: PortcullisClient;
let client: PortcullisClient;
let memory: string | undefined;
/** So many writes go well; the power goes before the next one, or after it. */
let power: { left: number; when: "before" | "after" } | undefined;

before(async () => {
  room = await openProviderRoom(directory, clock);
  ann = await room.join("ann");
  client = await room.join("reminders");
});
after(async () => room.close());

function remember(text: string): void {
  if (power !== undefined && power.left-- <= 0) {
    if (power.when === "after") memory = text;
    power.left = 0;
    throw new Error("the power went");
  }
  memory = text;
}

const open = (): ReminderBot => new ReminderBot({ client, memory, remember, clock });

async function begin(conversationClass: "sealed" | "recorded"): Promise<ConversationId> {
  const id = await ann.createConversation({ class: conversationClass, members: [client.accountId] });
  await client.waitForConversation(id);
  return id;
}

/** What is said in the conversation, in short: A Ann, B the bot. */
async function talk(id: ConversationId): Promise<string[]> {
  await client.idle();
  await ann.caughtUp(id, client.state(id).sequence);
  const messages = await ann.messages.history(id);
  return messages.map(({ senderAccountId, text }) => {
    const isAnn = accountUri("x", senderAccountId) === accountUri("x", ann.accountId);
    return `${isAnn ? "A" : "B"}: ${text}`;
  });
}

async function say(id: ConversationId, text: string): Promise<void> {
  const { sequence } = await ann.messages.send(id, { text });
  await client.caughtUp(id, sequence);
}

for (const conversationClass of ["sealed", "recorded"] as const)
  test(`a bot is a visible member, which answers in a ${conversationClass} conversation and reminds when it is time`, async () => {
    const id = await begin(conversationClass);
    assert.ok(ann.state(id).members.some(({ handle }) => handle === "reminders" || handle === undefined));
    await say(id, "/remind 10m call Houston");
    await say(id, "nothing for a bot");
    await say(id, "/remind");
    await say(id, "/remind 99d too far");
    const bot = open();
    await bot.start();
    await bot.look();
    const answered = await talk(id);
    assert.deepEqual(answered.slice(0, 4), [
      "A: /remind 10m call Houston",
      "A: nothing for a bot",
      "A: /remind",
      "A: /remind 99d too far",
    ]);
    assert.equal(answered[4], "B: I will remind you.");
    assert.match(answered[5] ?? "", /^B: I remind:/);
    assert.match(answered[6] ?? "", /^B: I remind:/);
    assert.equal(answered.length, 7);
    clock.advance(601_000);
    await bot.look();
    assert.equal((await talk(id)).at(-1), "B: ⏰ call Houston");
    await bot.look();
    assert.equal((await talk(id)).length, 8, "once");
    await bot.stop();
  });

for (const when of ["before", "after"] as const)
  test(`a bot that is stopped ${when} any of its writes answers once and reminds once`, async () => {
    const id = await begin("sealed");
    await say(id, "/remind 10s call Houston");
    await say(id, "/remind 20s call again");
    let crashes = 0;
    const { error } = console;
    console.error = () => undefined;
    for (let i = 0; i < 12; i++) {
      power = { left: 0, when };
      const bot = open();
      await bot.start();
      await bot.look();
      await bot.stop();
      if (power.left === 0) crashes++;
      if (i === 5) clock.advance(30_000);
    }
    console.error = error;
    power = undefined;
    const last = open();
    await last.start();
    await last.look();
    await last.stop();
    assert.ok(crashes > 3);
    assert.deepEqual((await talk(id)).slice(2).toSorted(), [
      "B: I will remind you.",
      "B: I will remind you.",
      "B: ⏰ call Houston",
      "B: ⏰ call again",
    ]);
  });

test("a bot that was away answers what was said meanwhile, and reminds nobody of a message that was deleted", async () => {
  const id = await begin("sealed");
  await client.close();
  await ann.messages.send(id, { text: "/remind 10s one" });
  const { sequence } = await ann.messages.send(id, { text: "/remind 10s two" });
  client = await room.reopen("reminders");
  await client.connect();
  await client.caughtUp(id, sequence);
  const bot = open();
  await bot.start();
  await bot.look();
  await ann.messages.delete(id, sequence);
  await ann.idle();
  await client.caughtUp(id, ann.state(id).sequence);
  clock.advance(11_000);
  await bot.look();
  await bot.stop();
  const said = await talk(id);
  assert.equal(said.filter((line) => line === "B: I will remind you.").length, 2);
  assert.deepEqual(
    said.filter((line) => line.includes("⏰")),
    ["B: ⏰ one"],
  );
});
