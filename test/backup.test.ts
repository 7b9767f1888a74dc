import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import type { ClientError, Platform, StoreChange } from "@portcullis/client";
import { nodePlatform, SqliteStore } from "@portcullis/client/node";
import { toHex } from "@portcullis/protocol";
import { plaintextFoundIn } from "../apps/cli/src/demo/plaintext-scan.ts";
import { decodeBackupKeys } from "../packages/client/src/backup/backup-keys.ts";
import {
  all,
  answering,
  backup,
  directory,
  headsLeft,
  isOn,
  keeper,
  recovered,
  room,
  say,
  statusThat,
  withHead,
} from "./backup-room.ts";
import { FailingStore } from "./failing-store.ts";
import { meddle } from "./meddling.ts";

after(() => room.close());

const isOfBackup = (changes: readonly StoreChange[]): boolean =>
  changes.some((change) => "name" in change && change.name.startsWith("backup/"));

test("BKP-05: the server has no word of the backup and no key of it; a device forgets a key that is over", async () => {
  const { client, talk } = await keeper("secretive", 12);
  const keysOf = async (): Promise<readonly Uint8Array[]> => {
    const store = new SqliteStore(room.storePath("secretive"));
    const { secrets } = await store.load();
    await store.close();
    return decodeBackupKeys(secrets.get("backup/keys")!).keys;
  };
  const [first, ...others] = await keysOf();
  assert.deepEqual(others, []);
  await client.setRecoveryCode();
  await client.backedUp();
  const [second, ...rest] = await keysOf();
  assert.deepEqual(rest, []);
  assert.notDeepEqual(second, first);
  await client.settled();
  const texts = (await client.messages.history(talk, all)).map(({ text }) => text ?? "");
  const words = [...texts, "secretive's colours", toHex(first!), toHex(second!)];
  assert.equal(plaintextFoundIn(join(directory, "server"), words), 0);
  for (const file of ["portcullis.sqlite", "portcullis.sqlite-wal"]) {
    const bytes = readFileSync(join(directory, "server", file));
    for (const key of [first!, second!]) assert.ok(!bytes.includes(key));
  }
  assert.ok(!readFileSync(room.storePath("secretive")).includes(first!), "BKP-02");
});

test("BKP-02: a new code makes the backup anew, and the code before opens nothing of it", async () => {
  const { client: lost, code, talk } = await keeper("renewing");
  const next = await lost.setRecoveryCode();
  await lost.backedUp();
  await say(talk, lost, 2, "later");
  await lost.backedUp();
  const history = await lost.messages.history(talk, all);
  await assert.rejects(recovered("renewing", code), { code: "CLIENT_SERVER_REFUSED" });
  const { client } = await recovered("renewing", next);
  assert.deepEqual(await client.messages.history(talk, all), history);
  await lost.close();
});

for (const lost of ["request", "answer"] as const)
  test(`BKP-02: whichever stands when a new code is made opens under that: the ${lost} was lost`, async () => {
    let isDown = false;
    const down: typeof fetch = async (...request) => {
      const [input, init] = request;
      const isMeant = isDown && init?.method === "PUT" && /\/v1\/backup\/[^/]+$/.test(input as string);
      if (isMeant && lost === "request") return Response.json({}, { status: 503 });
      const response = await fetch(...request);
      return isMeant ? Response.json({}, { status: 503 }) : response;
    };
    const platform = { ...nodePlatform, fetch: down };
    const handle = `losing the ${lost}`;
    const { client, talk } = await keeper(handle, 20, { platform });
    const history = await client.messages.history(talk, all);
    isDown = true;
    await client.setRecoveryCode();
    await assert.rejects(client.backedUp(), { code: "CLIENT_SERVER_UNREACHABLE" });
    const code = await client.setRecoveryCode();
    await client.close();
    const { client: again } = await recovered(handle, code);
    assert.deepEqual(await again.messages.history(talk, all), history);
  });

