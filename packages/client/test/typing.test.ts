import assert from "node:assert/strict";
import { test } from "node:test";
import { signingKeyFromSeed } from "@portcullis/crypto";
import {
  asAccountId,
  asConversationId,
  asDeviceId,
  limits,
  toBase64Url,
  type AccountId,
  type ClientFrame,
  type SignalToDeviceFrame,
} from "@portcullis/protocol";
import { FixedClock, seededRandom } from "@portcullis/testkit";
import type { Conversation } from "../src/conversation/conversation.ts";
import { EventHub } from "../src/event-hub.ts";
import type { ClientEvents } from "../src/host.ts";
import { openSignal, sealSignal, type SignalSetting } from "../src/messages/signal.ts";
import { Typing, type TypingHost } from "../src/messages/typing.ts";

const random = seededRandom("typing");
const conversationId = asConversationId(random(32));
const key = random(32);

function makeDevice(name: string) {
  const deviceKey = signingKeyFromSeed(random(32));
  return { name, accountId: asAccountId(random(32)), deviceId: asDeviceId(random(16)), deviceKey };
}
type Device = ReturnType<typeof makeDevice>;
const [ann, bob, eve] = [makeDevice("ann"), makeDevice("bob"), makeDevice("eve")];

/** One device's typing, with what it sends, what it tells, and what it does later. */
function scene(
  own: Device,
  {
    members = [ann, bob],
    isOn = true,
    epoch = 3,
    isOpen = true,
    signalKey = key,
    blocked = eve.accountId,
  } = {},
) {
  const clock = new FixedClock(1_000_000);
  const sent: (ClientFrame & { type: "signal" })[] = [];
  const told: string[] = [];
  const later: { atMs: number; task: () => void }[] = [];
  const events = new EventHub<ClientEvents>(() => {});
  events.on("typing", ({ accountId, isTyping }) => {
    const who = [ann, bob, eve].find(
      (one) => one.accountId === accountId || toBase64Url(one.accountId) === toBase64Url(accountId),
    );
    told.push(`${who?.name} ${isTyping ? "writes" : "stops"}`);
  });
  const identities = members.map((one, leafIndex) => ({
    ...one,
    leafIndex,
    signatureKey: one.deviceKey.publicKey,
  }));
  const conversation = {
    id: conversationId,
    record: { condition: isOpen ? "open" : "left" },
    epoch: { signalKey, group: { epoch, members: identities } },
  } as unknown as Conversation;
  const host = {
    account: own,
    preferences: {
      isBlocked: (accountId: AccountId) => accountId === blocked,
      blockedIn: () => (members.some(({ accountId }) => accountId === blocked) ? blocked : undefined),
    },
    clock,
    random,
    events,
    ready: true,
    conversations: new Map([[toBase64Url(conversationId), conversation]]),
    tell: (frame: ClientFrame) => void (frame.type === "signal" && sent.push(frame)),
    later: (afterMs: number, task: () => void) => void later.push({ atMs: clock.now() + afterMs, task }),
  } as unknown as TypingHost;
  const pass = (ms: number): void => {
    clock.advance(ms);
    for (const one of later.splice(0)) {
      if (one.atMs <= clock.now()) one.task();
      else later.push(one);
    }
  };
  return { typing: new Typing(host, () => isOn), conversation, sent, told, pass, clock };
}

const fromServer = ({ payload }: { payload: Uint8Array }, sender: Device = ann): SignalToDeviceFrame => ({
  type: "signal",
  conversationId,
  senderAccountId: sender.accountId,
  senderDeviceId: sender.deviceId,
  payload,
});

test("TML-13: it is said every four seconds while it goes on, and taken back once", () => {
  const { typing, conversation, sent, pass } = scene(ann);
  typing.tell(conversation, false);
  assert.equal(sent.length, 0, "nothing to take back");
  for (let i = 0; i < 9; i++) {
    typing.tell(conversation, true);
    pass(1000);
  }
  assert.equal(sent.length, 3);
  typing.tell(conversation, false);
  typing.tell(conversation, false);
  assert.equal(sent.length, 4);
  assert.equal(
    new Set(sent.map(({ payload }) => payload.length)).size,
    1,
    "a beginning and an end look alike",
  );
  typing.tell(conversation, true);
  typing.heard({ conversationId, senderAccountId: ann.accountId });
  typing.tell(conversation, false);
  assert.equal(sent.length, 5, "what was sent needs no taking back");
});

