import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { readFileSync } from "node:fs";
import { after, test } from "node:test";
import { merkleRoot } from "@portcullis/crypto";
import { fromUtf8, utf8 } from "@portcullis/protocol";
import { FixedClock, temporaryDirectory } from "@portcullis/testkit";
import { emptyRoot, formatAddCheckpoint, parseAddCheckpoint, type WitnessAnswer } from "@portcullis/ledger";
import {
  createWitnessHandler,
  httpWitness,
  originHash,
  systemFiles,
  WitnessStore,
} from "@portcullis/ledger/node";
import { openCheckpoint } from "@portcullis/ledger/verify";
import { logSigner, makeEntries, NOW, ORIGIN, policyOf, signedBy, witnesses } from "./log-fixtures.ts";
import { Crash, MemoryDisk, type CrashMoment } from "./memory-disk.ts";
import { referenceConsistency } from "./reference-tree.ts";

const signer = witnesses[0]!;
const ENTRIES = makeEntries(20);
const RECORD = `/witness/${originHash(ORIGIN)}.checkpoint`;

const openStore = (files = new MemoryDisk()): Promise<WitnessStore> =>
  WitnessStore.open({ directory: "/witness", signer, logs: [logSigner.key], files });

const noteOf = (size: number, root = merkleRoot(ENTRIES.slice(0, size))): string =>
  signedBy({ origin: ORIGIN, size, root }, []);

function requestOf(oldSize: number, size: number, note = noteOf(size)): string {
  const path = oldSize === 0 || oldSize >= size ? [] : referenceConsistency(oldSize, ENTRIES.slice(0, size));
  return formatAddCheckpoint({ oldSize, path, checkpoint: note });
}

async function expect(store: WitnessStore, request: string, status: number): Promise<WitnessAnswer> {
  const answer = await store.addCheckpoint(request, NOW);
  assert.equal(answer.status, status, answer.body);
  return answer;
}

test("WIT-01: the specification's example request is read and written", () => {
  const { addCheckpointRequest } = JSON.parse(
    readFileSync(new URL("../../../vectors/ledger/c2sp.json", import.meta.url), "utf8"),
  ) as { addCheckpointRequest: string };
  const request = parseAddCheckpoint(addCheckpointRequest)!;
  assert.equal(request.oldSize, 20_852_014);
  assert.equal(request.path.length, 4);
  assert.equal(formatAddCheckpoint(request), addCheckpointRequest);
});

test("WIT-01: a malformed request is 400, an unknown log 404, a signature that is not the log's 403", async () => {
  const store = await openStore();
  const good = requestOf(0, 3);
  const hash = "A".repeat(43);
  for (const request of [
    "",
    "old 0\n",
    good.replace("old 0", "old 00"),
    good.replace("old 0", "new 0"),
    good.replace("old 0\n", ""),
    good.replace("old 0\n", `old 0\n${`${hash}=\n`.repeat(64)}`),
    good.replace("old 0\n", `old 0\n${hash}\n`),
    good.replace("old 0\n", "old 0\nAAAA\n"),
    good.replace("\n3\n", "\n03\n"),
    good.trim(),
  ]) {
    await expect(store, request, 400);
  }
  await expect(store, requestOf(0, 3, noteOf(3).replaceAll(ORIGIN, "unknown.example")), 404);
  await expect(store, requestOf(0, 3, noteOf(3).replace("\n3\n", "\n4\n")), 403);
  await expect(store, requestOf(0, 3, noteOf(3).replace(`\u2014 ${ORIGIN}`, "\u2014 other.example")), 403);
  const wrongToo = noteOf(3) + noteOf(4).split("\n").slice(-2).join("\n");
  await expect(store, requestOf(0, 3, wrongToo), 403);
  await expect(store, requestOf(4, 3), 400);
  assert.equal(store.note(originHash(ORIGIN)), undefined);
});

test("WIT-02: another old size than the latest is 409 with the latest", async () => {
  const store = await openStore();
  const first = await expect(store, requestOf(2, 3), 409);
  assert.deepEqual(first, { status: 409, contentType: "text/x.tlog.size", body: "0\n" });
  await expect(store, requestOf(0, 3), 200);
  assert.equal((await expect(store, requestOf(0, 5), 409)).body, "3\n");
  assert.equal((await expect(store, requestOf(2, 5), 409)).body, "3\n");
  await expect(store, requestOf(3, 5), 200);
  assert.equal((await expect(store, requestOf(2, 3), 409)).body, "5\n", "nothing goes back");
});

test("WIT-03: what does not continue the latest checkpoint is 422, and is not cosigned", async () => {
  const store = await openStore();
  await expect(store, requestOf(0, 0, noteOf(0, merkleRoot(ENTRIES))), 422);
  await expect(store, requestOf(0, 0), 200);
  const withProof = formatAddCheckpoint({ oldSize: 0, path: [emptyRoot()], checkpoint: noteOf(3) });
  await expect(store, withProof, 422);
  await expect(store, requestOf(0, 3), 200);
  const fork = merkleRoot(makeEntries(5, 50));
  await expect(store, requestOf(3, 5, noteOf(5, fork)), 422);
  await expect(store, formatAddCheckpoint({ oldSize: 3, path: [], checkpoint: noteOf(5) }), 422);
  await expect(store, requestOf(3, 3, noteOf(3, fork)), 422);
  await expect(store, formatAddCheckpoint({ oldSize: 3, path: [emptyRoot()], checkpoint: noteOf(3) }), 422);
  await expect(store, requestOf(3, 3), 200);
  await expect(store, requestOf(3, 5), 200);
});

