/**
 * The main job on the large sample, with the numbers that a count of the transcript by hand gives. Without `--full` only
 * the hour around the order's half hour are replayed, which is enough for those numbers.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [folder = "large", mode] = process.argv.slice(2);
const whole = readFileSync(join(process.env["PORTCULLIS_SAMPLES"] ?? "", "data/apollo13.txt"), "utf8");
const hour = whole.split("\n").filter((line) => line.startsWith("[14/04/1970, 03:"));
const lines = mode === "--full" ? whole.trimEnd().split("\n") : hour;

mkdirSync(folder, { recursive: true });
const transcript = join(folder, "transcript.txt");
writeFileSync(transcript, `${lines.join("\n")}\n`);

const cases = [
  { name: "what Lovell wrote", options: [], messagesOpened: 8 },
  { name: "the whole conversation", options: ["--whole-conversation"], messagesOpened: 82 },
];

for (const { name, options, messagesOpened } of cases) {
  const out = join(folder, "out");
  const args = [
    "start",
    "--",
    "--once",
    "--data",
    join(folder, "data"),
    "--out",
    out,
    "--transcript",
    transcript,
  ];
  const request = [
    "--account",
    "Jim Lovell",
    "--from",
    "1970-04-14T03:00:00Z",
    "--to",
    "1970-04-14T03:30:00Z",
  ];
  const run = spawnSync("npm", [...args, ...request, ...options], { stdio: "inherit" });
  assert.equal(run.status, 0, name);
  const report = JSON.parse(readFileSync(join(out, "report.json"), "utf8")) as Record<string, number>;
  const expected = {
    messages: lines.length,
    conversations: 2,
    messagesOpened,
    messagesOutsideScopeOpened: 0,
    sealedOpened: 0,
    witnesses: 2,
    plaintextFoundInServerData: 0,
  };
  for (const [field, value] of Object.entries(expected))
    assert.equal(report[field], value, `${name}: ${field}`);
  const verified = spawnSync("npx", ["--no-install", "portcullis", "verify", join(out, "evidence")], {
    stdio: "inherit",
  });
  assert.equal(verified.status, 0, `${name}: verify`);
}
