import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { mergeSignatures, policyDocument, signPolicy } from "@portcullis/access";
import { formatAddCheckpoint, signCheckpoint } from "@portcullis/ledger";
import { openCheckpoint, parseVerifierKey } from "@portcullis/ledger/verify";
import { merkleRoot } from "@portcullis/crypto";
import { toBase64Url, type ErrorBody } from "@portcullis/protocol";
import { writeFileDurably } from "@portcullis/store/directory";
import { seededRandom, temporaryDirectory } from "@portcullis/testkit";
import { parseOptions, runCeremony } from "../src/index.ts";
import { admin, ids, quorums, registrar, Scene } from "./scene.ts";

const scene = await Scene.open();
const period = { from: "1970-04-01T00:00:00Z", to: "1970-05-01T00:00:00Z" };

test("keys and token are made once, for their owner's eyes only", async () => {
  const folder = join(scene.folder, "court");
  const { keys, adminToken } = scene.of("court");
  for (const file of ["identity-key", "cosigner-key", "admin-token"])
    assert.equal(statSync(join(folder, file)).mode & 0o777, 0o600, file);
  assert.equal(readFileSync(join(folder, "admin-token"), "utf8"), adminToken);
  const again = await scene.restart("court");
  assert.deepEqual([again.keys, again.adminToken], [keys, adminToken]);
});

test("a damaged key file is refused, not replaced", async () => {
  const folder = join(scene.folder, "court");
  const key = readFileSync(join(folder, "identity-key"));
  await scene.of("court").close();
  writeFileSync(join(folder, "identity-key"), key.subarray(1));
  await assert.rejects(scene.start("court"), { code: "CUSTODIAN_FILE" });
  writeFileSync(join(folder, "identity-key"), key);
  await scene.start("court");
});

test("whoever has no token may know the public keys and nothing else", async () => {
  const stranger = {
    url: scene.of("press").url,
    adminToken: `${scene.of("press").adminToken.slice(0, -1)}!`,
  };
  const { status, body } = await admin(stranger, "GET", "/v1/keys");
  assert.equal(status, 200);
  assert.deepEqual(body, scene.of("press").keys);
  for (const [method, path] of [
    ["GET", "/v1/orders"],
    ["POST", "/v1/policy/sign"],
    ["POST", "/v1/policy"],
    ["POST", "/v1/ceremonies"],
    ["POST", `/v1/ceremonies/${"A".repeat(43)}/finish`],
    ["POST", `/v1/orders/${"A".repeat(43)}/approve`],
    ["POST", `/v1/orders/${"A".repeat(43)}/refuse`],
  ] as const) {
    const answer = await admin(stranger, method, path);
    assert.deepEqual([answer.status, answer.body.code], [401, "CUSTODIAN_ADMIN_TOKEN"], path);
  }
});

test("a body that is not what the route takes gets a code", async () => {
  const press = scene.of("press");
  const codes = await Promise.all([
    admin(press, "POST", "/v1/policy", { jws: 7 }),
    admin(press, "POST", "/v1/policy/sign", {}),
    admin(press, "POST", "/v1/ceremonies", { id: "AAAA", quorum: "civic", ...period }),
    admin(press, "POST", "/v1/policy", "x".repeat(1024 * 1024 + 1)),
    admin(press, "GET", "/v1/nothing"),
    admin(press, "GET", "/v1/orders"),
  ]);
  assert.deepEqual(
    codes.map(({ body }) => body.code),
    [
      "CUSTODIAN_REQUEST",
      "CUSTODIAN_REQUEST",
      "CUSTODIAN_REQUEST",
      "CUSTODIAN_REQUEST",
      "CUSTODIAN_ROUTE",
      "CUSTODIAN_POLICY_MISSING",
    ],
  );
});

test("a custodian signs only a policy that names it, and adopts only one that it signed", async () => {
  const draft = scene.policyDraft();
  const stranger = structuredClone(draft);
  stranger.quorums[0]!.custodians[0]!.key = toBase64Url(seededRandom("another key")(32));
  const refused = await admin(scene.of("court"), "POST", "/v1/policy/sign", { policy: stranger });
  assert.equal(refused.body.code, "CUSTODIAN_POLICY_NOT_NAMED");
  const unsound = { ...draft, witnessThreshold: 3 };
  const wrong = await admin(scene.of("court"), "POST", "/v1/policy/sign", { policy: unsound });
  assert.equal(wrong.body.code, "POLICY_THRESHOLD");
  assert.deepEqual(readdirSync(join(scene.folder, "court", "signed")), []);

  const parts = await Promise.all(
    ids.map(async (id) => {
      const signed = await admin(scene.of(id), "POST", "/v1/policy/sign", { policy: draft });
      return signed.body.jws!;
    }),
  );
  const jws = mergeSignatures(policyDocument, [...parts, await signPolicy(draft, [registrar])]);
  for (const name of readdirSync(join(scene.folder, "court", "signed")))
    rmSync(join(scene.folder, "court", "signed", name));
  const unsigned = await admin(scene.of("court"), "POST", "/v1/policy", { jws });
  assert.equal(unsigned.body.code, "CUSTODIAN_POLICY_UNSIGNED");
});

