/** Writes `<name>.json`: what a provider and two clients hold on disk in the present version. `node vectors/state/make.ts NAME` */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FixedClock } from "@portcullis/testkit";
import { keepState } from "../../test/kept-state.ts";
import { openProviderRoom } from "../../test/provider-room.ts";

const [name] = process.argv.slice(2);
if (name === undefined || !/^[a-z0-9.-]+$/.test(name)) throw new Error("node vectors/state/make.ts NAME");

const now = "1970-04-14T03:00:00Z";
const directory = mkdtempSync(join(tmpdir(), "portcullis-state-"));
const room = await openProviderRoom(directory, new FixedClock(now));
const ann = await room.join("ann", { keyPackages: 2 });
const bob = await room.join("bob", { keyPackages: 2 });
const conversations = [];
for (const kind of ["recorded", "sealed"] as const) {
  const id = await ann.createConversation({ class: kind, members: [bob.accountId], name: `A ${kind} one` });
  await bob.waitForConversation(id);
  await ann.send(id, { text: "What was said before" });
  const { sequence } = await bob.send(id, { text: "and what was answered" });
  await ann.caughtUp(id, sequence);
  conversations.push({ id: Buffer.from(id).toString("base64url"), class: kind });
}
await ann.markVerified(bob.accountId);
await Promise.all([ann.idle(), bob.idle()]);
// Something is under way while Bob is away.
await bob.close();
await ann.send(ann.conversations()[0]!.conversationId, { text: "for when Bob is back" });
await ann.idle();
const { trust } = room;
await room.close();
const state = { now, trust, conversations, files: keepState(directory) };
writeFileSync(join(import.meta.dirname, `${name}.json`), `${JSON.stringify(state, undefined, 1)}\n`);
rmSync(directory, { recursive: true });