test("BKP-20: it is turned on with a code of this device's alone, and elsewhere refused", async () => {
  const cleo = await room.join("cleo", { backup });
  await assert.rejects(cleo.turnOnBackup(), { code: "CLIENT_BACKUP_CODE" });
  await assert.rejects(cleo.backedUp(), { code: "CLIENT_BACKUP_OFF" });
  await cleo.setRecoveryCode();
  const shown = Promise.withResolvers<string>();
  const linking = room.link(({ uri }) => shown.resolve(uri), { storeName: "cleo 2", backup });
  await cleo.approveLink(await shown.promise);
  const other = await linking;
  await assert.rejects(other.turnOnBackup(), { code: "CLIENT_BACKUP_CODE" });
  await other.setRecoveryCode();
  await assert.rejects(cleo.turnOnBackup(), { code: "CLIENT_BACKUP_CODE" }, "its code is over");
  await cleo.setRecoveryCode();
  await cleo.turnOnBackup();
  await cleo.backedUp();
  await assert.rejects(other.setRecoveryCode(), { code: "CLIENT_BACKUP_ELSEWHERE" });
  assert.equal(other.backup().state, "off");
  await other.turnOffBackup();
  await other.setRecoveryCode();
  await other.turnOnBackup();
  await other.backedUp();
  await cleo.settings.set("theme", "none");
  await assert.rejects(cleo.backedUp(), { code: "CLIENT_BACKUP_LOST" });
  assert.deepEqual([cleo.backup().state, cleo.backup().code], ["off", "CLIENT_BACKUP_LOST"]);
  await assert.rejects(cleo.turnOnBackup(), { code: "CLIENT_BACKUP_CODE" });
});

test("BKP-21: what comes is gathered, and put into the backup without being asked", async () => {
  const { client, talk } = await keeper("gathering", 2, { backup: { ...backup, messages: 4 } });
  const { listen, told } = statusThat(({ segments }) => segments === before + 1);
  const before = client.backup().segments;
  listen(client);
  await say(talk, client, 3, "few");
  assert.equal(client.backup().segments, before);
  await say(talk, client, 1, "enough");
  await told;
  await client.close();
  const again = await room.reopen("gathering", { backup: { ...backup, everyMs: 5 } });
  const timed = statusThat(({ segments }) => segments === before + 2);
  timed.listen(again);
  await again.connect();
  await again.settings.set("size", "12");
  await timed.told;
});

test("BKP-23: many small segments are made few again, and nothing is lost by it", async () => {
  const { client: lost, code, talk } = await keeper("compacting", 4);
  const base = lost.backup().segments;
  for (let i = 0; i < 3 * base + backup.spareSegments; i++) {
    await lost.settings.set("count", String(i));
    await lost.backedUp();
  }
  assert.ok(lost.backup().segments < base + backup.spareSegments);
  const history = await lost.messages.history(talk, all);
  await lost.close();
  const { client } = await recovered("compacting", code);
  assert.deepEqual(await client.messages.history(talk, all), history);
  assert.equal(client.settings.get("count"), String(3 * base + backup.spareSegments - 1));
});

for (const when of ["before", "after"] as const)
  test(`BKP-22: an upload that crashed ${when} any of its writes goes on, with nothing twice and nothing missing`, async () => {
    const handle = `crashing ${when}`;
    const { client, code, talk } = await keeper(handle, 10);
    await say(talk, client, 10, "more");
    const history = await client.messages.history(talk, all);
    await client.close();
    for (let writes = 0; ; writes++) {
      const failing = new FailingStore(new SqliteStore(room.storePath(handle)), when, writes, isOfBackup);
      const crashing = await room.reopen(handle, { store: failing, backup });
      const done = statusThat(isOn);
      const crashed = Promise.withResolvers<boolean>();
      crashing.on("fault", () => crashed.resolve(true));
      done.listen(crashing);
      await crashing.connect();
      const isOver = await Promise.race([crashed.promise, done.told.then(() => false)]);
      done.stop();
      await crashing.close();
      if (!isOver) break;
    }
    const { client: again } = await recovered(handle, code);
    assert.deepEqual(await again.messages.history(talk, all), history);
  });

