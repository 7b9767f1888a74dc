import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { PortcullisClient } from "@portcullis/client";
import { SqliteStore } from "@portcullis/client/node";
import { toHex, type ConversationId } from "@portcullis/protocol";
import { FixedClock, temporaryDirectory } from "@portcullis/testkit";
import { FailingStore } from "./failing-store.ts";
import { openProviderRoom, type ProviderRoom } from "./provider-room.ts";

const clock = new FixedClock("1970-04-14T03:00:00Z");
const directory = temporaryDirectory();
let room: ProviderRoom;
let ann: PortcullisClient;

before(async () => {
  room = await openProviderRoom(directory, clock);
  ann = await room.join("ann", { joinTurnMs: 0 });
});
after(async () => room.close());

function failing(handle: string, when: "before" | "after", writes: number): FailingStore {
  return new FailingStore(new SqliteStore(room.storePath(handle)), when, writes);
}

/** Each account once, and noted once. */
function checkMembers(id: ConversationId, expected: number): void {
  const { members, condition } = ann.state(id);
  const accounts = members.map(({ accountId }) => toHex(accountId));
  assert.deepEqual([condition, accounts.length, new Set(accounts).size], ["open", expected, expected]);
  const admitted = ann.joinLinks(id).flatMap((link) => link.admitted.map((account) => toHex(account)));
  assert.deepEqual([admitted.length, new Set(admitted).size], [expected - 1, expected - 1]);
}

for (const when of ["before", "after"] as const)
  test(`GRP-26: a crash ${when} each write of whoever asks loses no request that was taken, and joins once`, async () => {
    const id = await ann.createConversation({ class: "sealed", members: [] });
    const link = await ann.makeJoinLink(id, { uses: 50 });
    let joined = 1;
    for (let writes = 0; writes < 4; writes++) {
      const handle = `asker ${when} ${writes}`;
      await (await room.join(handle)).close();
      const first = await room.reopen(handle, { store: failing(handle, when, writes) });
      const down = new Promise((resolve) => first.on("fault", resolve));
      await first.connect().catch(() => undefined);
      const asked = await first.askToJoin(link).then(
        () => true,
        () => false,
      );
      if (asked) await Promise.race([down, first.waitForConversation(id).catch(() => undefined)]);
      await first.close();
      const again = await room.reopen(handle);
      const isKnown = again.joinRequests().length + again.conversations().length > 0;
      if (asked) assert.ok(isKnown, "what was taken is kept");
      else assert.equal(isKnown, when === "after", "what was written counts, and nothing else");
      await again.connect();
      if (!isKnown) await again.askToJoin(link);
      await again.waitForConversation(id);
      await again.idle();
      assert.deepEqual(again.joinRequests(), []);
      joined++;
      await ann.idle();
      await ann.caughtUp(id, again.state(id).sequence);
      checkMembers(id, joined);
      await again.close();
    }
  });

for (const when of ["before", "after"] as const)
  test(`GRP-26: a crash ${when} each write of a withdrawal leaves the request, or lets nobody in`, async () => {
    const id = await ann.createConversation({ class: "sealed", members: [] });
    const link = await ann.makeJoinLink(id, { uses: 50 });
    const handle = `waverer ${when}`;
    await (await room.join(handle)).close();
    await ann.close();
    for (let writes = 1; writes < 3; writes++) {
      const first = await room.reopen(handle, { store: failing(handle, when, writes) });
      await first.askToJoin(link).catch(() => undefined);
      await first.withdrawJoinRequest(id).catch(() => undefined);
      await first.close();
      const again = await room.reopen(handle);
      const isWithdrawn = writes > 1 || when === "after";
      assert.equal(again.joinRequests().length, isWithdrawn ? 0 : 1);
      await again.connect();
      await again.withdrawJoinRequest(id);
      await again.settled();
      await again.close();
    }
    ann = await room.reopen("ann", { joinTurnMs: 0 });
    await ann.connect();
    const other = await room.join(`${handle} other`);
    await other.askToJoin(link);
    await other.waitForConversation(id);
    await ann.idle();
    await ann.caughtUp(id, other.state(id).sequence);
    checkMembers(id, 2);
  });

for (const when of ["before", "after"] as const)
  test(`GRP-25: a crash ${when} each write of whoever lets in lets everybody in once`, async () => {
    const id = await ann.createConversation({ class: "sealed", members: [] });
    const link = await ann.makeJoinLink(id, { uses: 50 });
    for (let writes = 0; writes < 4; writes++) {
      await ann.close();
      const asker = await room.join(`guest ${when} ${writes}`);
      await asker.askToJoin(link);
      ann = await room.reopen("ann", { store: failing("ann", when, writes), joinTurnMs: 0 });
      const down = new Promise((resolve) => ann.on("fault", resolve));
      await ann.connect().catch(() => undefined);
      const settled = asker
        .waitForConversation(id)
        .then(() => ann.caughtUp(id, asker.state(id).sequence))
        .catch(() => undefined);
      await Promise.race([down, settled]);
      await ann.close();
      ann = await room.reopen("ann", { joinTurnMs: 0 });
      await ann.connect();
      await asker.waitForConversation(id);
      await Promise.all([asker.idle(), ann.idle()]);
      await ann.caughtUp(id, asker.state(id).sequence);
      checkMembers(id, writes + 2);
      await asker.close();
    }
  });
