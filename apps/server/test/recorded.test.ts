import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { decodeCommitData, decodeMlsOuter, type ConversationId, type SendFrame } from "@portcullis/protocol";
import { rosterRoot, sealBucket, type Label } from "@portcullis/access";
import { sha256 } from "@portcullis/crypto";
import { BUCKET, commitFrame, messageFrame } from "./hand-made.ts";
import { setRules, type Rules } from "./policy-room.ts";
import { random, ServerRoom, type TestDevice } from "./server-room.ts";
import type { TestStream } from "./test-stream.ts";

interface Recorded {
  readonly room: ServerRoom;
  readonly rules: Rules;
  readonly alice: TestDevice;
  readonly stream: TestStream;
  readonly conversationId: ConversationId;
  readonly label: Label;
}

/** Alice's recorded conversation in epoch 1, and the label of her present bucket. */
async function recordedConversation(t: TestContext): Promise<Recorded> {
  const room = await ServerRoom.open(t);
  const rules = await setRules(room);
  const alice = await room.account("alice");
  const stream = await room.connect(alice);
  const conversationId = await room.conversation(alice, { class: "recorded", policyId: rules.policyId });
  const commit = commitFrame(conversationId, 0, { accounts: [alice.accountId] });
  await stream.accepted(commit);
  const root = decodeCommitData(decodeMlsOuter(commit.message).authenticatedData).rosterRoot;
  assert.deepEqual(root, rosterRoot(commit.roster));
  const label: Label = {
    policyId: rules.policy.id,
    conversationId,
    epoch: 1,
    confirmedTranscriptHash: random(32),
    accountId: alice.accountId,
    leafIndex: 0,
    rosterRoot: root,
    bucketStart: BUCKET,
    bucketSeconds: 900,
  };
  return { room, rules, alice, stream, conversationId, label };
}

interface Bucket {
  readonly sealedBucket: Uint8Array;
  readonly sealedBucketHash: Uint8Array;
}

function seal({ rules, label }: Recorded, changes: Partial<Label> = {}): Bucket {
  return sealBucket({ label: { ...label, ...changes }, seed: random(32), keysets: rules.keysets });
}

/** A message with a record, and with the bucket's upload when `upload`. */
function recordedFrame(
  { conversationId }: Recorded,
  { sealedBucket, sealedBucketHash }: Bucket,
  upload: boolean,
  changes: Partial<SendFrame> = {},
): Omit<SendFrame, "requestId"> {
  const record = random(100);
  const data = { sealedBucketHash, recordHash: sha256(record) };
  return messageFrame(conversationId, 1, { record, data, ...(upload && { sealedBucket }), ...changes });
}

test("DEL-32: a recorded message needs its sealed bucket, uploaded once, and the record that it names", async (t) => {
  const recorded = await recordedConversation(t);
  const { stream, conversationId } = recorded;
  const bucket = seal(recorded);
  await stream.rejected(recordedFrame(recorded, bucket, false), "SEALED_BUCKET_MISSING");
  await stream.rejected(recordedFrame(recorded, bucket, true, { record: random(9) }), "RECORD_MISMATCH");
  await stream.rejected(messageFrame(conversationId, 1), "RECORD_MISMATCH");
  await stream.accepted(recordedFrame(recorded, bucket, true));
  await stream.accepted(recordedFrame(recorded, bucket, true));
  await stream.accepted(recordedFrame(recorded, bucket, false));
  await stream.rejected(recordedFrame(recorded, seal(recorded), true), "SEALED_BUCKET_INVALID");
  const wrongBytes = { ...bucket, sealedBucket: seal(recorded).sealedBucket };
  const { room } = recorded;
  room.clock.advance(900_000);
  const bucketStart = BUCKET + 900;
  const next = seal(recorded, { bucketStart });
  const record = random(10);
  const data = { bucketStart, sealedBucketHash: next.sealedBucketHash, recordHash: sha256(record) };
  const frame = messageFrame(conversationId, 1, { record, data, sealedBucket: wrongBytes.sealedBucket });
  await stream.rejected(frame, "SEALED_BUCKET_INVALID");
  await stream.accepted({ ...frame, sealedBucket: next.sealedBucket });
});

