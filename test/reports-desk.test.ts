import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import type { PortcullisClient } from "@portcullis/client";
import { reportReasons, reportStates, type ConversationId } from "@portcullis/protocol";
import { FixedClock, temporaryDirectory } from "@portcullis/testkit";
import { openProviderRoom, type ProviderRoom } from "./provider-room.ts";

const run = promisify(execFile);
const program = join(import.meta.dirname, "../apps/cli/src/main.ts");
const directory = temporaryDirectory();
const reason = reportReasons[0];
const closed = reportStates.find((state) => state !== "open") as string;
let room: ProviderRoom;
let ann: PortcullisClient;
let bob: PortcullisClient;
let id: ConversationId;

before(async () => {
  room = await openProviderRoom(directory, new FixedClock("1970-04-14T03:00:00Z"));
  [ann, bob] = [await room.join("ann"), await room.join("bob")];
  id = await ann.createConversation({ class: "sealed", members: [bob.accountId] });
  await bob.waitForConversation(id);
});
after(async () => room.close());

/** What the operator's command prints. */
async function desk(...args: readonly string[]): Promise<string> {
  const place = ["--server", room.server.url, "--data", join(directory, "server")];
  return (await run(process.execPath, [program, "reports", ...args, ...place])).stdout;
}

async function reported(text: string, comment: string): Promise<void> {
  const { sequence } = await ann.messages.send(id, { text });
  await bob.caughtUp(id, sequence);
  await bob.report(id, sequence, { reason, comment });
}

test("the operator lists reports, reads one with its message and nothing that acts on a terminal, and closes it", async () => {
  await ann.messages.send(id, { text: "said between us" });
  await reported("first \u001b[31mwords", "look at \u001b]0;this");
  await reported("second words", "");
  const list = await desk("list");
  assert.equal(list.trimEnd().split("\n").length, 2);
  assert.ok(!list.includes("words"), "what was said is shown when it is asked for");
  const page = await desk("show", "1");
  for (const part of ["first", "words", "look at", reason, "open"]) assert.ok(page.includes(part), part);
  assert.ok(!page.includes("\u001b"), "no control sequence");
  assert.ok(!page.includes("second") && !page.includes("between us"), "one message and no other");
  await desk("resolve", "1", "--state", closed, "--note", "talked to both");
  assert.equal((await desk()).trimEnd().split("\n").length, 1, "the other one is open");
  assert.match(await desk("list", "--state", closed), /^ +1 /);
  assert.ok((await desk("show", "1")).includes(`${closed}: talked to both`));
});

test("what the operator asks wrongly is said, and nothing is closed", async () => {
  const open = await desk("list");
  const cases = [
    { args: ["show", "99"], code: "CLI_REPORT_UNKNOWN" },
    { args: ["show"], code: "CLI_OPTION" },
    { args: ["show", "1x"], code: "CLI_OPTION" },
    { args: ["resolve", "2"], code: "CLI_OPTION" },
    { args: ["resolve", "2", "--state", "forgotten"], code: "CLI_OPTION" },
    { args: ["burn", "2"], code: "CLI_OPTION" },
  ];
  for (const { args, code } of cases)
    await assert.rejects(
      desk(...args),
      (error: { stderr?: string }) => error.stderr?.includes(code) === true,
    );
  const elsewhere = [program, "reports", "list", "--data", directory];
  await assert.rejects(run(process.execPath, elsewhere), /CLI_OPTION/);
  assert.equal(await desk("list"), open);
});