test("BKP-24: a backup that is not as this device left it is made anew, and it is said", async () => {
  const { platform, heads } = headsLeft();
  const { client: kept, code, talk } = await keeper("rolled back", 20, { platform });
  const history = await kept.messages.history(talk, all);
  await kept.close();
  let shown: string | undefined = heads.at(-2);
  const meddler = withHead(() => shown);
  const client = await room.reopen("rolled back", { platform: meddler.platform, backup });
  const { listen, told, seen } = statusThat(({ code: wrong }) => wrong === "CLIENT_BACKUP_CHANGED");
  listen(client);
  const anew = statusThat(({ code: wrong, segments }) => wrong === undefined && segments > 2);
  anew.listen(client);
  await client.connect();
  await told;
  shown = undefined;
  await anew.told;
  assert.ok(seen.length > 0);
  await client.close();
  let refusals = 0;
  const refusing = answering((method, path) =>
    method === "PUT" && path.includes("/segments/") && refusals-- > 0
      ? Response.json({ code: "BACKUP_NOT_NEXT" }, { status: 409 })
      : undefined,
  );
  const again = await room.reopen("rolled back", { platform: refusing, backup });
  await again.connect();
  await again.backedUp();
  refusals = 1;
  await again.settings.set("size", "9");
  await assert.rejects(again.backedUp(), { code: "CLIENT_BACKUP_CHANGED" });
  await again.backedUp();
  await again.close();
  const { client: back } = await recovered("rolled back", code);
  assert.deepEqual(await back.messages.history(talk, all), history);
  assert.equal(back.settings.get("size"), "9");
});

test("BKP-24: a recovery code that another device has set meanwhile is told", async () => {
  const { client } = await keeper("overtaken", 2);
  await client.close();
  const meddler = meddle();
  meddler.answer = async (path, response) =>
    path === "/v1/recovery" ? Response.json({ version: 7 }) : response;
  const again = await room.reopen("overtaken", { platform: meddler.platform, backup });
  const { listen, told } = statusThat(({ code }) => code === "CLIENT_BACKUP_CODE");
  listen(again);
  await again.connect();
  await told;
});

test("BKP-25: a backup that is full says so, keeps what it has, and goes on when there is room", async () => {
  let isFull = false;
  let refusals = 0;
  // Not for ever: a device that does not take it for an answer fails here, and does not hang.
  const platform = answering((method, path) =>
    isFull && method === "PUT" && path.includes("/segments/") && refusals++ < 20
      ? Response.json({ code: "BACKUP_FULL" }, { status: 409 })
      : undefined,
  );
  const { client, code, talk } = await keeper("full", 6, { platform });
  const { segments } = client.backup();
  isFull = true;
  await say(talk, client, 4, "too much");
  await assert.rejects(client.backedUp(), { code: "CLIENT_SERVER_REFUSED" });
  assert.deepEqual([client.backup().code, client.backup().segments], ["BACKUP_FULL", segments]);
  isFull = false;
  await client.backedUp();
  assert.equal(client.backup().code, undefined);
  const history = await client.messages.history(talk, all);
  await client.close();
  const { client: again } = await recovered("full", code);
  assert.deepEqual(await again.messages.history(talk, all), history);
});

test("BKP-25: it is made anew when it is full alone, and not again when the new one does not fit either", async () => {
  const tight = { ...backup, segmentMessages: 1, spareSegments: 3 };
  const asked: string[] = [];
  let answer: Response | undefined;
  let most = Number.POSITIVE_INFINITY;
  const platform = answering((method, path) => {
    if (method !== "PUT" || !path.includes("/segments/")) return undefined;
    const [generation, , index] = path.split("/").slice(3);
    asked.push(generation!);
    const isFull = Number(index) >= most && asked.length < 40;
    return answer?.clone() ?? (isFull ? Response.json({ code: "BACKUP_FULL" }, { status: 409 }) : undefined);
  });
  const { client } = await keeper("too large", 6, { backup: tight, platform });
  for (let i = 0; i < tight.spareSegments; i++) {
    await client.settings.set("count", String(i));
    await client.backedUp();
  }
  asked.length = 0;
  answer = Response.json({ code: "REQUEST_INVALID" }, { status: 400 });
  await client.settings.set("count", "more");
  await assert.rejects(client.backedUp(), { code: "CLIENT_SERVER_REFUSED" });
  assert.equal(new Set(asked).size, 1, "whatever else is refused is sent again as it was");
  answer = undefined;
  most = 4;
  await assert.rejects(client.backedUp(), { code: "CLIENT_SERVER_REFUSED" });
  assert.deepEqual([new Set(asked).size, client.backup().code], [2, "BACKUP_FULL"]);
});

