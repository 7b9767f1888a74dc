import assert from "node:assert/strict";
import { test } from "node:test";
import {
  asAccountId,
  asConversationId,
  asDeviceId,
  asMessageId,
  fromBase64Url,
  toBase64Url,
  type ConversationId,
  type LinkChunkRequest,
} from "@portcullis/protocol";
import { seededRandom } from "@portcullis/testkit";
import { ClientError } from "../src/errors.ts";
import { openChunk, type HistoryChunk } from "../src/linking/history-chunk.ts";
import { HistoryTransfer, RECEIVING, type TransferHost } from "../src/linking/history-transfer.ts";
import { encodeReceivingRecord } from "../src/linking/transfer-record.ts";
import type { ServerApi } from "../src/server/server-api.ts";
import type { ReceivedMessage } from "../src/messages/placement.ts";
import type { ClientStore, StoreChange, StoredMessage } from "../src/store.ts";

const random = seededRandom("history transfer");
const linkId = random(32);
const [oldDevice, newDevice] = [asDeviceId(random(16)), asDeviceId(random(16))];
/** In the order in which they are sent. */
const [first, second] = [1, 2].map((byte) => asConversationId(new Uint8Array(32).fill(byte))) as [
  ConversationId,
  ConversationId,
];

const messageOf = (conversationId: ConversationId, sequence: number): StoredMessage => ({
  conversationId,
  sequence,
  senderAccountId: asAccountId(new Uint8Array(32)),
  senderDeviceId: oldDevice,
  messageId: asMessageId(random(16)),
  acceptedAtMs: sequence,
  applicationData: random(20),
  receipt: random(20),
  contentId: new Uint8Array(32),
  anchor: sequence,
});

/** A conversation that goes on, with messages at 1 to `length`. */
function talk(id: ConversationId, length: number, ...devices: (typeof oldDevice)[]) {
  const members = devices.map((deviceId) => ({ deviceId }));
  const messages = Array.from({ length }, (_, i) => messageOf(id, i + 1));
  return {
    id,
    messages,
    record: { condition: "open" },
    cursor: length,
    epoch: { group: { members } },
    drained: async () => {},
    importMessages: async (_messages: readonly ReceivedMessage[], _changes: readonly StoreChange[]) => {},
  };
}

/** A device with these conversations, and a mailbox, of which the first chunk at each index stays. */
function scene(talks: readonly ReturnType<typeof talk>[]) {
  const conversations = new Map(talks.map((one) => [toBase64Url(one.id), one]));
  const secrets = new Map<string, Uint8Array>();
  const stored: ReceivedMessage[] = [];
  const mailbox: Uint8Array[] = [];
  const events: unknown[] = [];
  const faults: unknown[] = [];
  const power = { isDown: false, failsBehindChunk: false };
  const refuse = (refusal: string): never => {
    throw new ClientError("CLIENT_SERVER_REFUSED", { refusal });
  };
  const api = {
    token: async () => "token",
    call: async (method: string, path: string, body: LinkChunkRequest) => {
      const index = Number(path.split("/").at(-1));
      if (method === "DELETE") return {};
      if (method === "GET") {
        const chunk = mailbox[index];
        return chunk === undefined ? {} : { chunk: toBase64Url(chunk) };
      }
      if (index > mailbox.length) refuse("LINK_UNKNOWN");
      if (index > 20) refuse("LINK_FULL");
      mailbox[index] ??= fromBase64Url(body.chunk);
      power.isDown = power.failsBehindChunk;
      return {};
    },
  };
  const store = {
    history: async (
      id: ConversationId,
      { limit, beforeSequence }: { limit: number; beforeSequence: number },
    ) =>
      (conversations.get(toBase64Url(id))?.messages ?? [])
        .filter(({ sequence }) => sequence < beforeSequence)
        .slice(-limit),
  };
  const host = {
    account: {},
    ready: true,
    random,
    conversations,
    conversation: (id: ConversationId) => conversations.get(toBase64Url(id)),
    events: { emit: (_name: string, event: unknown) => events.push(event) },
    later: () => {},
    stop: (error: unknown) => faults.push(error),
    write: async (changes: readonly StoreChange[]) => {
      if (power.isDown) throw new Error("the power went");
      for (const change of changes)
        if ("put" in change && change.put === "secret") secrets.set(change.name, change.value);
        else if ("erase" in change && change.erase === "secret") secrets.delete(change.name);
    },
  };
  for (const one of talks)
    one.importMessages = async (messages, changes) => {
      await host.write(changes);
      stored.push(...messages);
    };
  /** As it is opened from what is stored. */
  const open = (): HistoryTransfer =>
    new HistoryTransfer(host as unknown as TransferHost, {
      api: api as unknown as ServerApi,
      store: store as unknown as ClientStore,
      secrets,
    });
  const run = async (transfer = open()): Promise<void> => {
    transfer.go();
    await transfer.drained();
  };
  const sent = (key: Uint8Array): HistoryChunk[] =>
    mailbox.map((chunk, index) => openChunk({ key, linkId, index }, chunk));
  return { secrets, stored, mailbox, events, faults, open, run, sent, power };
}

