import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { aeadSeal, generateSigningKey, hkdfSha256, sha256 } from "@portcullis/crypto";
import { accountIdOf } from "@portcullis/ledger/identity";
import {
  asAccountId,
  asConversationId,
  asDeviceId,
  asMessageId,
  decodeCbor,
  encodeCbor,
  padmeLength,
  PortcullisError,
  toHex,
  utf8,
  type CborValue,
} from "@portcullis/protocol";
import { assertDecoder, seededRandom } from "@portcullis/testkit";
import { openRecovery, recoveryKeys } from "../src/account/recovery-blob.ts";
import { decodeBackupHead, encodeBackupHead, openHead, sealHead } from "../src/backup/backup-head.ts";
import { decodeBackupKeys, encodeBackupKeys, generationKeys } from "../src/backup/backup-keys.ts";
import {
  decodeBackupRecord,
  decodePendingSegment,
  decodeRestoreRecord,
  encodeBackupRecord,
  encodePendingSegment,
  encodeRestoreRecord,
  NOTHING_YET,
} from "../src/backup/backup-record.ts";
import {
  chainAfter,
  chainStart,
  decodeBackupSegment,
  encodeBackupSegment,
  openSegment,
  sealSegment,
} from "../src/backup/backup-segment.ts";
import { decodeSettings, encodeSettings, Settings } from "../src/settings.ts";

const random = seededRandom("backup");
const accountId = asAccountId(random(32));
const key = random(32);
const keys = generationKeys(key, accountId, random(16));
const conversationId = asConversationId(random(32));
const message = {
  conversationId,
  sequence: 7,
  senderAccountId: accountId,
  senderDeviceId: asDeviceId(random(16)),
  messageId: asMessageId(random(16)),
  acceptedAtMs: 8_910_000_123,
  applicationData: random(200),
  receipt: random(90),
};
const segment = {
  before: chainStart(keys),
  parts: [{ cursor: 9, chunk: { conversationId, messages: [message] } }],
  settings: encodeSettings(new Map([["theme", "dark"]])),
};
const head = { counter: 5, segments: 2, chain: random(32), savedAtMs: 8_910_000_500 };
const record = {
  generation: keys.generation,
  replaces: true,
  segments: 2,
  base: 1,
  bytes: 700,
  chain: random(32),
  counter: 5,
  savedAtMs: 8_910_000_500,
  head: random(120),
  arrival: 31,
  settings: random(32),
};
const pending = { segment: random(300), next: record };
const restoring = {
  from: { generation: keys.generation, head: random(120) },
  counter: 5,
  savedAtMs: 8_910_000_500,
  left: 3,
  chain: random(32),
  messages: 70,
  missing: 1,
};

test("BKP-03, BKP-04: what a backup is made of is decoded from its one encoding", () => {
  assertDecoder(encodeBackupSegment(segment), decodeBackupSegment, encodeBackupSegment);
  assert.deepEqual(decodeBackupSegment(encodeBackupSegment(segment)), segment);
  assertDecoder(encodeBackupHead(head), decodeBackupHead, encodeBackupHead);
  assertDecoder(encodeBackupKeys({ keys: [key], recoveryVersion: 3 }), decodeBackupKeys, encodeBackupKeys);
  assertDecoder(encodeBackupRecord(record), decodeBackupRecord, encodeBackupRecord);
  assert.deepEqual(decodeBackupRecord(encodeBackupRecord(record)), record);
  assertDecoder(encodePendingSegment(pending), decodePendingSegment, encodePendingSegment);
  assert.deepEqual(decodePendingSegment(encodePendingSegment(pending)), pending);
  for (const one of [NOTHING_YET, restoring]) {
    assertDecoder(encodeRestoreRecord(one), decodeRestoreRecord, encodeRestoreRecord);
    assert.deepEqual(decodeRestoreRecord(encodeRestoreRecord(one)), one);
  }
  assertDecoder(segment.settings, decodeSettings, encodeSettings);
});

