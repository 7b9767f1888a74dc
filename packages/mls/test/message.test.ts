import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeMlsMessage, emptyPskIndex, processPrivateMessage, type PrivateMessage } from "ts-mls";
import { utf8 } from "@portcullis/protocol";
import type { MlsGroup } from "@portcullis/mls";
import { nodeProvider } from "@portcullis/mls/node";
import { encodeRatchetRow, FORWARD_LIMIT } from "../src/secret-tree.ts";
import { decodePrivateMessage, openSenderData } from "../src/message-protection.ts";
import { cipherSuite, coded, rawState, tsMlsMessage } from "./forger.ts";
import { change, converse, createAlone, person } from "./people.ts";

const NOTHING = new Uint8Array();

function asPrivateMessage(bytes: Uint8Array): PrivateMessage {
  const decoded = decodeMlsMessage(bytes, 0)?.[0];
  assert(decoded?.wireformat === "mls_private_message");
  return decoded.privateMessage;
}

async function messages(group: MlsGroup, count: number): Promise<Uint8Array[]> {
  const sent: Uint8Array[] = [];
  for (let i = 0; i < count; i++) sent.push((await group.protect(utf8(`number ${i}`), NOTHING)).message);
  return sent;
}

test("MLS-20: what one member protects every other opens, with sender and authenticated data", async () => {
  const { epochs } = await converse([person(), person(), person()]);
  const [alice, bob, carol] = epochs.map(({ group }) => group);
  for (const [sender, readers] of [
    [alice!, [bob!, carol!]],
    [carol!, [alice!, bob!]],
  ] as const) {
    const { message } = await sender.protect(utf8("hello"), utf8("for all to see"));
    for (const reader of readers) {
      const opened = await reader.unprotect(message);
      assert.equal(opened.senderLeaf, sender.ownLeaf);
      assert.deepEqual(opened.authenticatedData, utf8("for all to see"));
      assert.deepEqual(opened.plaintext, utf8("hello"));
    }
  }
});

test("MLS-21: a gap is stepped over and what lies in it is gone; a used key is not used again", async () => {
  const { epochs } = await converse([person(), person()]);
  const [alice, bob] = epochs.map(({ group }) => group);
  const [first, second, third] = await messages(alice!, 3);
  await bob!.unprotect(first!);
  await bob!.unprotect(third!);
  await assert.rejects(bob!.unprotect(second!), coded("MLS_GENERATION_USED"));
  await assert.rejects(bob!.unprotect(third!), coded("MLS_GENERATION_USED"));
});

test("MLS-21: a thousand messages may be missing, and no more than the limit", async () => {
  const { people, epochs } = await converse([person(), person()]);
  const [alice, bob] = epochs;
  const state = rawState(alice!, people[0]!);
  const application = state.secretTree[0]!.application;
  const within = await messages(alice!.group, FORWARD_LIMIT + 2);
  assert(FORWARD_LIMIT >= 1000);
  await assert.rejects(bob!.group.unprotect(within[FORWARD_LIMIT + 1]!), coded("MLS_GENERATION_TOO_FAR"));
  assert.deepEqual(
    (await bob!.group.unprotect(within[FORWARD_LIMIT]!)).plaintext,
    utf8(`number ${FORWARD_LIMIT}`),
  );
  assert.equal(application.generation, 0);
});

test("MLS-21: ts-mls is told to keep no secret of a skipped message, and one old epoch at most", async () => {
  const { people, epochs } = await converse([person(), person()]);
  const { keyRetentionConfig } = rawState(epochs[0]!, people[0]!).clientConfig;
  assert.equal(keyRetentionConfig.retainKeysForGenerations, 0);
  assert.equal(keyRetentionConfig.retainKeysForEpochs, 1);
});

