/** Reads the newest messages of a store, and prints what that took. `node read-history.ts FILE CONVERSATION LIMIT` */
import { readFileSync } from "node:fs";
import { SqliteStore } from "@portcullis/client/node";
import { asConversationId, fromBase64Url } from "@portcullis/protocol";

const [path = "", conversation = "", limit = "0"] = process.argv.slice(2);

const reads = (): number => {
  try {
    return Number(/^syscr: (\d+)$/m.exec(readFileSync("/proc/self/io", "utf8"))?.[1]);
  } catch {
    return 0;
  }
};

const store = new SqliteStore(path);
await store.load();
const id = asConversationId(fromBase64Url(conversation));
const before = reads();
const rows = await store.timeline(id, { limit: Number(limit), beforeSequence: Number.MAX_SAFE_INTEGER });
// The last reading of the counter reads too.
const counted = reads() - before - 1;
const megabytes = Math.round(process.memoryUsage().rss / 1e6);
console.log(JSON.stringify({ rows: rows.length, reads: counted, megabytes }));
await store.close();
