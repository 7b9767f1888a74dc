import assert from "node:assert/strict";
import { test } from "node:test";
import { merkleLeafHash, rootFromPath, sha256, verifySignature } from "@portcullis/crypto";
import { asMessageId, encodeFrankLeaf, encodeFrankRoot, type ConversationId } from "@portcullis/protocol";
import { BUCKET, commitFrame, messageFrame } from "./hand-made.ts";
import { random, ServerRoom, type TestDevice } from "./server-room.ts";
import type { TestStream } from "./test-stream.ts";

interface Pair {
  readonly conversationId: ConversationId;
  readonly alice: TestDevice;
  readonly bob: TestDevice;
  readonly aliceStream: TestStream;
  readonly bobStream: TestStream;
}

let handles = 0;

/** Alice's conversation, to which Bob was added in epoch 1 by the item 1. */
async function pair(room: ServerRoom): Promise<Pair> {
  const alice = await room.account(`alice ${++handles}`);
  const bob = await room.account(`bob ${handles}`);
  const aliceStream = await room.connect(alice);
  const bobStream = await room.connect(bob);
  const conversationId = await room.conversation(alice);
  const accounts = [alice.accountId, bob.accountId];
  const { sequence } = await aliceStream.accepted(commitFrame(conversationId, 0, { added: [bob], accounts }));
  assert.equal(sequence, 1);
  return { conversationId, alice, bob, aliceStream, bobStream };
}

test("a device is welcomed, gets what the others say, and of its own only the place", async (t) => {
  const room = await ServerRoom.open(t);
  const { conversationId, alice, aliceStream, bobStream } = await pair(room);
  const welcome = await bobStream.welcome();
  assert.equal(welcome.sequence, 1);
  assert.equal(new TextDecoder().decode(welcome.welcome), "welcome to epoch 1");
  assert.equal(welcome.roster.length, 2);
  const frame = messageFrame(conversationId, 1);
  const { sequence, receipt } = await aliceStream.accepted(frame);
  assert.equal(sequence, 2);
  const [received] = await bobStream.itemsUpTo(2);
  assert.deepEqual(received, {
    sequence: 2,
    kind: "message",
    senderAccountId: alice.accountId,
    senderDeviceId: alice.deviceId,
    messageId: frame.messageId,
    acceptedAtMs: room.clock.now(),
    message: frame.message,
    receipt,
  });
  const own = (await aliceStream.itemsUpTo(2)).find((item) => item.sequence === 2);
  assert.equal(own?.message, undefined);
  assert.deepEqual(own?.messageId, frame.messageId);
});

test("DEL-20: sequences follow on without a gap, and every message of a group has a receipt under one signature", async (t) => {
  const room = await ServerRoom.open(t);
  const { conversationId, alice, aliceStream, bobStream } = await pair(room);
  const frames = Array.from({ length: 40 }, () => messageFrame(conversationId, 1));
  const answers = await Promise.all(frames.map((frame) => aliceStream.accepted(frame)));
  assert.deepEqual(
    answers.map(({ sequence }) => sequence),
    frames.map((_, i) => i + 2),
  );
  const items = await bobStream.itemsUpTo(41);
  assert.deepEqual(
    items.map(({ messageId }) => messageId),
    frames.map(({ messageId }) => messageId),
  );
  for (const [i, { receipt }] of answers.entries()) {
    assert.ok(receipt);
    const { messageId } = frames[i]!;
    const { batchIndex: index, batchSize: size, path, acceptedAtMs } = receipt;
    const leaf = encodeFrankLeaf(
      {
        frankingTag: sha256(messageId),
        conversationId,
        senderAccountId: alice.accountId,
        senderDeviceId: alice.deviceId,
        messageId,
        acceptedAtMs,
      },
      receipt.serverFrank,
    );
    const root = rootFromPath({ index, size, leafHash: merkleLeafHash(leaf), path });
    verifySignature(room.server.frankingKey, encodeFrankRoot({ root, size }), receipt.rootSignature);
  }
  assert.ok(
    answers.some(({ receipt }) => (receipt?.batchSize ?? 0) > 1),
    "a group had several messages",
  );
});