test("TML-13: it is not said where it is switched off, in large conversations, and where one is no member", () => {
  const many = Array.from({ length: 32 }, (_, i) => makeDevice(`${i}`));
  for (const terms of [
    { isOn: false },
    { blocked: bob.accountId },
    { members: [ann, ...many] },
    { isOpen: false },
  ]) {
    const { typing, conversation, sent } = scene(ann, terms);
    typing.tell(conversation, true);
    assert.equal(sent.length, 0);
  }
  const { typing, conversation, sent } = scene(ann, { members: [ann, ...many.slice(1)] });
  typing.tell(conversation, true);
  assert.equal(sent.length, 1);
});

test("TML-13: whoever does not say it again has stopped after six seconds, and so has whoever has said something", () => {
  const [here, there] = [scene(ann), scene(bob)];
  const write = (isTyping: boolean): void => {
    here.typing.tell(here.conversation, isTyping);
    there.typing.take(fromServer(here.sent.at(-1)!));
  };
  const pass = (ms: number): void => {
    here.pass(ms);
    there.pass(ms);
  };
  write(true);
  assert.deepEqual(there.typing.in(conversationId).map(toBase64Url), [toBase64Url(ann.accountId)]);
  pass(5000);
  write(true);
  pass(5000);
  assert.deepEqual(there.told, ["ann writes"]);
  pass(1000);
  assert.deepEqual(there.told.splice(0), ["ann writes", "ann stops"]);
  assert.deepEqual(there.typing.in(conversationId), []);
  write(true);
  there.typing.heard({ conversationId, senderAccountId: ann.accountId });
  pass(6000);
  assert.deepEqual(there.told.splice(0), ["ann writes", "ann stops"]);
  write(true);
  pass(10);
  write(false);
  assert.deepEqual(there.told, ["ann writes", "ann stops"]);
});

test("TML-14: what the named device has not said in this epoch, or has said before, is nothing", () => {
  const here = scene(ann);
  here.typing.tell(here.conversation, true);
  const said = here.sent[0]!;
  const attempts: [string, ReturnType<typeof scene>, SignalToDeviceFrame][] = [
    ["blocked", scene(bob, { blocked: ann.accountId }), fromServer(said)],
    ["another sender", scene(bob, { members: [ann, bob, eve] }), fromServer(said, eve)],
    ["another epoch", scene(bob, { epoch: 4 }), fromServer(said)],
    ["another key", scene(bob, { signalKey: random(32) }), fromServer(said)],
    ["no member", scene(bob, { members: [bob] }), fromServer(said)],
    ["left", scene(bob, { isOpen: false }), fromServer(said)],
    ["oneself", scene(ann), fromServer(said)],
    ["elsewhere", scene(bob), { ...fromServer(said), conversationId: asConversationId(random(32)) }],
  ];
  for (const [how, { typing, told }, frame] of attempts) {
    typing.take(frame);
    assert.deepEqual(told, [], how);
  }
  const there = scene(bob);
  for (let i = 0; i < said.payload.length; i++) {
    there.typing.take(fromServer({ payload: said.payload.with(i, said.payload[i]! ^ 1) }));
    there.typing.take(fromServer({ payload: said.payload.subarray(0, i) }));
  }
  assert.deepEqual(there.told, []);
  there.typing.take(fromServer(said));
  there.pass(6000);
  there.typing.take(fromServer(said));
  assert.deepEqual(there.told, ["ann writes", "ann stops"], "it counts once");
  const late = scene(bob);
  late.pass(60_001);
  late.typing.take(fromServer(said));
  assert.deepEqual(late.told, []);
});

test("TML-14: a member cannot say it in another's name", () => {
  const setting: SignalSetting = {
    conversationId,
    epoch: 3,
    accountId: ann.accountId,
    deviceId: ann.deviceId,
    key,
  };
  const forged = sealSignal({ isTyping: true, sentAtMs: 1_000_000 }, setting, eve.deviceKey, random);
  assert.equal(openSignal(forged, setting, { signatureKey: ann.deviceKey.publicKey }), undefined);
  const { typing, told } = scene(bob, { members: [ann, bob, eve] });
  typing.take(fromServer({ payload: forged }));
  assert.deepEqual(told, []);
  const honest = sealSignal({ isTyping: true, sentAtMs: 5 }, setting, ann.deviceKey, random);
  assert.deepEqual(openSignal(honest, setting, { signatureKey: ann.deviceKey.publicKey }), {
    isTyping: true,
    sentAtMs: 5,
  });
  assert.ok(honest.length <= limits.signalBytes);
});
