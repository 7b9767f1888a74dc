import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { cosignNoteText, emptyRoot, makeNoteSigner, signNoteText } from "@portcullis/ledger";
import {
  formatCheckpoint,
  openCheckpoint,
  parseCheckpoint,
  verifyFreshness,
  type Checkpoint,
  type LedgerErrorCode,
} from "@portcullis/ledger/verify";
import { logSigner, NOW, ORIGIN, policyOf, signedBy, witnesses, witnessSigner } from "./log-fixtures.ts";

const CHECKPOINT: Checkpoint = { origin: ORIGIN, size: 20_852_163, root: emptyRoot() };
const TEXT = formatCheckpoint(CHECKPOINT);
const ROOT = TEXT.split("\n")[2]!;
const [w1, w2, w3] = witnesses as [(typeof witnesses)[0], (typeof witnesses)[0], (typeof witnesses)[0]];

const refused = (note: string, code: LedgerErrorCode, policy = policyOf(2)): void => {
  assert.throws(() => openCheckpoint(note, policy), { code });
};

test("LOG-04: a checkpoint is written and read; extension lines are passed over and signed", () => {
  assert.equal(TEXT, `${ORIGIN}\n20852163\n${ROOT}\n`);
  assert.deepEqual(parseCheckpoint(TEXT), CHECKPOINT);
  const extended = `${TEXT}an extension\n`;
  assert.deepEqual(parseCheckpoint(extended), CHECKPOINT);
  const note = `${extended}\n${signNoteText(logSigner, extended)}${cosignNoteText(w1, extended, NOW)}`;
  assert.equal(openCheckpoint(note, policyOf(1)).size, CHECKPOINT.size);
  refused(note.replace("an extension", "no extension"), "LEDGER_SIGNATURE", policyOf(1));
});

test("LOG-04: decimals and the root have one form, lines are not empty (D6)", () => {
  const sizes = ["", "00", "01", "-1", "+1", "1.0", "1e3", " 1", "1 ", "0x1", "9007199254740992", "\u0661"];
  const texts = [
    ...sizes.map((size) => `${ORIGIN}\n${size}\n${ROOT}\n`),
    `\n1\n${ROOT}\n`,
    `${ORIGIN}\n1\n`,
    `${ORIGIN}\n1\n${ROOT}`,
    `${ORIGIN}\n1\n${ROOT.slice(0, -1)}\n`,
    `${ORIGIN}\n1\n${ROOT.slice(4)}\n`,
    `${ORIGIN}\n1\n${ROOT}\n\n`,
    `${ORIGIN}\n1\n${ROOT}\n\nextension\n`,
  ];
  for (const text of texts) {
    assert.throws(() => parseCheckpoint(text), { code: "LEDGER_CHECKPOINT_MALFORMED" }, JSON.stringify(text));
  }
  assert.equal(parseCheckpoint(`${ORIGIN}\n9007199254740991\n${ROOT}\n`).size, Number.MAX_SAFE_INTEGER);
});

test("LOG-04: any size and root are read back", () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.uint8Array({ minLength: 32, maxLength: 32 }), (size, root) => {
      const checkpoint = { origin: ORIGIN, size, root: new Uint8Array(root) };
      assert.deepEqual(parseCheckpoint(formatCheckpoint(checkpoint)), checkpoint);
    }),
    { numRuns: 50 },
  );
});

test("LOG-03: without the log's signature, or with a wrong one, nothing is believed", () => {
  const good = signedBy(CHECKPOINT, [w1, w2]);
  const other = signedBy({ ...CHECKPOINT, size: 1 }, [w1, w2]);
  const [, , , , logLine, w1Line, w2Line] = good.split("\n");
  assert.equal(openCheckpoint(good, policyOf(2)).origin, ORIGIN);
  refused(`${TEXT}\n${w1Line}\n${w2Line}\n`, "LEDGER_SIGNATURE");
  refused(`${TEXT}\n${other.split("\n\n")[1]}`, "LEDGER_SIGNATURE");
  refused(`${TEXT}\n${logLine}\n${w1Line}\n${w2Line}\n${other.split("\n")[4]}\n`, "LEDGER_SIGNATURE");
});

test("LOG-03: one wrong signature by a known key condemns the note, those of unknown keys do not matter", () => {
  const good = signedBy(CHECKPOINT, [w1, w2]);
  const wrong = cosignNoteText(w3, "another text\n", NOW);
  refused(good + wrong, "LEDGER_SIGNATURE", policyOf(2));
  assert.equal(openCheckpoint(good + wrong, policyOf(2, [w1, w2])).cosignedAtMs.length, 2);
  const sameName = makeNoteSigner({
    name: w1.key.name,
    algorithm: "cosignature/v1",
    signingKey: witnessSigner("x").signingKey,
  });
  const byStranger = cosignNoteText(sameName, TEXT, NOW);
  assert.equal(
    openCheckpoint(good + byStranger, policyOf(2)).cosignedAtMs.length,
    2,
    "same name, another id",
  );
});