test("WIT-04: the answer is the witness's cosignature, at the time of its clock", async () => {
  const store = await openStore();
  const { body, contentType } = await expect(store, requestOf(0, 3), 200);
  assert.equal(contentType, "text/plain; charset=utf-8");
  assert.match(body, /^\u2014 witness\.example\/w1 [^ \n]+\n$/);
  const { cosignedAtMs } = openCheckpoint(noteOf(3) + body, policyOf(1));
  assert.deepEqual(cosignedAtMs, [{ name: "witness.example/w1", timeMs: NOW }]);
});

test("WIT-05: of two calls at once from one size, one is cosigned and the other is told", async () => {
  const store = await openStore();
  await expect(store, requestOf(0, 3), 200);
  const answers = await Promise.all([
    store.addCheckpoint(requestOf(3, 9), NOW),
    store.addCheckpoint(requestOf(3, 5), NOW),
  ]);
  assert.deepEqual(
    answers.map(({ status, body }) => (status === 200 ? status : body)),
    [200, "9\n"],
  );
  assert.match(store.note(originHash(ORIGIN))!, /\n9\n/);
});

/** What the disk holds after a crash at a step; the answer, if there was one. */
async function crashAt(step: number, moment: CrashMoment, cut: boolean) {
  const disk = new MemoryDisk();
  await expect(await openStore(disk), requestOf(0, 3), 200);
  const store = await openStore(disk);
  disk.crashAt(step, moment);
  const answer = await store.addCheckpoint(requestOf(3, 5), NOW).catch((error: unknown) => {
    assert.ok(error instanceof Crash);
    return undefined;
  });
  const { crashed } = disk;
  disk.restart();
  if (cut) disk.cutPower();
  return { disk, answer, crashed };
}

test("WIT-05: a crash before or after each step of the record: what was answered is remembered (D3)", async () => {
  for (const cut of [false, true]) {
    for (const moment of ["before", "after", "torn"] as const) {
      for (let step = 0, crashed = true; crashed; step++) {
        const run = await crashAt(step, moment, cut);
        crashed = run.crashed;
        const store = await openStore(run.disk);
        const other = await store.addCheckpoint(requestOf(3, 9), NOW);
        if (run.answer !== undefined) assert.equal(other.body, "5\n", "the answer was durable");
        else assert.ok(other.status === 200 || other.body === "5\n");
      }
    }
  }
});

test("WIT-05: a witness that cannot write cosigns nothing more", async () => {
  const disk = new MemoryDisk();
  const store = await openStore(disk);
  disk.crashAt(0, "before");
  await assert.rejects(store.addCheckpoint(requestOf(0, 3), NOW), Crash);
  disk.restart();
  await assert.rejects(store.addCheckpoint(requestOf(0, 3), NOW), { code: "LEDGER_FAILED" });
});

test("WIT-06: a record that the witness did not make is refused at the start", async () => {
  const disk = new MemoryDisk();
  await expect(await openStore(disk), requestOf(0, 3), 200);
  const record = fromUtf8((await disk.read(RECORD))!);
  for (const note of ["x", noteOf(1), record.replace("\n3\n", "\n2\n"), record.slice(0, -1)]) {
    disk.tamper(RECORD, utf8(note));
    await assert.rejects(openStore(disk), { code: "WITNESS_STATE" }, note);
  }
  disk.tamper(RECORD, utf8(record));
  assert.equal((await openStore(disk)).note(originHash(ORIGIN)), record);
});

test("WIT-07: over HTTP: the call, the monitor's view, and what is neither", async () => {
  const directory = temporaryDirectory();
  const store = await WitnessStore.open({ directory, signer, logs: [logSigner.key], files: systemFiles });
  const server = createServer(createWitnessHandler(store, new FixedClock(NOW)));
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  after(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const monitored = `${url}/${originHash(ORIGIN)}/checkpoint`;
  assert.equal((await fetch(monitored)).status, 404);
  const client = httpWitness({ key: signer.key, url, fetch, timeoutMs: 20_000 });
  assert.equal((await client.addCheckpoint(requestOf(3, 5))).contentType, "text/x.tlog.size");
  const { status, body } = await client.addCheckpoint(requestOf(0, 3));
  assert.equal(status, 200);
  assert.equal(await (await fetch(monitored)).text(), noteOf(3) + body);
  assert.equal((await fetch(`${url}/add-checkpoint`)).status, 405);
  assert.equal((await fetch(`${url}/other`)).status, 404);
  assert.equal((await client.addCheckpoint(`old 0\n${"x".repeat(200_000)}`)).status, 400);
  const notUtf8 = await fetch(`${url}/add-checkpoint`, { method: "POST", body: Uint8Array.of(0xff) });
  assert.equal(notUtf8.status, 400);
});