test("MLS-22: a message that is refused leaves the ratchet where it was", async () => {
  const { people, epochs } = await converse([person(), person(), person()]);
  const [alice, bob, carol] = epochs;
  const { message } = await alice!.group.protect(utf8("hello"), NOTHING);
  const broken = message.slice();
  broken[broken.length - 1]! ^= 1;
  await assert.rejects(bob!.group.unprotect(broken), coded("MLS_UNDECRYPTABLE"));
  // Carol knows Alice's ratchet as everybody does, but not her signature key.
  const impostor = rawState(carol!, people[2]!, alice!.group.ownLeaf);
  const forged = await tsMlsMessage(impostor, utf8("I am Alice"), NOTHING, alice!.group.ownLeaf);
  await assert.rejects(bob!.group.unprotect(forged), coded("MLS_SIGNATURE"));
  assert.deepEqual((await bob!.group.unprotect(message)).plaintext, utf8("hello"));
});

test("MLS-22: authenticated data cannot be changed on the way", async () => {
  const { epochs } = await converse([person(), person()]);
  const { message } = await epochs[0]!.group.protect(utf8("hello"), utf8("tag-A"));
  const at = Buffer.from(message).indexOf("tag-A");
  const changed = message.slice();
  changed[at + 4] = "B".charCodeAt(0);
  await assert.rejects(epochs[1]!.group.unprotect(changed), coded("MLS_UNDECRYPTABLE"));
});

test("MLS-23: a blank leaf, a leaf beyond the tree and one's own send nothing", async () => {
  const people = [person(), person(), person()];
  const before = await converse(people);
  const { epochs } = await change(before, { by: 0, remove: [before.epochs[2]!.group.ownLeaf] });
  const [alice, bob] = epochs;
  const state = rawState(alice!, people[0]!);
  const node = state.secretTree[0]!;
  for (const leafIndex of [2, 77]) {
    state.secretTree[2 * leafIndex] = node;
    const message = await tsMlsMessage(state, utf8("hello"), NOTHING, leafIndex);
    await assert.rejects(bob!.group.unprotect(message), coded("MLS_SENDER_UNKNOWN"));
  }
  const { message } = await alice!.group.protect(utf8("hello"), NOTHING);
  await assert.rejects(alice!.group.unprotect(message), coded("MLS_OWN_MESSAGE"));
});

test("MLS-23: only this conversation and this epoch", async () => {
  const people = [person(), person(), person()];
  const here = await converse(people);
  const there = await converse(people);
  const { message } = await here.epochs[0]!.group.protect(utf8("hello"), NOTHING);
  await assert.rejects(there.epochs[1]!.group.unprotect(message), coded("MLS_CONVERSATION"));
  const { epochs } = await change(here, { by: 0 });
  await assert.rejects(epochs[1]!.group.unprotect(message), coded("MLS_EPOCH"));
  const { message: later } = await epochs[0]!.group.protect(utf8("hello"), NOTHING);
  await assert.rejects(here.epochs[1]!.group.unprotect(later), coded("MLS_EPOCH"));
});

test("MLS-23: padding that is not all zeros is refused", async () => {
  const { people, epochs } = await converse([person(), person()]);
  const [alice, bob] = epochs;
  const state = rawState(alice!, people[0]!);
  const paddingConfig = { kind: "alwaysPad" as const, paddingLength: 8 };
  const padded = { ...state, clientConfig: { ...state.clientConfig, paddingConfig } };
  const good = await tsMlsMessage(padded, utf8("hello"), NOTHING);
  const { hpke } = cipherSuite;
  const dirty: typeof hpke = {
    ...hpke,
    encryptAead: (key, nonce, aad, plaintext) => {
      // Sender data, the other thing that is encrypted, has 12 bytes and no padding.
      if (plaintext.length > 12) plaintext[plaintext.length - 1] = 1;
      return hpke.encryptAead(key, nonce, aad, plaintext);
    },
  };
  const suite = { ...cipherSuite, hpke: dirty };
  const bad = await tsMlsMessage(padded, utf8("hello"), NOTHING, alice!.group.ownLeaf, suite);
  await assert.rejects(bob!.group.unprotect(bad), coded("MLS_PADDING"));
  assert.deepEqual((await bob!.group.unprotect(good)).plaintext, utf8("hello"));
});

