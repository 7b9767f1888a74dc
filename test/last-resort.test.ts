import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { PortcullisClient } from "@portcullis/client";
import { SqliteStore } from "@portcullis/client/node";
import { toBase64Url, type AccountId, type ConversationId } from "@portcullis/protocol";
import { FixedClock, temporaryDirectory } from "@portcullis/testkit";
import { decodeAccountRecord } from "../packages/client/src/account/account-record.ts";
import { ServerApi } from "../packages/client/src/server/server-api.ts";
import { FailingStore } from "./failing-store.ts";
import { openProviderRoom, type ProviderRoom } from "./provider-room.ts";

const clock = new FixedClock("1970-04-14T03:00:00Z");
const directory = temporaryDirectory();
let room: ProviderRoom;
let ann: PortcullisClient;

before(async () => {
  room = await openProviderRoom(directory, clock);
  ann = await room.join("ann");
});
after(async () => room.close());

let bobsId: AccountId;
const few = { keyPackages: 1 };

/** Somebody claims KeyPackages of an account until the same one comes again: nothing but its last resort is left. */
async function useUp(accountId: AccountId, thief: string): Promise<string> {
  const store = new SqliteStore(room.storePath(thief));
  const { account } = await store.load();
  await store.close();
  const api = new ServerApi(room.server.url, fetch, () => Date.now());
  const seen = new Set<string>();
  for (;;) {
    const [claimed] = await api.claimKeyPackages(decodeAccountRecord(account!), [accountId]);
    const keyPackage = toBase64Url(claimed!.keyPackage);
    if (seen.has(keyPackage)) return keyPackage;
    seen.add(keyPackage);
  }
}

function begin(): Promise<ConversationId> {
  return ann.createConversation({ class: "sealed", members: [bobsId] });
}

test("CLT-51, CLT-62: an account whose KeyPackages somebody used up is added all the same, and fills up again", async () => {
  let bob = await room.join("bob", few);
  bobsId = bob.accountId;
  await bob.close();
  const last = await useUp(bobsId, "ann");
  const ids = [await begin(), await begin()];
  bob = await room.reopen("bob", few);
  await bob.connect();
  for (const id of ids) {
    await bob.waitForConversation(id);
    const { sequence } = await ann.messages.send(id, { text: "you can be reached" });
    await bob.caughtUp(id, sequence);
    assert.equal((await bob.messages.history(id)).at(-1)?.text, "you can be reached");
  }
  await bob.settled();
  for (const id of ids) assert.equal(bob.state(id).epoch, 2, "another leaf key in each");
  assert.notEqual(await useUp(bobsId, "ann"), last, "the last resort was replaced");
  await bob.close();
});

for (const when of ["before", "after"] as const)
  test(`CLT-51: a crash ${when} each write around a join with the last resort leaves the account within reach`, async () => {
    const thief = `thief ${when}`;
    await room.join(thief);
    for (let writes = 0; writes < 4; writes++) {
      const last = await useUp(bobsId, thief);
      const id = await begin();
      const store = new FailingStore(new SqliteStore(room.storePath("bob")), when, writes);
      const crashing = await room.reopen("bob", { store, ...few });
      await crashing.connect().catch(() => undefined);
      await crashing.waitForConversation(id).catch(() => undefined);
      await crashing.close().catch(() => undefined);
      const bob = await room.reopen("bob", few);
      await bob.connect();
      await bob.waitForConversation(id);
      await bob.settled();
      assert.equal(bob.state(id).epoch, 2, "a Commit of its own, once");
      assert.notEqual(await useUp(bobsId, thief), last);
      const again = await begin();
      await bob.waitForConversation(again);
      await bob.close();
    }
  });
