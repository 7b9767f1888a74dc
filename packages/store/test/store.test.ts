import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test, type TestContext } from "node:test";
import fc from "fast-check";
import {
  asAccountId,
  asConversationId,
  asDeviceId,
  asMessageId,
  asOrderHash,
  toHex,
  utf8,
} from "@portcullis/protocol";
import { seededRandom, temporaryDirectory } from "@portcullis/testkit";
import {
  openStore,
  type Group,
  type Invite,
  type NewDeviceList,
  type Store,
  type StoredItem,
} from "../src/index.ts";
import { openDatabase } from "../src/sqlite/database.ts";
import { migrations } from "../src/sqlite/migrations.ts";

const random = seededRandom("store");
const accountId = asAccountId(random(32));
const deviceId = asDeviceId(random(16));
const conversationId = asConversationId(random(32));

function open(t: TestContext, fault?: (point: string) => void): { store: Store; path: string } {
  const path = join(temporaryDirectory(), "portcullis.sqlite");
  const store = openStore(path, fault);
  t.after(() => store.close());
  return { store, path };
}

function deviceList(version: number, changes: Partial<NewDeviceList> = {}): NewDeviceList {
  const devices = [{ deviceId, signatureKey: random(32) }];
  const signedList = random(100);
  const entries = { entry: random(32), opening: random(40) };
  return { accountId, version, signedList, salt: random(32), ...entries, devices, ...changes };
}

async function withConversation(store: Store): Promise<void> {
  const conversation = {
    conversationId,
    class: "sealed" as const,
    policyId: null,
    epoch: 0,
    startBucket: 0,
    epochStartedAtMs: 0,
  };
  assert.equal(await store.conversations.create(conversation, { accountId, deviceId }), true);
  assert.equal(await store.conversations.create(conversation, { accountId, deviceId }), false);
}

function item(sequence: number, changes: Partial<StoredItem> = {}): StoredItem {
  return {
    conversationId,
    sequence,
    kind: "message",
    accountId,
    deviceId,
    messageId: asMessageId(random(16)),
    acceptedAtMs: 1,
    epoch: 1,
    bucketStart: 900,
    sealedBucketHash: null,
    message: random(50),
    record: null,
    receipt: random(50),
    lookup: null,
    ...changes,
  };
}

const group = (changes: Partial<Group>): Group => ({
  sealedBuckets: [],
  items: [],
  epochs: [],
  cursors: [],
  ...changes,
});

/** Rows of node:sqlite have no prototype. */
function plain(rows: readonly object[]): object[] {
  return rows.map((row) => Object.assign({}, row));
}

test("STO-02: the database is as durable as SQLite can be, and a newer one is left alone", async () => {
  const path = join(temporaryDirectory(), "portcullis.sqlite");
  const database = openDatabase(path);
  const pragma = (name: string): unknown => Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0];
  assert.deepEqual(["journal_mode", "synchronous", "foreign_keys", "user_version"].map(pragma), [
    "wal",
    2,
    1,
    migrations.length,
  ]);
  await openStore(path).close();
  database.exec("PRAGMA user_version = 99");
  database.close();
  const before = readFileSync(path);
  assert.throws(() => openStore(path), { code: "STORE_NEWER" });
  assert.deepEqual(readFileSync(path), before);
});

test("STO-08: a database of the first version gets the forms of its handles, each to one account", async () => {
  const path = join(temporaryDirectory(), "portcullis.sqlite");
  const old = new DatabaseSync(path);
  old.exec(`${migrations[0]}; PRAGMA user_version = 1`);
  const insert = old.prepare("INSERT INTO accounts VALUES (?, ?, 1, 0)");
  for (const [index, handle] of ["Bill", "BILL", "b1ll"].entries())
    insert.run(new Uint8Array(32).fill(index), handle);
  old.close();
  const store = openStore(path);
  assert.equal((await store.accounts.byHandle("bill"))?.handle, "Bill");
  assert.equal((await store.accounts.byHandle("b1LL"))?.handle, "b1ll");
  const create = (handle: string) => store.accounts.create({ handle, createdAtMs: 1 }, deviceList(1));
  assert.equal(await create("bILL"), "handle-taken");
  assert.equal(await create("B|LL"), "handle-confusable");
  await store.close();
});

