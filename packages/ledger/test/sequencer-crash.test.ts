import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "@portcullis/testkit";
import {
  collectCosignatures,
  Sequencer,
  type Sequenced,
  type SequencerStorage,
  type WitnessClient,
} from "@portcullis/ledger";
import { TileLog } from "@portcullis/ledger/node";
import { assertSame, checkEverything } from "./check-everything.ts";
import { localWitness, logSigner, makeEntries, policyOf, witnesses } from "./log-fixtures.ts";
import { Crash, MemoryDisk, type CrashMoment } from "./memory-disk.ts";

const ENTRIES = makeEntries(258);
const POLICY = policyOf(2, witnesses.slice(0, 2));

type Storage = SequencerStorage<Sequenced> & { readonly rows: readonly Uint8Array[] };

/** A database that lives and dies with the process, and keeps what was committed. */
function makeStorage(disk: MemoryDisk, rows: Uint8Array[] = []): Storage {
  return {
    rows,
    record: (firstIndex, items) =>
      disk.step(() => {
        assert.ok(firstIndex <= rows.length, "no gap in the database");
        for (const [i, { entry }] of items.entries()) {
          assertSame(rows[firstIndex + i] ?? entry, entry, "a row never changes");
          rows[firstIndex + i] = entry;
        }
      }),
    recorded: (fromIndex) => Promise.resolve(rows.slice(fromIndex)),
  };
}

interface World {
  readonly disk: MemoryDisk;
  readonly storage: Storage;
  /** They live elsewhere, and forget nothing. */
  readonly witnessDisks: readonly MemoryDisk[];
  readonly clients: readonly WitnessClient[];
  /** What somebody was told is published, by index. */
  readonly acknowledged: Map<number, Uint8Array>;
}

async function makeWorld(of?: World): Promise<World> {
  const disk = of?.disk.clone() ?? new MemoryDisk();
  const signers = witnesses.slice(0, 2);
  const witnessDisks = signers.map((_, i) => of?.witnessDisks[i]?.clone() ?? new MemoryDisk());
  const clients = await Promise.all(signers.map((signer, i) => localWitness(signer, witnessDisks[i]!)));
  const storage = makeStorage(disk, of?.storage.rows.slice());
  return { disk, storage, witnessDisks, clients, acknowledged: new Map() };
}

/** One life of the process: opens the log, and publishes batch by batch what is not in the database yet. */
async function live(
  { disk, storage, clients, acknowledged }: World,
  sizes: readonly number[],
): Promise<void> {
  const log = await TileLog.open({ directory: "/ledger", signer: logSigner, policy: POLICY, files: disk });
  const sequencer = new Sequencer({
    log,
    storage,
    pace: { kind: "demand", most: 1024 },
    cosign: collectCosignatures({
      witnesses: clients.map((client) => ({
        key: client.key,
        addCheckpoint: (request) => disk.step(() => undefined).then(() => client.addCheckpoint(request)),
      })),
      readConsistencyProof: (oldSize, newSize) => log.readConsistencyProof(oldSize, newSize),
      seenSize: log.published?.size ?? 0,
    }),
  });
  try {
    for (const size of sizes) {
      for (const entry of ENTRIES.slice(storage.rows.length, size)) {
        sequencer.queue({ entry }).then(
          ({ index }) => acknowledged.set(index, entry),
          () => undefined,
        );
      }
      await sequencer.tick();
      assert.ok(disk.crashed || log.pending === undefined, "the witnesses accept what is signed");
    }
  } finally {
    await sequencer.close();
  }
}

const restarts = {
  "kill -9": () => undefined,
  "power cut": (disk: MemoryDisk) => disk.cutPower(),
  "power cut that keeps some names": (disk: MemoryDisk, seed: string) => disk.cutPower(seededRandom(seed)),
} as const;

/** Dies once at each step, checks the directory as it was left, lives again, and checks that nothing is missing. */
async function dieAtEachStep(of: {
  moment: CrashMoment;
  restart: keyof typeof restarts;
  /** Sizes of the log before, and after each batch. */
  start: number;
  sizes: readonly number[];
}): Promise<number> {
  const { moment, restart, start, sizes } = of;
  const before = await makeWorld();
  await live(before, [start]);
  for (let step = 0; ; step++) {
    const world = await makeWorld(before);
    world.disk.crashAt(step, moment);
    await live(world, sizes).catch((error: unknown) => {
      if (!(error instanceof Crash)) throw error;
    });
    const { crashed } = world.disk;
    world.disk.restart();
    restarts[restart](world.disk, `${moment} ${step}`);
    const left = await checkEverything(world.disk, "/ledger", POLICY);
    assert.ok(left.entries.length >= start);
    for (const [index, entry] of world.acknowledged) assertSame(left.entries[index], entry, `entry ${index}`);
    await live(world, sizes);
    const whole = await checkEverything(world.disk, "/ledger", POLICY);
    assert.equal(whole.entries.length, sizes.at(-1), `all entries once after a crash at step ${step}`);
    for (const [index, entry] of whole.entries.entries()) assertSame(ENTRIES[index], entry, `entry ${index}`);
    if (!crashed) return step;
  }
}

const few = { start: 0, sizes: [2, 3] };
/** The first batch fills a tile, the second leaves its partial forms behind. */
const filling = { start: 254, sizes: [256, 258] };

for (const restart of Object.keys(restarts) as (keyof typeof restarts)[]) {
  for (const moment of ["before", "after"] as const) {
    test(`LOG-21, LOG-23: a crash ${moment} each step, then ${restart}: what was acknowledged stays, the rest follows`, async () => {
      assert.ok((await dieAtEachStep({ moment, restart, ...few })) > 30, "there are steps to die at");
    });
  }
}

test("LOG-21, LOG-27: a crash after each step in which a tile fills, then a power cut", async () => {
  await dieAtEachStep({ moment: "after", restart: "power cut", ...filling });
});

test("LOG-21: a write torn in half at each step leaves nothing that is relied on", async () => {
  await dieAtEachStep({ moment: "torn", restart: "kill -9", ...few });
});