test("BKP-03, BKP-04: of another version, or with a field of another size, nothing is decoded", () => {
  const short = random(31);
  const backupKeys = encodeBackupKeys({ keys: [key], recoveryVersion: 3 });
  const cases: [
    bytes: Uint8Array,
    decode: (bytes: Uint8Array) => unknown,
    wrong: [at: number, CborValue][],
  ][] = [
    [encodeBackupSegment(segment), decodeBackupSegment, [[1, short]]],
    [
      encodeBackupHead(head),
      decodeBackupHead,
      [
        [1, 0],
        [2, 0],
        [3, short],
      ],
    ],
    [backupKeys, decodeBackupKeys, [[1, [short]]]],
    [
      encodeBackupRecord(record),
      decodeBackupRecord,
      [
        [1, short],
        [9, short],
        [11, short],
      ],
    ],
    [encodePendingSegment(pending), decodePendingSegment, []],
    [
      encodeRestoreRecord(restoring),
      decodeRestoreRecord,
      [
        [1, short],
        [6, short],
      ],
    ],
  ];
  for (const [bytes, decode, wrong] of cases) {
    const fields = decodeCbor(bytes, "fields") as CborValue[];
    decode(encodeCbor(fields));
    for (const [at, value] of [[0, "portcullis/other/v1"] as const, ...wrong])
      assert.throws(() => decode(encodeCbor(fields.with(at, value))), PortcullisError, `field ${at}`);
  }
});

test("arbitrary bytes are refused with a code", () => {
  const decoders = [
    decodeBackupSegment,
    decodeBackupHead,
    decodeBackupKeys,
    decodeBackupRecord,
    decodePendingSegment,
    decodeRestoreRecord,
    decodeSettings,
  ];
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      for (const decode of decoders) assert.throws(() => decode(bytes), PortcullisError);
      assert.throws(() => openSegment(keys, 0, bytes), { code: "CLIENT_BACKUP_SEGMENT" });
      assert.throws(() => openHead(keys, bytes), { code: "CLIENT_BACKUP_HEAD" });
    }),
    { numRuns: 50 },
  );
});

/** Whatever is not of this account, this generation and this key. */
const elsewhere = {
  "another account": generationKeys(key, asAccountId(random(32)), keys.generation),
  "another generation": generationKeys(key, accountId, random(16)),
  "another key": generationKeys(random(32), accountId, keys.generation),
  "the same keys for another account": { ...keys, accountId: asAccountId(random(32)) },
  "the same keys for another generation": { ...keys, generation: random(16) },
};

test("BKP-03: what a key becomes is of one account's one generation, and of segments or heads alone", () => {
  const salt = encodeCbor(["portcullis/backup-salt/v1", accountId, keys.generation]);
  for (const [made, use] of [
    [keys.forSegments, "segments"],
    [keys.forHeads, "heads"],
  ] as const)
    assert.deepEqual(
      made,
      hkdfSha256({ ikm: key, salt, info: utf8(`portcullis backup ${use}`), length: 32 }),
    );
  const { "another account": account, "another generation": generation } = elsewhere;
  for (const other of [account, generation]) assert.notDeepEqual(other.forSegments, keys.forSegments);
});

test("BKP-03: a segment opens in its own place of its own account's generation alone, unchanged", () => {
  const sealed = sealSegment(keys, 4, segment, random);
  assert.deepEqual(openSegment(keys, 4, sealed), segment);
  const refused = (...attempt: Parameters<typeof openSegment>) =>
    assert.throws(() => openSegment(...attempt), { code: "CLIENT_BACKUP_SEGMENT" });
  refused(keys, 3, sealed);
  for (const others of Object.values(elsewhere)) refused(others, 4, sealed);
  refused({ ...keys, forSegments: keys.forHeads }, 4, sealed);
  for (let at = 0; at < sealed.length; at += 7) {
    refused(keys, 4, sealed.with(at, sealed[at]! ^ 1));
    refused(keys, 4, sealed.slice(0, at));
  }
});

