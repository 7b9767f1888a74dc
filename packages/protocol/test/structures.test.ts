import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  accountUri,
  asAccountId,
  asConversationId,
  asDeviceId,
  asMessageId,
  asPolicyId,
  conversationUri,
  decodeCommitData,
  decodeConversationTerms,
  decodeJoining,
  decodeLeafIdentity,
  decodeMessageData,
  decodeReceipt,
  decodeSealedBucket,
  encodeCbor,
  encodeCommitData,
  encodeConversationTerms,
  encodeFrankContext,
  encodeFrankLeaf,
  encodeFrankRoot,
  encodeJoining,
  encodeLeafIdentity,
  encodeMessageData,
  encodeReceipt,
  encodeSealedBucket,
  encodeSessionChallenge,
  limits,
  parseAccountUri,
  parseConversationUri,
  utf8,
} from "@portcullis/protocol";
import { assertDecoder } from "@portcullis/testkit";

const filled = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte);
const accountId = asAccountId(filled(32, 1));
const deviceId = asDeviceId(filled(16, 2));
const conversationId = asConversationId(filled(32, 3));
const messageId = asMessageId(filled(16, 4));
const device = { accountId, deviceId };
const receipt = {
  acceptedAtMs: 8_474_400_000,
  serverFrank: filled(32, 5),
  batchIndex: 1,
  batchSize: 3,
  path: [filled(32, 6), filled(32, 7)],
  rootSignature: filled(64, 8),
};

test("DEL-04: authenticated data of messages and Commits has one encoding", () => {
  const message = { messageId, frankingTag: filled(32, 5), bucketStart: 8_474_400 };
  assertDecoder(encodeMessageData(message), decodeMessageData, encodeMessageData);
  const recorded = { ...message, sealedBucketHash: filled(32, 6), recordHash: filled(32, 7) };
  assertDecoder(encodeMessageData(recorded), decodeMessageData, encodeMessageData);
  assert.deepEqual(decodeMessageData(encodeMessageData(recorded)), recorded);
  const treeHead = { size: 7, root: filled(32, 10) };
  const told = { ...recorded, treeHead };
  assertDecoder(encodeMessageData(told), decodeMessageData, encodeMessageData);
  assert.deepEqual(decodeMessageData(encodeMessageData(told)), told);
  const lookupHash = filled(32, 8);
  const commit = {
    added: [device],
    removed: [device, device],
    startBucket: 900,
    rosterRoot: filled(32, 9),
    lookupHash,
  };
  const { lookupHash: _, ...without } = commit;
  for (const torn of [without, { ...commit, added: [] }])
    assert.throws(() => decodeCommitData(encodeCommitData(torn)), { code: "DECODE_SHAPE" });
  assertDecoder(encodeCommitData({ ...without, added: [] }), decodeCommitData, encodeCommitData);
  assertDecoder(encodeCommitData(commit), decodeCommitData, encodeCommitData);
  assertDecoder(encodeCommitData({ ...commit, treeHead }), decodeCommitData, encodeCommitData);
  assert.deepEqual(decodeCommitData(encodeCommitData({ ...commit, treeHead })), { ...commit, treeHead });
  const admission = { accountId, linkId: filled(16, 11) };
  const letting = { ...commit, treeHead, admitted: [admission] };
  assertDecoder(encodeCommitData(letting), decodeCommitData, encodeCommitData);
  assert.deepEqual(decodeCommitData(encodeCommitData(letting)), letting);
  assert.deepEqual(encodeCommitData({ ...letting, admitted: [] }), encodeCommitData({ ...commit, treeHead }));
  const none = [[[accountId, deviceId]], [], 900, commit.rosterRoot, lookupHash, null, []];
  assert.throws(() => decodeCommitData(encodeCbor(["portcullis/commit/v4", ...none])), {
    code: "DECODE_NOT_CANONICAL",
  });
  for (const wrong of [[admission, admission], [{ ...admission, accountId: asAccountId(filled(32, 12)) }]])
    assert.throws(() => decodeCommitData(encodeCommitData({ ...letting, admitted: wrong })), {
      code: "DECODE_SHAPE",
    });
  const unlisting = { ...commit, removed: [device], treeHead, unlisted: [device] };
  for (const data of [unlisting, { ...unlisting, added: [] }, { ...unlisting, admitted: [admission] }]) {
    assertDecoder(encodeCommitData(data), decodeCommitData, encodeCommitData);
    assert.deepEqual(decodeCommitData(encodeCommitData(data)), data);
  }
  const nobody = [[[accountId, deviceId]], [], 900, commit.rosterRoot, lookupHash, null, [], []];
  assert.throws(() => decodeCommitData(encodeCbor(["portcullis/commit/v5", ...nobody])), {
    code: "DECODE_NOT_CANONICAL",
  });
  const { lookupHash: _hash, ...unproven } = { ...unlisting, added: [] };
  const other = { accountId, deviceId: asDeviceId(filled(16, 13)) };
  for (const wrong of [
    unproven,
    { ...unlisting, unlisted: [device, device] },
    { ...unlisting, unlisted: [other] },
  ])
    assert.throws(() => decodeCommitData(encodeCommitData(wrong)), { code: "DECODE_SHAPE" });
  assert.throws(() => decodeMessageData(encodeCommitData(commit)), { code: "DECODE_SHAPE" });
  const crowd = { ...commit, added: Array.from({ length: limits.devicesPerCommit + 1 }, () => device) };
  assert.throws(() => decodeCommitData(encodeCommitData(crowd)), { code: "DECODE_LENGTH" });
});