test("STO-03: a group is all there or not at all", async (t) => {
  const { store } = open(t);
  await withConversation(store);
  const first = item(1);
  await store.items.append(group({ items: [first] }));
  const twice = group({ items: [item(2), { ...first, sequence: 3 }] });
  await assert.rejects(store.items.append(twice), /UNIQUE/);
  const unknown = group({ items: [item(2, { conversationId: asConversationId(random(32)) })] });
  await assert.rejects(store.items.append(unknown), /FOREIGN KEY/);
  assert.deepEqual(plain(await store.items.behind(conversationId, 0, 99, 99)), [first]);
  await store.items.append(group({ items: [item(2)] }));
});

test("before a fault nothing is written, behind it everything is", async (t) => {
  let broken = "";
  const { store } = open(t, (point) => {
    if (point === broken) throw new Error("crash");
  });
  await withConversation(store);
  broken = "append.before";
  await assert.rejects(store.items.append(group({ items: [item(1)] })), /crash/);
  assert.equal((await store.conversations.load(conversationId))?.lastSequence, 0);
  broken = "append.after";
  await assert.rejects(store.items.append(group({ items: [item(1)] })), /crash/);
  assert.equal((await store.conversations.load(conversationId))?.lastSequence, 1);
  broken = "account.before";
  await assert.rejects(store.accounts.create({ handle: "a", createdAtMs: 0 }, deviceList(1)), /crash/);
  assert.equal(await store.accounts.byHandle("a"), undefined);
});

test("an item is found again by device and message id, and read back byte for byte", async (t) => {
  const { store } = open(t);
  await withConversation(store);
  let next = 1;
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.boolean(), async (message, commit) => {
      const sequence = next++;
      const kind = commit ? ("commit" as const) : ("message" as const);
      const row = item(sequence, { kind, message, receipt: commit ? null : message });
      await store.items.append(group({ items: [row] }));
      const found = await store.items.accepted(accountId, deviceId, row.messageId);
      assert.deepEqual({ ...found }, { conversationId, sequence, receipt: row.receipt });
      const read = await store.items.behind(conversationId, sequence - 1, sequence, 10);
      assert.deepEqual(plain(read), [row]);
    }),
    { numRuns: 50 },
  );
  assert.equal((await store.items.behind(conversationId, 3, 100, 5)).length, 5);
  assert.equal((await store.items.behind(conversationId, 3, 5, 9)).length, 2);
  const stranger = asDeviceId(random(16));
  assert.equal(await store.items.accepted(accountId, stranger, asMessageId(random(16))), undefined);
});

test("an epoch moves members, keeps Welcomes until their cursor, and cursors never go back", async (t) => {
  const { store } = open(t);
  await withConversation(store);
  const joiner = { accountId: asAccountId(random(32)), deviceId: asDeviceId(random(16)) };
  const roster = (epoch: number) => {
    return {
      conversationId,
      epoch,
      startBucket: 900,
      startedAtMs: 5,
      root: random(32),
      roster: utf8("roster"),
    };
  };
  const added = [{ ...joiner, welcome: utf8("welcome") }];
  await store.items.append(
    group({
      items: [item(1, { kind: "commit" })],
      epochs: [{ sequence: 1, roster: roster(1), added, removed: [] }],
    }),
  );
  const loaded = await store.conversations.load(conversationId);
  assert.equal(loaded?.epoch, 1);
  assert.equal(loaded.members.length, 2);
  const waiting = (): Promise<unknown[]> => store.welcomes.waitingFor(joiner.accountId, joiner.deviceId);
  assert.equal((await waiting()).length, 1);
  const cursor = (sequence: number) => group({ cursors: [{ ...joiner, conversationId, sequence }] });
  await store.items.append(cursor(0));
  assert.equal((await waiting()).length, 1);
  await store.items.append(cursor(1));
  assert.equal((await waiting()).length, 0);
  const membership = async () =>
    (await store.conversations.memberships(joiner.accountId, joiner.deviceId)).map(
      ({ cursor: at, joinedSequence, leftSequence }) => [joinedSequence, leftSequence, at],
    );
  await store.items.append(
    group({
      items: [item(2, { kind: "commit" }), item(3, { kind: "commit" })],
      epochs: [{ sequence: 2, roster: roster(2), added: [], removed: [joiner] }],
    }),
  );
  assert.deepEqual(await membership(), [[1, 2, 1]]);
  await store.items.append(
    group({
      items: [item(4, { kind: "commit" })],
      epochs: [{ sequence: 4, roster: roster(3), added, removed: [] }],
    }),
  );
  assert.deepEqual(await membership(), [[4, null, 4]]);
  await store.items.append(cursor(2));
  assert.deepEqual(await membership(), [[4, null, 4]]);
  assert.deepEqual(
    (await store.conversations.rosters(conversationId)).map(({ epoch }) => epoch),
    [1, 2, 3],
  );
});

