import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { asAccountId, asDeviceId, utf8 } from "@portcullis/protocol";
import { seededRandom, temporaryDirectory } from "@portcullis/testkit";
import { openStore, type NewDeviceList } from "../src/index.ts";
import { migrations } from "../src/sqlite/migrations.ts";

const random = seededRandom("key packages");
const accountId = asAccountId(random(32));
const deviceId = asDeviceId(random(16));
const [ann, bob] = [asAccountId(random(32)), asAccountId(random(32))];
const [desk, telephone, onlyOne] = [asDeviceId(random(16)), asDeviceId(random(16)), asDeviceId(random(16))];
const anywhere = (): string => join(temporaryDirectory(), "portcullis.sqlite");

const listOf = (accountId: typeof ann, ...deviceIds: (typeof desk)[]): NewDeviceList => ({
  accountId,
  version: 1,
  signedList: random(100),
  salt: random(32),
  entry: random(32),
  opening: random(40),
  devices: deviceIds.map((deviceId) => ({ deviceId, signatureKey: random(32) })),
});

test("DEL-38: a device's KeyPackage of last resort is given out when nothing else is left, and stays", async (t) => {
  const store = openStore(anywhere());
  t.after(() => store.close());
  await store.accounts.create({ handle: "alice", createdAtMs: 7 }, listOf(accountId, deviceId));
  const claim = async () => (await store.keyPackages.claim([accountId]))?.map(({ keyPackage }) => keyPackage);
  const supply = { keyPackages: [utf8("one"), utf8("two")], lastResort: utf8("last") };
  await store.keyPackages.add(accountId, deviceId, supply);
  await store.keyPackages.add(accountId, deviceId, { keyPackages: [utf8("three")] });
  const claimed = [await claim(), await claim(), await claim(), await claim(), await claim()];
  assert.deepEqual(
    claimed,
    [["one"], ["two"], ["three"], ["last"], ["last"]].map((them) => them.map(utf8)),
  );
  await store.keyPackages.add(accountId, deviceId, { keyPackages: [utf8("four")] });
  assert.deepEqual(await claim(), [utf8("four")]);
  await store.keyPackages.add(accountId, deviceId, { keyPackages: [utf8("five")] });
  const anew = { keyPackages: [utf8("six")], lastResort: utf8("another last") };
  await store.keyPackages.add(accountId, deviceId, anew);
  assert.deepEqual([await claim(), await claim()], [[utf8("six")], [utf8("another last")]]);
});

test("STO-08: KeyPackages of a database from before there was a last resort are given out once", async () => {
  const path = anywhere();
  const old = new DatabaseSync(path);
  for (const step of migrations.slice(0, 1)) old.exec(step);
  old.exec("PRAGMA user_version = 1");
  old.prepare("INSERT INTO accounts VALUES (?, 'alice', 1, 0)").run(accountId);
  old.prepare("INSERT INTO devices VALUES (?, ?, ?)").run(accountId, deviceId, random(32));
  old.prepare("INSERT INTO key_packages VALUES (1, ?, ?, ?)").run(accountId, deviceId, utf8("one"));
  old.close();
  const store = openStore(path);
  assert.deepEqual((await store.keyPackages.claim([accountId]))?.length, 1);
  assert.equal(await store.keyPackages.claim([accountId]), undefined);
  await store.close();
});

test("DEL-38: a device without a KeyPackage is passed over while its account has another, unless it is named", async (t) => {
  const store = openStore(anywhere());
  t.after(() => store.close());
  await store.accounts.create({ handle: "ann", createdAtMs: 7 }, listOf(ann, desk, telephone));
  await store.accounts.create({ handle: "bob", createdAtMs: 7 }, listOf(bob, onlyOne));
  const claim = async (...claimed: Parameters<typeof store.keyPackages.claim>) =>
    (await store.keyPackages.claim(...claimed))?.map(({ keyPackage }) => keyPackage);
  await store.keyPackages.add(ann, desk, { keyPackages: [utf8("one")], lastResort: utf8("last") });
  assert.equal(await claim([ann, bob]), undefined, "nobody of bob's has one");
  assert.equal(await claim([ann], [desk, telephone]), undefined, "one that is named has none");
  assert.deepEqual(await claim([ann]), [utf8("one")], "which was not used up by that");
  assert.deepEqual(await claim([ann]), [utf8("last")]);
  await store.keyPackages.add(ann, telephone, { keyPackages: [utf8("two")] });
  assert.deepEqual(await claim([ann]), [utf8("last"), utf8("two")]);
  assert.deepEqual(await claim([ann]), [utf8("last")], "passed over again");
  assert.equal(await claim([ann], [telephone]), undefined);
});
