import assert from "node:assert/strict";
import { test } from "node:test";
import { limits } from "@portcullis/protocol";
import { commitFrame, messageFrame } from "./hand-made.ts";
import { ServerRoom } from "./server-room.ts";

test("DEL-28: a device that comes back gets what came after its cursor, in order, and nothing before", async (t) => {
  const room = await ServerRoom.open(t);
  const alice = await room.account("alice");
  const bob = await room.account("bob");
  const sender = await room.connect(alice);
  const conversationId = await room.conversation(alice);
  const accounts = [alice.accountId, bob.accountId];
  await sender.accepted(commitFrame(conversationId, 0, { added: [bob], accounts }));
  const count = limits.itemsPerFrame * 2 + 5;
  const frames = Array.from({ length: count }, () => messageFrame(conversationId, 1));
  await Promise.all(frames.map((frame) => sender.accepted(frame)));

  const first = await room.connect(bob);
  assert.equal((await first.welcome()).sequence, 1);
  const items = await first.itemsUpTo(count + 1);
  assert.deepEqual(
    items.map(({ messageId }) => messageId),
    frames.map(({ messageId }) => messageId),
  );
  assert.deepEqual(items[0]?.receipt?.acceptedAtMs, room.clock.now());
  first.send({ type: "cursor", conversationId, sequence: 100 });
  // An answer comes only after what was sent before it was taken.
  await first.rejected(messageFrame(conversationId, 9), "EPOCH_STALE");

  const second = await room.connect(bob);
  assert.equal(await first.goodbye(), "SESSION_REPLACED");
  const rest = await second.itemsUpTo(count + 1);
  assert.equal(rest[0]?.sequence, 101);
  assert.equal(rest.length, count + 1 - 100);
  assert.equal(second.frames.filter(({ type }) => type === "welcome").length, 0, "its Welcome is done with");
});

test("a cursor beyond what was sent counts only as far as that", async (t) => {
  const room = await ServerRoom.open(t);
  const alice = await room.account("alice");
  const bob = await room.account("bob");
  const sender = await room.connect(alice);
  const receiver = await room.connect(bob);
  const conversationId = await room.conversation(alice);
  const accounts = [alice.accountId, bob.accountId];
  await sender.accepted(commitFrame(conversationId, 0, { added: [bob], accounts }));
  await receiver.welcome();
  receiver.send({ type: "cursor", conversationId, sequence: 1_000_000 });
  await receiver.rejected(messageFrame(conversationId, 9), "EPOCH_STALE");
  receiver.close();
  await sender.accepted(messageFrame(conversationId, 1));
  const again = await room.connect(bob);
  assert.deepEqual(
    (await again.itemsUpTo(2)).map(({ sequence }) => sequence),
    [2],
  );
});

test("DEL-29: a device that reads slowly holds up nobody and misses nothing", async (t) => {
  const room = await ServerRoom.open(t);
  const alice = await room.account("alice");
  const bob = await room.account("bob");
  const sender = await room.connect(alice);
  const slow = await room.connect(bob);
  const conversationId = await room.conversation(alice);
  const accounts = [alice.accountId, bob.accountId];
  await sender.accepted(commitFrame(conversationId, 0, { added: [bob], accounts }));
  await slow.welcome();
  slow.socket.pause();
  const ciphertext = new Uint8Array(60_000);
  const count = 200;
  for (let sent = 0; sent < count; sent += 20)
    await Promise.all(
      Array.from({ length: 20 }, () => sender.accepted(messageFrame(conversationId, 1, { ciphertext }))),
    );
  slow.socket.resume();
  const items = await slow.itemsUpTo(count + 1);
  assert.deepEqual(
    items.map(({ sequence }) => sequence),
    Array.from({ length: count }, (_, i) => i + 2),
  );
});

test("a device that was away when it was removed still gets its removal, and nothing after", async (t) => {
  const room = await ServerRoom.open(t);
  const alice = await room.account("alice");
  const bob = await room.account("bob");
  const sender = await room.connect(alice);
  const conversationId = await room.conversation(alice);
  const accounts = [alice.accountId, bob.accountId];
  await sender.accepted(commitFrame(conversationId, 0, { added: [bob], accounts }));
  await sender.accepted(messageFrame(conversationId, 1));
  await sender.accepted(commitFrame(conversationId, 1, { removed: [bob], accounts: [alice.accountId] }));
  await sender.accepted(messageFrame(conversationId, 2));
  const late = await room.connect(bob);
  await late.itemsUpTo(3);
  await late.rejected(messageFrame(conversationId, 2), "NOT_MEMBER");
  assert.deepEqual(
    late.items().map(({ sequence }) => sequence),
    [2, 3],
  );
  await sender.accepted(commitFrame(conversationId, 2, { added: [bob], accounts }));
  await late.until(() => late.frames.find((frame) => frame.type === "welcome" && frame.sequence === 5), "it");
  await sender.accepted(messageFrame(conversationId, 3));
  assert.equal((await late.itemsUpTo(6)).at(-1)?.sequence, 6);
});

test("DEL-30: a connection says hello first, with a session of a device", async (t) => {
  const room = await ServerRoom.open(t);
  const { TestStream } = await import("./test-stream.ts");
  const early = new TestStream(room.server.url);
  await new Promise((resolve) => early.socket.once("open", resolve));
  early.send({ type: "cursor", conversationId: new Uint8Array(32) as never, sequence: 0 });
  assert.equal(await early.goodbye(), "SESSION_REQUIRED");
  for (const [token, code] of [
    ["nobody", "SESSION_INVALID"],
    [room.server.operatorToken, "SESSION_FORBIDDEN"],
  ] as const) {
    const stream = new TestStream(room.server.url);
    await assert.rejects(stream.hello(token));
    assert.equal(await stream.goodbye(), code);
  }
  const alice = await room.connect(await room.account("alice"));
  alice.socket.send(Uint8Array.of(0x81, 0x00));
  assert.equal(await alice.goodbye(), "DECODE_SHAPE");
});

test("DEL-31: a restart forgets nothing: members, epoch, cursors and answers are as they were", async (t) => {
  const room = await ServerRoom.open(t);
  const alice = await room.account("alice");
  const bob = await room.account("bob");
  const sender = await room.connect(alice);
  const conversationId = await room.conversation(alice);
  const accounts = [alice.accountId, bob.accountId];
  await sender.accepted(commitFrame(conversationId, 0, { added: [bob], accounts }));
  const frame = messageFrame(conversationId, 1);
  const before = await sender.accepted(frame);
  const { frankingKey, accessLog } = room.server;
  await room.restart();
  assert.equal(await sender.goodbye(), "SERVER_STOPPING");
  assert.deepEqual(room.server.frankingKey, frankingKey);
  assert.equal(room.server.accessLog, accessLog);
  const again = await room.connect(alice);
  assert.deepEqual({ ...(await again.accepted(frame)), requestId: 0 }, { ...before, requestId: 0 });
  assert.equal((await again.accepted(messageFrame(conversationId, 1))).sequence, 3);
  const receiver = await room.connect(bob);
  assert.equal((await receiver.welcome()).sequence, 1);
  assert.equal((await receiver.itemsUpTo(3)).length, 2);
});
