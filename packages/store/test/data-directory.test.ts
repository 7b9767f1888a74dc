import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "@portcullis/testkit";
import {
  clockFor,
  DemonstrationClockWriter,
  openDataDirectory,
  type StoreErrorCode,
} from "../src/directory.ts";

const refuses = (code: StoreErrorCode, action: () => unknown): void => assert.throws(action, { code });

test("DEM-01: a directory is marked when it is made, and the mark never changes", () => {
  const root = temporaryDirectory();
  const clockFile = join(root, "clock");
  new DemonstrationClockWriter(clockFile, 0).close();
  const path = join(root, "server");
  openDataDirectory(path, { program: "server", demonstration: { clockFile } }).close();
  const marker = readFileSync(join(path, "portcullis.json"), "utf8");
  assert.deepEqual(JSON.parse(marker), { format: 1, program: "server", demonstration: true });
  openDataDirectory(path, { program: "server", demonstration: { clockFile } }).close();
  assert.equal(readFileSync(join(path, "portcullis.json"), "utf8"), marker);
});

test("DEM-02: a demonstration clock is refused for a directory that was made in earnest", () => {
  const root = temporaryDirectory();
  const clockFile = join(root, "clock");
  new DemonstrationClockWriter(clockFile, 0).close();
  const path = join(root, "server");
  openDataDirectory(path, { program: "server" }).close();
  const demonstration = { clockFile };
  refuses("STORE_NOT_DEMONSTRATION", () => openDataDirectory(path, { program: "server", demonstration }));
  openDataDirectory(path, { program: "server" }).close();
});

test("DEM-03: a demonstration's directory is refused in earnest", () => {
  const root = temporaryDirectory();
  const clockFile = join(root, "clock");
  new DemonstrationClockWriter(clockFile, 0).close();
  const path = join(root, "server");
  openDataDirectory(path, { program: "server", demonstration: { clockFile } }).close();
  refuses("STORE_IS_DEMONSTRATION", () => openDataDirectory(path, { program: "server" }));
});

test("DEM-04: a folder with files but no marker is never taken over", () => {
  const path = temporaryDirectory();
  writeFileSync(join(path, "letter.txt"), "not ours");
  refuses("STORE_NOT_DATA_DIRECTORY", () => openDataDirectory(path, { program: "server" }));
  refuses("STORE_NOT_DATA_DIRECTORY", () =>
    openDataDirectory(path, { program: "server", demonstration: { clockFile: "x" } }),
  );
  rmSync(join(path, "letter.txt"));
  openDataDirectory(path, { program: "server" }).close();
  writeFileSync(join(path, "portcullis.json"), "{}");
  refuses("STORE_NOT_DATA_DIRECTORY", () => openDataDirectory(path, { program: "server" }));
});

test("a process that died while it made the directory leaves nothing in the way", () => {
  const path = join(temporaryDirectory(), "server");
  mkdirSync(path);
  for (const name of ["lock", "pid", "portcullis.json.new"]) writeFileSync(join(path, name), "");
  openDataDirectory(path, { program: "server" }).close();
  assert.ok(existsSync(join(path, "portcullis.json")));
});

test("another program's directory is refused", () => {
  const path = join(temporaryDirectory(), "witness");
  openDataDirectory(path, { program: "witness" }).close();
  refuses("STORE_WRONG_PROGRAM", () => openDataDirectory(path, { program: "server" }));
});

test("STO-01: a directory is held by one process; kill -9 of the holder frees it", async () => {
  const path = join(temporaryDirectory(), "server");
  const held = openDataDirectory(path, { program: "server" });
  refuses("STORE_LOCKED", () => openDataDirectory(path, { program: "server" }));
  held.close();

  const source = new URL("../src/directory.ts", import.meta.url).href;
  const holder = spawn(process.execPath, [
    "--input-type=module",
    "--eval",
    `import { openDataDirectory } from ${JSON.stringify(source)};
     globalThis.held = openDataDirectory(${JSON.stringify(path)}, { program: "server" });
     console.log("held"); setInterval(() => {}, 1000);`,
  ]);
  const [told] = (await Promise.race([once(holder.stdout, "data"), once(holder, "exit")])) as unknown[];
  assert.equal(String(told), "held\n");
  assert.throws(() => openDataDirectory(path, { program: "server" }), {
    code: "STORE_LOCKED",
    facts: { file: join(path, "lock"), pid: holder.pid },
  });
  holder.kill("SIGKILL");
  await once(holder, "exit");
  openDataDirectory(path, { program: "server" }).close();
});

test("DEM-05: all parties read one clock file: 8 bytes, milliseconds, little endian, signed", () => {
  const root = temporaryDirectory();
  const clockFile = join(root, "clock");
  const writer = new DemonstrationClockWriter(clockFile, Date.parse("1970-04-14T03:00:00Z"));
  const directory = openDataDirectory(join(root, "a"), { program: "server", demonstration: { clockFile } });
  const clock = clockFor(directory);
  assert.equal(clock.now(), Date.parse("1970-04-14T03:00:00Z"));
  writer.set(Date.parse("1970-04-14T03:15:00Z"));
  assert.equal(clock.now(), Date.parse("1970-04-14T03:15:00Z"));
  assert.equal(readFileSync(clockFile).readBigInt64LE(0), BigInt(Date.parse("1970-04-14T03:15:00Z")));
  assert.equal(readFileSync(clockFile).length, 8);
  directory.close();
  writer.close();
});

test("DEM-06: the clock never goes back, and goes on from its file after a crash", () => {
  const clockFile = join(temporaryDirectory(), "clock");
  const first = new DemonstrationClockWriter(clockFile, -5000);
  first.set(1000);
  refuses("STORE_CLOCK_BACKWARDS", () => first.set(999));
  const second = new DemonstrationClockWriter(clockFile, -5000);
  assert.equal(second.now(), 1000);
  first.close();
  second.close();
});

test("DEM-07: a clock file that is missing or short stops the program", () => {
  const root = temporaryDirectory();
  const clockFile = join(root, "clock");
  const directory = openDataDirectory(join(root, "a"), { program: "server", demonstration: { clockFile } });
  refuses("STORE_CLOCK_UNREADABLE", () => clockFor(directory));
  writeFileSync(clockFile, "short");
  refuses("STORE_CLOCK_UNREADABLE", () => clockFor(directory));
  directory.close();
});

test("the system's clock serves a directory in earnest", () => {
  const directory = openDataDirectory(join(temporaryDirectory(), "a"), { program: "client" });
  assert.ok(Math.abs(clockFor(directory).now() - Date.now()) < 10_000);
  directory.close();
});
