import assert from "node:assert/strict";
import { test } from "node:test";
import { toBase64Url } from "@portcullis/protocol";
import {
  deviceWith,
  gone,
  keeperOf,
  linked,
  messageAt,
  other,
  pace,
  talk,
  unreachable,
} from "./backup-scene.ts";

test("BKP-20: it is turned on with the code that stands, of this device's own, and once", async () => {
  const device = await deviceWith(3);
  const { vault, backup } = device;
  await assert.rejects(backup.turnOn(), { code: "CLIENT_BACKUP_CODE" });
  await backup.renewKey(async () => ({ version: 4 }));
  await assert.rejects(backup.turnOn(), { code: "CLIENT_BACKUP_CODE" });
  await assert.rejects(backup.saved(), { code: "CLIENT_BACKUP_OFF" });
  assert.deepEqual([backup.status.state, vault.asked.includes("PUT 0")], ["off", false]);
  vault.version = 4;
  await backup.turnOn();
  await backup.drained();
  assert.deepEqual(device.places(), [[1, 2], [3]]);
  vault.version = 5;
  const record = device.kept.record;
  await backup.turnOn();
  assert.deepEqual(device.kept.record, record, "it is on");
});

test("BKP-20: while a listed device keeps it, no other turns it on or sets a code; one that is gone does not count", async () => {
  const device = await deviceWith(1);
  const { vault, backup } = device;
  await backup.renewKey(async () => ({ version: 1 }));
  const generation = { head: new Uint8Array(3), segments: [], stands: true };
  const sealed: unknown[] = [];
  const seal = async (keys: unknown): Promise<{ version: number }> => {
    sealed.push(keys);
    return { version: 1 };
  };
  vault.generations.set(toBase64Url(new Uint8Array(16)), { ...generation, deviceId: linked });
  await assert.rejects(backup.turnOn(), { code: "CLIENT_BACKUP_ELSEWHERE" });
  await assert.rejects(backup.renewKey(seal), { code: "CLIENT_BACKUP_ELSEWHERE" });
  assert.deepEqual([device.kept.record, sealed], [undefined, []]);
  vault.generations.set(toBase64Url(new Uint8Array(16)), { ...generation, deviceId: gone });
  await backup.renewKey(seal);
  await backup.turnOn();
  await backup.drained();
  assert.deepEqual([device.places(), vault.generations.size], [[[1]], 1]);
  await backup.renewKey(seal);
  assert.equal(sealed.length, 2, "its own stands in nobody's way");
});

test("BKP-21: so many messages that are new do not wait, fewer wait so long, and one look is enough for them", async () => {
  const device = await keeperOf(1);
  const { backup, later } = device;
  await device.gets(messageAt(2));
  await device.gets(messageAt(3));
  await backup.drained();
  assert.deepEqual(
    later.map(({ delayMs }) => delayMs),
    [pace.everyMs],
  );
  assert.deepEqual(device.places(), [[1]]);
  await device.gets(messageAt(4));
  await backup.drained();
  assert.deepEqual(device.places(), [[1], [2, 3], [4]]);
  await device.gets(messageAt(5));
  await backup.drained();
  assert.deepEqual(device.places().length, 3, "it is counted anew");
  later.shift()!.task();
  await backup.drained();
  assert.deepEqual(device.places().at(-1), [5]);
  await device.settings.set("theme", "dark");
  assert.equal(later.length, 1, "settings are new too, and waited for again");
  later.shift()!.task();
  await backup.drained();
  assert.equal(device.sees().segments.length, 5);
  backup.noticed([{ put: "fact", name: "backup/record", value: new Uint8Array(0) }]);
  backup.noticed([{ erase: "fact", name: "settings" }]);
  assert.equal(later.length, 0, "nothing else is");
});

test("BKP-21: what is new waits for a connection, and is nothing to a device without a backup", async () => {
  const device = await keeperOf(1);
  device.host.ready = false;
  await device.gets(messageAt(2), messageAt(3), messageAt(4));
  await device.backup.drained();
  assert.deepEqual(device.places(), [[1]]);
  device.host.ready = true;
  device.backup.connected();
  await device.backup.drained();
  assert.deepEqual(device.places(), [[1], [2, 3], [4]]);
  const off = await deviceWith(5);
  off.backup.connected();
  await off.backup.drained();
  assert.deepEqual([off.later, off.statuses, off.vault.asked], [[], [], []]);
});

test("BKP-21: a segment ends behind the message with which it is full, what shows the messages counted", async () => {
  const device = await deviceWith(0);
  device.isIn(talk, 9);
  await device.gets(messageAt(1, { size: 97 * 1024 }), messageAt(2), messageAt(3));
  await device.keeps();
  assert.deepEqual(device.places(), [[1], [2, 3]]);
  const { record } = device.conversations.values().next().value!;
  const shared = {
    ...record!.shared,
    state: { ...record!.shared.state, picture: new Uint8Array(16 * 1024) },
  };
  device.conversations.set(toBase64Url(talk), { cursor: 9, record: { ...record!, shared } });
  await device.gets(messageAt(4, { size: 90 * 1024 }), messageAt(5));
  await device.backup.saved();
  assert.deepEqual(device.places().slice(2), [[4], [5]]);
});

