import assert from "node:assert/strict";
import { test } from "node:test";
import {
  countersignOrder,
  decodeItems,
  decodeTargets,
  rosterRoot,
  sealBucket,
  signOrder,
  verifyAuthority,
  verifyOrder,
  verifyTargets,
  type Label,
  type Order,
} from "@portcullis/access";
import { decodeDeviceProof, verifyDeviceList } from "@portcullis/ledger/identity";
import { generateSigningKey, sha256 } from "@portcullis/crypto";
import { decodeReceipt, fromBase64Url, fromUtf8, toBase64Url } from "@portcullis/protocol";
import { decodeOpening } from "@portcullis/access";
import { BUCKET, commitFrame, messageFrame } from "./hand-made.ts";
import { exampleOrder, keyNamed, listAuthority, setRules } from "./policy-room.ts";
import { random, ServerRoom, type TestDevice } from "./server-room.ts";
import type { TestStream } from "./test-stream.ts";

const iso = (seconds: number): string => `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;

test("DEL-42: for an order the server gives the closed buckets in its scope and what is sealed in them, and nothing else", async (t) => {
  const room = await ServerRoom.open(t);
  const rules = await setRules(room);
  await listAuthority(room, rules, "issuer");
  await listAuthority(room, rules, "judge");
  const [alice, bob] = [await room.account("alice"), await room.account("bob")];
  const streams = new Map<TestDevice, TestStream>();
  for (const device of [alice, bob]) streams.set(device, await room.connect(device));
  const conversationId = await room.conversation(alice, { class: "recorded", policyId: rules.policyId });
  const accounts = [alice.accountId, bob.accountId];
  const commit = commitFrame(conversationId, 0, { added: [bob], accounts });
  await streams.get(alice)!.accepted(commit);

  /** The device's message in the present bucket; the hash of the bucket. */
  const say = async (device: TestDevice, bucketStart: number): Promise<Uint8Array> => {
    const label: Label = {
      policyId: rules.policy.id,
      conversationId,
      epoch: 1,
      confirmedTranscriptHash: new Uint8Array(32),
      accountId: device.accountId,
      leafIndex: device === alice ? 0 : 1,
      rosterRoot: rosterRoot(commit.roster),
      bucketStart,
      bucketSeconds: 900,
    };
    const { sealedBucket, sealedBucketHash } = sealBucket({
      label,
      seed: random(32),
      keysets: rules.keysets,
    });
    const record = random(50);
    const data = { bucketStart, sealedBucketHash, recordHash: sha256(record) };
    await streams.get(device)!.accepted(messageFrame(conversationId, 1, { record, data, sealedBucket }));
    return sealedBucketHash;
  };
  const hashes: Uint8Array[] = [];
  for (const bucketStart of [BUCKET, BUCKET + 900, BUCKET + 1800]) {
    room.clock.set(bucketStart * 1000 + 300_000);
    hashes.push(await say(alice, bucketStart), await say(bob, bucketStart));
  }

  const recipientKey = generateSigningKey(random);
  const notice = random(80);
  const order = async (changes: Partial<Order>): Promise<string> => {
    const draft = exampleOrder({
      policyId: rules.policyId,
      id: crypto.randomUUID(),
      accounts: [{ id: toBase64Url(alice.accountId), handle: "alice" }],
      conversations: [toBase64Url(conversationId)],
      from: iso(BUCKET),
      to: iso(BUCKET + 2700),
      recipient: {
        name: "Court",
        hpkeKey: toBase64Url(random(32)),
        signingKey: toBase64Url(recipientKey.publicKey),
      },
      notice: { due: iso(BUCKET + 86_400), sealedHash: [toBase64Url(sha256(notice))] },
      issuedAt: iso(BUCKET + 1800),
      expiresAt: iso(BUCKET + 86_400),
      ...changes,
    });
    return await countersignOrder(await signOrder(draft, keyNamed("issuer")), keyNamed("judge"));
  };
  const post = async (jws: string): Promise<Record<string, unknown>> => {
    const body = { jws, sealedNotices: [toBase64Url(notice)] };
    return (await room.call("POST", "/v1/orders", body, room.server.operatorToken)).body;
  };
  const jws = await order({});
  const { orderHash, index } = await post(jws);
  assert.equal((await post(jws))["index"], index, "the same order is one entry");

  const court = await room.session({ kind: "custodian", id: "court" }, keyNamed("court"));
  const listed = (await room.call("GET", "/v1/orders", undefined, court)).body["orders"];
  assert.deepEqual(listed, [{ orderHash, jws, index }]);
  const bytes = async (hash: unknown, what: string, token: string): Promise<Uint8Array> => {
    const response = await fetch(`${room.server.url}/v1/orders/${String(hash)}/${what}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    assert.equal(response.status, 200);
    return new Uint8Array(await response.arrayBuffer());
  };
  const openings = (await room.call("GET", "/v1/keysets")).body["openings"];
  assert.equal((openings as unknown[]).length, 1);
  const logged = (await room.call("GET", "/v1/authorities")).body["openings"] as { opening: string }[];
  const authorities = await Promise.all(
    logged.map(({ opening }) =>
      verifyAuthority(fromUtf8(decodeOpening(fromBase64Url(opening)).body), rules.policy),
    ),
  );
  const verified = async (text: string, hash: unknown) =>
    verifyTargets(
      decodeTargets(await bytes(hash, "targets", court)),
      await verifyOrder({ jws: text, sealedNotices: [notice] }, { policy: rules.policy, authorities }),
      rules,
    );
  const sent = await verified(jws, orderHash);
  assert.deepEqual(
    sent.buckets.map(({ sealedBucketHash }) => sealedBucketHash),
    [hashes[0], hashes[2]],
    "alice's, of the two closed buckets",
  );
  const whole = await order({ scope: "conversation", scopeReason: "Context.", to: iso(BUCKET + 900) });
  const posted = await post(whole);
  const all = await verified(whole, posted["orderHash"]);
  const sorted = (list: Uint8Array[]) => list.map((hash) => toBase64Url(hash)).sort();
  assert.deepEqual(sorted(all.buckets.map((bucket) => bucket.sealedBucketHash)), sorted(hashes.slice(0, 2)));

  const recipient = await room.session({ kind: "recipient", orderHash: orderHash as string }, recipientKey);
  const { items } = decodeItems(await bytes(orderHash, "items", recipient));
  assert.deepEqual(
    items.map(({ sealedBucketHash, sequence }) => [sequence, sealedBucketHash]),
    [
      [2, hashes[0]],
      [4, hashes[2]],
    ],
  );
  for (const { senderAccountId, receipt } of items) {
    assert.deepEqual(senderAccountId, alice.accountId);
    decodeReceipt(receipt);
  }
  const people = (await room.call("GET", `/v1/orders/${String(orderHash)}/accounts`, undefined, recipient))
    .body["deviceProofs"] as string[];
  assert.deepEqual(
    people.map((proof) => verifyDeviceList(decodeDeviceProof(fromBase64Url(proof)).signedList).accountId),
    [alice.accountId],
  );
  const elsewhere = `/v1/orders/${String(posted["orderHash"])}/items`;
  assert.equal((await room.call("GET", elsewhere, undefined, recipient)).body["code"], "SESSION_FORBIDDEN");

  const path = `/v1/orders/${String(orderHash)}/batches`;
  const batch = random(200);
  const send = async (body: Uint8Array): Promise<number> => {
    const headers = { authorization: `Bearer ${court}`, "content-type": "application/octet-stream" };
    return (await fetch(`${room.server.url}${path}`, { method: "POST", headers, body: Buffer.from(body) }))
      .status;
  };
  assert.deepEqual([await send(batch), await send(batch), await send(random(200))], [201, 201, 409]);
  assert.deepEqual((await room.call("GET", path, undefined, recipient)).body, {
    batches: [{ custodian: "court", batch: toBase64Url(batch) }],
  });
});

test("an order for what the server does not know is passed on: refusing is the custodians' part", async (t) => {
  const room = await ServerRoom.open(t);
  const rules = await setRules(room);
  const draft = exampleOrder({
    policyId: rules.policyId,
    accounts: [{ id: "*", handle: "everybody" }],
    conversations: [toBase64Url(random(32)), "*"],
    from: iso(BUCKET + 1),
    to: iso(BUCKET),
  });
  const jws = await signOrder(draft, keyNamed("issuer"));
  const token = room.server.operatorToken;
  const answer = await room.call("POST", "/v1/orders", { jws, sealedNotices: [] }, token);
  assert.equal(answer.status, 201);
  const path = `${room.server.url}/v1/orders/${answer.body["orderHash"] as string}/targets`;
  const response = await fetch(path, { headers: { authorization: `Bearer ${token}` } });
  const { conversations } = decodeTargets(new Uint8Array(await response.arrayBuffer()));
  assert.deepEqual(
    conversations.map(({ sealedBuckets, rosters }) => [sealedBuckets.length, rosters.length]),
    [[0, 0]],
  );
});
