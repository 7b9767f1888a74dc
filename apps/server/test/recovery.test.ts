import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { sha256 } from "@portcullis/crypto";
import { toBase64Url, toHex } from "@portcullis/protocol";
import { FixedClock } from "@portcullis/testkit";
import { random, ServerRoom, type TestDevice } from "./server-room.ts";

const realClock = new FixedClock("2026-03-01T12:00:00Z");
const authenticator = random(32);
const sealed = toBase64Url(random(200));

async function setRecovery(room: ServerRoom, device: TestDevice, changes: object = {}): Promise<unknown> {
  const body = { version: 1, sealed, authenticatorHash: toBase64Url(sha256(authenticator)), ...changes };
  return (await room.call("PUT", "/v1/recovery", body, await room.token(device))).body["code"];
}

async function recover(room: ServerRoom, device: TestDevice, shown = random(32), token?: string) {
  const path = `/v1/accounts/${toBase64Url(device.accountId)}/recovery`;
  return (await room.call("POST", path, { authenticator: toBase64Url(shown) }, token)).body;
}

test("ACN-23: after ten wrong codes in a day none is taken until the next, the right one neither, restart or not", async (t) => {
  const room = await ServerRoom.open(t, { realClock });
  const ann = await room.account("ann");
  const bob = await room.account("bob");
  await setRecovery(room, ann);
  await setRecovery(room, bob);
  for (let tries = 0; tries < 5; tries++)
    assert.equal((await recover(room, ann))["code"], "RECOVERY_REFUSED");
  assert.deepEqual(await recover(room, ann, authenticator), { sealed }, "which gives no tries back");
  await room.restart({ realClock });
  for (let tries = 5; tries < 10; tries++)
    assert.equal((await recover(room, ann))["code"], "RECOVERY_REFUSED");
  assert.equal((await recover(room, ann))["code"], "RECOVERY_LOCKED");
  assert.equal((await recover(room, ann, authenticator))["code"], "RECOVERY_LOCKED");
  await room.restart({ realClock });
  assert.equal((await recover(room, ann, authenticator))["code"], "RECOVERY_LOCKED");
  assert.deepEqual(await recover(room, bob, authenticator), { sealed }, "nobody else is locked out");
  realClock.set("2026-03-02T00:00:00Z");
  assert.deepEqual(await recover(room, ann, authenticator), { sealed });
  assert.equal((await recover(room, ann))["code"], "RECOVERY_REFUSED");
});

test("ACN-23: an account without a code is refused like a wrong code", async (t) => {
  const room = await ServerRoom.open(t, { realClock });
  const ann = await room.account("ann");
  assert.equal((await recover(room, ann))["code"], "RECOVERY_REFUSED");
  assert.equal((await recover(room, room.newDevice()))["code"], "RECOVERY_REFUSED");
});

test("ACN-24: a session gets no sealed key; the server has the authenticator's hash alone", async (t) => {
  const room = await ServerRoom.open(t, { realClock });
  const ann = await room.account("ann");
  await setRecovery(room, ann);
  const token = await room.token(ann);
  assert.deepEqual((await room.call("GET", "/v1/recovery", undefined, token)).body, { version: 1 });
  assert.equal((await recover(room, ann, random(32), token))["code"], "RECOVERY_REFUSED");
  await room.server.close();
  const database = readFileSync(join(room.directory, "server", "portcullis.sqlite"));
  assert.ok(!database.toString("hex").includes(toHex(authenticator)));
  await room.start({ realClock });
});

test("ACN-25: the next code replaces the one before; a version is taken once", async (t) => {
  const room = await ServerRoom.open(t, { realClock });
  const ann = await room.account("ann");
  assert.equal(await setRecovery(room, ann, { version: 2 }), "RECOVERY_NOT_NEXT");
  assert.equal(await setRecovery(room, ann), undefined);
  assert.equal(await setRecovery(room, ann), "RECOVERY_NOT_NEXT");
  const next = random(32);
  const changes = { version: 2, sealed: "AAAA", authenticatorHash: toBase64Url(sha256(next)) };
  assert.equal(await setRecovery(room, ann, changes), undefined);
  assert.equal((await recover(room, ann, authenticator))["code"], "RECOVERY_REFUSED");
  assert.deepEqual(await recover(room, ann, next), { sealed: "AAAA" });
  const huge = { version: 3, sealed: "A".repeat(5000) };
  assert.equal(await setRecovery(room, ann, huge), "REQUEST_INVALID");
});

for (const when of ["before", "after"])
  test(`ACN-23: a crash ${when} a try is counted tells nobody how it went, and gives no try back`, async (t) => {
    const room = await ServerRoom.open(t, { realClock });
    const ann = await room.account("ann");
    await setRecovery(room, ann);
    let left = 10;
    await room.restart({
      realClock,
      fault: (point) => {
        if (point === `recovery-try.${when}` && left-- > 0) throw new Error("crash");
      },
    });
    for (let tries = 0; tries < 10; tries++)
      assert.equal((await recover(room, ann))["code"], "SERVER_FAILED");
    await room.restart({ realClock });
    const code = when === "after" ? "RECOVERY_LOCKED" : "RECOVERY_REFUSED";
    assert.equal((await recover(room, ann))["code"], code);
  });