test("BKP-30: a segment says how far the device was in each conversation, at least as far as its messages", async () => {
  const device = await deviceWith(0);
  device.isIn(talk, 9);
  device.isIn(other, 3);
  await device.gets(
    messageAt(4, { id: other }),
    messageAt(2),
    messageAt(5, { id: other }),
    messageAt(6, { id: other }),
  );
  await device.keeps();
  const cursors = device.sees().segments.map(({ parts }) => parts.map(({ cursor }) => cursor));
  assert.deepEqual(cursors, [[4, 9], [6]]);
});

test("BKP-30: settings are in the segment behind which they changed, and in no other", async () => {
  const device = await keeperOf(3);
  const isSet = (): boolean[] => device.sees().segments.map(({ settings }) => settings !== undefined);
  assert.deepEqual(isSet(), [true, false]);
  await device.backup.saved();
  assert.equal(isSet().length, 2, "nothing is new");
  await device.settings.set("theme", "dark");
  await device.backup.saved();
  assert.deepEqual(isSet(), [true, false, true]);
});

test("BKP-02: until a fresh generation stands, the code opens that before it too, and then no more", async () => {
  const device = await keeperOf(1);
  const { vault, backup } = device;
  const sealed: (readonly Uint8Array[])[] = [];
  const seal = async (keys: readonly Uint8Array[]): Promise<{ version: number }> => {
    sealed.push(keys);
    return { version: 1 };
  };
  const before = device.kept.keys!.keys;
  vault.answer = (what) => (what.startsWith("PUT") ? unreachable() : undefined);
  for (let i = 0; i < 20; i++) await backup.renewKey(seal);
  await backup.drained();
  assert.deepEqual(sealed[0]!.slice(1), before);
  assert.deepEqual(sealed[1]!.slice(1), sealed[0]);
  assert.deepEqual([sealed.at(-1)!.length, device.kept.keys!.keys], [16, sealed.at(-1)]);
  vault.answer = () => {};
  await backup.saved();
  assert.deepEqual(device.kept.keys!.keys, [sealed.at(-1)![0]]);
  assert.deepEqual(device.places(), [[1]]);
  await backup.turnOff();
  await backup.renewKey(seal);
  assert.equal(sealed.at(-1)!.length, 1, "nothing is under those before");
});

test("BKP-02: a segment that is on its way under the old key is not sent behind a fresh one", async () => {
  const device = await keeperOf(1);
  const { vault, backup } = device;
  vault.answer = (what) => (what === "PUT 1" ? unreachable() : undefined);
  await device.gets(messageAt(2));
  await assert.rejects(backup.saved());
  assert.notEqual(device.kept.pending, undefined);
  await backup.renewKey(async () => ({ version: 1 }));
  await backup.drained();
  assert.deepEqual([device.kept.keys!.keys.length, device.places()], [1, [[1, 2]]]);
});

test("BKP-26: turned off, nothing of it is kept, and what stands goes when the server is reached", async () => {
  const device = await keeperOf(1);
  const { vault } = device;
  vault.answer = () => unreachable();
  await device.gets(messageAt(2));
  await assert.rejects(device.backup.saved());
  await assert.rejects(device.backup.turnOff(), { code: "CLIENT_SERVER_UNREACHABLE" });
  const { record, pending, restore, deletion } = device.kept;
  assert.deepEqual([record, pending, restore, deletion], [undefined, undefined, undefined, true]);
  assert.equal(device.backup.status.state, "off");
  await device.gets(messageAt(3), messageAt(4), messageAt(5));
  vault.answer = () => {};
  device.open().connected();
  await device.backup.drained();
  assert.deepEqual([vault.generations.size, device.kept.deletion], [0, false]);
  vault.asked.length = 0;
  device.backup.connected();
  await device.backup.drained();
  assert.deepEqual(vault.asked, [], "it is over");
  vault.answer = () => unreachable();
  await assert.rejects(device.backup.turnOff());
  vault.answer = () => {};
  await device.backup.turnOn();
  await device.backup.drained();
  assert.deepEqual([device.kept.deletion, device.places()], [false, [[1, 2], [3, 4], [5]]]);
  device.open().connected();
  await device.backup.drained();
  assert.equal(vault.generations.size, 1);
});

test("BKP-20, BKP-26: that of another device, turned off here, is gone before this one's is turned on", async () => {
  const device = await keeperOf(1);
  const { vault, backup } = device;
  vault.answer = () => unreachable();
  await assert.rejects(backup.turnOff(), { code: "CLIENT_SERVER_UNREACHABLE" });
  vault.standing![1].deviceId = linked;
  vault.answer = () => {};
  await backup.turnOn();
  await backup.drained();
  assert.deepEqual([device.places(), backup.status.state], [[[1]], "on"]);
});
