import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { ClientEvents, Platform, PortcullisClient, ShownCode, StoreChange } from "@portcullis/client";
import { nodePlatform, SqliteStore } from "@portcullis/client/node";
import { toHex, utf8, type ConversationId, type LinkChunkRequest } from "@portcullis/protocol";
import { FixedClock, temporaryDirectory } from "@portcullis/testkit";
import {
  decodeReceivingRecord,
  decodeSendingRecord,
} from "../packages/client/src/linking/transfer-record.ts";
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
  await bob.messages.send(over, { text: "the last word" });
  const left = nextEvent(ann, "left");
  await bob.removeMembers(over, members);
  await left;
  const texts = Array.from({ length: 70 }, (_, i) => `message ${i}`);
  await Promise.all(texts.map((text, i) => (i % 2 === 0 ? ann : bob).messages.send(long, { text })));
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
    const theirs = (await other.messages.history(id, { limit: 500 })).filter(
      ({ sequence }) => sequence < 1000,
    );
    const ours = await ann.messages.history(id, { limit: 500 });
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

const isOfSending = (changes: readonly StoreChange[]): boolean =>
  changes.some((change) => "name" in change && change.name.startsWith("link/sending/"));

for (const when of ["before", "after"] as const)
  test(`LNK-22: the device that sends is killed ${when} each of its writes, and goes on`, async () => {
    const storeName = `ann while the other is killed ${when}`;
    const { told, listen } = historyIs("complete");
    const { linked } = await show(storeName, { listen });
    const other = await linked;
    const counts: number[] = [];
    other.on("history", ({ messages }) => counts.push(messages));
    const complete = told.then(() => false);
    let kills = 0;
    for (let isKilled = true; isKilled; kills++) {
      await ann.close();
      const store = new FailingStore(new SqliteStore(room.storePath("ann")), when, kills % 2, isOfSending);
      ann = await room.reopen("ann", { store });
      const killed = Promise.withResolvers<boolean>();
      ann.on("fault", () => killed.resolve(true));
      await ann.connect().catch(() => undefined);
      isKilled = await Promise.race([killed.promise, complete]);
    }
    assert.ok(kills > 3);
    await ann.close();
    ann = await room.reopen("ann");
    await ann.connect();
    assert.deepEqual(
      counts,
      counts.toSorted((a, b) => a - b),
    );
    await assertSameHistory(other);
  });

/** A platform on which something happens before the first request to a chunk's address. */
function interrupted(method: string, index: number, happens: () => Promise<void>): Platform {
  let isOver = false;
  return {
    ...nodePlatform,
    fetch: async (input, init) => {
      const { pathname } = new URL(input as string);
      if (!isOver && (init?.method ?? "GET") === method && pathname.endsWith(`/chunks/${index}`)) {
        isOver = true;
        await happens();
      }
      return fetch(input, init);
    },
  };
}

test("LNK-22: the server is restarted while one side leaves a chunk and the other takes one", async () => {
  const restart = (): Promise<void> => room.restartServer();
  const isThere = Promise.withResolvers<void>();
  const leaving = interrupted("PUT", 1, () => isThere.promise.then(restart));
  await ann.close();
  ann = await room.reopen("ann", { platform: leaving });
  await ann.connect();
  const { told, listen } = historyIs("complete");
  const { linked } = await show("ann and the server", { listen, platform: interrupted("GET", 2, restart) });
  const other = await linked;
  isThere.resolve();
  await told;
  await assertSameHistory(other);
});

test("LNK-21: a chunk that is withheld, one before its turn, and the end before its time: nothing is complete", async () => {
  const left: string[] = [];
  const watching: Platform = {
    ...nodePlatform,
    fetch: async (input, init) => {
      if (init?.method === "PUT" && (input as string).includes("/chunks/"))
        left.push((JSON.parse(init.body as string) as LinkChunkRequest).chunk);
      return fetch(input, init);
    },
  };
  await ann.close();
  ann = await room.reopen("ann", { platform: watching });
  await ann.connect();
  const faults: string[] = [];
  const states: HistoryState[] = [];
  const over = Promise.withResolvers<void>();
  const meddler = meddle();
  let asked = 0;
  meddler.answer = async (path, response) => {
    if (!path.endsWith("/chunks/1") || left.length < 3)
      return path.endsWith("/1") ? Response.json({}) : response;
    asked++;
    // Withheld, the next one, the last one, and withheld again.
    if (asked === 2) return Response.json({ chunk: left[2] });
    if (asked === 3) return Response.json({ chunk: left.at(-1) });
    if (asked === 4) over.resolve();
    return Response.json({});
  };
  const { listen, told } = historyIs("complete");
  const { linked } = await show("ann in disorder", {
    platform: meddler.platform,
    listen: (client) => {
      listen(client);
      client.on("history", ({ state }) => states.push(state));
      client.on("fault", (error) => faults.push((error as { code: string }).code));
    },
  });
  const other = await linked;
  await over.promise;
  assert.deepEqual(faults, ["CLIENT_HISTORY_CHUNK", "CLIENT_HISTORY_CHUNK"]);
  assert.deepEqual(states, ["partial"]);
  meddler.answer = (_, response) => Promise.resolve(response);
  await told;
  await assertSameHistory(other);
});

async function storedSecrets(storeName: string): Promise<ReadonlyMap<string, Uint8Array>> {
  const store = new SqliteStore(room.storePath(storeName));
  const { secrets } = await store.load();
  await store.close();
  return secrets;
}

/** In how many of the files of these clients something stands. */
function filesWith(secret: Uint8Array, ...storeNames: string[]): number {
  return readdirSync(directory)
    .filter((file) => storeNames.some((name) => file.startsWith(`${name}.sqlite`)))
    .filter((file) => readFileSync(join(directory, file)).includes(secret)).length;
}

test("LNK-23: when the history is there, no file of either device has the transfer's key or the mailbox's token", async () => {
  const storeName = "ann tidy";
  const isHeld = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const platform = interrupted("GET", 1, () => {
    isHeld.resolve();
    return goOn.promise;
  });
  const { told, listen } = historyIs("complete");
  const { linked } = await show(storeName, { platform, listen });
  const other = await linked;
  await isHeld.promise;
  const { key, token } = decodeReceivingRecord((await storedSecrets(storeName)).get("link/receiving")!);
  const sending = [...(await storedSecrets("ann"))].find(([name]) => name.startsWith("link/sending/"));
  assert.deepEqual(sending && decodeSendingRecord(sending[1]).key, key);
  for (const name of ["ann", storeName]) assert.ok(filesWith(key, name) > 0);
  goOn.resolve();
  await told;
  await assertSameHistory(other);
  await Promise.all([ann.close(), other.close()]);
  ann = await room.reopen("ann");
  await ann.connect();
  await ann.settled();
  for (const secret of [key, utf8(token)]) assert.equal(filesWith(secret, "ann", storeName), 0);
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
