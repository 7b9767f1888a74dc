import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { SqliteStore } from "@portcullis/client/node";
import {
  accountUri,
  asAccountId,
  asConversationId,
  asDeviceId,
  asMessageId,
  conversationUri,
} from "@portcullis/protocol";
import { contentOf, encodeMimiContent, plainText, type Act } from "@portcullis/protocol/content";
import { FixedClock, samplesDirectory, seededRandom, temporaryDirectory } from "@portcullis/testkit";
import { contentIdOf, Placement } from "../packages/client/src/messages/placement.ts";
import type { StoreChange } from "../packages/client/src/store.ts";
import { openProviderRoom, type ProviderRoom } from "./provider-room.ts";

const MESSAGES = 100_000;
const MESSAGES_PER_WRITE = 2000;
const CONVERSATIONS = 4;
/** So many messages go by until somebody reacts to one, or edits one. */
const CHANGES_EVERY = 9;

const run = promisify(execFile);
const directory = temporaryDirectory();
let path: string;
let room: ProviderRoom;
const random = seededRandom("long history");
const conversations = Array.from({ length: CONVERSATIONS }, () => asConversationId(random(32)));

/** The sample repeated, where there is one; made-up lines of the same length otherwise. */
function lines(): string[] {
  const samples = samplesDirectory();
  const file = samples && join(samples, "data/apollo13.txt");
  if (file !== undefined && existsSync(file)) return readFileSync(file, "utf8").split("\n").filter(Boolean);
  return Array.from({ length: 1000 }, (_, i) => `${i} ${"a line of some length ".repeat(1 + (i % 6))}`);
}

before(async () => {
  const texts = lines();
  room = await openProviderRoom(directory, new FixedClock("1970-04-14T03:00:00Z"));
  await (await room.join("ann")).close();
  path = room.storePath("ann");
  const store = new SqliteStore(path);
  const sequences = conversations.map(() => 0);
  const targets: (Uint8Array | undefined)[] = conversations.map(() => undefined);
  for (let done = 0; done < MESSAGES; done += MESSAGES_PER_WRITE) {
    const placement = new Placement(store);
    const changes: StoreChange[] = [];
    for (let i = done; i < done + MESSAGES_PER_WRITE; i++) {
      // Conversations come in turns, as they do to a device.
      const at = i % CONVERSATIONS;
      const conversationId = conversations[at] as (typeof conversations)[number];
      const target = targets[at];
      const body = plainText(texts[i % texts.length] as string);
      const isReaction = target !== undefined && i % CHANGES_EVERY === 0;
      const act: Act = isReaction ? { kind: "reaction", target, emoji: "👍" } : { kind: "message", body };
      const accountId = asAccountId(new Uint8Array(32).fill(i % 5));
      const content = contentOf(act, {
        salt: random(16),
        senderUri: accountUri("chat.example", accountId),
        roomUri: conversationUri("chat.example", conversationId),
      });
      const applicationData = encodeMimiContent(content);
      if (i % 7 === 0) targets[at] = contentIdOf(content, applicationData);
      const message = {
        conversationId,
        sequence: (sequences[at] = (sequences[at] ?? 0) + 1),
        senderAccountId: accountId,
        senderDeviceId: asDeviceId(new Uint8Array(16)),
        messageId: asMessageId(random(16)),
        acceptedAtMs: i * 1000,
        applicationData,
        receipt: random(280),
      };
      changes.push(...(await placement.place(message, { content, act })).changes);
    }
    await store.write(changes);
  }
  await store.close();
});

after(async () => room.close());

/** What a process of its own needs for it: calls that read files, as the system counts them, and its memory. */
async function reading(limit: number): Promise<{ rows: number; reads: number; megabytes: number }> {
  const program = join(import.meta.dirname, "read-history.ts");
  const id = Buffer.from(conversations[0] as Uint8Array).toString("base64url");
  const { stdout } = await run(process.execPath, [program, path, id, String(limit)]);
  return JSON.parse(stdout) as { rows: number; reads: number; megabytes: number };
}

const isCounted = existsSync("/proc/self/io");

test(
  `TML-11: of ${MESSAGES} messages the newest 50 of a conversation need at most 5 times the reads of the newest 5`,
  { skip: isCounted ? false : "this system does not count the reads of a process" },
  async (t) => {
    const [five, fifty] = [await reading(5), await reading(50)];
    t.diagnostic(`newest 5: ${five.reads} reads; newest 50: ${fifty.reads}`);
    assert.ok(five.rows >= 5 && fifty.rows >= 50);
    assert.ok(five.reads > 0);
    assert.ok(fifty.reads <= 5 * five.reads, `${fifty.reads} against ${five.reads}`);
  },
);

test(`a history of ${MESSAGES} messages opens under 300 MB`, async (t) => {
  const { megabytes } = await reading(50);
  t.diagnostic(`${megabytes} MB`);
  assert.ok(megabytes < 300, `${megabytes} MB`);
});

/** The index is made once, and goes through everything that was ever said: how much of that waits to be collected varies. */
const LARGEST = { "whose index is made": 512, "with an index that is there": 300 };
for (const [how, limit] of Object.entries(LARGEST))
  test(`a whole client on ${MESSAGES} messages, ${how}, searches all of them under ${limit} MB`, async (t) => {
    const program = join(import.meta.dirname, "search-history.ts");
    const id = Buffer.from(conversations[0] as Uint8Array).toString("base64url");
    const about = [path, id, "a", room.server.url, JSON.stringify(room.trust)];
    const { stdout } = await run(process.execPath, [program, ...about]);
    const { megabytes, ...told } = JSON.parse(stdout) as Record<string, unknown>;
    t.diagnostic(`${String(megabytes)} MB at most`);
    assert.deepEqual(told, { shown: 50, found: 50, isComplete: true });
    assert.ok(Number(megabytes) < limit, `${String(megabytes)} MB`);
  });
