import assert from "node:assert/strict";
import { test } from "node:test";
import { toBase64Url } from "@portcullis/protocol";
import { sealSegment } from "../src/backup/backup-segment.ts";
import {
  codeOf,
  FakeDevice,
  keeperOf,
  messageAt,
  other,
  refuse,
  sequencesOf,
  talk,
  unreachable,
} from "./backup-scene.ts";

/** One that was lost with so many messages in its backup, and another that has got its keys. */
async function lostAndNew(messages: number): Promise<{ lost: FakeDevice; device: FakeDevice }> {
  const lost = await keeperOf(messages);
  const device = new FakeDevice(lost.vault);
  device.recovers(lost);
  return { lost, device };
}

async function connect(device: FakeDevice): Promise<void> {
  device.backup.connected();
  await device.backup.drained();
}

test("BKP-30: everything comes back, newest first, and the device keeps the backup in a generation of its own", async () => {
  const lost = await keeperOf(5);
  await lost.settings.set("theme", "dark");
  await lost.backup.saved();
  const { head } = lost.sees();
  const [name] = lost.vault.standing!;
  const device = new FakeDevice(lost.vault);
  device.recovers(lost, [new Uint8Array(32), ...lost.kept.keys!.keys]);
  lost.vault.asked.length = 0;
  await connect(device);
  const gets = lost.vault.asked.filter((what) => what.startsWith("GET "));
  assert.deepEqual(gets, ["GET 3", "GET 2", "GET 1", "GET 0"]);
  assert.deepEqual(sequencesOf(device.messages), [1, 2, 3, 4, 5]);
  const { condition, shared } = device.conversations.get(toBase64Url(talk))!.record!;
  assert.deepEqual(
    [condition, shared.state.name, device.settings.get("theme")],
    ["restored", "Talk", "dark"],
  );
  const counts = device.statuses.map(({ restored }) => restored).filter((one) => one !== undefined);
  assert.deepEqual(counts.at(-1), { messages: 5, left: 0, missing: 0 });
  assert.deepEqual(
    [device.backup.status.state, device.kept.restore, codeOf(device)],
    ["on", undefined, undefined],
  );
  assert.notEqual(lost.vault.standing![0], name);
  assert.ok(device.sees().head.counter > head.counter);
  assert.equal(device.kept.keys!.keys.length, 1);
});

test("BKP-30: why a conversation is frozen does not come back, and what goes on meanwhile goes on", async () => {
  const lost = await keeperOf(3);
  const { vault } = lost;
  const frozen = { ...lost.conversations.get(toBase64Url(talk))!.record!, condition: "frozen" as const };
  const freeze = { sequence: 3, code: "CLIENT_COMMIT_MEMBERS", committer: { ...lost.host.account } };
  lost.conversations.set(toBase64Url(talk), { record: { ...frozen, freeze }, cursor: 3 });
  lost.isIn(other, 9);
  await lost.gets(messageAt(7, { id: other }), messageAt(8, { id: other }));
  await lost.backup.saved();
  await lost.backup.renewKey(async () => ({ version: 1 }));
  await lost.backup.drained();
  const device = new FakeDevice(vault);
  device.recovers(lost);
  device.isIn(other, 7);
  await connect(device);
  const { record } = device.conversations.get(toBase64Url(talk))!;
  assert.deepEqual([record!.condition, record!.freeze], ["restored", undefined]);
  assert.deepEqual(sequencesOf(device.messages), [1, 2, 3, 7], "it gets the other one by itself");
});

test("BKP-31: what the device has it keeps", async () => {
  const { device, lost } = await lostAndNew(5);
  await device.settings.set("theme", "light");
  await lost.settings.set("theme", "dark");
  await lost.backup.saved();
  const [, own] = lost.messages;
  const mine = { ...own!, receipt: new Uint8Array(1) };
  device.messages.push(mine);
  await connect(device);
  assert.deepEqual([device.messages.length, device.messages[0]], [5, mine]);
  assert.equal(device.settings.get("theme"), "light");
});

for (const when of ["before", "after"] as const)
  test(`BKP-31: whatever write the power goes ${when}, it comes to the same history, and to a backup of it`, async () => {
    for (let write = 0; ; write++) {
      const { device, lost } = await lostAndNew(5);
      device.powerGoes = { when, write };
      await connect(device);
      const isOver = device.faults.length === 0;
      device.powerGoes = undefined;
      device.open();
      await connect(device);
      assert.deepEqual([sequencesOf(device.messages), device.settings.entries()], [[1, 2, 3, 4, 5], []]);
      assert.deepEqual([device.backup.status.state, device.places().flat().length], ["on", 5]);
      assert.equal(lost.vault.generations.size, 1);
      if (!isOver) continue;
      assert.ok(write > 7);
      break;
    }
  });

test("BKP-31: what does not pass before the last segment goes on where it was, with the next connection", async () => {
  const { device, lost } = await lostAndNew(7);
  lost.vault.answer = (what) => (what === "GET 1" ? unreachable() : undefined);
  await connect(device);
  assert.equal(device.backup.status.state, "restoring");
  assert.deepEqual(device.backup.status.restored, { messages: 3, left: 2, missing: 0 });
  lost.vault.answer = (what) => (what === "GET 1" ? refuse("REQUEST_INVALID") : undefined);
  device.open();
  await connect(device);
  assert.deepEqual([codeOf(device), device.backup.status.restored?.missing], ["REQUEST_INVALID", 0]);
  lost.vault.answer = () => {};
  lost.vault.asked.length = 0;
  device.open();
  await connect(device);
  assert.deepEqual(lost.vault.asked.slice(0, 2), ["GET 1", "GET 0"]);
  assert.deepEqual(sequencesOf(device.messages), [1, 2, 3, 4, 5, 6, 7]);
});

