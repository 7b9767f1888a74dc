import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { PortcullisClient, StoreChange } from "@portcullis/client";
import { nodePlatform, SqliteStore } from "@portcullis/client/node";
import { decodeClientFrame, decodeMlsOuter, toHex, type ConversationId } from "@portcullis/protocol";
import { FixedClock, temporaryDirectory } from "@portcullis/testkit";
import { decodeOutboxEntry } from "../packages/client/src/outbox/outbox-entry.ts";
import { FailingStore } from "./failing-store.ts";
import { nextEvent, openProviderRoom, type ProviderRoom } from "./provider-room.ts";

const clock = new FixedClock("1970-04-14T03:00:00Z");
const directory = temporaryDirectory();
let room: ProviderRoom;
let ann: PortcullisClient;

before(async () => {
  room = await openProviderRoom(directory, clock);
  ann = await room.join("ann");
});
after(async () => room.close());

/** Every application message that left the device: generation reuse would show as two ciphertexts under one message id and epoch. */
const left = new Map<string, Set<string>>();
const watching = {
  ...nodePlatform,
  transport: ((url, events) => {
    const socket = nodePlatform.transport(url, events);
    return {
      close: () => socket.close(),
      send: (bytes) => {
        const frame = decodeClientFrame(bytes);
        if (frame.type === "send") {
          const { epoch, authenticatedData } = decodeMlsOuter(frame.message);
          const key = `${epoch} ${toHex(authenticatedData)}`;
          left.set(key, (left.get(key) ?? new Set()).add(toHex(frame.message)));
        }
        socket.send(bytes);
      },
    };
  }) satisfies typeof nodePlatform.transport,
};

/** The messages that a client's outbox holds after a crash. */
async function keptBy(handle: string): Promise<string[]> {
  const store = new SqliteStore(room.storePath(handle));
  const { outbox } = await store.load();
  await store.close();
  return outbox.map(({ value }) => toHex(decodeOutboxEntry(value).messageId));
}

/** Sends and receives while everything is written through `store`; ends early when the client has crashed. */
async function act(
  client: PortcullisClient,
  id: ConversationId,
  words: readonly string[],
  acknowledged: string[],
): Promise<void> {
  const sends = words.map((text) =>
    client.messages.send(id, { text }).then(
      () => acknowledged.push(text),
      () => undefined,
    ),
  );
  await ann.messages.send(id, { text: `to ${words[0]}` });
  await Promise.all(sends);
}

for (const when of ["before", "after"] as const)
  test(`CLT-41: a crash ${when} each of a client's writes loses nothing and repeats nothing`, async () => {
    const handle = `bob ${when}`;
    let bob = await room.join(handle, { platform: watching });
    const id = await ann.createConversation({ class: "recorded", members: [bob.accountId] });
    await bob.waitForConversation(id);
    await bob.close();
    const acknowledged: string[] = [];
    const kept = new Set<string>();
    for (let writes = 0; writes < 5; writes++) {
      const store = new FailingStore(new SqliteStore(room.storePath(handle)), when, writes);
      bob = await room.reopen(handle, { store, platform: watching });
      const words = [`${writes} one`, `${writes} two`];
      const down = new Promise((resolve) => bob.on("fault", resolve));
      await bob.connect().catch(() => undefined);
      const done = act(bob, id, words, acknowledged).then(() => bob.idle());
      await Promise.race([down, done.catch(() => undefined)]);
      await bob.close();
      for (const messageId of await keptBy(handle)) kept.add(messageId);
      if (writes % 2 === 1) clock.advance(900_000);
    }
    bob = await room.reopen(handle, { platform: watching });
    await bob.connect();
    await bob.idle();
    const { sequence } = await bob.messages.send(id, { text: "still here" });
    await Promise.all([ann.caughtUp(id, sequence), bob.caughtUp(id, sequence)]);
    const seenBy = async (client: PortcullisClient): Promise<string[]> =>
      (await client.messages.history(id, { limit: 1000 })).map(({ text }) => text ?? "");
    const seen = await seenBy(ann);
    assert.deepEqual(await seenBy(bob), seen);
    assert.equal(new Set(seen).size, seen.length, "none twice");
    for (const text of acknowledged) assert.ok(seen.includes(text), text);
    const history = await ann.messages.history(id, { limit: 1000 });
    const arrived = new Set(history.map(({ messageId }) => toHex(messageId)));
    assert.ok(kept.size > 0);
    assert.ok(
      [...kept].every((messageId) => arrived.has(messageId)),
      "what was kept was sent",
    );
    assert.equal(ann.counters().rejected, 0);
    await bob.close();
  });

