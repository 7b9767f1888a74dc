import assert from "node:assert/strict";
import { test } from "node:test";
import { merkleRoot } from "@portcullis/crypto";
import { formatCheckpoint, type VerifiedCheckpoint } from "@portcullis/ledger/verify";
import { asAccountId, asDeviceId, utf8, type TreeHead } from "@portcullis/protocol";
import { seededRandom } from "@portcullis/testkit";
import { referenceConsistency } from "../../ledger/test/reference-tree.ts";
import { LogView, type LogAlarm } from "../src/identity/log-view.ts";

const random = seededRandom("log view");
const by = { accountId: asAccountId(random(32)), deviceId: asDeviceId(random(16)) };
const entries = Array.from({ length: 40 }, () => random(8));
const liar: TreeHead = { size: 30, root: random(32) };
/** What the log signs is a note; whose signature it bears was checked before. */
const SIGNATURE = "\u2014 log.example AAAAAAA=\n";

function treeOf(size: number, of: readonly Uint8Array[] = entries): VerifiedCheckpoint {
  const checkpoint = { origin: "log.example", size, root: merkleRoot(of.slice(0, size)) };
  return {
    ...checkpoint,
    note: `${formatCheckpoint(checkpoint)}\n${SIGNATURE}`,
  } as unknown as VerifiedCheckpoint;
}

/** A device with a log view, whose server and time the test holds. */
class Desk {
  readonly alarms: LogAlarm[] = [];
  readonly asked: [number, number][] = [];
  readonly kept: Uint8Array[] = [];
  readonly failures: unknown[] = [];
  readonly #tasks: (() => void)[] = [];
  connected = true;
  keeps = true;
  prove = (older: number, newer: number): Uint8Array[] =>
    referenceConsistency(older, entries.slice(0, newer));

  open(kept = this.kept.at(-1)): LogView {
    return new LogView(kept, {
      everyMs: 1,
      isConnected: () => this.connected,
      prove: async (older, newer) => {
        this.asked.push([older, newer]);
        return this.prove(older, newer);
      },
      keep: async (value) => {
        if (!this.keeps) throw new Error("the power went");
        this.kept.push(value);
      },
      later: (_, task) => this.#tasks.push(task),
      alarm: (alarm) => this.alarms.push(alarm),
      fail: (error) => this.failures.push(error),
    });
  }