test("DEL-21: the same message id again gets the first answer, whatever has changed since", async (t) => {
  const room = await ServerRoom.open(t);
  const { conversationId, alice, bob, aliceStream, bobStream } = await pair(room);
  const frame = messageFrame(conversationId, 1);
  const [first, twin] = await Promise.all([aliceStream.accepted(frame), aliceStream.accepted(frame)]);
  assert.deepEqual({ ...twin, requestId: 0 }, { ...first, requestId: 0 });
  const commit = commitFrame(conversationId, 1, { removed: [alice], accounts: [bob.accountId] });
  assert.equal((await bobStream.accepted(commit)).sequence, 3);
  assert.equal((await bobStream.accepted(commit)).sequence, 3);
  room.clock.advance(86_400_000);
  const again = await aliceStream.accepted(frame);
  assert.deepEqual({ ...again, requestId: 0 }, { ...first, requestId: 0 });
  await bobStream.itemsUpTo(3);
  assert.equal(bobStream.items().filter(({ kind }) => kind === "message").length, 1);
});

test("DEL-22: a device that is no member learns nothing but that", async (t) => {
  const room = await ServerRoom.open(t);
  const { conversationId, alice, bob, aliceStream, bobStream } = await pair(room);
  const carol = await room.connect(await room.account("carol"));
  await carol.rejected(messageFrame(conversationId, 7, { data: { bucketStart: 0 } }), "NOT_MEMBER");
  await carol.rejected(commitFrame(conversationId, 0, { accounts: [alice.accountId] }), "NOT_MEMBER");
  const unknown = messageFrame(conversationId, 1);
  await carol.rejected({ ...unknown, conversationId: random(32) as ConversationId }, "NOT_MEMBER");
  await bobStream.welcome();
  await aliceStream.accepted(commitFrame(conversationId, 1, { removed: [bob], accounts: [alice.accountId] }));
  await aliceStream.accepted(messageFrame(conversationId, 2));
  assert.equal((await bobStream.itemsUpTo(2)).length, 1, "its removal is the last that it gets");
  await bobStream.rejected(messageFrame(conversationId, 2), "NOT_MEMBER");
});

test("DEL-23: only the current epoch is accepted, none at 0, and none beyond 7 days", async (t) => {
  const room = await ServerRoom.open(t);
  const alice = await room.account("alice");
  const stream = await room.connect(alice);
  const conversationId = await room.conversation(alice);
  await stream.rejected(messageFrame(conversationId, 0), "EPOCH_ZERO");
  const accounts = [alice.accountId];
  await stream.rejected(commitFrame(conversationId, 1, { accounts }), "EPOCH_STALE");
  await stream.accepted(commitFrame(conversationId, 0, { accounts }));
  for (const epoch of [0, 2]) await stream.rejected(messageFrame(conversationId, epoch), "EPOCH_STALE");
  await stream.accepted(messageFrame(conversationId, 1));
  room.clock.advance(7 * 86_400_000);
  const startBucket = BUCKET + 7 * 86_400;
  await stream.accepted(messageFrame(conversationId, 1, { data: { bucketStart: startBucket } }));
  room.clock.advance(1);
  const late = messageFrame(conversationId, 1, { data: { bucketStart: startBucket } });
  await stream.rejected(late, "EPOCH_EXPIRED");
  await stream.accepted(commitFrame(conversationId, 1, { accounts, startBucket }));
  await stream.accepted(messageFrame(conversationId, 2, { data: { bucketStart: startBucket } }));
});

test("DEL-24: of two Commits to one epoch one wins", async (t) => {
  const room = await ServerRoom.open(t);
  const { conversationId, alice, bob, aliceStream, bobStream } = await pair(room);
  await bobStream.welcome();
  const accounts = [alice.accountId, bob.accountId];
  const answers = await Promise.all([
    aliceStream.ask(commitFrame(conversationId, 1, { accounts })),
    bobStream.ask(commitFrame(conversationId, 1, { accounts })),
  ]);
  assert.deepEqual(answers.map(({ type }) => type).sort(), ["accepted", "rejected"]);
  assert.equal(answers.find((answer) => answer.type === "rejected")?.code, "EPOCH_STALE");
});

test("DEL-25: the current bucket, the one before for 60 seconds, never a future one", async (t) => {
  const room = await ServerRoom.open(t);
  const { conversationId, aliceStream } = await pair(room);
  const frame = (bucketStart: number) => messageFrame(conversationId, 1, { data: { bucketStart } });
  await aliceStream.rejected(frame(BUCKET + 900), "BUCKET_FUTURE");
  await aliceStream.rejected(frame(BUCKET - 900), "BUCKET_STALE");
  await aliceStream.rejected(frame(BUCKET + 1), "BUCKET_FUTURE");
  room.clock.set((BUCKET + 900) * 1000 + 59_999);
  await aliceStream.accepted(frame(BUCKET));
  await aliceStream.accepted(frame(BUCKET + 900));
  room.clock.advance(1);
  await aliceStream.rejected(frame(BUCKET), "BUCKET_STALE");
  await aliceStream.accepted(frame(BUCKET + 900));
});

