import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sha256, signingKeyFromSeed } from "@portcullis/crypto";
import { makeNoteSigner } from "@portcullis/ledger";
import { TileLog } from "@portcullis/ledger/node";
import { utf8 } from "@portcullis/protocol";

const ENTRY_BYTES = 32;
const ENTRIES = 8192;
const ROUNDS = 3;

async function timed(run: () => Promise<void> | void): Promise<number> {
  const start = performance.now();
  await run();
  return (performance.now() - start) / 1000;
}

/** The same bytes appended to one file, with fdatasync after each batch: the least that durability costs. */
function bareAppend(path: string, batch: number): void {
  const file = openSync(path, "a");
  const bytes = new Uint8Array(batch * ENTRY_BYTES).fill(1);
  for (let done = 0; done < ENTRIES; done += batch) {
    writeSync(file, bytes);
    fdatasyncSync(file);
  }
  closeSync(file);
}

async function openLog(directory: string): Promise<TileLog> {
  const signingKey = signingKeyFromSeed(sha256(utf8("bench")));
  const signer = makeNoteSigner({ name: "bench.example", algorithm: "ed25519", signingKey });
  return TileLog.open({ directory, signer, policy: { log: signer.key, witnesses: [], threshold: 0 } });
}

async function append(log: TileLog, batch: number): Promise<void> {
  for (let done = 0; done < ENTRIES; done += batch) {
    const entries = Array.from({ length: batch }, (_, i) => sha256(utf8(`${done + i}`)));
    await log.append(log.size, entries);
    await log.publish(log.pending?.note ?? "");
  }
}

async function prove(log: TileLog, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await log.readTlogProof((i * 7919) % log.size);
}

/** Seconds. */
interface Round {
  readonly bare: number;
  readonly durable: number;
  readonly cpu: number;
}

async function appendBoth(folder: string, batch: number, round: number): Promise<Round> {
  const bare = await timed(() => bareAppend(join(folder, `bare-${batch}-${round}`), batch));
  const log = await openLog(join(folder, `log-${batch}-${round}`));
  const start = process.cpuUsage();
  const durable = await timed(() => append(log, batch));
  const { user, system } = process.cpuUsage(start);
  return { bare, durable, cpu: (user + system) / 1e6 };
}

/** Durable appends (tiles, bundle, signature, checkpoint; files and folders synced) against bare fdatasync of the same bytes; of each the best round. */
export async function benchLedger(print: (line: string) => void): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "portcullis-bench-"));
  try {
    for (const batch of [64, 256, 2048]) {
      const rounds: Round[] = [];
      for (let round = 0; round < ROUNDS; round++) rounds.push(await appendBoth(folder, batch, round));
      const best = (of: (round: Round) => number): number => Math.min(...rounds.map(of));
      const [bare, durable] = [best((round) => round.bare), best((round) => round.durable)];
      print(
        `ledger append, batches of ${batch}: ${Math.round(ENTRIES / durable)}/s durable, ` +
          `${(durable / bare).toFixed(1)} x the time of bare fdatasync, ` +
          `${Math.round(ENTRIES / best((round) => round.cpu))} per CPU second`,
      );
    }
    const log = await openLog(join(folder, "log-2048-0"));
    const proofs = await timed(() => prove(log, 1000));
    print(`ledger inclusion proof, from files: ${Math.round(1000 / proofs)}/s at ${log.size} entries`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