test("DEL-04: authenticated data from before there were tree heads are still read", () => {
  const [tag, root] = [filled(32, 5), filled(32, 9)];
  const message = encodeCbor(["portcullis/message/v1", messageId, tag, 900, null, null]);
  assert.deepEqual(decodeMessageData(message), { messageId, frankingTag: tag, bucketStart: 900 });
  const commit = encodeCbor(["portcullis/commit/v2", [], [[accountId, deviceId]], 900, root, null]);
  assert.deepEqual(decodeCommitData(commit), {
    added: [],
    removed: [device],
    startBucket: 900,
    rosterRoot: root,
  });
  const longer = encodeCbor(["portcullis/message/v1", messageId, tag, 900, null, null, null]);
  assert.throws(() => decodeMessageData(longer), { code: "DECODE_SHAPE" });
  const shorter = encodeCbor(["portcullis/message/v2", messageId, tag, 900, null, null]);
  assert.throws(() => decodeMessageData(shorter), { code: "DECODE_SHAPE" });
});

test("DEL-04: a message carries both hashes of a record or neither", () => {
  for (const [bucket, record] of [
    [filled(32, 6), null],
    [null, filled(32, 7)],
  ]) {
    const half = ["portcullis/message/v1", messageId, filled(32, 5), 900, bucket ?? null, record ?? null];
    assert.throws(() => decodeMessageData(encodeCbor(half)), { code: "DECODE_SHAPE" });
  }
});

test("DEL-05: recorded names a policy and sealed names none; absence is an error", () => {
  const frankingKey = filled(32, 1);
  const policyId = asPolicyId(filled(32, 2));
  for (const terms of [
    { class: "sealed", frankingKey },
    { class: "recorded", policyId, frankingKey },
  ] as const)
    assertDecoder(encodeConversationTerms(terms), decodeConversationTerms, encodeConversationTerms);
  for (const terms of [
    ["sealed", policyId],
    ["recorded", null],
    ["public", null],
  ]) {
    const encoded = encodeCbor(["portcullis/conversation/v1", ...terms, frankingKey]);
    assert.throws(() => decodeConversationTerms(encoded), { code: "DECODE_SHAPE" });
  }
});