/** What was sent, in short: which conversation, down to where. */
const places = (chunks: readonly HistoryChunk[]): string[] =>
  chunks.map(
    ({ conversationId, messages }) => `${conversationId?.[0] ?? "end"}:${messages.at(-1)?.sequence}`,
  );

test("LNK-20: a conversation that the new device is not in yet does not keep the others back", async () => {
  const late = talk(first, 70, oldDevice);
  const { run, open, sent, secrets } = scene([late, talk(second, 70, oldDevice, newDevice)]);
  const key = await open().prepare(linkId, newDevice);
  await run();
  const inTime = ["2:7", "2:1", "2:undefined"];
  assert.deepEqual(places(sent(key)), inTime);
  await run();
  assert.deepEqual(places(sent(key)), inTime, "it is not over");
  late.epoch.group.members.push({ deviceId: newDevice });
  await run();
  assert.deepEqual(places(sent(key)), [...inTime, "1:7", "1:1", "1:undefined", "end:undefined"]);
  assert.equal(secrets.size, 0);
});

test("LNK-22: cut off behind a chunk, the old device goes on with that chunk's conversation", async () => {
  const late = talk(first, 3, oldDevice);
  const { run, open, sent, power, faults } = scene([late, talk(second, 3, oldDevice, newDevice)]);
  const key = await open().prepare(linkId, newDevice);
  power.failsBehindChunk = true;
  await run();
  assert.deepEqual([places(sent(key)), faults.length], [["2:1"], 1]);
  power.failsBehindChunk = false;
  power.isDown = false;
  late.epoch.group.members.push({ deviceId: newDevice });
  await run();
  assert.deepEqual(places(sent(key)), ["2:1", "2:undefined", "1:1", "1:undefined", "end:undefined"]);
});

test("LNK-22: what has come is counted on over a restart of the new device", async () => {
  const { run, open, mailbox, events } = scene([talk(first, 70, oldDevice, newDevice)]);
  const key = await open().prepare(linkId, newDevice);
  await run();
  const other = scene([talk(first, 70, oldDevice, newDevice)]);
  const begun = { linkId, key, token: "token", index: 0, messages: 0 };
  other.secrets.set(RECEIVING, encodeReceivingRecord(begun));
  other.mailbox.push(mailbox[0]!);
  await other.run();
  assert.deepEqual(other.events, [{ state: "partial", messages: 64 }]);
  other.mailbox.push(...mailbox.slice(1));
  await other.run();
  assert.deepEqual(other.events.slice(1), [
    { state: "partial", messages: 70 },
    { state: "partial", messages: 70 },
    { state: "complete", messages: 70 },
  ]);
  assert.deepEqual([other.stored.length, other.secrets.size, events], [70, 0, []]);
});
