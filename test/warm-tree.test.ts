import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { PortcullisClient } from "@portcullis/client";
import { SqliteStore } from "@portcullis/client/node";
import { FixedClock, temporaryDirectory } from "@portcullis/testkit";
import { FailingStore } from "./failing-store.ts";
import { openProviderRoom, type ProviderRoom } from "./provider-room.ts";

const clock = new FixedClock("1970-04-14T03:00:00Z");
const directory = temporaryDirectory();
const soon = { warming: { fromDevices: 4, turnMs: 20 } };
let room: ProviderRoom;

before(async () => {
  room = await openProviderRoom(directory, clock);
});
after(async () => room.close());

function nextEpoch(client: PortcullisClient): Promise<void> {
  return new Promise((resolve) => {
    const off = client.on("epoch", () => {
      off();
      resolve();
    });
  });
}

/** Resolves when the client is in that epoch. */
async function inEpoch(
  client: PortcullisClient,
  id: Parameters<PortcullisClient["state"]>[0],
  epoch: number,
) {
  await client.waitForConversation(id);
  while (client.state(id).epoch < epoch) await nextEpoch(client);
}

test("CLT-60, CLT-61: after a bulk add each device commits once, one that crashed on the way and one that was away too", async () => {
  const ann = await room.join("ann", soon);
  const others = [];
  for (const handle of ["bob", "cem", "dee", "eli"]) others.push(await room.join(handle, soon));
  const away = others.pop()!;
  const crashed = others.pop()!;
  await Promise.all([away, crashed].map((client) => client.close()));
  const members = [...others, crashed, away].map(({ accountId }) => accountId);
  const id = await ann.createConversation({ class: "sealed", members });
  await inEpoch(ann, id, 4);
  for (let writes = 0; writes < 4; writes++) {
    const when = writes % 2 === 0 ? "before" : "after";
    const store = new FailingStore(new SqliteStore(room.storePath("dee")), when, writes);
    const dee = await room.reopen("dee", { ...soon, store });
    const crashed = new Promise<void>((resolve) => dee.on("fault", () => resolve()));
    await dee.connect().catch(() => undefined);
    await Promise.race([crashed, inEpoch(dee, id, 5).catch(() => undefined)]);
    await dee.close().catch(() => undefined);
  }
  const dee = await room.reopen("dee", soon);
  await dee.connect();
  await inEpoch(ann, id, 5);
  const eli = await room.reopen("eli", soon);
  await eli.connect();
  await inEpoch(ann, id, 6);
  await ann.messages.send(id, { text: "warm" });
  await Promise.all([ann, ...others, dee, eli].map((client) => client.idle()));
  // Whoever connects again has nothing to do.
  await dee.close();
  const again = await room.reopen("dee", soon);
  await again.connect();
  const { sequence } = await ann.messages.send(id, { text: "still" });
  await Promise.all([...others, again, eli].map((client) => client.caughtUp(id, sequence)));
  for (const client of [ann, ...others, again, eli]) assert.equal(client.state(id).epoch, 6);
});

test("CLT-60: a small conversation stays as it is", async () => {
  const [fay, gus] = [await room.join("fay", soon), await room.join("gus", soon)];
  const id = await fay.createConversation({ class: "sealed", members: [gus.accountId] });
  await gus.waitForConversation(id);
  const { sequence } = await gus.messages.send(id, { text: "hello" });
  await fay.caughtUp(id, sequence);
  assert.equal(fay.state(id).epoch, 1);
});
