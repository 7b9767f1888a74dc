import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { PortcullisClient, StoreChange } from "@portcullis/client";
import { SqliteStore } from "@portcullis/client/node";
import { equalBytes, type ConversationId } from "@portcullis/protocol";
import { FixedClock, temporaryDirectory } from "@portcullis/testkit";
import { decodeOutboxEntry } from "../packages/client/src/outbox/outbox-entry.ts";
import { FailingStore } from "./failing-store.ts";
import { nextEvent, openProviderRoom, type ProviderRoom } from "./provider-room.ts";

const clock = new FixedClock("1970-04-14T03:00:00Z");
const directory = temporaryDirectory();
let room: ProviderRoom;
let ann: PortcullisClient;
let bob: PortcullisClient;
let cem: PortcullisClient;

before(async () => {
  room = await openProviderRoom(directory, clock);
  ann = await room.join("ann");
  bob = await room.join("bob");
  cem = await room.join("cem");
});
after(async () => room.close());

/** Ann's conversation, in which Bob is an admin. */
async function begin(): Promise<ConversationId> {
  const members = [bob.accountId, cem.accountId];
  const id = await ann.createConversation({ class: "sealed", members });
  await Promise.all([bob, cem].map((client) => client.waitForConversation(id)));
  await ann.setRole(id, bob.accountId, "admin");
  await level(id);
  return id;
}

async function level(id: ConversationId, ...clients: PortcullisClient[]): Promise<void> {
  const present = clients.length > 0 ? clients : [ann, bob, cem];
  await Promise.all(present.map((client) => client.idle()));
  const highest = Math.max(...present.map((client) => client.state(id).sequence));
  await Promise.all(present.map((client) => client.caughtUp(id, highest)));
}

function roleOf(whose: PortcullisClient, id: ConversationId, seenBy = ann): string | undefined {
  const { members } = seenBy.state(id);
  return members.find(({ accountId }) => equalBytes(accountId, whose.accountId))?.role;
}

async function restart(client: PortcullisClient): Promise<PortcullisClient> {
  await client.close();
  return room.reopen(client.handle);
}

const touchesOutbox = (changes: readonly StoreChange[]): boolean =>
  changes.some(
    (change) =>
      ("put" in change && change.put === "outbox") || ("erase" in change && change.erase === "outbox"),
  );

for (const when of ["before", "after"] as const)
  test(`GRP-15: a crash ${when} each write neither loses nor repeats a role that is taken away, and another state came first`, async () => {
    const id = await begin();
    let [writes, hasCrashed] = [0, true];
    for (; hasCrashed; writes++) {
      await ann.setRole(id, bob.accountId, "admin");
      await level(id);
      const { epoch } = ann.state(id);
      await ann.close();
      await bob.setName(id, `${writes} came first`);
      const store = new FailingStore(new SqliteStore(room.storePath("ann")), when, writes, touchesOutbox);
      ann = await room.reopen("ann", { store });
      hasCrashed = false;
      const down = new Promise<void>((resolve) =>
        ann.on("fault", () => {
          hasCrashed = true;
          resolve();
        }),
      );
      const lowered = ann.setRole(id, bob.accountId, "member").then(() => ann.idle());
      await ann.connect().catch(() => undefined);
      await Promise.race([down, lowered.catch(() => down)]);
      ann = await restart(ann);
      await ann.connect();
      await level(id);
      const isTaken = writes > 0 || when === "after";
      for (const seenBy of [ann, bob, cem]) {
        assert.equal(roleOf(bob, id, seenBy), isTaken ? "member" : "admin");
        assert.equal(seenBy.state(id).epoch, isTaken ? epoch + 1 : epoch);
        assert.equal(seenBy.state(id).name, `${writes} came first`);
      }
    }
    // Kept, sealed, late and kept again, sealed, standing and the Commit kept, made, taken in; and once without a crash.
    assert.equal(writes, 8);
  });

test("GRP-15: a change that may not be made any more, for another came first, is said to be given up, over a restart too", async () => {
  const id = await begin();
  await bob.close();
  const store = new FailingStore(new SqliteStore(room.storePath("bob")), "after", 0, touchesOutbox);
  bob = await room.reopen("bob", { store });
  await assert.rejects(bob.setName(id, "Bob's"), { code: "CLIENT_STORE_FAILED" });
  bob = await restart(bob);
  const second = assert.rejects(bob.setPicture(id, Uint8Array.of(1)), { code: "CLIENT_STATE_ROLE" });
  await ann.setRole(id, bob.accountId, "member");
  const codes: string[] = [];
  bob.on("change-refused", ({ code }) => codes.push(code));
  await bob.connect();
  await second;
  await level(id);
  assert.deepEqual(codes, ["CLIENT_STATE_ROLE", "CLIENT_STATE_ROLE"]);
  const { name, picture } = bob.state(id);
  assert.deepEqual([name, picture], ["", undefined]);
});

test("GRP-15: a change that another member made first is not made again", async () => {
  const id = await begin();
  await ann.setRole(id, cem.accountId, "owner");
  await level(id);
  const { sequence, epoch } = ann.state(id);
  ann = await restart(ann);
  const lowered = ann.setRole(id, bob.accountId, "member");
  await cem.setRole(id, bob.accountId, "member");
  await ann.connect();
  await lowered;
  await level(id);
  assert.equal(roleOf(bob, id), "member");
  // Cem's state and Commit, and Ann's state that came too late.
  assert.deepEqual([ann.state(id).sequence, ann.state(id).epoch], [sequence + 3, epoch + 1]);
});

test("GRP-15, GRP-05: what a newcomer is to be told survives a crash right behind the Commit that added it", async () => {
  const id = await begin();
  const dee = await room.join("dee");
  await ann.close();
  const repeats = (changes: readonly StoreChange[]): boolean =>
    changes.some((change) => {
      if (!("put" in change) || change.put !== "outbox") return false;
      const { intent } = decodeOutboxEntry(change.value);
      return intent.kind === "message" && intent.change !== undefined && "repeats" in intent.change;
    });
  const store = new FailingStore(new SqliteStore(room.storePath("ann")), "after", 0, repeats);
  ann = await room.reopen("ann", { store });
  await ann.connect();
  await ann.setName(id, "Changed in this epoch");
  const down = nextEvent(ann, "fault");
  await ann.addMembers(id, [dee.accountId]).catch(() => undefined);
  await down;
  const { sequence } = bob.state(id);
  ann = await restart(ann);
  await ann.connect();
  await dee.waitForConversation(id);
  await level(id, ann, bob, cem, dee);
  assert.ok(ann.state(id).sequence > sequence, "it was repeated");
  assert.equal(dee.state(id).name, "Changed in this epoch");
});