for (const when of ["before", "after"] as const)
  test(`BKP-25: a full backup of many small segments is made anew of few, and goes on after a crash ${when} any write`, async () => {
    const handle = `overflowing ${when}`;
    const tight = { ...backup, spareSegments: 3 };
    const { client, code, talk } = await keeper(handle, 10, { backup: tight });
    for (let i = 0; i < tight.spareSegments; i++) {
      await client.settings.set("count", String(i));
      await client.backedUp();
    }
    const { segments } = client.backup();
    await say(talk, client, 4, "too much");
    const history = await client.messages.history(talk, all);
    await client.close();
    let full: string | undefined;
    const platform = answering((method, path) => {
      if (method !== "PUT" || !path.includes("/segments/")) return undefined;
      const generation = path.split("/").at(3);
      full ??= generation;
      return generation === full ? Response.json({ code: "BACKUP_FULL" }, { status: 409 }) : undefined;
    });
    let crashes = 0;
    for (let writes = 0; ; writes++) {
      const store = new FailingStore(new SqliteStore(room.storePath(handle)), when, writes, isOfBackup);
      const crashing = await room.reopen(handle, { store, backup: tight, platform });
      const crashed = Promise.withResolvers<boolean>();
      crashing.on("fault", () => crashed.resolve(true));
      await crashing.connect();
      const saved = crashing.backedUp().then(
        () => false,
        async (error: ClientError) => {
          assert.equal(error.code, "CLIENT_STORE_FAILED");
          return crashed.promise;
        },
      );
      const isCrashed = await Promise.race([crashed.promise, saved]);
      if (!isCrashed) assert.ok(crashing.backup().segments < segments);
      await crashing.close();
      if (!isCrashed) break;
      crashes++;
    }
    assert.ok(crashes > 2);
    const { client: again } = await recovered(handle, code);
    assert.deepEqual(await again.messages.history(talk, all), history);
    assert.equal(again.settings.get("count"), String(tight.spareSegments - 1));
  });

test("BKP-22: what the server did not answer is sent again by itself, over its restarts too", async () => {
  let failures = 0;
  const platform = answering((method, path) =>
    method === "PUT" && path.includes("/segments/") && failures-- > 0
      ? Response.json({}, { status: 503 })
      : undefined,
  );
  const { client, code } = await keeper("persistent", 2, { platform });
  const { segments } = client.backup();
  failures = 2;
  const { listen, told } = statusThat((status) => status.segments > segments);
  listen(client);
  await client.settings.set("size", "10");
  await assert.rejects(client.backedUp(), { code: "CLIENT_SERVER_UNREACHABLE" });
  await told;
  await room.restartServer();
  await client.settings.set("size", "11");
  await client.backedUp();
  await client.close();
  const { client: again } = await recovered("persistent", code);
  assert.equal(again.settings.get("size"), "11");
});

test("BKP-26: turned off, it is gone from the server, at the next connection if not at once", async () => {
  let isDown = true;
  const platform = answering((method, path) =>
    isDown && method === "DELETE" && path === "/v1/backup" ? Response.json({}, { status: 503 }) : undefined,
  );
  const { client, code } = await keeper("leaving", 4, { platform });
  await assert.rejects(client.turnOffBackup(), { code: "CLIENT_SERVER_UNREACHABLE" });
  assert.equal(client.backup().state, "off");
  await client.close();
  isDown = false;
  const deleted = Promise.withResolvers<void>();
  const watching: Platform = {
    ...nodePlatform,
    fetch: async (input, init) => {
      const response = await fetch(input, init);
      if (init?.method === "DELETE") deleted.resolve();
      return response;
    },
  };
  const again = await room.reopen("leaving", { platform: watching, backup });
  await again.connect();
  await deleted.promise;
  await again.close();
  const { status } = await recovered("leaving", code, { is: ({ code: wrong }) => wrong !== undefined });
  assert.equal(status.code, "CLIENT_BACKUP_NONE");
});
