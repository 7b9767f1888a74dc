import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { createAccount, type PortcullisClient, type TrustConfig } from "@portcullis/client";
import { nodePlatform, SqliteStore } from "@portcullis/client/node";
import { asAccountId, asConversationId, toBase64Url } from "@portcullis/protocol";
import { DemonstrationClock } from "@portcullis/store/directory";
import type { CrewAnswer, CrewCall, CrewCalls, CrewSetup } from "./crew-calls.ts";

/** Many clients share two cores and one disk: what comes within this time is written at once. */
const GATHER_MS = 2000;

const setup = workerData as CrewSetup;
const clock = new DemonstrationClock(setup.clockFile);
const trust = JSON.parse(setup.trust) as TrustConfig;
const clients = new Map<string, PortcullisClient>();
/** What went wrong for anybody since the last count: a demonstration must not look away. */
const complaints: string[] = [];

function clientOf(person: string): PortcullisClient {
  const client = clients.get(person);
  if (client === undefined) throw new Error(`${person} has no client in this thread`);
  return client;
}

const calls: CrewCalls = {
  async join(person, handle) {
    const folder = join(setup.folder, String(clients.size), toBase64Url(new TextEncoder().encode(person)));
    mkdirSync(folder, { recursive: true });
    const client = await createAccount({
      server: setup.server,
      registrationToken: setup.registrationToken,
      handle,
      store: new SqliteStore(join(folder, "client.sqlite")),
      trust,
      platform: nodePlatform,
      clock,
      gatherMs: GATHER_MS,
      // What is counted is what people say.
      receipts: false,
    });
    clients.set(person, client);
    client.on("frozen", ({ code }) => complaints.push(`${person}: frozen, ${code}`));
    client.on("rejected", ({ code }) => complaints.push(`${person}: rejected a message, ${code}`));
    client.on("gap", () => complaints.push(`${person}: a record is missing`));
    await client.connect();
    return client.accountId;
  },

  async converse(person, conversationClass, members) {
    return clientOf(person).createConversation({
      class: conversationClass,
      name: conversationClass === "recorded" ? "On the record" : "Off the record",
      members: members.map(asAccountId),
    });
  },

  async joined(conversation) {
    const id = asConversationId(conversation);
    await Promise.all([...clients.values()].map((client) => client.waitForConversation(id)));
  },

  async send(person, conversation, text) {
    const { sequence } = await clientOf(person).messages.send(asConversationId(conversation), { text });
    return sequence;
  },

  async caughtUp(conversation, sequence) {
    const id = asConversationId(conversation);
    await Promise.all([...clients.values()].map((client) => client.caughtUp(id, sequence)));
  },

  async histories(conversation) {
    const id = asConversationId(conversation);
    const histories = [];
    for (const [person, client] of clients) {
      const messages = await client.messages.history(id, { limit: Number.MAX_SAFE_INTEGER });
      const digest = createHash("sha256");
      for (const { senderAccountId, text } of messages)
        digest.update(JSON.stringify([toBase64Url(senderAccountId), text]));
      histories.push({ person, messages: messages.length, digest: digest.digest("base64url") });
    }
    return histories;
  },

  async readNotices(person) {
    return clientOf(person).notices();
  },

  async counters() {
    const all = [...clients.values()].map((client) => client.counters());
    const sum = (name: "sent" | "decrypted" | "verifiedRecords"): number =>
      all.reduce((total, counters) => total + counters[name], 0);
    const { user, system } = process.threadCpuUsage();
    return {
      sent: sum("sent"),
      received: sum("decrypted"),
      recordsVerified: sum("verifiedRecords"),
      cpuSeconds: (user + system) / 1e6,
      complaints: complaints.splice(0),
    };
  },

  async close() {
    await Promise.all([...clients.values()].map((client) => client.close()));
  },
};

async function answer({ id, name, args }: CrewCall): Promise<CrewAnswer> {
  try {
    return { id, value: await (calls[name] as (...given: readonly unknown[]) => Promise<unknown>)(...args) };
  } catch (error) {
    const { code } = error as { code?: string };
    return { id, error: { message: error instanceof Error ? error.message : String(error), code } };
  }
}

parentPort?.on("message", (call: CrewCall) => {
  void answer(call).then((result) => parentPort?.postMessage(result));
});
