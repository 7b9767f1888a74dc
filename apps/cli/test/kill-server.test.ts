import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { seededRandom, temporaryDirectory } from "@portcullis/testkit";
import { demonstrationFolders, portcullis, reportIn, serverPid, serverStarts } from "./demonstration.ts";

const SEED = "kill -9";
const KILLS = 20;
/** Enough that many are under way at once. */
const MESSAGES = 1_200;

/** Three people, a message every 10 seconds: 14 buckets. */
function transcript(): string {
  const people = ["Anna", "Ben", "Chloe"];
  return Array.from({ length: MESSAGES }, (_, index) => {
    const at = new Date(Date.UTC(2024, 1, 1, 10) + index * 10_000).toISOString();
    return `[01/02/2024, ${at.slice(11, 19)}] ${people[index % people.length] as string}: message number ${index} of the day`;
  }).join("\n");
}

// The demonstration itself compares all histories with the transcript at the end: none lost, none twice, one order.
test(`kill -9 of the server at ${KILLS} random moments of the replay loses nothing and doubles nothing`, async (context) => {
  const random = seededRandom(SEED);
  const file = join(temporaryDirectory(), "chat.txt");
  writeFileSync(file, transcript());
  const { data, out, options } = demonstrationFolders();
  const { child, finished } = portcullis([...options, "--transcript", file]);
  let output = "";
  child.stdout?.on("data", (text: string) => (output += text));

  while (!output.includes("messages are replayed") && child.exitCode === null) await wait(50);
  let kills = 0;
  const replaying = (): boolean => child.exitCode === null && !output.includes("messages 100 %");
  while (kills < KILLS && replaying()) {
    // From the moment it listens again: some kills hit the clients while they come back.
    while (serverStarts(data) <= kills && replaying()) await wait(10);
    await wait(20 + ((random(1)[0] as number) / 255) * 400);
    const pid = serverPid(data);
    if (pid === undefined || !replaying()) continue;
    process.kill(pid, "SIGKILL");
    kills++;
  }
  const { status, output: all } = await finished;
  context.diagnostic(`${kills} kills, seed "${SEED}"`);
  assert.equal(status, 0, all);
  assert.equal(kills, KILLS, "all kills fell into the replay");
  const report = reportIn(out);
  assert.equal(report["messages"], MESSAGES);
  assert.equal(report["plaintextFoundInServerData"], 0);
  assert.equal(report["messagesOutsideScopeOpened"], 0);
});
