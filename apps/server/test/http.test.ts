import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeOpening, entryOf, sealOpening } from "@portcullis/access";
import { generateSigningKey, merkleRoot, sha256, sign } from "@portcullis/crypto";
import { decodeDeviceProof, signDeviceList, verifyDeviceProof } from "@portcullis/ledger/identity";
import {
  openCheckpoint,
  parseVerifierKey,
  verifyConsistency,
  verifyTlogProof,
  type VerifiedCheckpoint,
} from "@portcullis/ledger/verify";
import { asDeviceId, encodeSessionChallenge, fromBase64Url, toBase64Url, utf8 } from "@portcullis/protocol";
import { FixedClock } from "@portcullis/testkit";
import { serverErrors } from "../src/index.ts";
import { status } from "../src/status.ts";
import { examplePolicy, keyNamed, makeKeyset, setRules, signedPolicy, submit } from "./policy-room.ts";
import { PROVIDER, random, ServerRoom } from "./server-room.ts";

test("every code of the server has its HTTP status", () => {
  assert.deepEqual(Object.keys(status).sort(), Object.keys(serverErrors).sort());
});

test("DEL-36: an account is made with the token, under a free handle, from a list that its key signed", async (t) => {
  const room = await ServerRoom.open(t);
  const alice = await room.account("Alice");
  const id = toBase64Url(alice.accountId);
  assert.deepEqual((await room.call("GET", "/v1/accounts/by-handle/Alice")).body, { accountId: id });
  assert.equal((await room.call("GET", "/v1/accounts/by-handle/nobody")).body["code"], "ACCOUNT_UNKNOWN");
  const make = async (registrationToken: string, handle: string, list: Uint8Array): Promise<unknown> => {
    const body = { registrationToken, handle, deviceList: toBase64Url(list) };
    return (await room.call("POST", "/v1/accounts", body)).body["code"];
  };
  const { registrationToken } = room.server;
  assert.equal(await make("guess", "carol", alice.signedList), "REGISTRATION_REFUSED");
  assert.equal(await make(registrationToken, "Alice", alice.signedList), "HANDLE_TAKEN");
  assert.equal(await make(registrationToken, "Alice again", alice.signedList), "ACCOUNT_EXISTS");
  const bent = alice.signedList.slice();
  bent[bent.length - 1]! ^= 1;
  assert.equal(await make(registrationToken, "carol", bent), "IDENTITY_SIGNATURE");
  assert.equal(await make(registrationToken, "tab\there", alice.signedList), "HANDLE_INVISIBLE");
});

test("ACN-03: a handle that folds or looks like another one is refused, and found in any case", async (t) => {
  const room = await ServerRoom.open(t);
  const bill = await room.account("Bill  Anders");
  const make = async (handle: string): Promise<unknown> => {
    const { registrationToken } = room.server;
    const deviceList = toBase64Url(room.newDevice().signedList);
    return (await room.call("POST", "/v1/accounts", { registrationToken, handle, deviceList })).body["code"];
  };
  assert.equal(await make("BILL anders"), "HANDLE_TAKEN");
  assert.equal(await make("Bi1l Anders"), "HANDLE_CONFUSABLE");
  assert.equal(await make("B\u0456ll Anders"), "HANDLE_SCRIPT");
  const find = async (handle: string) =>
    (await room.call("GET", `/v1/accounts/by-handle/${encodeURIComponent(handle)}`)).body;
  assert.deepEqual(await find("bill ANDERS"), { accountId: toBase64Url(bill.accountId) });
  assert.equal((await find("Bi1l Anders"))["code"], "ACCOUNT_UNKNOWN");
  assert.equal((await find("bill\u202eanders"))["code"], "HANDLE_INVISIBLE");
});