for (const when of ["before", "after"] as const)
  test(`GRP-09: a crash ${when} the write of a conversation's state keeps state and sequence together`, async () => {
    const handle = `cem ${when}`;
    const cem = await room.join(handle);
    const id = await ann.createConversation({ class: "sealed", name: "Before", members: [cem.accountId] });
    await cem.waitForConversation(id);
    await cem.close();
    await ann.setName(id, "After");
    const { sequence } = ann.state(id);
    const store = new FailingStore(new SqliteStore(room.storePath(handle)), when, 0);
    const failing = await room.reopen(handle, { store });
    const down = nextEvent(failing, "fault");
    await failing.connect().catch(() => undefined);
    await down;
    await failing.close();
    const again = await room.reopen(handle);
    const { name, sequence: durable } = again.state(id);
    assert.deepEqual([name, durable], when === "after" ? ["After", sequence] : ["Before", sequence - 1]);
    await again.connect();
    await again.caughtUp(id, sequence);
    assert.equal(again.state(id).name, "After");
    await again.close();
  });

for (const when of ["before", "after"] as const)
  test(`CLT-41: a conversation that was begun by a client which crashed ${when} each write begins whole or not at all`, async () => {
    const handle = `eve ${when}`;
    await (await room.join(handle)).close();
    const dee = await room.join(`dee ${when}`);
    const everybody = [ann.accountId, dee.accountId];
    const ofIt = (changes: readonly StoreChange[]): boolean =>
      changes.some((change) => "put" in change && ["conversation", "outbox"].includes(change.put));
    let whole = 0;
    for (let writes = 0; ; writes++) {
      assert.ok(writes < 20);
      const store = new FailingStore(new SqliteStore(room.storePath(handle)), when, writes, ofIt);
      let eve = await room.reopen(handle, { store });
      await eve.connect().catch(() => undefined);
      const name = `${when} ${writes}`;
      const begun = await eve
        .createConversation({ class: "sealed", name, members: everybody })
        .catch(() => undefined);
      await eve.close();
      eve = await room.reopen(handle);
      await eve.connect();
      const state = eve.conversations().find((one) => one.name === name);
      if (state !== undefined) {
        whole++;
        const id = state.conversationId;
        await Promise.all([ann, dee, eve].map((client) => client.waitForConversation(id)));
        assert.equal(eve.state(id).members.length, 3);
      }
      await eve.close();
      if (begun !== undefined) break;
    }
    assert.ok(whole > 1, "it crashed in between");
  });

test("CLT-40: what is sent again is the same bytes", () => {
  assert.ok(left.size > 10);
  for (const [key, messages] of left) assert.equal(messages.size, 1, key);
});

test("CLT-43: a client whose store fails stops and says so", async () => {
  const handle = "cem";
  await (await room.join(handle)).close();
  const store = new FailingStore(new SqliteStore(room.storePath(handle)), "before", 0);
  const cem = await room.reopen(handle, { store });
  const fault = new Promise((resolve) => cem.on("fault", resolve));
  await cem.connect();
  const created = cem.createConversation({ class: "sealed", members: [ann.accountId] });
  await assert.rejects(created, { code: "CLIENT_STORE_FAILED" });
  await fault;
  await cem.close();
});

test("CLT-41: a server that stops and starts in the middle loses nothing that it accepted", async () => {
  const dee = await room.join("dee");
  const id = await ann.createConversation({ class: "recorded", members: [dee.accountId] });
  await dee.waitForConversation(id);
  const words: string[] = [];
  const sends: Promise<unknown>[] = [];
  for (let round = 0; round < 3; round++) {
    for (const client of [ann, dee])
      for (let i = 0; i < 5; i++) {
        words.push(`${client.handle} ${round} ${i}`);
        sends.push(client.messages.send(id, { text: words.at(-1)! }));
      }
    await room.restartServer();
  }
  await Promise.all(sends);
  await Promise.all([ann.idle(), dee.idle()]);
  const last = Math.max(ann.state(id).sequence, dee.state(id).sequence);
  await Promise.all([ann.caughtUp(id, last), dee.caughtUp(id, last)]);
  for (const client of [ann, dee]) {
    const seen = (await client.messages.history(id, { limit: 100 })).map(({ text }) => text);
    assert.equal(seen.length, words.length);
    assert.deepEqual(new Set(seen), new Set(words));
  }
});
