import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "@portcullis/testkit";
import { toHex, utf8 } from "@portcullis/protocol";
import {
  collectCosignatures,
  Sequencer,
  type Pace,
  type Sequenced,
  type WitnessAnswer,
  type WitnessClient,
} from "@portcullis/ledger";
import { TileLog } from "@portcullis/ledger/node";
import { checkEverything } from "./check-everything.ts";
import { localWitness, logSigner, makeEntries, policyOf, witnesses } from "./log-fixtures.ts";
import { MemoryDisk } from "./memory-disk.ts";

const POLICY = policyOf(2, witnesses.slice(0, 2));

async function makeSequencer(
  pace: Pace<Sequenced>,
  options: { clients?: readonly WitnessClient[]; rows?: Uint8Array[]; disk?: MemoryDisk } = {},
) {
  const { disk = new MemoryDisk(), rows = [] } = options;
  const local = await Promise.all(
    witnesses.slice(0, 2).map((signer) => localWitness(signer, new MemoryDisk())),
  );
  const log = await TileLog.open({ directory: "/ledger", signer: logSigner, policy: POLICY, files: disk });
  const fault: { record?: Error } = {};
  const sequencer = new Sequencer({
    log,
    pace,
    storage: {
      record: (firstIndex, items) => {
        if (fault.record !== undefined) return Promise.reject(fault.record);
        for (const [i, { entry }] of items.entries()) rows[firstIndex + i] = entry;
        return Promise.resolve();
      },
      recorded: (from) => Promise.resolve(rows.slice(from)),
    },
    cosign: collectCosignatures({
      witnesses: options.clients ?? local,
      readConsistencyProof: (oldSize, newSize) => log.readConsistencyProof(oldSize, newSize),
      seenSize: log.published?.size ?? 0,
    }),
  });
  const check = () => checkEverything(disk, "/ledger", POLICY);
  return { sequencer, log, rows, local, check, fault, disk };
}

const demand = { kind: "demand", most: 100 } as const;

function constant(entries: number): { pace: Pace<Sequenced>; dummies: Set<string> } {
  const random = seededRandom("dummies");
  const dummies = new Set<string>();
  const dummy = (): Sequenced => {
    const entry = random(32);
    dummies.add(toHex(entry));
    return { entry };
  };
  return { pace: { kind: "constant", entries, dummy, random: seededRandom("places") }, dummies };
}

test("LOG-30: an entry is in the storage before it is in the log, at the index that it is told", async () => {
  const { sequencer, log, rows, check, fault } = await makeSequencer(demand);
  fault.record = new Error("the database is away");
  const queued = makeEntries(3).map((entry) => sequencer.queue({ entry }));
  await assert.rejects(sequencer.tick(), /the database is away/);
  assert.equal(log.size, 0);
  delete fault.record;
  assert.equal((await sequencer.tick()).state, "published");
  assert.deepEqual(await Promise.all(queued), [{ index: 0 }, { index: 1 }, { index: 2 }]);
  assert.deepEqual((await check()).entries, rows);
});

test("LOG-30: what a crash left in the storage alone comes first, at its indexes", async () => {
  const entries = makeEntries(4);
  const { sequencer, check } = await makeSequencer(demand, { rows: entries.slice(0, 3) });
  const queued = sequencer.queue({ entry: entries[3]! });
  await sequencer.tick();
  assert.deepEqual(await queued, { index: 3 });
  assert.deepEqual((await check()).entries, entries);
});

test("LOG-31: each tick publishes exactly as many entries, whatever is queued", async () => {
  const { pace, dummies } = constant(4);
  const { sequencer, log, check } = await makeSequencer(pace);
  const queued: Promise<{ index: number }>[] = [];
  for (const [tick, count] of [0, 1, 6, 0, 4, 0].entries()) {
    for (const entry of makeEntries(count, 100 * tick)) queued.push(sequencer.queue({ entry }));
    assert.equal((await sequencer.tick()).state, "published");
    assert.equal(log.published?.size, 4 * (tick + 1));
  }
  const { entries } = await check();
  const indexes = (await Promise.all(queued)).map((it) => it.index);
  assert.equal(indexes.length, 11);
  assert.equal(dummies.size, 24 - 11);
  for (const index of indexes) assert.ok(!dummies.has(toHex(entries[index]!)));
  assert.deepEqual(
    indexes,
    indexes.toSorted((a, b) => a - b),
    "first come, first served",
  );
});