test("BKP-32: a segment that is missing, changed or in another's place is passed over, and said", async () => {
  const spoil: ((segments: (Uint8Array | undefined)[]) => void)[] = [
    (segments) => (segments[2] = new Uint8Array(100)),
    (segments) => (segments[2] = segments[1]!),
    (segments) => (segments[2] = undefined),
    // One that was sealed for that place, and is not the one that stands.
    (segments) => (segments[2] = resealed!),
  ];
  let resealed: Uint8Array | undefined;
  for (const way of spoil) {
    const { device, lost } = await lostAndNew(7);
    const { vault } = lost;
    const generation = vault.standing![1];
    const { keys, segments } = lost.sees();
    resealed = sealSegment(keys, 2, segments[2]!, lost.host.random);
    const whole = [...generation.segments];
    way(generation.segments);
    await connect(device);
    assert.deepEqual(sequencesOf(device.messages), [1, 2, 3, 4, 7]);
    assert.deepEqual([device.backup.status.state, codeOf(device)], ["incomplete", "CLIENT_BACKUP_MISSING"]);
    assert.deepEqual(device.backup.status.restored, { messages: 5, left: 0, missing: 1 });
    vault.asked.length = 0;
    const told = device.statuses.length;
    await connect(device);
    device.open();
    await connect(device);
    assert.deepEqual([vault.asked, device.statuses.length], [[], told], "it is left as it is");
    assert.equal(vault.generations.size, 1);
    await assert.rejects(device.backup.restore(), { code: "CLIENT_BACKUP_MISSING" });
    generation.segments.splice(0, whole.length, ...whole);
    await device.backup.restore();
    assert.deepEqual(sequencesOf(device.messages), [1, 2, 3, 4, 5, 6, 7]);
    assert.equal(device.backup.status.state, "on");
    await assert.rejects(device.backup.restore(), { code: "CLIENT_BACKUP_NONE" });
  }
});

test("BKP-32: behind a missing segment each is still checked against the one behind it", async () => {
  const { device, lost } = await lostAndNew(7);
  const { segments } = lost.vault.standing![1];
  const { keys, segments: opened } = lost.sees();
  segments[3] = undefined;
  segments[1] = sealSegment(keys, 1, opened[1]!, lost.host.random);
  await connect(device);
  assert.deepEqual(sequencesOf(device.messages), [1, 2, 5, 6]);
  assert.equal(device.backup.status.restored?.missing, 2);
});

test("BKP-33: that there is no backup is said once, and one can be begun", async () => {
  const { device, lost } = await lostAndNew(2);
  lost.vault.generations.clear();
  await connect(device);
  assert.deepEqual([device.backup.status.state, codeOf(device)], ["off", "CLIENT_BACKUP_NONE"]);
  const told = device.statuses.length;
  await connect(device);
  assert.deepEqual([device.statuses.length, device.kept.restore], [told, undefined]);
  await device.backup.turnOn();
  await device.backup.drained();
  assert.equal(device.backup.status.state, "on");
});

test("BKP-33: a head under none of the keys, or an older one, is refused, and tried again at the next connection", async () => {
  const { device, lost } = await lostAndNew(1);
  const { vault } = lost;
  const generation = vault.standing![1];
  const { head } = generation;
  generation.head = new Uint8Array(100);
  await connect(device);
  assert.deepEqual([device.backup.status.state, codeOf(device)], ["restoring", "CLIENT_BACKUP_HEAD"]);
  generation.head = head;
  await lost.gets(messageAt(2), messageAt(3));
  await lost.backup.saved();
  const whole = { ...generation, segments: [...generation.segments] };
  const newer = vault.standing![1];
  newer.segments[0] = undefined;
  await connect(device);
  assert.equal(codeOf(device), "CLIENT_BACKUP_MISSING");
  await assert.rejects(
    device.backup.restore(),
    { code: "CLIENT_BACKUP_MISSING" },
    "the same again is no older one",
  );
  const newest = newer.head;
  newer.head = head;
  await assert.rejects(device.backup.restore(), { code: "CLIENT_BACKUP_HEAD", facts: { older: true } });
  newer.head = newest;
  newer.segments[0] = whole.segments[0]!;
  await connect(device);
  assert.deepEqual([device.backup.status.state, sequencesOf(device.messages)], ["on", [1, 2, 3]]);
});

test("BKP-02, BKP-20: a fresh code while not all came back opens what stands; turned on or off, what is left is left", async () => {
  const { device, lost } = await lostAndNew(3);
  const { vault } = lost;
  const before = device.kept.keys!.keys;
  vault.standing![1].segments[0] = undefined;
  await connect(device);
  vault.by = lost.host.account.deviceId;
  await device.backup.renewKey(async (keys) => {
    assert.deepEqual(keys.slice(1), before);
    return { version: 1 };
  });
  const { counter } = device.kept.restore!;
  await device.backup.turnOn();
  await device.backup.drained();
  assert.deepEqual([device.kept.restore, device.backup.status.state], [undefined, "on"]);
  assert.ok(device.sees().head.counter > counter);
  const { device: third } = await lostAndNew(1);
  await third.backup.turnOff();
  assert.deepEqual([third.kept.restore, third.backup.status.state], [undefined, "off"]);
});