test("ACN-10: whoever has an invitation can make an account, and the server keeps only its hash", async (t) => {
  const realClock = new FixedClock("2026-01-01T00:00:00Z");
  const room = await ServerRoom.open(t, { realClock, membersInvite: true });
  const secret = random(16);
  const terms = { inviteHash: toBase64Url(sha256(secret)), uses: 1, lifetimeSeconds: 60 };
  const left = await room.call("POST", "/v1/invites", terms, room.server.operatorToken);
  assert.deepEqual([left.status, left.body], [201, { expiresAtMs: realClock.now() + 60_000 }]);
  const make = async (handle: string, admission: object, list = room.newDevice().signedList) => {
    const body = { ...admission, handle, deviceList: toBase64Url(list) };
    return (await room.call("POST", "/v1/accounts", body)).body["code"];
  };
  const invite = toBase64Url(secret);
  const { registrationToken } = room.server;
  assert.equal(await make("ann", {}), "REGISTRATION_REFUSED");
  assert.equal(await make("ann", { registrationToken: "" }), "REGISTRATION_REFUSED");
  assert.equal(await make("ann", { invite, registrationToken }), "REGISTRATION_REFUSED");
  assert.equal(await make("ann", { invite: toBase64Url(random(16)) }), "INVITE_UNKNOWN");
  assert.equal(await make("ann", { invite: terms.inviteHash }), "REQUEST_INVALID");
  realClock.advance(60_000);
  assert.equal(await make("ann", { invite }), "INVITE_EXPIRED");
  realClock.advance(-1);
  assert.equal(await make("ann", { invite }), undefined);
  assert.equal(await make("bob", { invite }), "INVITE_USED_UP");
  const member = await room.token(await room.account("carol"));
  for (const inviteHash of Array.from({ length: 20 }, () => toBase64Url(random(32))))
    assert.equal((await room.call("POST", "/v1/invites", { ...terms, inviteHash }, member)).status, 201);
  const many = await room.call(
    "POST",
    "/v1/invites",
    { ...terms, inviteHash: toBase64Url(random(32)) },
    member,
  );
  assert.equal(many.body["code"], "INVITE_LIMIT");
  const forever = { ...terms, lifetimeSeconds: 31 * 86_400 };
  assert.equal((await room.call("POST", "/v1/invites", forever, member)).body["code"], "REQUEST_INVALID");
});

test("DEL-37: a device list comes with its place in the identity log; the next one follows it", async (t) => {
  const room = await ServerRoom.open(t);
  const alice = await room.account("alice");
  const path = `/v1/accounts/${toBase64Url(alice.accountId)}/devices`;
  const policy = { log: parseVerifierKey(room.server.identityLog), witnesses: [], threshold: 0 };
  const proof = (await room.call("GET", path)).body["deviceProof"] as string;
  const first = verifyDeviceProof(decodeDeviceProof(fromBase64Url(proof)), policy);
  assert.deepEqual(first.accountId, alice.accountId);
  const key = generateSigningKey(random);
  const second = signDeviceList(alice.accountKey, {
    ...first,
    version: 2,
    previous: first.hash,
    devices: [{ deviceId: asDeviceId(random(16)), signatureKey: key.publicKey }],
  });
  const token = await room.token(alice);
  assert.equal((await room.call("PUT", path, { deviceList: toBase64Url(second) })).status, 200);
  const again = (await room.call("GET", path)).body["deviceProof"] as string;
  assert.equal(verifyDeviceProof(decodeDeviceProof(fromBase64Url(again)), policy).version, 2);
  const replay = await room.call("PUT", path, { deviceList: toBase64Url(alice.signedList) });
  assert.equal(replay.body["code"], "IDENTITY_SUCCESSION");
  const late = await room.call("POST", "/v1/key-packages", { keyPackages: ["AA"] }, token);
  assert.equal(late.body["code"], "SESSION_INVALID", "a device that is no longer listed has no say");
});

test("CLT-07: between any two published sizes of the identity log the server proves that it only grew", async (t) => {
  const room = await ServerRoom.open(t);
  const policy = { log: parseVerifierKey(room.server.identityLog), witnesses: [], threshold: 0 };
  const heads = [];
  for (const handle of ["alice", "bob", "carol"]) {
    const { accountId } = await room.account(handle);
    await room.call("POST", "/v1/lookups", { accounts: [toBase64Url(accountId)] });
    const note = await (await fetch(`${room.server.url}/identity/checkpoint`)).text();
    heads.push(openCheckpoint(note, policy));
  }
  const [first, second, third] = heads as [VerifiedCheckpoint, VerifiedCheckpoint, VerifiedCheckpoint];
  const ask = (older: number, newer: number) =>
    room.call("GET", `/v1/identity/consistency?old=${older}&new=${newer}`);
  for (const [older, newer] of [
    [first, second],
    [first, third],
    [second, third],
  ] as const) {
    assert.ok(older.size < newer.size);
    const path = ((await ask(older.size, newer.size)).body["path"] as string[]).map(fromBase64Url);
    verifyConsistency({
      oldSize: older.size,
      oldRoot: older.root,
      newSize: newer.size,
      newRoot: newer.root,
      path,
    });
  }
  assert.equal((await ask(first.size, third.size + 1)).body["code"], "NOT_PUBLISHED");
  assert.equal((await ask(third.size, first.size)).body["code"], "LEDGER_INDEX");
});

