import assert from "node:assert/strict";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "@portcullis/testkit";
import { utf8 } from "@portcullis/protocol";
import { systemFiles, TileLog, type FileOperations } from "@portcullis/ledger/node";
import { parseNote, verifyTlogProof } from "@portcullis/ledger/verify";
import { cosignNoteText, makeNoteSigner, readRoot } from "@portcullis/ledger";
import { checkEverything } from "./check-everything.ts";
import { logSigner, makeEntries, NOW, policyOf, witnesses, witnessSigner } from "./log-fixtures.ts";
import { MemoryDisk } from "./memory-disk.ts";

const POLICY = policyOf(2);

const openLog = (files: FileOperations, directory = "/ledger"): Promise<TileLog> =>
  TileLog.open({ directory, signer: logSigner, policy: POLICY, files });

/** The pending note with the cosignatures of the first `count` witnesses. */
function cosigned(log: TileLog, count = 2): string {
  const { note } = log.pending ?? assert.fail("nothing is pending");
  const { text } = parseNote(note);
  return (
    note +
    witnesses
      .slice(0, count)
      .map((it) => cosignNoteText(it, text, NOW))
      .join("")
  );
}

async function appendAndPublish(log: TileLog, entries: readonly Uint8Array[]): Promise<void> {
  await log.append(log.size, entries);
  await log.publish(cosigned(log));
}

test("LOG-20, LOG-22: a log in a folder of the system, through every boundary, opened again each time", async () => {
  const directory = join(temporaryDirectory(), "ledger");
  const entries = makeEntries(513);
  let log = await openLog(systemFiles, directory);
  assert.equal(log.size, 0);
  await log.publish(cosigned(log));
  assert.equal(log.published?.size, 0);
  for (const size of [1, 255, 256, 257, 513]) {
    await appendAndPublish(log, entries.slice(log.size, size));
    log = await openLog(systemFiles, directory);
    assert.equal(log.size, size);
    assert.equal(log.pending, undefined);
    const checked = await checkEverything(systemFiles, directory, POLICY);
    assert.deepEqual(checked.entries, entries.slice(0, size));
    for (const index of [0, size >> 1, size - 1]) {
      const proof = await log.readTlogProof(index);
      assert.equal(verifyTlogProof({ proof, entry: await log.entry(index), policy: POLICY }).index, index);
    }
  }
  assert.deepEqual(readdirSync(log.publicDirectory).sort(), ["checkpoint", "tile"]);
  assert.equal(statSync(join(directory, "signed")).mode & 0o777, 0o600);
});

test("LOG-10: the tile above 65,536 entries", async () => {
  const disk = new MemoryDisk();
  const log = await openLog(disk);
  const entries = Array.from({ length: 65_537 }, (_, i) => Uint8Array.of(i >> 16, i >> 8, i));
  for (const size of [65_535, 65_536, 65_537]) await appendAndPublish(log, entries.slice(log.size, size));
  const level2 = await disk.read("/ledger/public/tile/2/000.p/1");
  assert.equal(level2?.length, 32);
  assert.equal((await disk.read("/ledger/public/tile/1/000"))?.length, 8192);
  for (const index of [0, 65_535, 65_536]) {
    const proof = await log.readTlogProof(index);
    assert.equal(verifyTlogProof({ proof, entry: entries[index]!, policy: POLICY }).index, index);
  }
  assert.equal((await openLog(disk)).size, 65_537);
});

test("LOG-22: what lacks the quorum is not published, and the old checkpoint stays", async () => {
  const disk = new MemoryDisk();
  const log = await openLog(disk);
  await appendAndPublish(log, makeEntries(2));
  const before = await disk.read("/ledger/public/checkpoint");
  await log.append(2, makeEntries(1, 2));
  await assert.rejects(log.publish(cosigned(log, 1)), { code: "LEDGER_WITNESS_QUORUM" });
  assert.deepEqual(await disk.read("/ledger/public/checkpoint"), before);
  assert.equal(log.published?.size, 2);
  await assert.rejects(log.entry(2), { code: "LEDGER_INDEX" }, "nobody sees what is not published");
  await assert.rejects(log.readTlogProof(2), { code: "LEDGER_INDEX" });
  await log.publish(cosigned(log));
  assert.equal(log.published.size, 3);
});

test("LOG-22: an older cosigned checkpoint cannot be published again", async () => {
  const log = await openLog(new MemoryDisk());
  await log.append(0, makeEntries(2));
  const old = cosigned(log);
  await log.append(2, makeEntries(1, 2));
  await assert.rejects(log.publish(old), { code: "LEDGER_ROLLBACK" });
});

test("LOG-23: what was signed and not published is pending again after a restart, with the same bytes", async () => {
  const disk = new MemoryDisk();
  const log = await openLog(disk);
  await log.append(0, makeEntries(3));
  const again = await openLog(disk);
  assert.deepEqual(again.pending, log.pending);
  await again.publish(cosigned(again));
  assert.equal((await checkEverything(disk, "/ledger", POLICY)).entries.length, 3);
});

test("LOG-23: after a change of witnesses what is published is cosigned anew", async () => {
  const disk = new MemoryDisk();
  await appendAndPublish(await openLog(disk), makeEntries(3));
  const others = [witnessSigner("witness.example/x"), witnessSigner("witness.example/y")];
  const log = await TileLog.open({
    directory: "/ledger",
    signer: logSigner,
    policy: policyOf(2, others),
    files: disk,
  });
  assert.equal(log.pending?.size, 3);
});