test("an account has one handle and one line of device lists; a device that leaves takes its KeyPackages along", async (t) => {
  const { store } = open(t);
  const account = { handle: "alice", createdAtMs: 7 };
  assert.equal(await store.accounts.create(account, deviceList(1)), "created");
  assert.equal(await store.accounts.create(account, deviceList(1)), "handle-taken");
  assert.equal(await store.accounts.create({ ...account, handle: "b" }, deviceList(1)), "account-exists");
  const stranger = deviceList(1, { accountId: asAccountId(random(32)) });
  assert.equal(await store.accounts.create({ ...account, handle: "ALICE" }, stranger), "handle-taken");
  assert.equal(await store.accounts.create({ ...account, handle: "a1ice" }, stranger), "handle-confusable");
  await store.keyPackages.add(accountId, deviceId, { keyPackages: [utf8("one"), utf8("two")] });
  assert.equal(await store.accounts.replaceDevices(deviceList(3)), "not-next");
  const elsewhere = deviceList(2, { accountId: asAccountId(random(32)) });
  assert.equal(await store.accounts.replaceDevices(elsewhere), "unknown");
  const [claimed] = (await store.keyPackages.claim([accountId])) ?? [];
  assert.deepEqual(claimed?.keyPackage, utf8("one"));
  const other = { deviceId: asDeviceId(random(16)), signatureKey: random(32) };
  assert.equal(await store.accounts.replaceDevices(deviceList(2, { devices: [other] })), "replaced");
  assert.equal(await store.accounts.device(accountId, deviceId), undefined);
  assert.equal(await store.keyPackages.claim([accountId]), undefined);
  assert.equal((await store.accounts.currentList(accountId))?.version, 2);
  const waiting = await store.openings.waiting("identity");
  assert.equal(
    waiting.filter(({ opening }) => opening !== null).length,
    2,
    "each list queues its entry with it",
  );
});

const invite = (changes: Partial<Invite> = {}): Invite => ({
  inviteHash: random(32),
  usesLeft: 1,
  expiresAtMs: 1000,
  createdBy: null,
  ...changes,
});

test("ACN-11: an invitation makes as many accounts as it says, until it expires", async (t) => {
  const { store } = open(t);
  const twice = invite({ usesLeft: 2 });
  await store.invites.add(twice, 0, 1);
  await store.invites.add({ ...twice, usesLeft: 9 }, 0, 1);
  const join = (handle: string, inviteHash = twice.inviteHash, nowMs = 999) => {
    const list = deviceList(1, { accountId: asAccountId(random(32)) });
    return store.accounts.create({ handle, createdAtMs: 0 }, list, { inviteHash, nowMs });
  };
  assert.equal(await join("a"), "created");
  assert.equal(await join("A"), "handle-taken", "which costs nothing");
  assert.equal(await join("b", random(32)), "invite-unknown");
  assert.equal(await join("b", twice.inviteHash, 1000), "invite-expired");
  assert.equal(await join("b"), "created");
  assert.equal(await join("c"), "invite-used-up");
  assert.equal(await store.accounts.byHandle("c"), undefined);
});

test("ACN-12: a member has a limited number of open invitations, the operator has not", async (t) => {
  const { store } = open(t);
  await store.accounts.create({ handle: "a", createdAtMs: 0 }, deviceList(1));
  const mine = { createdBy: accountId };
  const first = invite(mine);
  assert.equal(await store.invites.add(first, 0, 2), "added");
  assert.equal(await store.invites.add(invite({ ...mine, expiresAtMs: 1 }), 0, 2), "added");
  assert.equal(await store.invites.add(invite(mine), 0, 2), "too-many");
  assert.equal(await store.invites.add(first, 0, 2), "added", "again is the same as once");
  assert.equal(await store.invites.add(invite(mine), 1, 2), "added", "one of the others has expired");
  for (let i = 0; i < 3; i++) assert.equal(await store.invites.add(invite(), 0, 2), "added");
});