  /** Until nothing is left to do, at most so many pauses. */
  async pass(pauses = 100): Promise<void> {
    for (let pause = 0; pause <= pauses; pause++) {
      if (pause > 0) this.#tasks.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

test("CLT-06: the first tree that was verified is kept, and a larger one only once it is proven to continue it", async () => {
  const desk = new Desk();
  const view = desk.open();
  assert.equal(view.head, undefined);
  view.see(treeOf(5));
  await desk.pass();
  assert.deepEqual([view.size, desk.kept.length, desk.asked.length], [5, 1, 0]);
  view.see(treeOf(9));
  view.hear(treeOf(5), by);
  await desk.pass();
  assert.deepEqual([view.size, desk.asked], [9, [[5, 9]]]);
  view.see(treeOf(7));
  await desk.pass();
  assert.deepEqual([view.size, desk.alarms], [9, []], "an older tree of the same log is no news");
  const other = [...entries.slice(0, 3), ...Array.from({ length: 20 }, () => random(8))];
  view.see(treeOf(12, other));
  await desk.pass();
  assert.equal(view.size, 9);
  assert.deepEqual(
    desk.alarms.map(({ reason, theirs, by }) => [reason, theirs.size, by]),
    [["unproven", 12, undefined]],
  );
});

for (const when of ["before", "after"] as const)
  test(`CLT-06: a crash ${when} the write of a larger tree leaves one that was durable, and others are told no other`, async () => {
    const desk = new Desk();
    const view = desk.open();
    view.see(treeOf(5));
    await desk.pass();
    desk.keeps = when === "after";
    view.see(treeOf(9));
    await desk.pass();
    const size = when === "after" ? 9 : 5;
    assert.equal(view.size, size);
    assert.equal(desk.failures.length, when === "after" ? 0 : 1);
    const again = desk.open();
    assert.deepEqual(again.head, { size, root: treeOf(size).root, note: treeOf(size).note });
    again.hear({ size, root: random(32) }, by);
    await desk.pass();
    assert.equal(desk.alarms[0]?.reason, "fork", "what was seen before the crash still counts");
  });

test("CLT-07: what members say is compared, and proven once whoever says it; what they say makes no tree one's own", async () => {
  const desk = new Desk();
  const view = desk.open();
  view.hear(treeOf(3), by);
  await desk.pass();
  assert.equal(view.head, undefined);
  view.see(treeOf(5));
  await desk.pass();
  for (let i = 0; i < 3; i++) {
    view.hear(treeOf(8), by);
    view.hear(treeOf(8), by);
    if (i > 0) await desk.pass();
  }
  assert.deepEqual([desk.asked, view.size], [[[5, 8]], 5]);
  view.see(treeOf(8));
  await desk.pass();
  assert.deepEqual([desk.asked.length, view.size], [1, 8], "what was proven for another is proven");
  view.hear({ size: 8, root: random(32) }, by);
  await desk.pass();
  const [alarm] = desk.alarms;
  assert.deepEqual([alarm?.reason, alarm?.by, alarm?.ours.note], ["fork", by, treeOf(8).note]);
  assert.equal(desk.asked.length, 1, "two trees of one size need no proof");
});

test("CLT-08: a claim raises one alarm after twenty requests at most one in a pause, and those without a connection do not count", async () => {
  const desk = new Desk();
  const view = desk.open();
  view.see(treeOf(5));
  desk.prove = () => {
    throw new Error("503");
  };
  view.hear(liar, by);
  await desk.pass(0);
  assert.equal(desk.asked.length, 1);
  await desk.pass(9);
  const before = desk.asked.length;
  assert.ok(before <= 11);
  desk.connected = false;
  await desk.pass();
  assert.deepEqual([desk.asked.length, desk.alarms], [before, []]);
  desk.connected = true;
  await desk.pass();
  assert.equal(desk.asked.length, 20);
  assert.deepEqual(
    desk.alarms.map(({ reason, theirs }) => [reason, theirs]),
    [["unproven", liar]],
  );
  view.hear(liar, by);
  await desk.pass();
  assert.deepEqual([desk.alarms.length, desk.asked.length], [1, 20]);
});

test("CLT-08: a server that comes to its senses in time is forgiven, and answers without sense prove nothing", async () => {
  const desk = new Desk();
  const view = desk.open();
  view.see(treeOf(5));
  const { prove } = desk;
  const lies: (() => Uint8Array[])[] = [
    () => [],
    () => [random(31)],
    () => undefined as unknown as Uint8Array[],
  ];
  desk.prove = (older, newer) => (lies.pop() ?? (() => prove(older, newer)))();
  view.see(treeOf(9));
  await desk.pass();
  assert.deepEqual([view.size, desk.asked.length, desk.alarms], [9, 4, []]);
});

test("CLT-08: an answer with less of the log than was known when it was asked for is told; an old Commit's lookup is not", async () => {
  const desk = new Desk();
  const view = desk.open();
  view.see(treeOf(9));
  await desk.pass();
  view.see(treeOf(5));
  await desk.pass();
  assert.equal(desk.alarms.length, 0);
  view.see(treeOf(5), view.size);
  view.see(treeOf(5), view.size);
  await desk.pass();
  assert.deepEqual(
    desk.alarms.map(({ reason, ours, theirs }) => [reason, ours.size, theirs.size]),
    [["rollback", 9, 5]],
  );
});

test("CLT-07: a flood of claims is passed over rather than remembered", async () => {
  const desk = new Desk();
  const view = desk.open();
  view.see(treeOf(5));
  await desk.pass();
  for (let size = 6; size < 2000; size++) view.hear({ size, root: utf8(`${size}`.padEnd(32)) }, by);
  desk.prove = () => [];
  await desk.pass(20 * 300);
  assert.equal(desk.alarms.length, 256);
});
