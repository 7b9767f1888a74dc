import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { asAccountId, asDeviceId, utf8 } from "@portcullis/protocol";
import { seededRandom, temporaryDirectory } from "@portcullis/testkit";
import { openStore, type NewDeviceList } from "../src/index.ts";

const random = seededRandom("key packages");
const [ann, bob] = [asAccountId(random(32)), asAccountId(random(32))];
const [desk, telephone, onlyOne] = [asDeviceId(random(16)), asDeviceId(random(16)), asDeviceId(random(16))];

const listOf = (accountId: typeof ann, ...deviceIds: (typeof desk)[]): NewDeviceList => ({
  accountId,
  version: 1,
  signedList: random(100),
  salt: random(32),
  entry: random(32),
  opening: random(40),
  devices: deviceIds.map((deviceId) => ({ deviceId, signatureKey: random(32) })),
});

test("DEL-38: a device without a KeyPackage is passed over while its account has another, unless it is named", async (t) => {
  const store = openStore(join(temporaryDirectory(), "portcullis.sqlite"));
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
