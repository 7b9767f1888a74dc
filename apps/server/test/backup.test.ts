import assert from "node:assert/strict";
import { test } from "node:test";
import { toBase64Url } from "@portcullis/protocol";
import { random, ServerRoom, type TestDevice } from "./server-room.ts";

const text = (length: number): string => toBase64Url(random(length));

/** One account's calls. */
async function owner(room: ServerRoom, device: TestDevice) {
  const token = await room.token(device);
  const ask = async (method: string, path: string, body?: object) =>
    (await room.call(method, `/v1/backup${path}`, body, token)).body;
  return {
    standing: () => ask("GET", ""),
    get: (generation: string, index: number) => ask("GET", `/${generation}/segments/${index}`),
    put: async (generation: string, index: number, part = { segment: text(30), head: text(20) }) =>
      (await ask("PUT", `/${generation}/segments/${index}`, part))["code"],
    stand: async (generation: string) => (await ask("PUT", `/${generation}`))["code"],
    remove: () => ask("DELETE", ""),
  };
}

test("BKP-10: a generation grows at its end alone, and what was added stays as it is", async (t) => {
  const room = await ServerRoom.open(t);
  const device = await room.account("ann");
  const ann = await owner(room, device);
  const generation = text(16);
  assert.deepEqual(await ann.standing(), {});
  assert.equal(await ann.put(generation, 1), "BACKUP_UNKNOWN");
  const [first, second] = [
    { segment: text(30), head: text(20) },
    { segment: text(40), head: text(20) },
  ];
  assert.equal(await ann.put(generation, 0, first), undefined);
  assert.equal(await ann.put(generation, 2), "BACKUP_NOT_NEXT");
  assert.equal(await ann.put(generation, 1, second), undefined);
  assert.equal(await ann.put(generation, 1, second), undefined, "again is the same as once");
  assert.equal(await ann.put(generation, 1), "BACKUP_NOT_NEXT");
  assert.equal(await ann.put(generation, 0, first), "BACKUP_NOT_NEXT");
  await room.restart();
  const { head } = second;
  const after = await owner(room, device);
  assert.deepEqual(await after.standing(), { generation, deviceId: toBase64Url(device.deviceId), head });
  assert.deepEqual(await after.get(generation, 0), { segment: first.segment });
  assert.deepEqual(await after.get(generation, 1), { segment: second.segment });
  assert.equal((await after.get(generation, 2))["code"], "BACKUP_UNKNOWN");
  const huge = { segment: "A".repeat(400_000), head };
  assert.equal(await after.put(generation, 2, huge), "REQUEST_INVALID");
  assert.equal(await after.put(generation, 2, { ...first, head: "A".repeat(1000) }), "REQUEST_INVALID");
});

test("BKP-11: a backup is its account's own devices' alone", async (t) => {
  const room = await ServerRoom.open(t);
  const [ann, bob] = [
    await owner(room, await room.account("ann")),
    await owner(room, await room.account("bob")),
  ];
  const generation = text(16);
  await ann.put(generation, 0);
  assert.deepEqual(await bob.standing(), {});
  assert.equal((await bob.get(generation, 0))["code"], "BACKUP_UNKNOWN");
  assert.equal(await bob.put(generation, 1), "BACKUP_UNKNOWN");
  assert.equal(await bob.stand(generation), "BACKUP_UNKNOWN");
  await bob.remove();
  assert.equal((await ann.standing())["generation"], generation);
  for (const [method, path] of [
    ["GET", ""],
    ["DELETE", ""],
    ["PUT", `/${generation}`],
    ["GET", `/${generation}/segments/0`],
  ] as const)
    assert.equal((await room.call(method, `/v1/backup${path}`)).status, 401);
});

