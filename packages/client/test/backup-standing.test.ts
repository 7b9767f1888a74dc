import assert from "node:assert/strict";
import { test } from "node:test";
import { toBase64Url } from "@portcullis/protocol";
import { type FakeDevice, codeOf, keeperOf, messageAt, pace, refuse, unreachable } from "./backup-scene.ts";

test("BKP-22: what was sealed is sent again byte for byte, and what the server has already counts once", async () => {
  const device = await keeperOf(1);
  const { vault } = device;
  vault.answered = (what) => (what === "PUT 1" ? unreachable() : undefined);
  await device.gets(messageAt(2));
  await assert.rejects(device.backup.saved(), { code: "CLIENT_SERVER_UNREACHABLE" });
  const [, { segments }] = vault.standing!;
  const sent = segments[1];
  vault.answered = () => {};
  device.open().connected();
  await device.backup.drained();
  assert.deepEqual([device.places(), device.faults], [[[1], [2]], []]);
  assert.equal(vault.standing![1].segments[1], sent);
  assert.deepEqual([device.kept.pending, codeOf(device)], [undefined, undefined]);
});

test("BKP-22: it tries again by itself, later each time and then a minute later; what does not pass waits to be told", async () => {
  const device = await keeperOf(1);
  const { vault, backup, later } = device;
  const told = device.statuses.length;
  vault.answer = () => unreachable();
  backup.connected();
  const delays: number[] = [];
  for (let i = 0; i < 10; i++) {
    await backup.drained();
    const { delayMs, task } = later.shift()!;
    delays.push(delayMs);
    assert.deepEqual(later, []);
    task();
  }
  await backup.drained();
  assert.deepEqual(delays, [250, 500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
  assert.equal(device.statuses.length, told, "what passes is not said");
  backup.go();
  await backup.drained();
  assert.equal(later.length, 1, "one at a time");
  vault.answer = () => {};
  later.shift()!.task();
  await backup.drained();
  vault.answer = () => unreachable();
  backup.connected();
  await backup.drained();
  assert.equal(later.shift()!.delayMs, 250, "from the beginning, once it went");
  vault.answer = () => refuse("REQUEST_INVALID");
  backup.go();
  await backup.drained();
  assert.deepEqual([later, codeOf(device), device.faults], [[], "REQUEST_INVALID", []]);
});

test("BKP-24: the server is asked once on each connection whether the backup is as it was left", async () => {
  const device = await keeperOf(1);
  const { vault, backup } = device;
  vault.asked.length = 0;
  await backup.saved();
  assert.deepEqual(vault.asked, []);
  backup.connected();
  await backup.drained();
  assert.deepEqual(vault.asked, ["GET"]);
});

test("BKP-24: one that is gone, or another in its place, is given up, whenever that is found", async () => {
  const ways: ((device: FakeDevice) => void)[] = [
    ({ vault }) => vault.generations.clear(),
    ({ vault }) => {
      const [name, generation] = vault.standing!;
      vault.generations.delete(name);
      vault.generations.set(toBase64Url(new Uint8Array(16)), generation);
    },
  ];
  for (const spoil of ways)
    for (const isConnecting of [true, false]) {
      const device = await keeperOf(1);
      spoil(device);
      if (isConnecting) device.backup.connected();
      else {
        await device.gets(messageAt(2));
        await assert.rejects(device.backup.saved(), { code: "CLIENT_BACKUP_LOST" });
      }
      await device.backup.drained();
      assert.deepEqual([codeOf(device), device.backup.status.state], ["CLIENT_BACKUP_LOST", "off"]);
      assert.deepEqual([device.kept.record, device.kept.pending], [undefined, undefined]);
      assert.equal(
        device.later.some(({ delayMs }) => delayMs === 250),
        false,
      );
    }
});

test("BKP-24: one with another head is made anew by itself, with a higher counter, whenever that is found", async () => {
  for (const isConnecting of [true, false]) {
    const device = await keeperOf(3);
    const { vault, backup, later } = device;
    const generation = vault.standing![1];
    const { counter } = device.sees().head;
    generation.segments.pop();
    generation.head = new Uint8Array(9);
    if (isConnecting) backup.connected();
    else {
      await device.gets(messageAt(4));
      await assert.rejects(backup.saved(), { code: "CLIENT_BACKUP_CHANGED" });
    }
    await backup.drained();
    assert.deepEqual([codeOf(device), device.kept.pending], ["CLIENT_BACKUP_CHANGED", undefined]);
    later.find(({ delayMs }) => delayMs === 250)!.task();
    await backup.drained();
    assert.deepEqual(device.places(), [[1, 2], isConnecting ? [3] : [3, 4]]);
    assert.ok(device.sees().head.counter > counter);
    assert.equal(codeOf(device), undefined);
  }
});

test("BKP-22, BKP-24: a segment on its way, or a generation that is being made, is not taken for a change", async () => {
  const device = await keeperOf(1);
  const { vault } = device;
  const [name] = vault.standing!;
  await device.gets(messageAt(2));
  vault.answered = () => unreachable();
  await assert.rejects(device.backup.saved());
  vault.answered = () => {};
  device.open().connected();
  await device.backup.drained();
  assert.deepEqual([codeOf(device), vault.standing![0]], [undefined, name]);
  vault.answer = (what) => (what === "PUT stand" ? unreachable() : undefined);
  await device.backup.renewKey(async () => ({ version: 1 }));
  await device.backup.drained();
  vault.answer = () => {};
  device.open().connected();
  await device.backup.drained();
  assert.deepEqual([codeOf(device), device.backup.status.state], [undefined, "on"]);
  assert.notEqual(vault.standing![0], name);
});

test("BKP-23: it is made anew of few when there are three times as many as it began with, and so many more", async () => {
  const device = await keeperOf(3);
  const [name] = device.vault.standing!;
  const most = 3 * 2 + pace.spareSegments;
  for (let sequence = 4; device.sees().segments.length < most - 1; sequence++) {
    await device.gets(messageAt(sequence));
    await device.backup.saved();
    assert.equal(device.vault.standing![0], name);
  }
  await device.gets(messageAt(100));
  await device.backup.saved();
  assert.notEqual(device.vault.standing![0], name);
  assert.deepEqual([device.sees().segments.length, device.vault.generations.size], [5, 1]);
  assert.deepEqual(device.places().flat(), [1, 2, 3, 4, 5, 6, 7, 8, 9, 100]);
});

test("BKP-25: full, it is made anew where that makes it smaller, and else it says so and goes on later", async () => {
  const device = await keeperOf(1);
  const { vault, backup } = device;
  let most = 2;
  vault.answer = (what) => (what === `PUT ${most}` ? refuse("BACKUP_FULL") : undefined);
  const [first] = vault.standing!;
  await device.gets(messageAt(2));
  await backup.saved();
  await device.gets(messageAt(3));
  await assert.rejects(backup.saved(), { code: "CLIENT_SERVER_REFUSED" });
  assert.deepEqual([codeOf(device), vault.standing![0], device.places()], ["BACKUP_FULL", first, [[1], [2]]]);
  most = 4;
  await backup.saved();
  await device.gets(messageAt(4));
  await backup.saved();
  await device.gets(messageAt(5));
  await backup.saved();
  assert.notEqual(vault.standing![0], first);
  assert.deepEqual([codeOf(device), device.places()], [undefined, [[1, 2], [3, 4], [5]]]);
});

test("BKP-25: a new generation that is full too stays as it is, and what else is refused makes none", async () => {
  const device = await keeperOf(1);
  const { vault, backup } = device;
  for (let sequence = 2; sequence < 5; sequence++) {
    await device.gets(messageAt(sequence));
    await backup.saved();
  }
  vault.answer = (what) => (what === "PUT 4" ? refuse("REQUEST_INVALID") : undefined);
  await device.gets(messageAt(5));
  await assert.rejects(backup.saved(), { code: "CLIENT_SERVER_REFUSED" });
  assert.equal(vault.generations.size, 1);
  vault.asked.length = 0;
  vault.answer = (what) => {
    if (vault.asked.length > 20) unreachable();
    if (what.startsWith("PUT")) refuse("BACKUP_FULL");
  };
  await assert.rejects(backup.saved(), { code: "CLIENT_SERVER_REFUSED" });
  assert.deepEqual(vault.asked, ["PUT 4", "PUT 0"]);
});

test("BKP-24: a code of another device is told, until this one has set one of its own", async () => {
  const device = await keeperOf(1);
  const { vault, backup } = device;
  vault.version = 7;
  vault.answer = (what) => (what === "GET recovery" ? unreachable() : undefined);
  backup.connected();
  await backup.drained();
  assert.equal(codeOf(device), undefined);
  vault.answer = () => {};
  device.later.shift()!.task();
  await backup.drained();
  assert.equal(codeOf(device), "CLIENT_BACKUP_CODE");
  await device.gets(messageAt(2), messageAt(3), messageAt(4));
  await backup.drained();
  assert.deepEqual([codeOf(device), device.places().length], ["CLIENT_BACKUP_CODE", 3]);
  await backup.renewKey(async () => ({ version: 7 }));
  await backup.drained();
  assert.equal(codeOf(device), undefined);
});

for (const when of ["before", "after"] as const)
  test(`BKP-22: whatever write the power goes ${when}, a backup goes on, is made anew and goes on again`, async () => {
    for (let write = 0; ; write++) {
      const device = await keeperOf(1);
      const { vault } = device;
      const sent = new Map<string, string>();
      const { call } = vault;
      vault.call = (method, path, body) => {
        if (path.includes("segments"))
          assert.equal(sent.get(path) ?? body.segment, body.segment, "sealed twice");
        if (path.includes("segments")) sent.set(path, body.segment);
        return call(method, path, body);
      };
      await device.gets(messageAt(2), messageAt(3));
      await device.backup.drained();
      device.powerGoes = { when, write: device.writes + write };
      const renewed = device.backup
        .renewKey(async () => ({ version: 1 }))
        .then(
          () => false,
          () => true,
        );
      const isOver =
        (await renewed) ||
        (await device.backup.saved().then(
          () => false,
          () => true,
        ));
      device.powerGoes = undefined;
      device.open().connected();
      await device.backup.drained();
      assert.deepEqual([device.places().flat(), device.kept.pending], [[1, 2, 3], undefined]);
      assert.deepEqual([vault.generations.size, codeOf(device)], [1, undefined]);
      if (isOver) continue;
      assert.ok(write > 4);
      break;
    }
  });

test("BKP-22: a store that fails stops the client", async () => {
  const device = await keeperOf(1);
  await device.gets(messageAt(2));
  device.powerGoes = { when: "before", write: device.writes };
  device.backup.go();
  await device.backup.drained();
  assert.deepEqual([device.faults.length, codeOf(device)], [1, undefined]);
});
