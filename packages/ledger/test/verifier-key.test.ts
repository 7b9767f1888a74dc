import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { makeVerifierKey, parseNote, parseVerifierKey } from "@portcullis/ledger/verify";
import { utf8 } from "@portcullis/protocol";
import { verifyNoteSignature } from "../src/verify/checkpoint.ts";
import { logSigner, witnesses } from "./log-fixtures.ts";

const vectors = JSON.parse(
  readFileSync(new URL("../../../vectors/ledger/c2sp.json", import.meta.url), "utf8"),
) as { signedNote: { vkey: string; note: string } };

test("LOG-01: the specification's example note is verified by its example key", () => {
  const key = parseVerifierKey(vectors.signedNote.vkey);
  const { text, signatures } = parseNote(vectors.signedNote.note);
  assert.equal(text, "This is an example message.\n");
  assert.equal(key.name, "example.com/foo");
  const [signature] = signatures;
  assert.ok(signature !== undefined);
  assert.equal(signature.keyId, key.keyId);
  verifyNoteSignature(key, utf8(text), signature.signature);
  assert.throws(() => verifyNoteSignature(key, utf8(`${text}\n`), signature.signature), {
    code: "LEDGER_SIGNATURE",
  });
});

test("LOG-01: a key's text is read back, and one with any character changed is refused or another key", () => {
  for (const { key } of [logSigner, ...witnesses]) {
    assert.deepEqual(parseVerifierKey(key.text), key);
    for (let i = 0; i < key.text.length; i++) {
      const changed = `${key.text.slice(0, i)}${key.text[i] === "A" ? "B" : "A"}${key.text.slice(i + 1)}`;
      assert.throws(() => parseVerifierKey(changed), { code: "LEDGER_KEY_MALFORMED" }, changed);
    }
  }
});

test("LOG-01: keys of other types, of other lengths and with names that no note can carry are refused", () => {
  const { publicKey } = logSigner.key;
  for (const name of ["", "a b", "a+b", "a\u0085b", "a\u00a0b", "a\tb", "a\u0007b", "\ud800", "a\u2003b"]) {
    assert.throws(() => makeVerifierKey({ name, algorithm: "ed25519", publicKey }), {
      code: "LEDGER_KEY_MALFORMED",
    });
  }
  assert.throws(() => makeVerifierKey({ name: "a", algorithm: "ed25519", publicKey: publicKey.slice(1) }), {
    code: "LEDGER_KEY_MALFORMED",
  });
  // a P-256 key of type 0x02, as the specification has them
  assert.throws(
    () => parseVerifierKey("example.com/foo+530d903a+AukyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"),
    {
      code: "LEDGER_KEY_MALFORMED",
    },
  );
});

test("LOG-01: any text is either one key in its one form or refused", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 60 }), (text) => {
      assert.throws(() => parseVerifierKey(text), { code: "LEDGER_KEY_MALFORMED" });
    }),
    { numRuns: 50 },
  );
});
