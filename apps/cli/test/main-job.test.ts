import assert from "node:assert/strict";
import { cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parseTrust, verifyEvidence } from "@portcullis/access/evidence";
import { openCheckpoint, parseVerifierKey } from "@portcullis/ledger/verify";
import { seededRandom } from "@portcullis/testkit";
import { demonstrationFolders, portcullis, reportIn } from "./demonstration.ts";

const { out, options } = demonstrationFolders();
const run = await portcullis(options).finished;
const evidence = join(out, "evidence");

test("the main job ends well and says in numbers what it did", () => {
  assert.equal(run.status, 0, run.output);
  const { ledgerSize, ...report } = reportIn(out);
  assert.ok((ledgerSize as number) > 10);
  assert.deepEqual(report, {
    messages: 37,
    conversations: 2,
    bucketsSealed: 23,
    bucketsOpened: 2,
    messagesOpened: 5,
    messagesOutsideScopeOpened: 0,
    sealedOpened: 0,
    witnesses: 2,
    plaintextFoundInServerData: 0,
  });
});

test("the ledger is fit for any C2SP client: a checkpoint that log and witnesses signed, and tiles", () => {
  const [log, ...witnesses] = readFileSync(join(out, "ledger/vkeys"), "utf8")
    .trimEnd()
    .split("\n")
    .map(parseVerifierKey);
  assert.ok(log);
  const note = readFileSync(join(out, "ledger/checkpoint"), "utf8");
  const { size } = openCheckpoint(note, { log, witnesses, threshold: 2 });
  assert.ok(size >= (reportIn(out)["ledgerSize"] as number));
  assert.ok(statSync(join(out, "ledger/tile/0")).isDirectory());
  assert.ok(statSync(join(out, "ledger/tile/entries")).isDirectory());
});

test("the evidence verifies offline, with the trust file beside it or named", async () => {
  for (const args of [
    ["verify", evidence],
    ["verify", evidence, "--trust", join(out, "trust.json")],
  ]) {
    const { status, output } = await portcullis(args).finished;
    assert.equal(status, 0, output);
    assert.match(output, /Everything in this bundle holds/);
  }
});

function bundle(): Map<string, Uint8Array> {
  const paths = readdirSync(evidence, { recursive: true, encoding: "utf8" }).filter((path) =>
    statSync(join(evidence, path)).isFile(),
  );
  return new Map(paths.map((path) => [path, new Uint8Array(readFileSync(join(evidence, path)))]));
}

test("any changed byte, any file less or more is found", async () => {
  const trust = parseTrust(readFileSync(join(out, "trust.json"), "utf8"));
  const whole = bundle();
  await verifyEvidence(whole, trust);
  const random = seededRandom("tampering");
  for (const [path, bytes] of whole) {
    const changed = bytes.slice();
    const place = new DataView(random(4).buffer).getUint32(0) % changed.length;
    changed[place] = (changed[place] as number) ^ (1 << ((random(1)[0] as number) & 7));
    await assert.rejects(verifyEvidence(new Map([...whole, [path, changed]]), trust), `a byte of ${path}`);
    const without = new Map(whole);
    without.delete(path);
    await assert.rejects(verifyEvidence(without, trust), `without ${path}`);
  }
  await assert.rejects(verifyEvidence(new Map([...whole, ["data/extra.txt", new Uint8Array([1])]]), trust));
});

test("the command says what fails and exits 1: a changed byte, another trust file, none at all, no bundle", async () => {
  const copy = join(out, "copy", "evidence");
  cpSync(evidence, copy, { recursive: true });
  const trustFile = join(out, "trust.json");
  const fails = async (args: readonly string[], pattern: RegExp): Promise<void> => {
    const { status, output } = await portcullis(["verify", ...args]).finished;
    assert.equal(status, 1, output);
    assert.match(output, pattern);
  };
  await fails([copy], /CLI_TRUST_MISSING/);
  await fails([join(out, "nowhere"), "--trust", trustFile], /CLI_EVIDENCE_MISSING/);
  const other = JSON.parse(readFileSync(trustFile, "utf8")) as { policyId: string };
  writeFileSync(
    join(out, "other.json"),
    JSON.stringify({
      ...other,
      policyId: other.policyId.replace(/^./, (first) => (first === "A" ? "B" : "A")),
    }),
  );
  await fails([copy, "--trust", join(out, "other.json")], /EVIDENCE_/);
  writeFileSync(join(copy, "bagit.txt"), "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8 \n");
  await fails([copy, "--trust", trustFile], /EVIDENCE_FILE_CHANGED[\s\S]*bagit\.txt/);
  rmSync(join(out, "copy"), { recursive: true });
});

test("a folder that no demonstration made is never emptied", async () => {
  const { data, options: others } = demonstrationFolders();
  cpSync(evidence, data, { recursive: true });
  const { status, output } = await portcullis(others).finished;
  assert.equal(status, 1);
  assert.match(output, /CLI_DATA_IN_USE/);
  assert.ok(readdirSync(data).length > 3);
});