test("LOG-31: an entry may stand in any place of its batch", async () => {
  const { sequencer } = await makeSequencer(constant(4).pace);
  const places = new Set<number>();
  for (let tick = 0; tick < 24; tick++) {
    const queued = sequencer.queue({ entry: makeEntries(1, tick)[0]! });
    await sequencer.tick();
    places.add((await queued).index % 4);
  }
  assert.deepEqual(places, new Set([0, 1, 2, 3]));
});

test("LOG-32: on demand nothing queued publishes nothing, and no batch is larger than the most", async () => {
  const { sequencer, log } = await makeSequencer({ kind: "demand", most: 2 });
  assert.equal((await sequencer.tick()).state, "published", "the empty tree, once");
  assert.equal((await sequencer.tick()).state, "idle");
  const queued = makeEntries(3).map((entry) => sequencer.queue({ entry }));
  await sequencer.tick();
  assert.equal(log.published?.size, 2);
  await sequencer.tick();
  assert.equal(log.published?.size, 3);
  await Promise.all(queued);
});

test("LOG-33: while a witness is away the old checkpoint stays and nothing is lost", async () => {
  const { sequencer, log, local, check } = await makeSequencer(demand);
  await sequencer.tick();
  local[0]!.up = false;
  let settled = false;
  const queued = sequencer.queue({ entry: makeEntries(1)[0]! }).finally(() => (settled = true));
  for (let tick = 0; tick < 3; tick++) {
    const { state, failures } = await sequencer.tick();
    assert.equal(state, "waiting");
    assert.match(failures[0]!.message, /unreachable/);
    assert.equal(log.published?.size, 0);
  }
  const second = sequencer.queue({ entry: makeEntries(1, 1)[0]! });
  assert.equal(settled, false);
  assert.equal(sequencer.unpublished, 2);
  local[0]!.up = true;
  assert.equal((await sequencer.tick()).state, "published");
  assert.deepEqual(await Promise.all([queued, second]), [{ index: 0 }, { index: 1 }]);
  assert.deepEqual((await check()).entries, makeEntries(2));
});

test("LOG-34: a witness that knows another size is asked again with a proof from there", async () => {
  const first = await makeSequencer(demand);
  for (let tick = 0; tick < 3; tick++) {
    void first.sequencer.queue({ entry: makeEntries(1, tick)[0]! });
    await first.sequencer.tick();
    if (tick === 0) first.local[1]!.up = false;
    if (tick === 1) first.local[1]!.up = true;
  }
  assert.equal(first.log.published?.size, 3);
  // a new process begins with the published size, which a new witness has never seen
  const fresh = await Promise.all(witnesses.slice(0, 2).map((it) => localWitness(it, new MemoryDisk())));
  const again = await makeSequencer(demand, { disk: first.disk, rows: first.rows, clients: fresh });
  void again.sequencer.queue({ entry: makeEntries(1, 3)[0]! });
  assert.deepEqual(await again.sequencer.tick(), { state: "published", failures: [] });
  assert.equal((await again.check()).entries.length, 4);
});

test("LOG-34: a witness that has seen more than the log holds tells of a rollback, and cosigns nothing (D3)", async () => {
  const full = await makeSequencer(demand);
  for (const entry of makeEntries(3)) void full.sequencer.queue({ entry });
  await full.sequencer.tick();
  const restored = await makeSequencer(demand, { clients: full.local });
  void restored.sequencer.queue({ entry: makeEntries(1, 9)[0]! });
  const { state, failures } = await restored.sequencer.tick();
  assert.equal(state, "waiting");
  assert.deepEqual(
    failures.map((it) => (it as { code?: string }).code),
    ["LEDGER_ROLLBACK", "LEDGER_ROLLBACK"],
  );
});

