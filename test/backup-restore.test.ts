import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { BackupStatus, PortcullisClient, StoreChange } from "@portcullis/client";
import { SqliteStore } from "@portcullis/client/node";
import {
  all,
  backup,
  bob,
  gone,
  headsLeft,
  isOn,
  keeper,
  recovered,
  room,
  segmentsMeddled,
  statusThat,
  storedMessages,
  withHead,
} from "./backup-room.ts";
import { FailingStore } from "./failing-store.ts";

after(() => room.close());

test("BKP-30, BKP-05: with the code history and settings come back, with receipts, and everything goes on", async () => {
  const { client: lost, code, talk } = await keeper("ann");
  assert.ok(lost.backup().segments > 2);
  const history = await lost.messages.history(talk, all);
  await lost.close();
  const { client: ann, seen } = await recovered("ann", code);
  assert.deepEqual(await ann.messages.history(talk, all), history);
  assert.equal(ann.settings.get("theme"), "ann's colours");
  const { condition, name } = ann.state(talk);
  assert.deepEqual([condition, name], ["restored", "With ann"]);
  await assert.rejects(ann.messages.send(talk, { text: "too early" }), { code: "CLIENT_CONVERSATION_LEFT" });
  const lefts = seen.flatMap(({ state, restored }) => (state === "restoring" ? [restored?.left] : []));
  assert.deepEqual(
    lefts,
    lefts.toSorted((a, b) => b! - a!),
    "it tells how far it is",
  );
  await ann.backedUp();
  assert.equal(ann.backup().code, undefined);
  assert.deepEqual(await storedMessages("ann again", talk), await storedMessages("ann", talk));
  await bob.addMembers(talk, [ann.accountId]);
  await ann.waitForConversation(talk);
  const { sequence } = await bob.messages.send(talk, { text: "welcome back" });
  await ann.caughtUp(talk, sequence);
  assert.deepEqual(
    (await ann.messages.history(talk, all)).map(({ text }) => text),
    [...history.map(({ text }) => text), "welcome back"],
  );
  // What it keeps from now on, the next device gets.
  await ann.backedUp();
  await ann.close();
  const { client: third } = await recovered("ann", code, { storeName: "ann a third time" });
  assert.equal((await third.messages.history(talk, all)).at(-1)?.text, "welcome back");
});

for (const when of ["before", "after"] as const)
  test(`BKP-31: a restore that crashed ${when} any of its writes goes on to the same history`, async () => {
    const handle = `returning ${when}`;
    const { client: lost, code, talk } = await keeper(handle, 40);
    const history = await lost.messages.history(talk, all);
    await lost.close();
    const storeName = `${handle} again`;
    const isOfRestore = (changes: readonly StoreChange[]): boolean =>
      !changes.some((change) => "put" in change && change.put === "account") &&
      changes.some(
        (change) =>
          ("put" in change && change.put === "conversation") ||
          ("name" in change && change.name === "backup/restore"),
      );
    let crashes = 0;
    for (let writes = 0, isCrashed = true; isCrashed; writes++) {
      const store = new FailingStore(new SqliteStore(room.storePath(storeName)), when, writes, isOfRestore);
      const crashed = Promise.withResolvers<boolean>();
      const done = statusThat(isOn);
      let client: PortcullisClient | undefined;
      const listen = (opened: PortcullisClient): void => {
        client = opened;
        done.listen(opened);
        opened.on("fault", () => crashed.resolve(true));
      };
      if (writes === 0) await room.recover(handle, code, { store, backup, listen }).catch(() => undefined);
      else {
        listen(await room.reopen(storeName, { store, backup }));
        await client!.connect().catch(() => undefined);
      }
      isCrashed = await Promise.race([crashed.promise, done.told.then(() => false)]);
      done.stop();
      if (isCrashed) crashes++;
      else {
        assert.deepEqual(await client!.messages.history(talk, all), history);
        assert.equal(client!.settings.get("theme"), `${handle}'s colours`);
      }
      await client!.close();
    }
    assert.ok(crashes > 2);
  });

