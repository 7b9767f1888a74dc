import assert from "node:assert/strict";
import { test } from "node:test";
import { generateSigningKey } from "@portcullis/crypto";
import { accountIdOf, signDeviceList } from "@portcullis/ledger/identity";
import { seededRandom } from "@portcullis/testkit";
import type { DeviceDirectory } from "../src/identity/device-directory.ts";
import { checkOwnEntry } from "../src/identity/own-entry.ts";

test("E4, CLT-05: an account that the log proves not to have is told to its owner", async () => {
  const random = seededRandom("own entry");
  const key = generateSigningKey(random);
  const accountId = accountIdOf(key.publicKey);
  const accountKey = key.publicKey;
  const noticeKey = random(32);
  const signedDeviceList = signDeviceList(key, { accountId, accountKey, noticeKey, version: 1, devices: [] });
  const directory = { current: () => Promise.resolve(new Map()) } as unknown as DeviceDirectory;
  assert.deepEqual(await checkOwnEntry({ accountId, signedDeviceList }, directory), {
    reason: "missing",
    knownVersion: 1,
  });
});
