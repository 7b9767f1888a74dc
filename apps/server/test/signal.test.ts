import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { asConversationId, encodeClientFrame, type ServerFrame } from "@portcullis/protocol";
import { commitFrame, messageFrame } from "./hand-made.ts";
import { random, ServerRoom } from "./server-room.ts";
import type { TestStream } from "./test-stream.ts";

const signalsOf = ({ frames }: TestStream): ServerFrame[] => frames.filter(({ type }) => type === "signal");

test("DEL-70: a signal goes to the other members who are there, once, and nowhere else", async (t) => {
  const room = await ServerRoom.open(t);
  const [alice, bob, eve] = [
    await room.account("alice"),
    await room.account("bob"),
    await room.account("eve"),
  ];
  const [aliceStream, bobStream] = [await room.connect(alice), await room.connect(bob)];
  const eveStream = await room.connect(eve);
  const conversationId = await room.conversation(alice);
  const accounts = [alice.accountId, bob.accountId];
  await aliceStream.accepted(commitFrame(conversationId, 0, { added: [bob], accounts }));
  await bobStream.welcome();
  const payload = random(100);
  eveStream.send({ type: "signal", conversationId, payload: random(3) });
  aliceStream.send({ type: "signal", conversationId: asConversationId(random(32)), payload });
  aliceStream.send({ type: "signal", conversationId, payload });
  await bobStream.until(() => signalsOf(bobStream)[0], "a signal");
  const { accountId: senderAccountId, deviceId: senderDeviceId } = alice;
  assert.deepEqual(signalsOf(bobStream), [
    { type: "signal", conversationId, senderAccountId, senderDeviceId, payload },
  ]);
  assert.deepEqual([signalsOf(aliceStream), signalsOf(eveStream)], [[], []]);
  // It has no place: the next message follows on, and whoever comes later is told nothing of it.
  const { sequence } = await aliceStream.accepted(messageFrame(conversationId, 1));
  assert.equal(sequence, 2);
  bobStream.close();
  const again = await room.connect(bob);
  await again.itemsUpTo(2);
  assert.deepEqual(signalsOf(again), []);
});

/** Alice's conversation, in which Bob is. */
async function pair(t: TestContext) {
  const room = await ServerRoom.open(t);
  const [alice, bob] = [await room.account("alice"), await room.account("bob")];
  const [aliceStream, bobStream] = [await room.connect(alice), await room.connect(bob)];
  const conversationId = await room.conversation(alice);
  const accounts = [alice.accountId, bob.accountId];
  await aliceStream.accepted(commitFrame(conversationId, 0, { added: [bob], accounts }));
  await bobStream.welcome();
  return { alice, bob, aliceStream, bobStream, conversationId };
}

test("DEL-70: of a device that was removed no signal is relayed, nor to it", async (t) => {
  const { alice, bob, aliceStream, bobStream, conversationId } = await pair(t);
  await aliceStream.accepted(commitFrame(conversationId, 1, { removed: [bob], accounts: [alice.accountId] }));
  await bobStream.itemsUpTo(2);
  // Each answer comes behind whatever was sent to that device before it.
  const heard = (): Promise<void> => bobStream.rejected(messageFrame(conversationId, 2), "NOT_MEMBER");
  bobStream.send({ type: "signal", conversationId, payload: random(8) });
  await heard();
  aliceStream.send({ type: "signal", conversationId, payload: random(8) });
  await aliceStream.accepted(messageFrame(conversationId, 2));
  await heard();
  assert.deepEqual([signalsOf(aliceStream), signalsOf(bobStream)], [[], []]);
});

test("DEL-70: more signals than are for a person who writes are dropped, and a long one ends the connection", async (t) => {
  const { aliceStream, bobStream, conversationId } = await pair(t);
  for (let i = 0; i < 60; i++) aliceStream.send({ type: "signal", conversationId, payload: random(8) });
  await aliceStream.accepted(messageFrame(conversationId, 1));
  await bobStream.itemsUpTo(2);
  const { length } = signalsOf(bobStream);
  assert.ok(length >= 16 && length < 30, `${length} signals`);
  aliceStream.socket.send(encodeClientFrame({ type: "signal", conversationId, payload: random(257) }));
  assert.equal(await aliceStream.goodbye(), "DECODE_LENGTH");
});