test("BKP-32: what is missing, changed or in another's place is said, and the rest is taken back", async () => {
  const { client: lost, code, talk } = await keeper("damaged", 30);
  const history = await lost.messages.history(talk, all);
  const { segments } = lost.backup();
  await lost.close();
  let kept: object | undefined;
  const meddler = segmentsMeddled(async (response, path) => {
    if (path.endsWith("/1")) return gone();
    const body = (await response.json()) as { segment: string };
    if (path.endsWith("/3")) kept = body;
    // The one that came before it, in its place.
    return Response.json(path.endsWith("/2") ? kept : body);
  });
  const { client, status } = await recovered("damaged", code, {
    platform: meddler.platform,
    is: ({ state, code: wrong }) => state === "incomplete" && wrong !== undefined,
  });
  assert.deepEqual([status.code, status.restored?.missing], ["CLIENT_BACKUP_MISSING", 2]);
  const there = await client.messages.history(talk, all);
  assert.ok(there.length < history.length && there.length >= history.length - 16 && segments > 3);
  const sequences = new Set(history.map(({ sequence }) => sequence));
  assert.ok(there.every(({ sequence }) => sequences.has(sequence)));
  assert.equal(client.state(talk).name, "With damaged");
  await assert.rejects(client.restoreBackup(), { code: "CLIENT_BACKUP_MISSING" });
  meddler.answer = (_, response) => Promise.resolve(response);
  await client.restoreBackup();
  assert.deepEqual(await client.messages.history(talk, all), history);
  assert.equal(client.backup().state, "on");
});

test("BKP-33: without a backup, or with a head that is none of ours, the account comes back all the same, and it is said", async () => {
  const plain = await room.join("plain");
  const code = await plain.setRecoveryCode();
  await plain.close();
  const isSaid = ({ code: wrong }: BackupStatus): boolean => wrong !== undefined;
  const { client, status } = await recovered("plain", code, { is: isSaid });
  assert.deepEqual([status.state, status.code], ["off", "CLIENT_BACKUP_NONE"]);
  await client.setRecoveryCode();
  await client.turnOnBackup();
  await client.backedUp();

  const { client: lost, code: second, talk } = await keeper("beheaded");
  const history = await lost.messages.history(talk, all);
  await lost.close();
  const meddler = withHead(() => "A".repeat(150));
  const { client: again, status: refused } = await recovered("beheaded", second, {
    platform: meddler.platform,
    is: isSaid,
  });
  assert.deepEqual([refused.state, refused.code], ["restoring", "CLIENT_BACKUP_HEAD"]);
  assert.equal(again.handle, "beheaded");
  await again.close();
  const there = await room.reopen("beheaded again", { backup });
  const { listen, told } = statusThat(isOn);
  listen(there);
  await there.connect();
  await told;
  assert.deepEqual(
    await there.messages.history(talk, all),
    history,
    "it is tried again with the next connection",
  );
});

test("BKP-33: a head that is older than one that this device has seen is refused", async () => {
  const { platform, heads } = headsLeft();
  const { client: lost, code } = await keeper("older", 20, { platform });
  await lost.close();
  const shown: { head?: string | undefined } = {};
  const meddler = withHead(() => shown.head);
  const whole = meddler.answer;
  meddler.answer = async (path, response) => (path.endsWith("/segments/0") ? gone() : whole(path, response));
  const isMissing = ({ state, code: wrong }: BackupStatus): boolean =>
    state === "incomplete" && wrong !== undefined;
  const { client } = await recovered("older", code, { platform: meddler.platform, is: isMissing });
  shown.head = heads.at(-2);
  await assert.rejects(client.restoreBackup(), { code: "CLIENT_BACKUP_HEAD", facts: { older: true } });
});
