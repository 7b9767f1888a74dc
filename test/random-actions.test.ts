import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ClientError, type ConversationMessage, type PortcullisClient } from "@portcullis/client";
import { equalBytes, type ConversationId } from "@portcullis/protocol";
import { FixedClock, seededRandom, temporaryDirectory } from "@portcullis/testkit";
import { predict, shownBy, type Done, type Shown } from "./chat-model.ts";
import { link } from "./linking-room.ts";
import { Network } from "./network.ts";
import { openProviderRoom, type ProviderRoom } from "./provider-room.ts";

const ACTIONS = 500;
const SEED = process.env["PORTCULLIS_SEED"] ?? "five hundred actions";

const clock = new FixedClock("1970-04-14T03:00:00Z");
const directory = temporaryDirectory();
const random = seededRandom(SEED);

interface Device {
  readonly person: string;
  readonly storeName: string;
  readonly network: Network;
  /** What it has begun and nobody has accepted. */
  readonly pending: Set<Promise<unknown>>;
  client: PortcullisClient;
}

let room: ProviderRoom;
let devices: Device[];
let conversations: ConversationId[];
const names: { accountId: Uint8Array; name: string }[] = [];
const done = new Map<ConversationId, Done[]>();
const troubles: unknown[] = [];

const below = (limit: number): number => {
  const bytes = random(4);
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) % limit;
};
const oneOf = <T>(list: readonly T[]): T => list[below(list.length)] as T;
const nameOf = (accountId: Uint8Array): string =>
  names.find((one) => equalBytes(one.accountId, accountId))?.name ?? "nobody";

function watch({ person, client }: Device): void {
  for (const event of ["rejected", "gap", "frozen", "fault", "refused", "left"] as const)
    client.on(event, (trouble) => troubles.push([person, event, trouble]));
}

before(async () => {
  room = await openProviderRoom(directory, clock);
  devices = [];
  for (const person of ["ann", "bob"]) {
    const [first, second] = [new Network(), new Network()];
    const client = await room.join(person, { platform: first.platform, receipts: true });
    names.push({ accountId: client.accountId, name: person });
    const storeName = `${person}-two`;
    const other = await link(room, client, storeName, { platform: second.platform, receipts: true });
    devices.push({ person, storeName: person, network: first, pending: new Set(), client });
    devices.push({ person, storeName, network: second, pending: new Set(), client: other });
  }
  const [ann, , bob] = devices as [Device, Device, Device];
  conversations = [];
  for (const conversationClass of ["sealed", "recorded"] as const) {
    const members = [bob.client.accountId];
    const id = await ann.client.createConversation({ class: conversationClass, members });
    await Promise.all(devices.map(({ client }) => client.waitForConversation(id)));
    conversations.push(id);
    done.set(id, []);
  }
  for (const device of devices) watch(device);
});
after(async () => room.close());

type Act = (
  client: PortcullisClient,
  id: ConversationId,
  at: ConversationMessage,
) => Promise<{ sequence: number } | undefined>;

/** Does it, now or when there is a network again; what the client refuses was not done. */
function act(
  { person, client, pending }: Device,
  id: ConversationId,
  run: () => ReturnType<Act>,
  what: object,
): void {
  const doing = run().then(
    (accepted) =>
      accepted && done.get(id)?.push({ ...what, sequence: accepted.sequence, by: person } as Done),
    (error: unknown) => {
      const refused = error instanceof ClientError && error.code.startsWith("CLIENT_MESSAGE_");
      if (!refused && client.handle === person) troubles.push([person, what, error]);
    },
  );
  pending.add(doing);
  void doing.finally(() => pending.delete(doing));
}