test("MLS-24: there is no application message in epoch 0", async () => {
  const alice = person();
  const start = await createAlone(alice);
  await assert.rejects(start.group.protect(utf8("hello"), NOTHING), coded("MLS_EPOCH_ZERO"));
});

test("MLS-25: sends that overlap never share a key", async () => {
  const { epochs } = await converse([person(), person()]);
  const [alice, bob] = epochs.map(({ group }) => group);
  const sent = await Promise.all(["a", "b", "c", "d"].map((text) => alice!.protect(utf8(text), NOTHING)));
  const opened: string[] = [];
  for (const { message } of sent)
    opened.push(Buffer.from((await bob!.unprotect(message)).plaintext).toString());
  assert.deepEqual(opened, ["a", "b", "c", "d"]);
});

test("MLS-26: ts-mls opens what we protect, and we open what ts-mls protects", async () => {
  const { people, epochs } = await converse([person(), person()]);
  const [alice, bob] = epochs;
  const { message } = await alice!.group.protect(utf8("to ts-mls"), utf8("seen"));
  const reader = rawState(bob!, people[1]!, alice!.group.ownLeaf);
  const result = await processPrivateMessage(reader, asPrivateMessage(message), emptyPskIndex, cipherSuite);
  assert(result.kind === "applicationMessage");
  assert.deepEqual(result.message, utf8("to ts-mls"));

  const back = await tsMlsMessage(rawState(bob!, people[1]!), utf8("from ts-mls"), utf8("seen"));
  const opened = await alice!.group.unprotect(back);
  assert.deepEqual(opened.plaintext, utf8("from ts-mls"));
  assert.equal(opened.senderLeaf, bob!.group.ownLeaf);
});

test("MLS-26: our ratchet and that of ts-mls stand at the same place after a message", async () => {
  const { people, epochs } = await converse([person(), person()]);
  const [alice, bob] = epochs;
  const { message, ratchet } = await alice!.group.protect(utf8("hello"), NOTHING);
  const reader = rawState(bob!, people[1]!, alice!.group.ownLeaf);
  const result = await processPrivateMessage(reader, asPrivateMessage(message), emptyPskIndex, cipherSuite);
  assert.deepEqual(encodeRatchetRow(result.newState.secretTree[0]!), ratchet.row);
});

test("MLS-27: a message is the MLSMessage that it says, to the byte, or it is refused", async () => {
  const { epochs } = await converse([person(), person()]);
  const [alice, bob] = epochs.map(({ group }) => group);
  const { message } = await alice!.protect(utf8("hello"), utf8("seen"));
  for (let length = 0; length < message.length; length++)
    await assert.rejects(bob!.unprotect(message.slice(0, length)), coded("MLS_MALFORMED"), `${length} bytes`);
  await assert.rejects(bob!.unprotect(Uint8Array.of(...message, 0)), coded("MLS_MALFORMED"));
  const otherFormat = message.slice();
  otherFormat[3] = 1;
  await assert.rejects(bob!.unprotect(otherFormat), coded("MLS_WIRE_FORMAT"));
  await assert.rejects(
    bob!.process(message, () => undefined),
    coded("MLS_CONTENT_TYPE"),
  );
});

test("MLS-27: each message has its own reuse guard", async () => {
  const { people, epochs } = await converse([person(), person()]);
  const state = rawState(epochs[1]!, people[1]!);
  const keys = {
    groupId: state.groupContext.groupId,
    epoch: 1,
    groupContext: NOTHING,
    senderDataSecret: state.keySchedule.senderDataSecret,
  };
  const guards = new Set<string>();
  for (const message of await messages(epochs[0]!.group, 4)) {
    const { reuseGuard } = await openSenderData(nodeProvider.primitives, keys, decodePrivateMessage(message));
    guards.add(Buffer.from(reuseGuard).toString("hex"));
  }
  assert.equal(guards.size, 4);
});
