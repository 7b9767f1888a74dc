import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { ClientEvents, PortcullisClient, ShownCode } from "@portcullis/client";
import { SqliteStore } from "@portcullis/client/node";
import { toHex, type ConversationId } from "@portcullis/protocol";
import { FixedClock, temporaryDirectory } from "@portcullis/testkit";
import { FailingStore } from "./failing-store.ts";
import { meddle } from "./meddling.ts";
import { nextEvent, openProviderRoom, type ClientSetting, type ProviderRoom } from "./provider-room.ts";

const clock = new FixedClock("1970-04-14T03:00:00Z");
const directory = temporaryDirectory();
let room: ProviderRoom;
let bob: PortcullisClient;
let ann: PortcullisClient;
let long: ConversationId;
let over: ConversationId;

before(async () => {
  room = await openProviderRoom(directory, clock);
  bob = await room.join("bob");
  ann = await room.join("ann");
  const members = [ann.accountId];
  long = await bob.createConversation({ class: "recorded", members });
  over = await bob.createConversation({ class: "sealed", members, name: "Over" });
  await Promise.all([ann.waitForConversation(long), ann.waitForConversation(over)]);
  await bob.send(over, { text: "the last word" });
  const left = nextEvent(ann, "left");
  await bob.removeMembers(over, members);
  await left;
  const texts = Array.from({ length: 70 }, (_, i) => `message ${i}`);
  await Promise.all(texts.map((text, i) => (i % 2 === 0 ? ann : bob).send(long, { text })));
  await ann.idle();
});
after(async () => room.close());

async function show(
  storeName: string,
  changes: Partial<ClientSetting>,
): Promise<{ linked: Promise<PortcullisClient> }> {
  const shown = Promise.withResolvers<ShownCode>();
  const linked = room.link(shown.resolve, { storeName, ...changes });
  linked.catch((error: unknown) => shown.reject(error));
  await ann.approveLink((await shown.promise).uri);
  return { linked };
}

type HistoryState = ClientEvents["history"]["state"];

/** Resolves when a client says so of its history. */
function historyIs(state: HistoryState): { listen: (client: PortcullisClient) => void; told: Promise<void> } {
  const outcome = Promise.withResolvers<void>();
  const listen = (client: PortcullisClient): void => {
    client.on("history", (event) => event.state === state && outcome.resolve());
  };
  return { listen, told: outcome.promise };
}

async function assertSameHistory(other: PortcullisClient): Promise<void> {
  await other.waitForConversation(long);
  for (const id of [long, over]) {
    const theirs = (await other.history(id, { limit: 500 })).filter(({ sequence }) => sequence < 1000);
    const ours = await ann.history(id, { limit: 500 });
    assert.deepEqual(theirs.slice(0, ours.length), ours);
  }
  const listed = (client: PortcullisClient): string[] =>
    client.conversations().map((state) => `${toHex(state.conversationId)} ${state.condition} ${state.name}`);
  assert.deepEqual(listed(other).toSorted(), listed(ann).toSorted());
}

test("LNK-20: a linked device has the same history, of what goes on and of what is over", async () => {
  const { listen, told } = historyIs("complete");
  const { linked } = await show("ann 2", { listen });
  const other = await linked;
  await told;
  await assertSameHistory(other);
  await other.settled();
  const stores = ["ann", "ann 2"].map((name) => new SqliteStore(room.storePath(name)));
  const range = { limit: 500, beforeSequence: Number.MAX_SAFE_INTEGER };
  const [ours, theirs] = await Promise.all(stores.map((store) => store.history(long, range)));
  assert.deepEqual(theirs, ours, "with their receipts");
  for (const store of stores) {
    const { secrets } = await store.load();
    assert.deepEqual(
      [...secrets.keys()].filter((name) => /^link\/(sending|receiving)/.test(name)),
      [],
    );
    await store.close();
  }
});

for (const when of ["before", "after"] as const)
  test(`LNK-22: a history that was cut off ${when} a write of either side goes on`, async () => {
    const storeName = `ann cut ${when}`;
    const store = new FailingStore(new SqliteStore(room.storePath(storeName)), when, 4);
    const crashed = Promise.withResolvers<void>();
    const listen = (client: PortcullisClient): void => {
      client.on("fault", () => crashed.resolve());
    };
    const { linked } = await show(storeName, { store, listen });
    const crashing = await linked;
    await crashed.promise;
    await crashing.close();
    await ann.close();
    ann = await room.reopen("ann");
    await ann.connect();
    const { told, listen: listenAgain } = historyIs("complete");
    const other = await room.reopen(storeName);
    listenAgain(other);
    await other.connect();
    await told;
    await assertSameHistory(other);
  });

test("LNK-21: chunks that are replayed, reordered or changed are refused, and a cut history is not complete", async () => {
  const meddler = meddle();
  const faults: string[] = [];
  const states: HistoryState[] = [];
  const refused = Promise.withResolvers<void>();
  let first: object | undefined;
  meddler.answer = async (path, response) => {
    if (!path.includes("/chunks/")) return response;
    const body = (await response.json()) as { chunk?: string };
    if (path.endsWith("/0")) {
      if (body.chunk !== undefined) first = body;
      return Response.json(body);
    }
    // The first one once more in the place of each that follows.
    return Response.json(body.chunk === undefined ? {} : first);
  };
  const { listen, told } = historyIs("complete");
  const { linked } = await show("ann 3", {
    platform: meddler.platform,
    listen: (client) => {
      listen(client);
      client.on("history", ({ state }) => states.push(state));
      client.on("fault", (error) => {
        faults.push((error as { code: string }).code);
        if (faults.length === 2) refused.resolve();
      });
    },
  });
  const other = await linked;
  await refused.promise;
  assert.deepEqual(new Set(faults), new Set(["CLIENT_HISTORY_CHUNK"]));
  assert.deepEqual(new Set(states), new Set(["partial"]));
  meddler.answer = (_, response) => Promise.resolve(response);
  await told;
  await assertSameHistory(other);
});

test("LNK-22: when the mailbox is gone before the end, the rest is said to be lost", async () => {
  const meddler = meddle();
  meddler.answer = async (path, response) =>
    path.includes("/chunks/") ? Response.json({ code: "LINK_UNKNOWN" }, { status: 404 }) : response;
  const { listen, told } = historyIs("lost");
  const { linked } = await show("ann 4", { platform: meddler.platform, listen });
  await Promise.all([linked, told]);
});