async function step(i: number): Promise<void> {
  const device = oneOf(devices);
  const { client, network } = device;
  const id = oneOf(conversations);
  const at = oneOf(await client.messages.history(id, { limit: 12 }));
  const { messages } = client;
  const text = `action ${i}`;
  const emoji = oneOf(["👍", "❤", "😀"]);
  const choice = below(100);
  if (choice < 8) return network.isUp ? network.down() : network.up();
  if (choice < 12) return restart(device);
  if (choice < 17) return clock.advance(oneOf([1000, 20_000, 400_000]));
  if (at === undefined || choice < 40)
    return act(device, id, () => messages.send(id, { text }), { what: "message", text });
  const { sequence } = at;
  if (choice < 46) {
    const seconds = oneOf([1, 30, 100_000]);
    const endsMs = Math.floor(clock.now() / 1000 + seconds) * 1000;
    const expiring = { text, expiresInSeconds: seconds };
    return act(device, id, () => messages.send(id, expiring), { what: "message", text, endsMs });
  }
  if (choice < 54) {
    const answer = { text, inReplyTo: sequence };
    return act(device, id, () => messages.send(id, answer), { what: "message", text, answers: sequence });
  }
  if (choice < 66) {
    return act(device, id, () => messages.react(id, sequence, emoji), { what: "react", at: sequence, emoji });
  }
  if (choice < 74)
    return act(device, id, () => messages.unreact(id, sequence, emoji), {
      what: "unreact",
      at: sequence,
      emoji,
    });
  if (choice < 84)
    return act(device, id, () => messages.edit(id, sequence, { text }), { what: "edit", at: sequence, text });
  if (choice < 89)
    return act(device, id, () => messages.delete(id, sequence), { what: "delete", at: sequence });
  if (choice < 96) {
    const isPinned = below(2) === 0;
    return act(device, id, () => messages.pin(id, sequence, isPinned), {
      what: "pin",
      at: sequence,
      isPinned,
    });
  }
  await messages.markRead(id, sequence);
}

/** What was begun goes on with the next client; nobody is left to tell how it ended, so nothing may be under way. */
async function restart(device: Device): Promise<void> {
  device.network.up();
  await Promise.all(device.pending);
  await device.client.close();
  const { storeName, network } = device;
  device.client = await room.reopen(device.person, {
    storeName,
    platform: network.platform,
    receipts: true,
    searchPart: 16,
  });
  watch(device);
  await device.client.connect();
}

async function level(id: ConversationId): Promise<void> {
  for (;;) {
    await Promise.all(devices.map(({ client }) => client.idle()));
    const places = devices.map(({ client }) => client.state(id).sequence);
    const highest = Math.max(...places);
    if (places.every((place) => place === highest)) return;
    await Promise.all(devices.map(({ client }) => client.caughtUp(id, highest)));
  }
}

test(`after ${ACTIONS} random actions of two people on two devices each, online and offline, all see what a plain model predicts`, async (t) => {
  t.diagnostic(`seed: ${SEED}`);
  for (let i = 0; i < ACTIONS; i++) {
    await step(i);
    // Most of what is done meets what the others do at the same time.
    if (below(3) === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  for (const { network } of devices) if (!network.isUp) network.up();
  await Promise.all(devices.flatMap(({ pending }) => [...pending]));
  for (const [i, id] of conversations.entries()) {
    await level(id);
    const expected = predict(done.get(id) ?? [], clock.now());
    assert.ok(expected.length > 20, `${expected.length} messages`);
    for (const { client, storeName } of devices) {
      const messages = await client.messages.history(id, { limit: ACTIONS });
      assert.deepEqual(shownBy(messages, nameOf), withoutLost(expected), `${storeName}, conversation ${i}`);
      await findsAll(client, id, expected);
    }
    for (const [one, other] of [devices.slice(0, 2), devices.slice(2)] as [Device, Device][])
      for (const { sequence } of expected)
        assert.deepEqual(
          one?.client.messages.seenBy(id, sequence).read,
          other?.client.messages.seenBy(id, sequence).read,
        );
  }
  assert.deepEqual(troubles, []);
});

/** A search finds what the model predicts to be said, and nothing that was said before or elsewhere. */
async function findsAll(
  { search }: PortcullisClient,
  conversationId: ConversationId,
  expected: readonly Shown[],
): Promise<void> {
  await search.ready();
  for (const begun of ["action", "1", "action 2", "37"]) {
    const said = ({ text = "" }: Shown): boolean =>
      begun.split(" ").every((start) => text.split(" ").some((word) => word.startsWith(start)));
    const { messages } = await search.find(begun, { conversationId, limit: ACTIONS });
    assert.deepEqual(
      messages.map(({ sequence }) => sequence).toSorted((a, b) => a - b),
      expected.filter(said).map(({ sequence }) => sequence),
    );
  }
}

/** What answers a message that is gone answers one that nobody finds. */
function withoutLost(shown: ReturnType<typeof predict>): ReturnType<typeof predict> {
  const there = new Set(shown.map(({ sequence }) => sequence));
  return shown.map((message) => {
    const answers = message.answers !== undefined && there.has(message.answers) ? message.answers : undefined;
    return { ...message, answers: message.text === undefined ? undefined : answers };
  });
}
