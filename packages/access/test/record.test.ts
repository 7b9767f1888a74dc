import assert from "node:assert/strict";
import { test } from "node:test";
import { aeadSeal, sha256, signWithLabel } from "@portcullis/crypto";
import { asMessageId, concatBytes, encodeCbor, padme, PortcullisError, utf8 } from "@portcullis/protocol";
import { seededRandom } from "@portcullis/testkit";
import fc from "fast-check";
import {
  followRecord,
  frankingTag,
  openRecord,
  RECORD_SIGNATURE_LABEL,
  recordChainStart,
  recordSignatureContent,
  sealRecord,
  verifyFrankingTag,
  type RecordChain,
  type RecordContent,
} from "../src/record.ts";
import { keyNamed } from "./foundation.ts";

const device = keyNamed("device");
const key = seededRandom("bucket key")(32);
const labelHash = sha256(utf8("label"));
const salt = seededRandom("salt")(16);
const applicationData = utf8("Houston, we've had a problem.");

function content(chain: RecordChain = recordChainStart, data = applicationData): RecordContent {
  return {
    messageId: asMessageId(seededRandom("message")(16)),
    frankingTag: frankingTag(salt, data),
    ...chain,
    applicationData: data,
  };
}

function seal(it: RecordContent, signer = device) {
  return sealRecord({
    ...it,
    key,
    labelHash,
    sign: (bytes) => signWithLabel(signer, RECORD_SIGNATURE_LABEL, bytes),
    random: seededRandom("nonce"),
  });
}

const open = (record: Uint8Array, changes: Partial<Parameters<typeof openRecord>[0]> = {}) =>
  openRecord({ key, labelHash, record, signatureKey: device.publicKey, ...changes });

test("ACC-50: a record opens to what was sealed, whatever that was", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2000 }), (data) => {
      const { record, recordHash } = seal(content(recordChainStart, data));
      const opened = open(record);
      assert.deepEqual(opened.applicationData, data);
      assert.deepEqual(opened.recordHash, recordHash);
      assert.deepEqual(opened.frankingTag, frankingTag(salt, data));
    }),
    { numRuns: 50 },
  );
});

test("ACC-50: a record opens under its own key and label alone, and not when a byte of it changed", () => {
  const { record } = seal(content());
  assert.throws(() => open(record, { key: seededRandom("next bucket")(32) }), { code: "RECORD_OPEN" });
  assert.throws(() => open(record, { labelHash: sha256(utf8("other label")) }), { code: "RECORD_OPEN" });
  for (let i = 0; i < record.length; i += 7) {
    const changed = record.slice();
    changed[i]! ^= 1;
    assert.throws(() => open(changed), { code: "RECORD_OPEN" });
  }
  for (let length = 0; length < record.length; length++)
    assert.throws(() => open(record.slice(0, length)), PortcullisError);
});

test("ACC-50: the length of a record tells the length of its content only roughly", () => {
  const lengths = Array.from(
    { length: 16 },
    (_, i) => seal(content(recordChainStart, new Uint8Array(1000 + i))).record.length,
  );
  assert.ok(new Set(lengths).size <= 2);
});

test("ACC-51: a record that its device did not sign, or signed for another label or content, is refused", () => {
  assert.throws(() => open(seal(content(), keyNamed("server")).record), { code: "RECORD_SIGNATURE" });
  const original = content();
  for (const changed of [
    { ...original, messageId: asMessageId(seededRandom("other")(16)) },
    { ...original, frankingTag: sha256(salt) },
    { ...original, index: 1 },
    { ...original, previous: sha256(salt) },
    { ...original, applicationData: utf8("All is well.") },
  ]) {
    const { record } = sealRecord({
      ...changed,
      key,
      labelHash,
      sign: () => signWithLabel(device, RECORD_SIGNATURE_LABEL, recordSignatureContent(labelHash, original)),
      random: seededRandom("nonce"),
    });
    assert.throws(() => open(record), { code: "RECORD_SIGNATURE" });
  }
  const elsewhere = sealRecord({
    ...original,
    key,
    labelHash,
    sign: () =>
      signWithLabel(
        device,
        RECORD_SIGNATURE_LABEL,
        recordSignatureContent(sha256(utf8("other label")), original),
      ),
    random: seededRandom("nonce"),
  });
  assert.throws(() => open(elsewhere.record), { code: "RECORD_SIGNATURE" });
  const unlabelled = sealRecord({
    ...original,
    key,
    labelHash,
    sign: (bytes) => signWithLabel(device, "FramedContentTBS", bytes),
    random: seededRandom("nonce"),
  });
  assert.throws(() => open(unlabelled.record), { code: "RECORD_SIGNATURE" });
});

test("ACC-50: what lies under the seal must be a padded record and no other bytes", () => {
  const nonce = seededRandom("nonce")(24);
  for (const plaintext of [
    encodeCbor(["portcullis/record/v1"]),
    padme(encodeCbor(["portcullis/record/v1"])),
    padme(encodeCbor(["portcullis/record/v2", salt, salt, 0, salt, salt, salt])),
    concatBytes(padme(utf8("x")), Uint8Array.of(0)),
  ]) {
    const record = concatBytes(nonce, aeadSeal(key, nonce, plaintext, labelHash));
    assert.throws(() => open(record), PortcullisError);
  }
});

test("ACC-52: before a leaf's first record there is none", () => {
  const { record } = seal(content({ index: 0, previous: sha256(salt) }));
  assert.throws(() => open(record), { code: "RECORD_CHAIN" });
});

test("ACC-53: a gap, a repetition and a fork in a leaf's records show", () => {
  const first = seal(content());
  const second = seal(content(first.next));
  const third = seal(content(second.next));
  const fork = seal(content(first.next, utf8("something else")));
  const at = followRecord(recordChainStart, open(first.record));
  assert.deepEqual(at, first.next);
  assert.deepEqual(followRecord(at, open(second.record)), second.next);
  assert.throws(() => followRecord(at, open(third.record)), { code: "RECORD_CHAIN" });
  assert.throws(() => followRecord(at, open(first.record)), { code: "RECORD_CHAIN" });
  assert.throws(() => followRecord(followRecord(at, open(fork.record)), open(third.record)), {
    code: "RECORD_CHAIN",
  });
});

test("ACC-54: the franking tag is that of the content under its salt", () => {
  const tag = frankingTag(salt, applicationData);
  verifyFrankingTag(tag, salt, applicationData);
  assert.throws(() => verifyFrankingTag(tag, salt, utf8("other")), { code: "RECORD_FRANKING_TAG" });
  assert.throws(() => verifyFrankingTag(tag, seededRandom("other")(16), applicationData), {
    code: "RECORD_FRANKING_TAG",
  });
});
