/** `node examples/reminder-bot/main.ts DIRECTORY [INVITATION HANDLE]`: the last two at the first start. */
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { acceptInvite, createAccount, PortcullisClient, type TrustConfig } from "@portcullis/client";
import { nodePlatform, SqliteStore } from "@portcullis/client/node";
import { writeFileDurably } from "@portcullis/store/directory";
import { utf8 } from "@portcullis/protocol";
import { memoryIn, ReminderBot } from "./reminder-bot.ts";

const [directory = "reminder-bot", link, handle = "reminders"] = process.argv.slice(2);
mkdirSync(directory, { recursive: true, mode: 0o700 });
const settings = join(directory, "server.json");
const memory = join(directory, "memory.json");
const platform = nodePlatform;

async function open(): Promise<PortcullisClient> {
  const store = new SqliteStore(join(directory, "client.sqlite"));
  if (existsSync(settings)) {
    const { server, trust } = JSON.parse(readFileSync(settings, "utf8")) as {
      server: string;
      trust: TrustConfig;
    };
    return PortcullisClient.open({ server, trust, store, platform });
  }
  if (link === undefined) throw new Error("the first start needs an invitation: portcullis invite");
  const { server, trust, invite } = await acceptInvite(link, platform.fetch);
  const client = await createAccount({ server, trust, invite, store, platform, handle });
  writeFileDurably(settings, utf8(JSON.stringify({ server, trust })));
  return client;
}

const client = await open();
await client.connect();
const bot = new ReminderBot({
  client,
  memory: memoryIn(memory),
  remember: (text) => writeFileDurably(memory, utf8(text)),
  clock: { now: () => Date.now() },
});
await bot.start();
console.log(`${client.handle} is there. Add it to a conversation and say: /remind 10m call Houston`);
process.once("SIGINT", () => {
  void bot
    .stop()
    .then(() => client.close())
    .then(() => process.exit(0));
});
