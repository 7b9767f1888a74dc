/**
 * Opens a whole client on a store, searches in all of it, and prints what that took.
 * `node search-history.ts FILE CONVERSATION QUERY SERVER TRUST`
 */
import { PortcullisClient } from "@portcullis/client";
import { nodePlatform, SqliteStore } from "@portcullis/client/node";
import { asConversationId, fromBase64Url } from "@portcullis/protocol";

const [path = "", conversation = "", query = "", server = "", trust = ""] = process.argv.slice(2);
const client = await PortcullisClient.open({
  server,
  store: new SqliteStore(path),
  trust: JSON.parse(trust),
  platform: nodePlatform,
});
const id = asConversationId(fromBase64Url(conversation));
const { length: shown } = await client.messages.history(id, { limit: 50 });
await client.search.ready();
const { messages, reach } = await client.search.find(query);
// The most that the system has ever given it.
const megabytes = Math.round((process.resourceUsage().maxRSS * 1024) / 1e6);
console.log(JSON.stringify({ shown, found: messages.length, isComplete: reach.isComplete, megabytes }));
await client.close();