test("LOG-34: answers that are not of the protocol count for nothing", async () => {
  const answer = (body: string, status = 200): WitnessAnswer => ({ status, contentType: "", body });
  const honest = await localWitness(witnesses[0]!, new MemoryDisk());
  const cases: [(request: string) => Promise<WitnessAnswer>, string][] = [
    [() => Promise.resolve(answer("")), "WITNESS_ANSWER"],
    [() => Promise.resolve(answer("nonsense\n")), "LEDGER_NOTE_MALFORMED"],
    [(request) => honest.addCheckpoint(request), "WITNESS_ANSWER"],
    [() => Promise.resolve(answer("x\n", 409)), "WITNESS_ANSWER"],
    [() => Promise.resolve(answer("0\n", 409)), "WITNESS_REFUSED"],
    [() => Promise.resolve(answer("busy\n", 503)), "WITNESS_REFUSED"],
  ];
  for (const [addCheckpoint, code] of cases) {
    const clients = [
      await localWitness(witnesses[0]!, new MemoryDisk()),
      { key: witnesses[1]!.key, addCheckpoint },
    ];
    const { sequencer } = await makeSequencer(demand, { clients });
    const { state, failures } = await sequencer.tick();
    assert.equal(state, "waiting");
    assert.deepEqual(
      failures.map((it) => (it as { code?: string }).code),
      [code],
    );
  }
});

test("LOG-35: what is too long is refused at once, and what a closing finds unpublished is told so", async () => {
  const { sequencer, local } = await makeSequencer(demand);
  await assert.rejects(sequencer.queue({ entry: new Uint8Array(65_536) }), { code: "LEDGER_ENTRY_LENGTH" });
  local[1]!.up = false;
  const [appended, queued] = [0, 1].map((i) => sequencer.queue({ entry: makeEntries(1, i)[0]! }));
  const told = [appended!, queued!].map((it) => assert.rejects(it, { code: "LEDGER_CLOSED" }));
  await sequencer.tick();
  await sequencer.close();
  await Promise.all(told);
  await assert.rejects(sequencer.queue({ entry: makeEntries(1)[0]! }), { code: "LEDGER_CLOSED" });
});

test("LOG-35: a tick that is called while one runs is that one", async () => {
  const { sequencer, log } = await makeSequencer(constant(4).pace);
  await Promise.all([sequencer.tick(), sequencer.tick(), sequencer.tick()]);
  assert.equal(log.size, 4);
});

test("LOG-36: on demand a batch ends with its closing, which sees what stands before it; asked for, it stands alone", async () => {
  const closings: [number, number][] = [];
  const closing = (firstIndex: number, items: readonly Sequenced[]): Sequenced => {
    closings.push([firstIndex, items.length]);
    return { entry: utf8(`closing after ${firstIndex + items.length}`) };
  };
  const { sequencer, log } = await makeSequencer({ kind: "demand", most: 2, closing });
  await sequencer.tick();
  assert.deepEqual([log.published?.size, closings], [0, []]);
  const queued = makeEntries(3).map((entry) => sequencer.queue({ entry }));
  for (let tick = 0; tick < 3; tick++) await sequencer.tick();
  assert.deepEqual(await Promise.all(queued), [{ index: 0 }, { index: 1 }, { index: 3 }]);
  sequencer.renew();
  assert.equal((await sequencer.tick()).state, "published");
  assert.equal((await sequencer.tick()).state, "idle");
  assert.deepEqual(closings, [
    [0, 2],
    [3, 1],
    [5, 0],
  ]);
  assert.equal(log.published?.size, 6);
  assert.deepEqual(await log.entry(5), utf8("closing after 5"));
});

test("LOG-36: a batch that could not be recorded goes again with the closing that it had", async () => {
  let made = 0;
  const closing = () => ({ entry: utf8(`closing ${made++}`) });
  const { sequencer, log, fault } = await makeSequencer({ kind: "demand", most: 2, closing });
  const [entry] = makeEntries(1);
  const queued = sequencer.queue({ entry: entry! });
  fault.record = new Error("disk full");
  await assert.rejects(sequencer.tick(), { message: "disk full" });
  delete fault.record;
  await sequencer.tick();
  await queued;
  assert.deepEqual([await log.entry(0), await log.entry(1)], [entry, utf8("closing 0")]);
});