test("DEL-26: a Commit begins its epoch in the current bucket, and no message of the epoch lies before", async (t) => {
  const room = await ServerRoom.open(t);
  const { conversationId, alice, bob, aliceStream } = await pair(room);
  const accounts = [alice.accountId, bob.accountId];
  room.clock.set((BUCKET + 900) * 1000);
  const commit = (startBucket: number) => commitFrame(conversationId, 1, { accounts, startBucket });
  await aliceStream.rejected(commit(BUCKET), "BUCKET_STALE");
  await aliceStream.rejected(commit(BUCKET + 1800), "BUCKET_FUTURE");
  await aliceStream.accepted(commit(BUCKET + 900));
  await aliceStream.rejected(messageFrame(conversationId, 2), "BUCKET_STALE");
});

test("DEL-27: a Commit's members, Welcomes, lookup and roster are what it says", async (t) => {
  const room = await ServerRoom.open(t);
  const { conversationId, alice, bob, aliceStream } = await pair(room);
  const carol = await room.account("carol");
  const all = [alice.accountId, bob.accountId, carol.accountId];
  const both = [alice.accountId, bob.accountId];
  const stranger = { accountId: carol.accountId, deviceId: bob.deviceId };
  const cases = [
    ["COMMIT_MEMBERS", commitFrame(conversationId, 1, { added: [bob], accounts: both })],
    ["COMMIT_MEMBERS", commitFrame(conversationId, 1, { added: [stranger], accounts: all })],
    ["COMMIT_MEMBERS", commitFrame(conversationId, 1, { removed: [carol], accounts: both })],
    ["COMMIT_ROSTER", commitFrame(conversationId, 1, { added: [carol], accounts: both })],
    ["COMMIT_ROSTER", commitFrame(conversationId, 1, { accounts: all })],
    ["COMMIT_ROSTER", commitFrame(conversationId, 1, { removed: [bob], accounts: both })],
  ] as const;
  for (const [code, frame] of cases) await aliceStream.rejected(frame, code);
  const good = commitFrame(conversationId, 1, { added: [carol], accounts: all });
  await aliceStream.rejected({ ...good, welcomes: [] }, "COMMIT_WELCOMES");
  const welcome = good.welcomes[0]!;
  await aliceStream.rejected({ ...good, welcomes: [{ ...welcome, ...stranger }] }, "COMMIT_WELCOMES");
  await aliceStream.rejected({ ...good, lookup: random(40) }, "COMMIT_LOOKUP");
  const { lookup, ...bare } = good;
  await aliceStream.rejected(bare, "COMMIT_LOOKUP");
  const renewal = commitFrame(conversationId, 1, { accounts: both });
  await aliceStream.rejected({ ...renewal, ...(lookup && { lookup }) }, "COMMIT_LOOKUP");
  const salted = good.roster.map(({ accountId }) => ({ accountId, salt: random(32) }));
  await aliceStream.rejected({ ...good, roster: salted }, "COMMIT_ROSTER");
  assert.equal((await aliceStream.accepted(good)).sequence, 2, "what was refused left nothing behind");
});

test("a frame that is not what it says is refused", async (t) => {
  const room = await ServerRoom.open(t);
  const { conversationId, alice, aliceStream } = await pair(room);
  const other = messageFrame(conversationId, 1);
  await aliceStream.rejected({ ...other, messageId: asMessageId(random(16)) }, "MESSAGE_MISMATCH");
  const commit = commitFrame(conversationId, 1, { accounts: [alice.accountId] });
  await aliceStream.rejected({ ...other, message: commit.message }, "MESSAGE_MISMATCH");
  await aliceStream.rejected({ ...other, message: new Uint8Array(9) }, "DECODE_SHAPE");
  const elsewhere = messageFrame(random(32) as ConversationId, 1, { messageId: other.messageId });
  await aliceStream.rejected({ ...other, message: elsewhere.message }, "MESSAGE_MISMATCH");
});