test("BKP-03: the size of a sealed segment is that of a padded one, and its zeros are checked", () => {
  const sizes = [200, 210, 220, 230].map((size) => {
    const changed = { ...message, applicationData: random(size) };
    const parts = [{ cursor: 9, chunk: { conversationId, messages: [changed] } }];
    return sealSegment(keys, 0, { before: segment.before, parts }, random).length - 40;
  });
  for (const size of sizes) assert.equal(padmeLength(size), size);
  assert.ok(new Set(sizes).size < sizes.length);
  const plain = encodeBackupSegment(segment);
  const nonce = random(24);
  const place = encodeCbor(["portcullis/backup-segment/v1", accountId, keys.generation, 0]);
  const unpadded = aeadSeal(keys.forSegments, nonce, plain, place);
  const bare = Uint8Array.of(...nonce, ...unpadded);
  assert.throws(() => openSegment(keys, 0, bare), { code: "CLIENT_BACKUP_SEGMENT" });
});

test("BKP-04: a head opens for its own account's generation alone, unchanged", () => {
  const sealed = sealHead(keys, head, random);
  assert.deepEqual(openHead(keys, sealed), head);
  const refused = (...attempt: Parameters<typeof openHead>) =>
    assert.throws(() => openHead(...attempt), { code: "CLIENT_BACKUP_HEAD" });
  for (const others of Object.values(elsewhere)) refused(others, sealed);
  refused({ ...keys, forHeads: keys.forSegments }, sealed);
  for (let at = 0; at < sealed.length; at++) {
    refused(keys, sealed.with(at, sealed[at]! ^ 1));
    refused(keys, sealed.slice(0, at));
  }
  for (const secret of [key, keys.forSegments, keys.forHeads])
    assert.ok(!toHex(sealed).includes(toHex(secret)));
});

test("BKP-04: the chain is that of these segments in this order", () => {
  const [a, b] = [random(50), random(50)];
  const start = chainStart(keys);
  const chain = chainAfter(chainAfter(start, a), b);
  assert.notDeepEqual(chainAfter(chainAfter(start, b), a), chain);
  assert.notDeepEqual(chainAfter(start, b), chain);
  assert.deepEqual(start, sha256(encodeCbor(["portcullis/backup-chain/v1", accountId, keys.generation])));
  for (const other of [elsewhere["another generation"], elsewhere["another account"]])
    assert.notDeepEqual(chainStart(other), start);
});

test("BKP-01: a recovery blob from before there were backups opens, without a key of one", () => {
  const accountKey = generateSigningKey(random);
  const own = accountIdOf(accountKey.publicKey);
  const noticeKey = { publicKey: random(32), privateKey: random(32) };
  const { sealing } = recoveryKeys(random(16), own);
  const content = [
    "portcullis/recovery-content/v1",
    accountKey.seed,
    noticeKey.publicKey,
    noticeKey.privateKey,
  ];
  const nonce = random(24);
  const place = encodeCbor(["portcullis/recovery/v1", own, 2, 3, 65_536]);
  const sealed = aeadSeal(sealing, nonce, encodeCbor(content), place);
  const blob = encodeCbor(["portcullis/recovery/v1", 2, 3, 65_536, nonce, sealed]);
  assert.deepEqual(openRecovery(blob, own, sealing), { accountKey, noticeKey, backupKeys: [], version: 2 });
});

test("BKP-06: settings are durable when they are set, and too many are refused", async () => {
  const written: unknown[] = [];
  const settings = new Settings(new Map(), async (changes) => void written.push(...changes));
  await settings.set("theme", "dark");
  await settings.set("size", "12");
  await settings.set("theme", undefined);
  assert.deepEqual(settings.entries(), [["size", "12"]]);
  const value = encodeSettings(new Map([["size", "12"]]));
  assert.deepEqual(written.at(-1), { put: "fact", name: "settings", value });
  assert.equal(new Settings(new Map([["settings", value]]), async () => {}).get("size"), "12");
  for (const [name, text] of [
    ["", "x"],
    ["n".repeat(65), "x"],
    ["large", "x".repeat(16 * 1024)],
  ] as const)
    await assert.rejects(settings.set(name, text), { code: "CLIENT_SETTING" });
  assert.deepEqual(settings.adopt(encodeSettings(new Map([["size", "9"]]))), []);
  assert.equal(settings.get("size"), "12", "what the device has, it keeps");
});