test("ACN-31: of when a device was seen the server keeps the day", async (t) => {
  const realClock = new FixedClock("2026-03-01T23:59:59Z");
  const writes: string[] = [];
  const room = await ServerRoom.open(t, { realClock, fault: (point) => writes.push(point) });
  const alice = await room.account("alice");
  const seen = async () => (await room.call("GET", "/v1/devices", undefined, await room.token(alice))).body;
  const deviceId = toBase64Url(alice.deviceId);
  const day = Date.UTC(2026, 2, 1) / 86_400_000;
  assert.deepEqual(await seen(), { devices: [{ deviceId, lastSeenDay: day }] });
  await seen();
  assert.equal(writes.filter((point) => point === "seen.after").length, 1, "one write a day");
  realClock.advance(1000);
  assert.deepEqual(await seen(), { devices: [{ deviceId, lastSeenDay: day + 1 }] });
});

test("DEL-38: a KeyPackage is given out once, and all of a request or none", async (t) => {
  const room = await ServerRoom.open(t);
  const [alice, bob, carol] = [await room.account("a"), await room.account("b"), await room.account("c")];
  const token = await room.token(alice);
  const add = async (device: typeof alice, ...keyPackages: string[]): Promise<void> => {
    const answer = await room.call("POST", "/v1/key-packages", { keyPackages }, await room.token(device));
    assert.equal(answer.status, 201);
  };
  await add(bob, "AAAA", "AAAB");
  const claim = async (...accounts: (typeof alice)[]): Promise<Record<string, unknown>> => {
    const ids = accounts.map(({ accountId }) => toBase64Url(accountId));
    return (await room.call("POST", "/v1/key-packages/claim", { accounts: ids }, token)).body;
  };
  assert.equal((await claim(bob, carol))["code"], "KEY_PACKAGES_NONE");
  const claimed = [await claim(bob), await claim(bob)].map(
    ({ devices }) => devices as { keyPackage: string }[],
  );
  assert.deepEqual(
    claimed.map(([device]) => device?.keyPackage),
    ["AAAA", "AAAB"],
  );
  assert.equal((await claim(bob))["code"], "KEY_PACKAGES_NONE");
  const unknown = { ...bob, accountId: random(32) as typeof bob.accountId };
  assert.equal((await claim(unknown))["code"], "ACCOUNT_UNKNOWN");
  const supply = { keyPackages: ["AAAC"], lastResort: "AAAD" };
  await room.call("POST", "/v1/key-packages", supply, await room.token(bob));
  for (const expected of ["AAAC", "AAAD", "AAAD"]) {
    const { devices } = await claim(bob);
    assert.deepEqual(
      (devices as { keyPackage: string }[]).map(({ keyPackage }) => keyPackage),
      [expected],
    );
  }
});

test("DEL-43: an account claims KeyPackages 64 times at once, then once a second", async (t) => {
  const realClock = new FixedClock("2026-01-01T00:00:00Z");
  const room = await ServerRoom.open(t, { realClock });
  const [alice, bob] = [await room.account("a"), await room.account("b")];
  const token = await room.token(alice);
  const accounts = [toBase64Url(bob.accountId)];
  const claim = async (by = token): Promise<unknown> =>
    (await room.call("POST", "/v1/key-packages/claim", { accounts }, by)).body["code"];
  for (let i = 0; i < 64; i++) assert.equal(await claim(), "KEY_PACKAGES_NONE");
  assert.equal(await claim(), "RATE_LIMITED");
  assert.equal(await claim(await room.token(bob)), "KEY_PACKAGES_NONE");
  realClock.advance(1000);
  assert.equal(await claim(), "KEY_PACKAGES_NONE");
  assert.equal(await claim(), "RATE_LIMITED");
});

