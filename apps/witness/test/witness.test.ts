import assert from "node:assert/strict";
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { spawn } from "node:child_process";
import { test } from "node:test";
import { sha256, signingKeyFromSeed } from "@portcullis/crypto";
import { emptyRoot, formatAddCheckpoint, makeNoteSigner, signCheckpoint } from "@portcullis/ledger";
import { httpWitness } from "@portcullis/ledger/node";
import { openCheckpoint, parseVerifierKey } from "@portcullis/ledger/verify";
import { utf8 } from "@portcullis/protocol";
import { seededRandom, temporaryDirectory } from "@portcullis/testkit";
import { parseOptions, runWitness } from "@portcullis/witness";

const log = makeNoteSigner({
  name: "ledger.example/access",
  algorithm: "ed25519",
  signingKey: signingKeyFromSeed(sha256(utf8("log"))),
});
const main = new URL("../src/main.ts", import.meta.url).pathname;

test("WIT-08: the key is made on first start, is the owner's alone, and stays", async () => {
  const data = join(temporaryDirectory(), "witness");
  const options = {
    data,
    host: "127.0.0.1",
    port: 0,
    name: "witness.example/w1",
    logs: [log.key.text],
    random: seededRandom("witness"),
  };
  const first = await runWitness(options);
  const note = signCheckpoint(log, { origin: log.key.name, size: 0, root: emptyRoot() });
  const key = parseVerifierKey(first.vkey);
  const client = httpWitness({ key, url: first.url, fetch, timeoutMs: 20_000 });
  const answer = await client.addCheckpoint(formatAddCheckpoint({ oldSize: 0, path: [], checkpoint: note }));
  assert.equal(openCheckpoint(note + answer.body, { log: log.key, witnesses: [key], threshold: 1 }).size, 0);
  await assert.rejects(runWitness(options), { code: "STORE_LOCKED" });
  await first.close();
  assert.equal(statSync(join(data, "key")).mode & 0o777, 0o600);
  const second = await runWitness(options);
  assert.equal(second.vkey, first.vkey);
  await second.close();
  writeFileSync(join(data, "key"), "x");
  await assert.rejects(runWitness(options), { code: "WITNESS_KEY_FILE" });
});

test("WIT-09: options that are missing or unknown are named", () => {
  const good = ["--data", "d", "--name", "n", "--log", "l", "--log", "m", "--port", "80"];
  assert.deepEqual(parseOptions(good), {
    data: "d",
    name: "n",
    logs: ["l", "m"],
    port: 80,
    host: "127.0.0.1",
  });
  const refused = (args: readonly string[]): void => {
    assert.throws(() => parseOptions(args), { code: "WITNESS_USAGE" }, args.join(" "));
  };
  refused([]);
  refused(good.slice(2));
  refused(["--data", "d", "--log", "l"]);
  refused(["--data", "d", "--name", "n"]);
  refused([...good, "--port", "65536"]);
  refused([...good, "--port", "x"]);
  refused([...good, "--other"]);
});

test("WIT-08: the program says where it listens in one line of JSON, and ends on SIGTERM", async () => {
  const data = join(temporaryDirectory(), "witness");
  const args = [main, "--data", data, "--name", "witness.example/w1", "--log", log.key.text];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.once("exit", (code) => resolve(code)));
  const line = await new Promise<string>((resolve) =>
    child.stdout.once("data", (data) => resolve(String(data))),
  );
  const { listening, vkey } = JSON.parse(line) as { listening: string; vkey: string };
  assert.match(listening, /^http:\/\/127\.0\.0\.1:\d+$/);
  assert.equal(parseVerifierKey(vkey).algorithm, "cosignature/v1");
  child.kill("SIGTERM");
  assert.equal(await ended, 0);
});