test("joining, leaf identity and sealed bucket have one encoding", () => {
  assertDecoder(
    encodeJoining({ startBucket: 900, rosterKey: filled(32, 1), state: filled(5, 2) }),
    decodeJoining,
    encodeJoining,
  );
  assertDecoder(encodeLeafIdentity(device), decodeLeafIdentity, encodeLeafIdentity);
  const bucket = { label: utf8("label"), capsules: [filled(128, 1), filled(128, 2)] };
  assertDecoder(encodeSealedBucket(bucket), decodeSealedBucket, encodeSealedBucket);
  for (const capsules of [[], [filled(127, 1)], Array.from({ length: 17 }, () => filled(128, 1))])
    assert.throws(() => decodeSealedBucket(encodeSealedBucket({ ...bucket, capsules })), {
      code: "DECODE_LENGTH",
    });
});

test("FRK-01: a receipt has one encoding and a place inside its batch", () => {
  assertDecoder(encodeReceipt(receipt), decodeReceipt, encodeReceipt);
  assert.throws(() => decodeReceipt(encodeReceipt({ ...receipt, batchIndex: 3 })), { code: "DECODE_RANGE" });
  assert.throws(() => decodeReceipt(encodeReceipt({ ...receipt, path: [filled(31, 6)] })), {
    code: "DECODE_LENGTH",
  });
});

test("FRK-02: tag, conversation, sender, message and time each change what the server vouches for", () => {
  const context = {
    frankingTag: filled(32, 5),
    conversationId,
    senderAccountId: accountId,
    senderDeviceId: deviceId,
    messageId,
    acceptedAtMs: 1,
  };
  const changed = [
    { ...context, frankingTag: filled(32, 9) },
    { ...context, conversationId: asConversationId(filled(32, 9)) },
    { ...context, senderAccountId: asAccountId(filled(32, 9)) },
    { ...context, senderDeviceId: asDeviceId(filled(16, 9)) },
    { ...context, messageId: asMessageId(filled(16, 9)) },
    { ...context, acceptedAtMs: 2 },
  ];
  const frank = filled(32, 6);
  const covered = [context, ...changed].flatMap((each) => [
    encodeFrankContext(each),
    encodeFrankLeaf(each, frank),
    encodeFrankRoot({ size: each.acceptedAtMs, root: each.frankingTag }),
  ]);
  const distinct = new Set(covered.map((bytes) => bytes.join(",")));
  assert.equal(distinct.size, 7 + 7 + 3, "no two structures, nor two contexts, share an encoding");
  assert.notDeepEqual(encodeFrankLeaf(context, frank), encodeFrankLeaf(context, filled(32, 7)));
});

test("DEL-06: a challenge is bound to one server and one nonce", () => {
  const signed = encodeSessionChallenge("a.example", filled(32, 1));
  assert.notDeepEqual(signed, encodeSessionChallenge("b.example", filled(32, 1)));
  assert.notDeepEqual(signed, encodeSessionChallenge("a.example", filled(32, 2)));
});

test("URIs of accounts and conversations name what they were made from", () => {
  const host = fc.constantFrom("provider.example", "localhost:8443", "a");
  fc.assert(
    fc.property(host, fc.uint8Array({ minLength: 32, maxLength: 32 }), (provider, id) => {
      assert.deepEqual(parseAccountUri(accountUri(provider, asAccountId(id))), { provider, accountId: id });
      assert.deepEqual(parseConversationUri(conversationUri(provider, asConversationId(id))), {
        provider,
        conversationId: id,
      });
    }),
    { numRuns: 30 },
  );
  const account = accountUri("provider.example", accountId);
  assert.throws(() => parseConversationUri(account), { code: "DECODE_SHAPE" });
  for (const wrong of [
    `${account}x`,
    account.slice(0, -1),
    account.replace("mimi", "http"),
    account.replace("provider", "Provider"),
    account.replace("provider.example", ""),
    account.replace("provider.example", "user@provider.example"),
    `${account}\n`,
  ])
    assert.throws(() => parseAccountUri(wrong), { code: "DECODE_SHAPE" }, wrong);
  const strayBits = `${account.slice(0, -1)}F`;
  assert.throws(() => parseAccountUri(strayBits), { code: "DECODE_NOT_CANONICAL" });
});