test("DEL-39: a challenge serves once, for its server and the subject's own key", async (t) => {
  const room = await ServerRoom.open(t);
  const alice = await room.account("alice");
  const accountId = toBase64Url(alice.accountId);
  const subject = { kind: "device" as const, accountId, deviceId: toBase64Url(alice.deviceId) };
  const fresh = async (): Promise<string> =>
    (await room.call("POST", "/v1/challenges")).body["nonce"] as string;
  const open = async (nonce: string, signed: Uint8Array, key = alice.key, who: object = subject) => {
    const signature = toBase64Url(sign(key, signed));
    return (await room.call("POST", "/v1/sessions", { subject: who, nonce, signature })).body["code"];
  };
  const nonce = await fresh();
  const challenge = encodeSessionChallenge(PROVIDER, fromBase64Url(nonce));
  assert.equal(await open(nonce, challenge), undefined);
  assert.equal(await open(nonce, challenge), "SESSION_REFUSED");
  const elsewhere = await fresh();
  assert.equal(
    await open(elsewhere, encodeSessionChallenge("evil.example", fromBase64Url(elsewhere))),
    "SESSION_REFUSED",
  );
  const another = await fresh();
  const forged = encodeSessionChallenge(PROVIDER, fromBase64Url(another));
  assert.equal(await open(another, forged, generateSigningKey(random)), "SESSION_REFUSED");
  const guessed = toBase64Url(random(32));
  const own = encodeSessionChallenge(PROVIDER, fromBase64Url(guessed));
  assert.equal(await open(guessed, own), "SESSION_REFUSED");
  await setRules(room);
  for (const [id, code] of [
    ["court", undefined],
    ["nobody", "SESSION_REFUSED"],
  ] as const) {
    const custodian = await fresh();
    const asked = encodeSessionChallenge(PROVIDER, fromBase64Url(custodian));
    assert.equal(await open(custodian, asked, keyNamed("court"), { kind: "custodian", id }), code);
  }
});

test("DEL-40: each call is for those whom it is for", async (t) => {
  const room = await ServerRoom.open(t);
  await setRules(room);
  const device = await room.token(await room.account("alice"));
  const court = await room.session({ kind: "custodian", id: "court" }, keyNamed("court"));
  const operator = room.server.operatorToken;
  const hash = toBase64Url(random(32));
  const calls = [
    ["POST", "/v1/policy", { jws: "" }, [device, court]],
    ["POST", "/v1/key-packages", { keyPackages: ["AA"] }, [court, operator]],
    ["POST", "/v1/key-packages/claim", { accounts: [hash] }, [court, operator]],
    ["POST", "/v1/conversations", { conversationId: hash, class: "sealed" }, [court, operator]],
    ["POST", "/v1/ledger/entries", { opening: "" }, [device]],
    ["GET", "/v1/ledger/openings?from=0", undefined, [device]],
    ["POST", "/v1/invites", { inviteHash: hash, uses: 1, lifetimeSeconds: 60 }, [device, court]],
    ["GET", "/v1/devices", undefined, [court, operator]],
    ["GET", "/v1/recovery", undefined, [court, operator]],
    ["PUT", "/v1/recovery", { version: 1, sealed: "AA", authenticatorHash: hash }, [court, operator]],
    ["POST", "/v1/orders", { jws: "", sealedNotices: [] }, [device, court]],
    ["GET", "/v1/orders", undefined, [device]],
    ["GET", `/v1/orders/${hash}/targets`, undefined, [device]],
    ["GET", `/v1/orders/${hash}/items`, undefined, [device, court, operator]],
    ["GET", `/v1/orders/${hash}/accounts`, undefined, [device]],
    ["GET", `/v1/orders/${hash}/batches`, undefined, [device, court, operator]],
  ] as const;
  for (const [method, path, body, tokens] of calls) {
    assert.equal((await room.call(method, path, body)).body["code"], "SESSION_REQUIRED", path);
    assert.equal((await room.call(method, path, body, "guess")).body["code"], "SESSION_INVALID", path);
    for (const token of tokens)
      assert.equal((await room.call(method, path, body, token)).body["code"], "SESSION_FORBIDDEN", path);
  }
});