for (const when of ["before", "after"])
  test(`ACN-11: a crash ${when} an account is made leaves account and invitation agreeing`, async (t) => {
    const path = join(temporaryDirectory(), "portcullis.sqlite");
    const store = openStore(path, (point) => {
      if (point === `account.${when}`) throw new Error("crash");
    });
    const once = invite();
    await store.invites.add(once, 0, 1);
    const register = (store: Store) =>
      store.accounts.create({ handle: "a", createdAtMs: 0 }, deviceList(1), { ...once, nowMs: 0 });
    await assert.rejects(register(store), /crash/);
    await store.close();
    const again = openStore(path);
    t.after(() => again.close());
    assert.equal(await register(again), when === "before" ? "created" : "handle-taken");
    const stranger = deviceList(1, { accountId: asAccountId(random(32)) });
    const late = again.accounts.create({ handle: "b", createdAtMs: 0 }, stranger, { ...once, nowMs: 0 });
    assert.equal(await late, "invite-used-up");
  });

test("STO-06: openings wait in order, get their index once, and a log is completed from them", async (t) => {
  const { store } = open(t);
  const opening = (name: string) => ({ entry: random(32), kind: name, opening: utf8(name) });
  const [a, b, dummy] = [opening("a"), opening("b"), opening("dummy")];
  await store.openings.queue("access", a);
  await store.openings.queue("access", b);
  await store.openings.queue("access", a);
  const waiting = await store.openings.waiting("access");
  assert.deepEqual(
    waiting.map(({ kind }) => kind),
    ["a", "b"],
  );
  for (let again = 0; again < 2; again++) await store.openings.record("access", 0, [b, dummy]);
  assert.deepEqual(
    (await store.openings.from("access", 0)).map(({ kind, logIndex }) => [kind, logIndex]),
    [
      ["b", 0],
      ["dummy", 1],
    ],
  );
  assert.deepEqual(
    (await store.openings.waiting("access")).map(({ kind }) => kind),
    ["a"],
  );
  assert.deepEqual(await store.openings.from("identity", 0), []);
  await assert.rejects(store.openings.record("access", 1, [a]), /UNIQUE/);
});

test("STO-07: of a session the store has the hash of its token alone, and it ends", async (t) => {
  const { store, path } = open(t);
  const token = utf8("a token that nobody shall find");
  const tokenHash = random(32);
  await store.sessions.add({ tokenHash, subject: utf8("alice"), expiresAtMs: 100 });
  assert.deepEqual(await store.sessions.subject(tokenHash, 99), utf8("alice"));
  assert.equal(await store.sessions.subject(tokenHash, 100), undefined);
  assert.equal(await store.sessions.subject(token, 0), undefined);
  await store.sessions.removeExpired(100);
  assert.equal(await store.sessions.subject(tokenHash, 0), undefined);
  assert.ok(!toHex(readFileSync(`${path}-wal`)).includes(toHex(token)));
});

test("an order comes with its entry, once; a custodian's first batch stands", async (t) => {
  const { store } = open(t);
  const orderHash = asOrderHash(random(32));
  const order = { orderHash, jws: "{}", entry: random(32), recipientKey: random(32), receivedAtMs: 1 };
  await store.orders.add(order, utf8("opening"));
  await store.orders.add({ ...order, entry: random(32) }, utf8("other"));
  assert.deepEqual(await store.orders.all(), [order]);
  assert.equal((await store.openings.waiting("access")).length, 1);
  assert.equal(await store.orders.addBatch(orderHash, "court", utf8("batch")), true);
  assert.equal(await store.orders.addBatch(orderHash, "court", utf8("batch")), true);
  assert.equal(await store.orders.addBatch(orderHash, "court", utf8("other")), false);
  assert.deepEqual(await store.orders.batches(orderHash), [{ custodian: "court", batch: utf8("batch") }]);
});