test("LOG-24: files that were taken back, changed or removed are noticed (D3)", async () => {
  const disk = new MemoryDisk();
  const log = await openLog(disk);
  await appendAndPublish(log, makeEntries(3));
  const oldSigned = await disk.read("/ledger/signed");
  const oldBundle = (await disk.read("/ledger/public/tile/entries/000.p/3"))!;
  await appendAndPublish(log, makeEntries(2, 3));
  const refused = async (path: string, bytes: Uint8Array | undefined, code: string): Promise<void> => {
    const tampered = disk.clone();
    tampered.tamper(path, bytes);
    await assert.rejects(openLog(tampered), { code }, path);
  };
  await refused("/ledger/signed", oldSigned, "LEDGER_ROLLBACK");
  await refused("/ledger/signed", undefined, "LEDGER_ROLLBACK");
  await refused("/ledger/signed", utf8("x"), "LEDGER_NOTE_MALFORMED");
  await refused("/ledger/public/tile/0/000.p/5", undefined, "LEDGER_TILE");
  await refused("/ledger/public/tile/0/000.p/5", new Uint8Array(160), "LEDGER_TILE");
  await refused("/ledger/public/tile/entries/000.p/5", oldBundle, "LEDGER_TILE");
  const bundle = (await disk.read("/ledger/public/tile/entries/000.p/5"))!;
  await refused("/ledger/public/tile/entries/000.p/5", bundle.with(2, 0), "LEDGER_TILE");
});

test("LOG-24: a published checkpoint of another history is noticed (D2)", async () => {
  const disk = new MemoryDisk();
  await appendAndPublish(await openLog(disk), makeEntries(3));
  const fork = new MemoryDisk();
  await appendAndPublish(await openLog(fork), makeEntries(3, 7));
  disk.tamper("/ledger/public/checkpoint", await fork.read("/ledger/public/checkpoint"));
  await assert.rejects(openLog(disk), { code: "LEDGER_ROLLBACK" });
});

test("LOG-20: a directory of another log, or a policy for another key, is refused", async () => {
  const disk = new MemoryDisk();
  await openLog(disk);
  const signer = makeNoteSigner({
    ...logSigner.key,
    name: "other.example",
    signingKey: logSigner.signingKey,
  });
  const open = (policy: typeof POLICY) => TileLog.open({ directory: "/ledger", signer, policy, files: disk });
  await assert.rejects(open({ ...POLICY, log: signer.key }), { code: "LEDGER_ORIGIN" });
  await assert.rejects(open(POLICY), { code: "LEDGER_POLICY" });
});

test("LOG-25: the same entries at the same indexes again are no change, others are refused", async () => {
  const disk = new MemoryDisk();
  const log = await openLog(disk);
  const entries = makeEntries(300);
  await log.append(0, entries);
  const { note } = log.pending!;
  const steps = disk.steps;
  await log.append(0, entries);
  await log.append(250, entries.slice(250, 260));
  assert.equal(log.pending?.note, note);
  assert.equal(disk.steps, steps, "nothing is written");
  await assert.rejects(log.append(299, makeEntries(2, 300)), { code: "LEDGER_ENTRY_CONFLICT" });
  await assert.rejects(log.append(301, entries), { code: "LEDGER_INDEX" });
  await assert.rejects(log.append(-1, entries), { code: "LEDGER_INDEX" });
  await assert.rejects(log.append(300, [new Uint8Array(65_536)]), { code: "LEDGER_ENTRY_LENGTH" });
  await assert.rejects(log.append(300, [new Uint8Array(0)]), { code: "LEDGER_ENTRY_LENGTH" });
  await log.append(298, makeEntries(4, 298));
  assert.equal(log.size, 302);
});

test("LOG-26: after a write that failed the log writes nothing until it is opened again", async () => {
  const disk = new MemoryDisk();
  let full = false;
  const failing: FileOperations = {
    ...systemFiles,
    read: (path) => disk.read(path),
    list: (path) => disk.list(path),
    write: (path, bytes) => (full ? Promise.reject(new Error("ENOSPC")) : disk.write(path, bytes)),
    rename: (from, to) => disk.rename(from, to),
    makeFolder: (path) => disk.makeFolder(path),
    syncFolder: (path) => disk.syncFolder(path),
    remove: (path) => disk.remove(path),
  };
  const log = await openLog(failing);
  full = true;
  await assert.rejects(log.append(0, makeEntries(2)), /ENOSPC/);
  full = false;
  await assert.rejects(log.append(0, makeEntries(2)), { code: "LEDGER_FAILED" });
  assert.equal(log.size, 0);
  const again = await openLog(disk);
  await appendAndPublish(again, makeEntries(2));
  assert.equal((await checkEverything(disk, "/ledger", POLICY)).entries.length, 2);
});

test("LOG-27: partial tiles go once the full tile is published, those of the checkpoint stay", async () => {
  const disk = new MemoryDisk();
  const log = await openLog(disk);
  const entries = makeEntries(258);
  await appendAndPublish(log, entries.slice(0, 255));
  await log.append(255, entries.slice(255));
  assert.ok(await disk.read("/ledger/public/tile/0/000.p/255"), "published: it must be served");
  await log.publish(cosigned(log));
  assert.deepEqual(
    disk.files("/ledger/public").sort(),
    [
      "checkpoint",
      "tile/0/000",
      "tile/0/001.p/2",
      "tile/1/000.p/1",
      "tile/entries/000",
      "tile/entries/001.p/2",
    ].map((name) => `/ledger/public/${name}`),
  );
  assert.deepEqual(await log.entries(250, 258), entries.slice(250));
  assert.equal((await log.readConsistencyProof(255, 258)).length > 0, true);
  await assert.rejects(log.readConsistencyProof(0, 259), { code: "LEDGER_INDEX" });
  await assert.rejects(
    readRoot(1, () => Promise.reject(new Error("no tile"))),
    /no tile/,
  );
});