test("before there is a policy no log is known; after it, custodians cosign", async () => {
  const court = scene.of("court");
  const checkpoint = {
    origin: scene.server.accessLog.key.name,
    size: 1,
    root: merkleRoot([new Uint8Array(32)]),
  };
  const note = signCheckpoint(scene.server.accessLog, checkpoint);
  const ask = (): Promise<Response> =>
    fetch(`${scene.of("court").url}/add-checkpoint`, {
      method: "POST",
      body: formatAddCheckpoint({ oldSize: 0, path: [], checkpoint: note }),
    });
  assert.equal((await ask()).status, 404);
  await scene.agreePolicy();
  const answer = await ask();
  assert.equal(answer.status, 200);
  const witnesses = [parseVerifierKey(court.keys.cosignerKey)];
  const trust = { log: scene.server.accessLog.key, witnesses, threshold: 1 };
  assert.equal(openCheckpoint(note + (await answer.text()), trust).size, 1);
});

test("a second policy is refused", async () => {
  await assert.rejects(scene.agreePolicy({ name: "Another policy" }), (error: { facts?: ErrorBody }) => {
    assert.equal(error.facts?.code, "CUSTODIAN_POLICY_SET");
    return true;
  });
});

test("two and three custodians make their keysets over a coordinator that sees no secret", async () => {
  const policy = await scene.agreePolicy();
  const keysets = await scene.makeKeysets(policy);
  assert.deepEqual(
    keysets.map(({ keyset }) => [keyset.quorum, keyset.threshold, keyset.custodians.length]),
    [
      ["state", 2, 2],
      ["civic", 2, 3],
    ],
  );
  for (const id of ids) {
    const shares = readdirSync(join(scene.folder, id, "shares"));
    assert.equal(shares.length, 1, id);
    assert.equal(statSync(join(scene.folder, id, "shares", shares[0]!)).mode & 0o777, 0o600);
  }
});

test("the signature on a keyset leaves only when the share is on disk", async () => {
  const noShares = (path: string, bytes: Uint8Array): void => {
    if (path.includes("/shares/")) throw new Error("power cut");
    writeFileDurably(path, bytes);
  };
  await scene.restart("ministry", { write: noShares });
  const request = {
    quorums: [{ name: "state", custodians: scene.addresses(quorums[0].ids) }],
    ...period,
    random: seededRandom("cut"),
  };
  await assert.rejects(runCeremony(request), { code: "CUSTODIAN_PEER" });
  await scene.restart("ministry");
  assert.equal(readdirSync(join(scene.folder, "ministry", "shares")).length, 1, "the one from before");
});

test("a ceremony that was begun is never begun again, also after a crash", async () => {
  const begin = { id: toBase64Url(seededRandom("once")(32)), quorum: "civic", ...period };
  const ask = async (): Promise<string> => {
    const { body } = await admin(scene.of("press"), "POST", "/v1/ceremonies", begin);
    return body.code ?? "begun";
  };
  assert.equal(await ask(), "begun");
  assert.equal(await ask(), "CEREMONY_CONTEXT");
  await scene.restart("press");
  assert.equal(await ask(), "CEREMONY_CONTEXT");
  const step = await admin(scene.of("press"), "POST", `/v1/ceremonies/${begin.id}/reveal`, {
    messages: ["x"],
  });
  assert.equal(step.body.code, "CUSTODIAN_CEREMONY");
});

test("a coordinator that changes a message ends the ceremony and gains nothing", async () => {
  const id = toBase64Url(seededRandom("tampered")(32));
  const begin = { id, quorum: "state", ...period };
  const [court, ministry] = scene.addresses(quorums[0].ids);
  const commits = await Promise.all(
    [court!, ministry!].map((it) => admin(it, "POST", "/v1/ceremonies", begin)),
  );
  const messages = commits.map(({ body }) => body.message!);
  const other = (found: string): string => found.slice(0, -1) + (found.endsWith("A") ? "B" : "A");
  const changed = [messages[0], messages[1]?.replace(/"signature":"./, other)];
  const answer = await admin(court!, "POST", `/v1/ceremonies/${id}/reveal`, { messages: changed });
  assert.notEqual(answer.status, 200);
  const after = await admin(court!, "POST", `/v1/ceremonies/${id}/reveal`, { messages });
  assert.equal(after.body.code, "CUSTODIAN_CEREMONY");
});

test("options are read strictly", () => {
  const good = ["--data", "d", "--server", "http://127.0.0.1:1/", "--id", "court"];
  assert.deepEqual(parseOptions(good), {
    data: "d",
    server: "http://127.0.0.1:1",
    id: "court",
    port: 0,
    host: "127.0.0.1",
    intervalMs: 2000,
  });
  for (const wrong of [
    good.slice(2),
    good.slice(0, 2),
    [...good, "--port", "70000"],
    [...good, "--interval", "x"],
    [...good, "--unknown"],
    ["--data", "d", "--server", "http://127.0.0.1:1/", "--id", "Court"],
  ])
    assert.throws(() => parseOptions(wrong), { code: "CUSTODIAN_USAGE" });
});

test("a first start that is cut at any of its files goes on where it stood", async () => {
  for (const file of ["identity-key", "cosigner-key", "admin-token"]) {
    for (const persisted of [false, true]) {
      const data = join(temporaryDirectory(), "cut");
      const write = (path: string, bytes: Uint8Array): void => {
        if (persisted || !path.endsWith(file)) writeFileDurably(path, bytes);
        if (path.endsWith(file)) throw new Error("power cut");
      };
      await assert.rejects(scene.start("beginner", { data, write }), /power cut/);
      const made = readdirSync(data).filter((name) =>
        /^(?:identity-key|cosigner-key|admin-token)$/.test(name),
      );
      assert.equal(made.includes(file), persisted);
      const before = made.map((name) => readFileSync(join(data, name)));
      await (await scene.start("beginner", { data })).close();
      assert.deepEqual(
        made.map((name) => readFileSync(join(data, name))),
        before,
      );
    }
  }
  scene.running.delete("beginner");
});
