import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import MiniSearch from "minisearch";
import { SqliteStore } from "@portcullis/client/node";
import { asAccountId, asConversationId, asDeviceId, asMessageId } from "@portcullis/protocol";
import { contentOf, encodeMimiContent, plainText } from "@portcullis/protocol/content";
import { seededRandom } from "@portcullis/testkit";
import { messagesOf } from "../packages/client/src/messages/conversation-message.ts";
import { SearchIndex } from "../packages/client/src/search/search-index.ts";
import { SearchRoom } from "../packages/client/src/search/search-room.ts";
import type { StoredMessage } from "../packages/client/src/store.ts";
import { ratesPerCpuSecond } from "./rate.ts";

const MESSAGES = 100_000;
const CONVERSATIONS = 8;
const VOCABULARY = 12_000;
const PER_WRITE = 5000;
const SHOWN = 50;
const PART = 4096;

/** Words of made-up syllables; the first are said far more often than the last (Zipf). */
function makeTexts(): { texts: string[]; wordAt: (rank: number) => string } {
  const random = seededRandom("bench search");
  const below = (limit: number): number => {
    const [a = 0, b = 0, c = 0] = random(3);
    return Math.floor(((a * 65536 + b * 256 + c) / 2 ** 24) * limit);
  };
  const syllables = Array.from(
    { length: 90 },
    (_, i) => "bdfghklmnprstvz"[i % 15]! + "aeiouy"[Math.floor(i / 15)]!,
  );
  const words = Array.from({ length: VOCABULARY }, (_, i) =>
    Array.from({ length: 1 + Math.min(3, Math.floor(Math.log10(i + 1))) }, () => syllables[below(90)]).join(
      "",
    ),
  );
  const wordAt = (rank: number): string => words[rank] as string;
  const zipf = (): number => Math.floor(VOCABULARY ** (below(1_000_000) / 1_000_000)) - 1;
  const texts = Array.from({ length: MESSAGES }, () =>
    Array.from({ length: 2 + below(20) }, () => wordAt(Math.max(0, zipf()))).join(" "),
  );
  return { texts, wordAt };
}

async function fill(store: SqliteStore, texts: readonly string[]): Promise<void> {
  const random = seededRandom("bench search store");
  const conversations = Array.from({ length: CONVERSATIONS }, () => asConversationId(random(32)));
  const frame = { salt: random(16), senderUri: "mimi://a/u/b", roomUri: "mimi://a/r/c" };
  const senderAccountId = asAccountId(random(32));
  const senderDeviceId = asDeviceId(random(16));
  const receipt = random(280);
  const messageOf = (text: string, i: number): StoredMessage => ({
    conversationId: conversations[i % CONVERSATIONS]!,
    sequence: i + 1,
    senderAccountId,
    senderDeviceId,
    messageId: asMessageId(random(16)),
    acceptedAtMs: i * 1000,
    applicationData: encodeMimiContent(contentOf({ kind: "message", body: plainText(text) }, frame)),
    receipt,
    contentId: random(32),
    anchor: i + 1,
  });
  for (let from = 0; from < texts.length; from += PER_WRITE) {
    const some = texts.slice(from, from + PER_WRITE);
    await store.write(some.map((text, i) => ({ put: "message", message: messageOf(text, from + i) })));
  }
}

function openSearch(store: SqliteStore): SearchRoom {
  const write: SqliteStore["write"] = (changes) => store.write(changes);
  const index = new SearchIndex({ store, write, size: PART, tell: () => {} });
  const fault = (error: unknown): never => {
    throw error;
  };
  const read = async (conversationId: StoredMessage["conversationId"], anchor: number) =>
    messagesOf(await store.timeline(conversationId, { limit: 1, beforeSequence: anchor + 1 })).find(
      ({ sequence }) => sequence === anchor,
    );
  return new SearchRoom({ index, store, fault, read });
}

/** MiniSearch as its own documentation uses it, over the bare texts: the newest that match, with what they say. */
function openPeer(texts: readonly string[]): (query: string) => string[] {
  const peer = new MiniSearch<{ id: number; text: string }>({ fields: ["text"], storeFields: ["text"] });
  peer.addAll(texts.map((text, id) => ({ id, text })));
  return (query) =>
    peer
      .search(query, { prefix: true, combineWith: "AND" })
      .sort((a, b) => (b.id as number) - (a.id as number))
      .slice(0, SHOWN)
      .map(({ text }) => text as string);
}

/** Searching in the sealed store, answered with whole messages, against MiniSearch on plaintext in memory. */
export async function benchSearch(print: (line: string) => void): Promise<void> {
  const { texts, wordAt } = makeTexts();
  const directory = mkdtempSync(join(tmpdir(), "portcullis-bench-"));
  const store = new SqliteStore(join(directory, "search.sqlite"));
  try {
    await fill(store, texts);
    const seconds = async (task: () => Promise<unknown>): Promise<string> => {
      const start = process.cpuUsage();
      await task();
      const { user, system } = process.cpuUsage(start);
      return ((user + system) / 1e6).toFixed(1);
    };
    const made = await seconds(() => openSearch(store).ready());
    const room = openSearch(store);
    const read = await seconds(() => room.ready());
    print(`search index of ${MESSAGES} messages: ${made} CPU s to make, ${read} s to open again`);
    const peer = openPeer(texts);
    const [first = "", second = ""] = texts[MESSAGES / 2]!.split(" ");
    const queries = {
      "a rare word": wordAt(9000),
      "a common word": wordAt(1),
      "two letters": wordAt(300).slice(0, 2),
      "two words": `${wordAt(20)} ${wordAt(90)}`,
      "three words, the last begun": `${wordAt(3)} ${wordAt(12)} ${wordAt(700).slice(0, 3)}`,
      nothing: "qqqq",
      "a phrase": `"${first} ${second}"`,
    };
    const spent = { ours: 0, peer: 0 };
    for (const [name, query] of Object.entries(queries)) {
      const rates = await ratesPerCpuSecond({
        ours: () => room.find(query, { limit: SHOWN }),
        // It has no phrases: both words, anywhere.
        peer: () => peer(query.replaceAll('"', "")),
      });
      spent.ours += 1 / rates.ours;
      spent.peer += 1 / rates.peer;
      const milliseconds = (rate: number): string => (1000 / rate).toFixed(2);
      print(`search, ${name}: ${milliseconds(rates.ours)} ms, MiniSearch ${milliseconds(rates.peer)} ms`);
    }
    print(
      `search, all of these: ${(spent.ours / spent.peer).toFixed(2)} x the CPU of MiniSearch on plaintext`,
    );
    await room.close();
  } finally {
    await store.close();
    rmSync(directory, { recursive: true });
  }
}
