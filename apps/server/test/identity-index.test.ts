import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { test } from "node:test";
import { sha256 } from "@portcullis/crypto";
import {
  auditIndex,
  decodeLookup,
  emptyIndex,
  rootOfIndex,
  signDeviceList,
  verifyDeviceList,
  verifyLookup,
} from "@portcullis/ledger/identity";
import { openCheckpoint, parseVerifierKey } from "@portcullis/ledger/verify";
import { asDeviceId, fromBase64Url, toBase64Url } from "@portcullis/protocol";
import { random, ServerRoom, type TestDevice } from "./server-room.ts";

const policyOf = (room: ServerRoom) => ({
  log: parseVerifierKey(room.server.identityLog),
  witnesses: [],
  threshold: 0,
});

async function lookUp(room: ServerRoom, ...devices: TestDevice[]) {
  const accounts = devices.map(({ accountId }) => accountId);
  const body = { accounts: accounts.map((id) => toBase64Url(id)) };
  const answer = await room.call("POST", "/v1/lookups", body);
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  const lookup = decodeLookup(fromBase64Url(answer.body["lookup"] as string));
  return verifyLookup({ lookup, accounts, vrfKey: room.server.vrfKey, policy: policyOf(room) });
}

/** The next version of an account's list, with one device more. */
async function addDevice(room: ServerRoom, device: TestDevice): Promise<void> {
  const before = verifyDeviceList(device.signedList);
  const more = { deviceId: asDeviceId(random(16)), signatureKey: random(32) };
  const signed = signDeviceList(device.accountKey, {
    ...before,
    version: before.version + 1,
    previous: before.hash,
    devices: [...before.devices, more],
  });
  const path = `/v1/accounts/${toBase64Url(device.accountId)}/devices`;
  assert.equal((await room.call("PUT", path, { deviceList: toBase64Url(signed) })).status, 200);
}

async function audit(room: ServerRoom): Promise<number> {
  const { body } = await room.call("GET", "/v1/identity/openings?from=0");
  const openings = (body["openings"] as string[]).map(fromBase64Url);
  const entries = openings.map((opening) => ({ entry: sha256(opening), opening }));
  const { size } = openCheckpoint(body["checkpoint"] as string, policyOf(room));
  assert.equal(rootOfIndex(auditIndex(emptyIndex, entries)).size, size);
  return size;
}

test("IDN-10: whoever asks gets the latest list, or the proof that there is none, also before there is any account", async (t) => {
  const room = await ServerRoom.open(t);
  const stranger = room.newDevice();
  assert.deepEqual((await lookUp(room, stranger)).lists, [undefined]);
  const [alice, bob] = [await room.account("alice"), await room.account("bob")];
  await addDevice(room, alice);
  const { lists } = await lookUp(room, bob, stranger, alice);
  assert.deepEqual(
    lists.map((list) => list && [list.version, list.devices.length]),
    [[1, 1], undefined, [2, 2]],
  );
  const twice = [toBase64Url(bob.accountId), toBase64Url(bob.accountId)];
  const refused = await room.call("POST", "/v1/lookups", { accounts: twice });
  assert.equal(refused.body["code"], "REQUEST_INVALID");
});

test("IDN-11, IDN-13: every published tree ends with its index root, and an audit finds all of them right, over a restart too", async (t) => {
  const room = await ServerRoom.open(t);
  const alice = await room.account("alice");
  await lookUp(room, alice);
  const before = await audit(room);
  await room.restart();
  await addDevice(room, alice);
  assert.equal((await lookUp(room, alice)).lists[0]?.version, 2);
  assert.ok((await audit(room)) > before);
});

test("IDN-12: an idle log is published anew when somebody asks a minute later, and only then", async (t) => {
  const room = await ServerRoom.open(t);
  const alice = await room.account("alice");
  const first = await lookUp(room, alice);
  assert.equal((await lookUp(room, alice)).checkpoint.size, first.checkpoint.size);
  room.clock.advance(61_000);
  assert.equal((await lookUp(room, alice)).checkpoint.size, first.checkpoint.size + 1);
  assert.equal((await lookUp(room, alice)).checkpoint.size, first.checkpoint.size + 1);
  await audit(room);
});

test("a log whose entries hide what they are is not gone on with", async (t) => {
  const room = await ServerRoom.open(t);
  await lookUp(room, await room.account("alice"));
  await room.server.close();
  const database = new DatabaseSync(join(room.directory, "server", "portcullis.sqlite"));
  database.exec("UPDATE openings SET opening = NULL WHERE origin = 'identity'");
  database.close();
  await assert.rejects(room.start(), { code: "INDEX_OPENING" });
});
