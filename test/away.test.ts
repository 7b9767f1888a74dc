import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { PortcullisClient } from "@portcullis/client";
import { SqliteStore } from "@portcullis/client/node";
import type { ConversationId } from "@portcullis/protocol";
import { FixedClock, temporaryDirectory } from "@portcullis/testkit";
import { FailingStore } from "./failing-store.ts";
import { openProviderRoom, type ProviderRoom } from "./provider-room.ts";

const EPOCHS = 20;
const MESSAGES = 1000;

const clock = new FixedClock("1970-04-14T03:00:00Z");
const directory = temporaryDirectory();
let room: ProviderRoom;
let ann: PortcullisClient;
let cem: PortcullisClient;

before(async () => {
  room = await openProviderRoom(directory, clock);
  ann = await room.join("ann");
  cem = await room.join("cem");
});
after(async () => room.close());

/** Ann and Cem write, in another epoch and bucket each time. The place of the last item. */
async function talk(id: ConversationId): Promise<number> {
  for (let epoch = 0; epoch < EPOCHS; epoch++) {
    const sends = [ann, cem].flatMap((client) =>
      Array.from({ length: MESSAGES / EPOCHS / 2 }, (_, i) =>
        client.messages.send(id, { text: `${epoch} ${i}` }),
      ),
    );
    await Promise.all(sends);
    await ann.setRole(id, cem.accountId, "admin");
    await ann.setRole(id, cem.accountId, "member");
    await ann.idle();
    await cem.caughtUp(id, ann.state(id).sequence);
    clock.advance(300_000);
  }
  return ann.state(id).sequence;
}

test(`CLT-44: a device that was away for ${MESSAGES} messages and ${EPOCHS} epochs misses nothing, over a crash too`, async () => {
  let bob = await room.join("bob");
  const ids = await Promise.all(
    (["sealed", "recorded"] as const).map((conversationClass) =>
      ann.createConversation({ class: conversationClass, members: [bob.accountId, cem.accountId] }),
    ),
  );
  for (const id of ids) await Promise.all([bob, cem].map((client) => client.waitForConversation(id)));
  await bob.close();
  const epochs = ids.map((id) => ann.state(id).epoch);
  const ends = await Promise.all(ids.map(talk));
  for (const [i, id] of ids.entries()) assert.equal(ann.state(id).epoch, epochs[i]! + EPOCHS);
  const caughtUp = () => Promise.all(ids.map((id, i) => bob.caughtUp(id, ends[i]!)));

  const store = new FailingStore(new SqliteStore(room.storePath("bob")), "after", 4);
  bob = await room.reopen("bob", { store });
  await assert.rejects(bob.connect().then(caughtUp));
  await bob.close();

  bob = await room.reopen("bob");
  const troubles: unknown[] = [];
  for (const event of ["rejected", "gap", "frozen", "fault"] as const)
    bob.on(event, (trouble) => troubles.push([event, trouble]));
  await bob.connect();
  await caughtUp();
  assert.deepEqual(troubles, []);
  const textsOf = async (client: PortcullisClient, id: ConversationId): Promise<string[]> =>
    (await client.messages.history(id, { limit: 2 * MESSAGES })).flatMap(({ text }) => text ?? []);
  for (const id of ids) {
    assert.equal(bob.state(id).epoch, ann.state(id).epoch);
    const texts = await textsOf(bob, id);
    assert.equal(texts.length, MESSAGES);
    assert.deepEqual(texts, await textsOf(ann, id));
    const { sequence } = await bob.messages.send(id, { text: "back" });
    await ann.caughtUp(id, sequence);
    assert.equal((await ann.messages.history(id)).at(-1)?.text, "back");
  }
});