test("DEL-41: the policy is set once, signed, and names this server's logs", async (t) => {
  const room = await ServerRoom.open(t);
  const set = async (jws: string): Promise<unknown> =>
    (await room.call("POST", "/v1/policy", { jws }, room.server.operatorToken)).body["code"];
  const foreign = { ...examplePolicy(room), provider: "elsewhere.example" };
  assert.equal(await set(await signedPolicy(foreign)), "POLICY_NOT_OURS");
  const { policy, policyId } = await setRules(room);
  assert.equal(await set(policy.jws), undefined, "the same again changes nothing");
  assert.equal(await set(await signedPolicy(examplePolicy(room, { name: "Another" }))), "POLICY_SET");
  await room.restart();
  assert.equal((await room.call("GET", "/v1/server")).body["policyId"], policyId);
});

test("what is submitted stands in the public tiles, among dummies, and custodians get every opening", async (t) => {
  const room = await ServerRoom.open(t);
  const { policy } = await setRules(room);
  const body = utf8("approval");
  const { opening, entry } = sealOpening("approve", body, random);
  const token = await room.session({ kind: "custodian", id: "court" }, keyNamed("court"));
  const request = { opening: toBase64Url(opening) };
  const { proof, index } = (await room.call("POST", "/v1/ledger/entries", request, token)).body;
  const witnessPolicy = { log: parseVerifierKey(room.server.accessLog), witnesses: [], threshold: 0 };
  const proven = verifyTlogProof({ proof: proof as string, entry, policy: witnessPolicy });
  assert.equal(proven.index, index);
  assert.equal((await room.call("POST", "/v1/ledger/entries", request, token)).body["index"], index);

  const answer = (await room.call("GET", "/v1/ledger/openings?from=0", undefined, token)).body;
  const checkpoint = openCheckpoint(answer["checkpoint"] as string, witnessPolicy);
  const openings = (answer["openings"] as string[]).map((text) => decodeOpening(fromBase64Url(text)));
  assert.equal(openings.length, checkpoint.size);
  assert.equal(checkpoint.size % 4, 0, "whole batches only");
  assert.deepEqual(merkleRoot(openings.map(({ bytes }) => entryOf(bytes))), checkpoint.root);
  assert.deepEqual(openings[index as number]?.body, body);
  assert.ok(openings.some(({ kind }) => kind === "dummy"));

  const keysets = (await room.call("GET", "/v1/keysets")).body["openings"] as Record<string, string>[];
  assert.equal(keysets.length, 1);
  const logged = fromBase64Url(keysets[0]!["opening"]!);
  verifyTlogProof({ proof: keysets[0]!["proof"]!, entry: entryOf(logged), policy: witnessPolicy });

  const published = await (await fetch(`${room.server.url}/ledger/checkpoint`)).text();
  const { size } = openCheckpoint(published, witnessPolicy);
  const tile = await fetch(`${room.server.url}/ledger/tile/0/000.p/${size}`);
  assert.equal(tile.status, 200);
  assert.equal((await tile.arrayBuffer()).byteLength, size * 32);
  for (const path of ["/ledger/../portcullis.sqlite", "/ledger/tile/%2e%2e/signed", "/ledger/signed"])
    assert.equal((await fetch(`${room.server.url}${path}`)).status, 404);
  await assert.rejects(submit(room, "dummy", body), /OPENING_KIND/);
  await assert.rejects(submit(room, "keyset", body), /DOCUMENT_|DECODE_/);
  const foreign = await makeKeyset({ ...policy, id: random(32) as typeof policy.id });
  await assert.rejects(submit(room, "keyset", utf8(foreign)), /KEYSET_POLICY/);
});

test("the API describes itself, is healthy and ready, and answers what it does not know in its own form", async (t) => {
  const room = await ServerRoom.open(t);
  const { body } = await room.call("GET", "/openapi.json");
  const paths = body["paths"] as Record<string, unknown>;
  for (const path of ["/v1/accounts", "/v1/sessions", "/v1/orders/{orderHash}/targets"])
    assert.ok(paths[path], path);
  assert.equal((await room.call("GET", "/healthz")).status, 200);
  assert.equal((await room.call("GET", "/readyz")).status, 200);
  assert.deepEqual((await room.call("GET", "/v1/nothing")).body, {
    code: "NOT_FOUND",
    message: `NOT_FOUND: ${serverErrors.NOT_FOUND}`,
    facts: {},
  });
  const invalid = await room.call("POST", "/v1/accounts", { handle: 1 });
  assert.equal(invalid.status, 400);
  assert.equal(invalid.body["code"], "REQUEST_INVALID");
});
