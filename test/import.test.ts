import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { ConversationMessage, PortcullisClient } from "@portcullis/client";
import { SqliteStore } from "@portcullis/client/node";
import { utf8, type ConversationId } from "@portcullis/protocol";
import { FixedClock, temporaryDirectory } from "@portcullis/testkit";
import { isTold } from "../packages/client/src/messages/message-keeper.ts";
import { FailingStore } from "./failing-store.ts";
import { openProviderRoom, type ProviderRoom } from "./provider-room.ts";

const clock = new FixedClock("1970-04-14T03:00:00Z");
const directory = temporaryDirectory();
let room: ProviderRoom;
let ann: PortcullisClient;

const lines = Array.from(
  { length: 1200 },
  (_, i) =>
    `[14/04/1970, 02:${String(Math.floor(i / 60) % 60).padStart(2, "0")}:${String(i % 60).padStart(2, "0")}] ${i % 2 ? "Lovell" : "Swigert"}: jettison ${i}`,
);
const chat = `${lines.join("\n")}\nand a further line\n [14/04/1970, 02:00:00] Lovell: quoted\n`;

before(async () => {
  room = await openProviderRoom(directory, clock);
  ann = await room.join("ann");
});
after(async () => room.close());

const collected = async (pieces: AsyncIterable<string>): Promise<string> => {
  let text = "";
  for await (const piece of pieces) text += piece;
  return text;
};
const page = (client: PortcullisClient, id: ConversationId): Promise<ConversationMessage[]> =>
  client.messages.history(id, { limit: 5000 });

test("POR-05, POR-07: an imported chat is read, searched and exported as it was, marked, and over restarts", async () => {
  const told: number[] = [];
  const imported = await ann.imports.add(utf8(chat), {
    title: "Apollo",
    onProgress: (done) => {
      told.push(done);
      assert.deepEqual(ann.imports.list(), [], "a chat that is still coming is not shown");
    },
  });
  assert.deepEqual(told, [500, 1000, 1200]);
  for (const isAgain of [false, true]) {
    if (isAgain) {
      await ann.close();
      ann = await room.reopen("ann");
    }
    assert.deepEqual(ann.imports.list(), [imported]);
    const messages = await page(ann, imported.conversationId);
    assert.equal(messages.length, 1200);
    assert.ok(messages.every(({ isImported }) => isImported));
    const [first] = messages as [ConversationMessage];
    assert.equal(first.text, "jettison 0");
    assert.equal(ann.imports.nameOf(imported.conversationId, first.senderAccountId), "Swigert");
    assert.equal(await collected(ann.imports.export(imported.conversationId)), chat);
    await ann.search.ready();
    const found = await ann.search.find('"jettison 77"');
    assert.deepEqual(
      found.messages.map(({ text }) => text),
      ["jettison 77"],
    );
  }
  assert.deepEqual(ann.conversations(), []);
  const { conversationId } = imported;
  await assert.rejects(ann.messages.send(conversationId, { text: "x" }), {
    code: "CLIENT_CONVERSATION_UNKNOWN",
  });
  await assert.rejects(ann.report(conversationId, 1, { reason: "other", comment: "" }));
});

test("POR-07: what was imported is given to no other device of the account, and is in no backup", async () => {
  await ann.connect();
  assert.equal(ann.imports.list().length, 1);
  const code = await ann.setRecoveryCode();
  await ann.turnOnBackup();
  await ann.backedUp();
  const other = await room.link((shown) => void ann.approveLink(shown.text), { storeName: "ann-two" });
  await other.idle();
  const recovered = await room.recover("ann", code, { storeName: "ann-three" });
  for (const client of [other, recovered]) {
    assert.deepEqual(client.imports.list(), []);
    await client.search.ready();
    assert.deepEqual((await client.search.find("jettison")).messages, []);
  }
});

test("POR-07: nothing that was imported is told to anybody", async () => {
  const store = new SqliteStore(room.storePath("ann"));
  const arrived = await store.arrived({ after: 0, limit: 5000 });
  await store.close();
  assert.equal(arrived.length, 1200);
  assert.ok(arrived.every(({ message }) => !isTold(message)));
  const [{ message }] = arrived as [(typeof arrived)[number]];
  assert.ok(isTold({ ...message, senderDeviceId: ann.deviceId }));
});

test("POR-06: a chat that is taken away is in no file any more", async () => {
  const { conversationId } = ann.imports.list()[0]!;
  await ann.imports.remove(conversationId);
  assert.deepEqual(await page(ann, conversationId), []);
  assert.deepEqual(ann.imports.list(), []);
  await ann.search.ready();
  assert.deepEqual((await ann.search.find("jettison")).messages, []);
  await assert.rejects(ann.imports.remove(conversationId), { code: "CLIENT_IMPORT_UNKNOWN" });
  assert.throws(() => ann.imports.export(conversationId), { code: "CLIENT_IMPORT_UNKNOWN" });
  await ann.close();
  for (const file of readdirSync(directory).filter((name) => name.startsWith("ann.sqlite")))
    assert.ok(!readFileSync(join(directory, file)).includes("Swigert"), file);
  ann = await room.reopen("ann");
});

test("POR-06: a text with a line that cannot be read leaves nothing, and a title is needed", async () => {
  const broken = `${chat}[31/02/1970, 02:00:00] Lovell: no such day\n`;
  await assert.rejects(ann.imports.add(utf8(broken), { title: "x" }), { code: "CLIENT_IMPORT_LINE" });
  for (const title of ["", "x".repeat(129)])
    await assert.rejects(ann.imports.add(utf8(chat), { title }), { code: "CLIENT_IMPORT_TITLE" });
  assert.deepEqual(ann.imports.list(), []);
});

for (const when of ["before", "after"] as const)
  test(`POR-06: an import, and a removal, that stops ${when} any of its writes is whole or gone after the next start`, async () => {
    for (const task of ["import", "removal"] as const)
      for (let writes = 0; ; writes++) {
        await ann.close();
        let store = new FailingStore(new SqliteStore(room.storePath("ann")), when, writes);
        if (task === "removal") {
          const whole = await room.reopen("ann");
          await whole.imports.add(utf8(chat), { title: "to go" });
          await whole.close();
          store = new FailingStore(new SqliteStore(room.storePath("ann")), when, writes);
        }
        const stopped = await room.reopen("ann", { store });
        const doing =
          task === "import"
            ? stopped.imports.add(utf8(chat), { title: "to come" })
            : stopped.imports.remove(stopped.imports.list()[0]!.conversationId);
        const isDone = await doing.then(
          () => true,
          () => false,
        );
        await stopped.close().catch(() => undefined);
        ann = await room.reopen("ann");
        const [left] = ann.imports.list();
        if (left !== undefined) {
          assert.equal((await page(ann, left.conversationId)).length, 1200);
          assert.equal(await collected(ann.imports.export(left.conversationId)), chat);
          assert.ok(task === "import" ? writes >= 3 : writes === 0, `${task}, ${writes} writes`);
          await ann.imports.remove(left.conversationId);
        }
        await ann.search.ready();
        assert.deepEqual((await ann.search.find("jettison")).messages, []);
        if (isDone) break;
      }
  });
