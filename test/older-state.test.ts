import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { PortcullisClient } from "@portcullis/client";
import { asConversationId, fromBase64Url, type ConversationId } from "@portcullis/protocol";
import { FixedClock, temporaryDirectory } from "@portcullis/testkit";
import { restoreState, type KeptState } from "./kept-state.ts";
import { openProviderRoom, type ProviderRoom } from "./provider-room.ts";

interface Vector {
  readonly now: string;
  readonly trust: ProviderRoom["trust"];
  readonly conversations: readonly { readonly id: string; readonly class: "recorded" | "sealed" }[];
  readonly files: KeptState;
}

const folder = join(import.meta.dirname, "../vectors/state");
const names = readdirSync(folder).filter((name) => name.endsWith(".json"));
const directory = temporaryDirectory();

async function textsOf(client: PortcullisClient, id: ConversationId): Promise<(string | undefined)[]> {
  return (await client.messages.history(id)).map(({ text }) => text);
}

test("there is the state of at least one older version", () => {
  assert.ok(names.includes("before-tree-heads.json") && names.includes("0.1.0.json"));
});

for (const name of names)
  test(`the state in ${name} loads: nothing of it is lost, and everything goes on from there`, async () => {
    const vector = JSON.parse(readFileSync(join(folder, name), "utf8")) as Vector;
    const place = join(directory, name);
    mkdirSync(place);
    restoreState(vector.files, place);
    const room = await openProviderRoom(place, new FixedClock(vector.now), vector.trust);
    try {
      await goOn(room, vector);
    } finally {
      await room.close();
    }
  });

async function goOn(room: ProviderRoom, vector: Vector): Promise<void> {
  const [ann, bob] = [await room.reopen("ann"), await room.reopen("bob")];
  const alarms: unknown[] = [];
  for (const client of [ann, bob])
    for (const event of ["frozen", "rejected", "refused", "identity-alarm", "log-alarm"] as const)
      client.on(event, (told) => alarms.push(told));
  const before = ["What was said before", "and what was answered"];
  for (const { id } of vector.conversations)
    assert.deepEqual((await textsOf(bob, asConversationId(fromBase64Url(id)))).slice(0, 2), before);
  await Promise.all([ann.connect(), bob.connect()]);
  const cem = await room.join("cem");
  for (const { id: text, class: kind } of vector.conversations) {
    const id = asConversationId(fromBase64Url(text));
    const said = await ann.messages.send(id, { text: "We have a new version" });
    await bob.caughtUp(id, said.sequence);
    await ann.addMembers(id, [cem.accountId]);
    await cem.waitForConversation(id);
    await bob.caughtUp(id, ann.state(id).sequence);
    const answered = await bob.messages.send(id, { text: "and so do I" });
    await Promise.all([ann, bob, cem].map((client) => client.caughtUp(id, answered.sequence)));
    const { class: shown, name, members } = bob.state(id);
    assert.deepEqual([shown, name, members.length], [kind, `A ${kind} one`, 3]);
    for (const client of [ann, bob]) {
      const [first, ...rest] = await textsOf(client, id);
      const waited = rest.includes("for when Bob is back") ? 1 : 0;
      assert.deepEqual([first, rest.length], [before[0], 3 + waited]);
      assert.deepEqual(rest.slice(-2), ["We have a new version", "and so do I"]);
    }
  }
  const all = await Promise.all(
    vector.conversations.map(({ id }) => textsOf(bob, asConversationId(fromBase64Url(id)))),
  );
  assert.equal(all.flat().filter((text) => text === "for when Bob is back").length, 1);
  assert.deepEqual(alarms, []);
}