test("BKP-12: a new generation is made beside the one that stands, and takes its place at once", async (t) => {
  const room = await ServerRoom.open(t);
  const ann = await owner(room, await room.account("ann"));
  const [first, given, next] = [text(16), text(16), text(16)];
  await ann.put(first, 0);
  await ann.put(given, 0);
  await ann.put(next, 0);
  assert.equal((await ann.standing())["generation"], first);
  assert.equal(await ann.put(first, 1), undefined, "it goes on while it stands");
  assert.equal(await ann.stand(given), "BACKUP_UNKNOWN", "only one is made at a time");
  assert.equal(await ann.stand(next), undefined);
  assert.equal(await ann.stand(next), undefined, "again is the same as once");
  assert.equal((await ann.standing())["generation"], next);
  assert.equal((await ann.get(first, 0))["code"], "BACKUP_UNKNOWN");
  assert.equal(await ann.put(next, 1), undefined);
});

test("BKP-13: a backup has a largest number of parts, and of bytes", async (t) => {
  const room = await ServerRoom.open(t, { backupLimits: { segments: 3, bytes: 100 } });
  const ann = await owner(room, await room.account("ann"));
  const bob = await owner(room, await room.account("bob"));
  const generation = text(16);
  for (let index = 0; index < 3; index++) assert.equal(await ann.put(generation, index), undefined);
  assert.equal(await ann.put(generation, 3), "BACKUP_FULL");
  assert.equal(await bob.put(generation, 0, { segment: text(101), head: text(20) }), "BACKUP_FULL");
  assert.deepEqual(await bob.standing(), {});
  assert.equal(await bob.put(generation, 0, { segment: text(60), head: text(20) }), undefined);
  assert.equal(await bob.put(generation, 1, { segment: text(41), head: text(20) }), "BACKUP_FULL");
  assert.equal(await ann.put(text(16), 0), undefined, "what takes its place begins at nothing");
});

test("BKP-14: a backup that is deleted is gone with all its parts", async (t) => {
  const room = await ServerRoom.open(t);
  const ann = await owner(room, await room.account("ann"));
  const [first, next] = [text(16), text(16)];
  await ann.put(first, 0);
  await ann.put(next, 0);
  await ann.remove();
  await ann.remove();
  assert.deepEqual(await ann.standing(), {});
  for (const generation of [first, next]) {
    assert.equal((await ann.get(generation, 0))["code"], "BACKUP_UNKNOWN");
    assert.equal(await ann.put(generation, 1), "BACKUP_UNKNOWN");
  }
});

for (const when of ["before", "after"] as const)
  test(`BKP-15: a crash of the server ${when} each write leaves the backup as it was, or with the whole change`, async (t) => {
    const room = await ServerRoom.open(t);
    const device = await room.account("ann");
    const [first, next] = [text(16), text(16)];
    const part = { segment: text(30), head: text(20) };
    const crashing = async (point: string, call: (ann: Awaited<ReturnType<typeof owner>>) => unknown) => {
      await room.restart({
        fault: (at) => {
          if (at === `${point}.${when}`) throw new Error("crash");
        },
      });
      await call(await owner(room, device));
      await room.restart();
      return await owner(room, device);
    };
    let ann = await crashing("backup-segment", (ann) => ann.put(first, 0, part));
    assert.equal((await ann.standing())["generation"], when === "after" ? first : undefined);
    assert.equal(await ann.put(first, 0, part), undefined);
    assert.deepEqual(await ann.get(first, 0), { segment: part.segment });
    await ann.put(next, 0);
    ann = await crashing("backup-stands", (ann) => ann.stand(next));
    assert.equal((await ann.standing())["generation"], when === "after" ? next : first);
    assert.equal((await ann.get(first, 0))["code"], when === "after" ? "BACKUP_UNKNOWN" : undefined);
    assert.equal(await ann.stand(next), undefined);
    ann = await crashing("backup-removed", (ann) => ann.remove());
    assert.equal((await ann.standing())["generation"], when === "after" ? undefined : next);
  });