test("LOG-03: each bit of the signed part counts", () => {
  const note = signedBy(CHECKPOINT, [w1, w2]);
  for (let i = 0; i < note.length; i++) {
    const changed = `${note.slice(0, i)}${note[i] === "7" ? "8" : "7"}${note.slice(i + 1)}`;
    assert.throws(() => openCheckpoint(changed, policyOf(2)), { name: "LedgerError" }, `character ${i}`);
  }
});

test("LOG-04: a checkpoint of another origin is refused, though the same key signed it", () => {
  refused(signedBy({ ...CHECKPOINT, origin: "ledger.example/identity" }, [w1, w2]), "LEDGER_ORIGIN");
});

test("LOG-05: one witness short is short, and unknown witnesses do not count (D2)", () => {
  refused(signedBy(CHECKPOINT, [w1]), "LEDGER_WITNESS_QUORUM");
  refused(signedBy(CHECKPOINT, [w1, witnessSigner("unknown.example/w")]), "LEDGER_WITNESS_QUORUM");
  refused(signedBy(CHECKPOINT, [w1, w1]), "LEDGER_WITNESS_QUORUM");
  assert.equal(openCheckpoint(signedBy(CHECKPOINT, [w1, w3]), policyOf(2)).cosignedAtMs.length, 2);
  assert.equal(openCheckpoint(signedBy(CHECKPOINT, []), policyOf(0)).cosignedAtMs.length, 0);
});

test("LOG-05: one key under two names is one witness (D5)", () => {
  const alias = witnessSigner("witness.example/alias", w1.key.name);
  refused(signedBy(CHECKPOINT, [w1, alias]), "LEDGER_WITNESS_QUORUM", policyOf(2, [w1, alias, w2]));
  assert.equal(
    openCheckpoint(signedBy(CHECKPOINT, [w1, alias, w2]), policyOf(2, [w1, alias, w2])).size,
    20_852_163,
  );
  refused(signedBy(CHECKPOINT, [w1, alias]), "LEDGER_POLICY", policyOf(2, [w1, alias]));
});

test("LOG-05: a policy that nobody can satisfy, or that lets the log witness itself, is refused", () => {
  const note = signedBy(CHECKPOINT, witnesses);
  refused(note, "LEDGER_POLICY", policyOf(4));
  refused(note, "LEDGER_POLICY", policyOf(-1));
  refused(note, "LEDGER_POLICY", policyOf(0.5));
  refused(note, "LEDGER_POLICY", { ...policyOf(1), log: w1.key });
  refused(note, "LEDGER_POLICY", { ...policyOf(1), witnesses: [logSigner.key] });
  refused(note, "LEDGER_POLICY", policyOf(1, [witnessSigner("w", ORIGIN)]));
});

test("LOG-06: the time of each witness is given, the latest of several by one key", () => {
  const note = signedBy(CHECKPOINT, [w1, w2], NOW) + cosignNoteText(w1, TEXT, NOW + 5_999);
  assert.deepEqual(openCheckpoint(note, policyOf(2)).cosignedAtMs, [
    { name: w1.key.name, timeMs: NOW + 5000 },
    { name: w2.key.name, timeMs: NOW },
  ]);
});

test("LOG-06: a time beyond what can be counted is no cosignature", () => {
  const note = signedBy(CHECKPOINT, [w1]);
  refused(`${note}${cosignNoteText(w2, TEXT, 2 ** 60)}`, "LEDGER_SIGNATURE");
});

test("LOG-06: a cosignature from the past or the future does not make a checkpoint fresh (D1, D4)", () => {
  const fresh = (note: string, threshold = 2) =>
    verifyFreshness({
      checkpoint: openCheckpoint(note, policyOf(1)),
      threshold,
      nowMs: NOW,
      longestAgeMs: 60_000,
      longestAheadMs: 10_000,
    });
  const at = (...times: readonly number[]): string =>
    signedBy(CHECKPOINT, []) +
    times.map((time, i) => cosignNoteText(witnesses[i]!, TEXT, NOW + time)).join("");
  assert.equal(fresh(at(-60_000, 10_000)).size, CHECKPOINT.size);
  assert.throws(() => fresh(at(-61_000, 0)), { code: "LEDGER_STALE" });
  assert.throws(() => fresh(at(0, 11_000)), { code: "LEDGER_STALE" });
  assert.equal(fresh(at(0, 11_000, -5_000)).size, CHECKPOINT.size);
});