test("DEL-33: whatever the server knows of a label must be so in it, and every quorum must be able to open it", async (t) => {
  const recorded = await recordedConversation(t);
  const { stream } = recorded;
  const wrong: Partial<Label>[] = [
    { policyId: sha256(random(1)) as Label["policyId"] },
    { conversationId: random(32) as ConversationId },
    { epoch: 2 },
    { accountId: sha256(random(1)) as Label["accountId"] },
    { rosterRoot: random(32) },
    { bucketStart: BUCKET - 900 },
    { bucketSeconds: 300 },
  ];
  for (const changes of wrong)
    await stream.rejected(recordedFrame(recorded, seal(recorded, changes), true), "SEALED_BUCKET_INVALID");
  const good = seal(recorded);
  const bent = good.sealedBucket.slice();
  bent[bent.length - 1]! ^= 1;
  const bucket = { sealedBucket: bent, sealedBucketHash: sha256(bent) };
  await stream.rejected(recordedFrame(recorded, bucket, true), "SEALED_BUCKET_INVALID");
  await stream.accepted(recordedFrame(recorded, good, true));
});

test("another's sealed bucket cannot be used, nor one of an earlier epoch", async (t) => {
  const recorded = await recordedConversation(t);
  const { room, stream, alice, conversationId } = recorded;
  const bucket = seal(recorded);
  await stream.accepted(recordedFrame(recorded, bucket, true));
  const bob = await room.account("bob");
  const accounts = [alice.accountId, bob.accountId];
  const bobStream = await room.connect(bob);
  await stream.accepted(commitFrame(conversationId, 1, { added: [bob], accounts }));
  const record = random(10);
  const data = { sealedBucketHash: bucket.sealedBucketHash, recordHash: sha256(record) };
  const frame = messageFrame(conversationId, 2, { record, data });
  await stream.rejected(frame, "SEALED_BUCKET_MISSING");
  await bobStream.rejected(messageFrame(conversationId, 2, { record, data }), "SEALED_BUCKET_MISSING");
});

test("DEL-34: a sealed conversation takes no record and no sealed bucket", async (t) => {
  const room = await ServerRoom.open(t);
  const alice = await room.account("alice");
  const stream = await room.connect(alice);
  const conversationId = await room.conversation(alice);
  await stream.accepted(commitFrame(conversationId, 0, { accounts: [alice.accountId] }));
  const record = random(10);
  await stream.rejected(messageFrame(conversationId, 1, { record }), "RECORD_MISMATCH");
  await stream.rejected(messageFrame(conversationId, 1, { sealedBucket: record }), "RECORD_MISMATCH");
  const data = { recordHash: sha256(record), sealedBucketHash: random(32) };
  await stream.rejected(messageFrame(conversationId, 1, { data }), "RECORD_MISMATCH");
});

test("DEL-35: a recorded conversation names the policy in force, a sealed one names none", async (t) => {
  const room = await ServerRoom.open(t);
  const alice = await room.account("alice");
  const token = await room.token(alice);
  const create = async (terms: object): Promise<unknown> => {
    const conversationId = Buffer.from(random(32)).toString("base64url");
    return (await room.call("POST", "/v1/conversations", { conversationId, ...terms }, token)).body["code"];
  };
  const policyId = Buffer.from(random(32)).toString("base64url");
  assert.equal(await create({ class: "recorded", policyId }), "CONVERSATION_POLICY");
  const rules = await setRules(room);
  assert.equal(await create({ class: "recorded", policyId }), "CONVERSATION_POLICY");
  assert.equal(await create({ class: "recorded" }), "CONVERSATION_POLICY");
  assert.equal(await create({ class: "sealed", policyId: rules.policyId }), "CONVERSATION_POLICY");
  assert.equal(await create({ class: "open" }), "REQUEST_INVALID");
  assert.equal(await create({ class: "recorded", policyId: rules.policyId }), undefined);
});
