import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { generateSigningKey } from "@portcullis/crypto";
import { accountIdOf } from "@portcullis/ledger/identity";
import { asAccountId, decodeCbor, encodeCbor, toHex, type CborValue } from "@portcullis/protocol";
import { seededRandom } from "@portcullis/testkit";
import { openRecovery, recoveryKeys, sealRecovery } from "../src/account/recovery-blob.ts";
import { formatRecoveryCode, parseRecoveryCode } from "../src/account/recovery-code.ts";

const random = seededRandom("recovery");

test("ACN-20: a code reads back as its secret, however it is typed", () => {
  const secret = Uint8Array.from({ length: 16 }, (_, i) => i * 17);
  const code = formatRecoveryCode(secret);
  assert.match(code, /^([0-9A-HJKMNP-TV-Z]{4}-){7}[0-9A-HJKMNP-TV-Z]{4}$/);
  const typed = [
    code.toLowerCase(),
    code.replaceAll("-", " "),
    code.replaceAll("-", ""),
    code.replaceAll("0", "O").replaceAll("1", "l"),
  ];
  for (const text of typed) assert.deepEqual(parseRecoveryCode(text), secret, text);
});

test("ACN-20: a code with one wrong, missing or swapped character is found out before anybody is asked", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      fc.nat({ max: 31 }),
      fc.integer({ min: 1, max: 31 }),
      (secret, at, by) => {
        const code = formatRecoveryCode(secret).replaceAll("-", "");
        assert.deepEqual(parseRecoveryCode(code), secret);
        const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        const wrong = alphabet[(alphabet.indexOf(code.charAt(at)) + by) % 32] ?? "";
        const attempts = [
          code.slice(0, at) + wrong + code.slice(at + 1),
          code.slice(0, at) + code.slice(at + 1),
        ];
        if (code[at] !== code[at + 1] && at < 31)
          attempts.push(code.slice(0, at) + code.charAt(at + 1) + code.charAt(at) + code.slice(at + 2));
        for (const text of [...attempts, `${code}0`, code.replace(/^./, "U")])
          assert.throws(() => parseRecoveryCode(text), { code: "CLIENT_RECOVERY_CODE" }, text);
      },
    ),
    { numRuns: 50 },
  );
});

const accountKey = generateSigningKey(random);
const accountId = accountIdOf(accountKey.publicKey);
const account = {
  accountKey,
  noticeKey: { publicKey: random(32), privateKey: random(32) },
  backupKeys: [random(32)],
};
const { sealing, authenticator } = recoveryKeys(random(16), accountId);
const blob = sealRecovery(account, { sealing, version: 3, random });

test("ACN-22: the blob opens under its code's key, and nothing of it is readable without", () => {
  assert.deepEqual(openRecovery(blob, accountId, sealing), { ...account, version: 3 });
  for (const secret of [
    accountKey.seed,
    account.noticeKey.privateKey,
    ...account.backupKeys,
    sealing,
    authenticator,
  ])
    assert.ok(!toHex(blob).includes(toHex(secret)));
  assert.notDeepEqual(sealing, authenticator);
});

test("ACN-21: another account's keys differ, for the same code", () => {
  const secret = random(16);
  const elsewhere = recoveryKeys(secret, asAccountId(random(32)));
  assert.notDeepEqual(recoveryKeys(secret, accountId), elsewhere);
});

test("ACN-22: a changed, cut or renumbered blob, one for another account or under another code is refused", () => {
  const fields = decodeCbor(blob, "blob") as CborValue[];
  const attempts: [string, () => unknown][] = [
    ["another account", () => openRecovery(blob, asAccountId(random(32)), sealing)],
    ["another code", () => openRecovery(blob, accountId, authenticator)],
    ["another version", () => openRecovery(encodeCbor(fields.with(1, 4)), accountId, sealing)],
    ["a cheaper derivation", () => openRecovery(encodeCbor(fields.with(2, 1)), accountId, sealing)],
    ["less memory", () => openRecovery(encodeCbor(fields.with(3, 8)), accountId, sealing)],
    ["a byte more", () => openRecovery(Uint8Array.of(...blob, 0), accountId, sealing)],
  ];
  for (let at = 0; at < blob.length; at++) {
    attempts.push([`byte ${at}`, () => openRecovery(blob.with(at, blob[at]! ^ 1), accountId, sealing)]);
    attempts.push([`cut at ${at}`, () => openRecovery(blob.slice(0, at), accountId, sealing)]);
  }
  for (const [what, attempt] of attempts) assert.throws(attempt, { code: "CLIENT_RECOVERY_BLOB" }, what);
});
