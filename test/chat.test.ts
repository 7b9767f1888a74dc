import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { createOperatorInvite, type PortcullisClient } from "@portcullis/client";
import { FixedClock, temporaryDirectory } from "@portcullis/testkit";
import { ChatSession } from "../apps/cli/src/chat/chat-session.ts";
import { openAccount } from "../apps/cli/src/chat/open-account.ts";
import { plainText } from "../apps/cli/src/chat/plain-text.ts";
import { openProviderRoom, type ProviderRoom } from "./provider-room.ts";

const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
const clock = new FixedClock("1970-04-14T03:00:00Z");
const directory = temporaryDirectory();
let room: ProviderRoom;
let ann: Person;
let bob: Person;

/** Somebody who types, and what stands before them. */
class Person {
  readonly client: PortcullisClient;
  readonly lines: string[] = [];
  prompt = "";
  readonly session: ChatSession;
  #watching: (() => void) | undefined;

  constructor(client: PortcullisClient) {
    this.client = client;
    this.session = new ChatSession(client, {
      print: (line) => {
        this.lines.push(line);
        this.#watching?.();
      },
      setPrompt: (prompt) => {
        this.prompt = prompt;
      },
    });
  }

  /** What was printed for it. */
  async type(line: string): Promise<string> {
    const from = this.lines.length;
    await this.session.take(line);
    return this.lines.slice(from).join("\n");
  }

  /** The next line that says so, from here on. */
  sees(pattern: RegExp): Promise<string> {
    const from = this.lines.length;
    return new Promise((resolve) => {
      this.#watching = () => {
        const found = this.lines.slice(from).find((line) => pattern.test(line));
        if (found !== undefined) resolve(found);
      };
    });
  }
}

const dataOf = (handle: string): string => join(directory, "chat", handle);

async function arrive(handle: string, link: string): Promise<Person> {
  const client = await openAccount(dataOf(handle), { way: "invite", link, handle }, { clock });
  await client.connect();
  return new Person(client);
}

before(async () => {
  room = await openProviderRoom(directory, clock);
  const { url, operatorToken } = room.server;
  const link = await createOperatorInvite({ server: url, operatorToken, fetch, random, terms: { uses: 2 } });
  ann = await arrive("ann", link);
  bob = await arrive("bob", link);
});
after(async () => {
  await ann.client.close();
  await bob.client.close();
  await room.close();
});

const numberIn = (text: string): string => /#([0-9]+) /.exec(text)?.[1] ?? "";

for (const [conversationClass, banner] of [
  ["sealed", /^SEALED: its members alone/m],
  ["recorded", /state: 2 of court and ministry\n {2}and civic: 2 of press, bar and union/],
] as const)
  test(`two people talk in a ${conversationClass} conversation, under its banner, and see what becomes of each message`, async () => {
    const word = conversationClass === "sealed" ? "Sealed" : "Recorded";
    const invited = bob.sees(/You are in/);
    assert.match(await ann.type(`/new ${conversationClass} bob -- the ${conversationClass} plan`), banner);
    assert.equal(ann.prompt, `[${word}] the ${conversationClass} plan> `);
    const number = /You are in ([0-9]+)\./.exec(await invited)?.[1] ?? "";
    assert.match(await bob.type(`/open ${number}`), banner);
    const heard = bob.sees(/hello Bob/);
    const said = await ann.type("hello Bob");
    await heard;
    assert.match(said, /^#[0-9]+ 1970-04-14 03:00 UTC you: hello Bob/);
    const asked = numberIn(said);
    const answered = ann.sees(/answers/);
    await bob.type(`/reply ${asked} hello back`);
    assert.match(await answered, new RegExp(`\\(answers #${asked}\\): hello back`));
    const reacted = ann.sees(/👍/);
    await bob.type(`/react ${asked} 👍`);
    assert.match(await reacted, /hello Bob \{👍 bob\}/);
    const unreacted = ann.sees(/hello Bob(?! \{)/);
    await bob.type(`/unreact ${asked} 👍`);
    await unreacted;
    const pinned = bob.sees(/pinned/);
    await ann.type(`/pin ${asked}`);
    await pinned;
    const edited = bob.sees(/edited/);
    await ann.type(`/edit ${asked} hello Robert`);
    assert.match(await edited, /\(edited, pinned by account .*: hello Robert/);
    const unpinned = bob.sees(/\(edited\)/);
    await ann.type(`/unpin ${asked}`);
    await unpinned;
    assert.match(await ann.type("/expire 60 soon gone"), /\(expires 1970-04-14 03:01 UTC\): soon gone/);
    const passedOn = bob.sees(/forwarded/);
    const own = /([0-9]+)\. .*plan/.exec(
      (await ann.type("/list")).split("\n").find((line) => line.includes(`the ${conversationClass}`)) ?? "",
    )?.[1];
    await ann.type(`/forward ${asked} ${own}`);
    await passedOn;
    const deleted = bob.sees(/\(deleted\)/);
    await ann.type(`/delete ${asked}`);
    await deleted;
    assert.match(
      await bob.type("/list"),
      new RegExp(`\\[${word}\\] the ${conversationClass} plan \\(not verified\\)`),
    );
  });

test("what somebody writes or calls a conversation does nothing to the terminal", async () => {
  const shown = bob.sees(/wipe/);
  await ann.type("wipe \u001b[2J\u202eit\u0007");
  assert.match(await shown, /wipe \\u\{1b\}\[2J\\u\{202e\}it\\u\{7\}$/);
  const renamed = Promise.withResolvers<void>();
  bob.client.on("state", () => renamed.resolve());
  await ann.type("/name \u001b]0;owned\u0007");
  await renamed.promise;
  assert.match(bob.prompt, /^\[Recorded\] \\u\{1b\}\]0;owned\\u\{7\}> $/);
});

test("the safety number is alike on both sides, and who was compared is shown as verified", async () => {
  const [number] = (await ann.type("/verify bob")).split("\n");
  assert.equal((await bob.type("/verify ann")).split("\n")[0], number);
  await ann.type("/verified bob");
  assert.match(await ann.type("/who"), /^you \(owner\)\nbob \(member, verified\)$/m);
  assert.match(await bob.type("/who"), /ann \(owner, not verified\)/);
});

test("what was said is found again by its words, and how far back is said", async () => {
  await ann.type("Servo propulsion, stage two");
  await ann.client.idle();
  await ann.client.search.ready();
  const found = await ann.type('/search "servo prop');
  assert.match(found, /^\[\d+\. .+\] #\d+ .*: Servo propulsion, stage two$/m);
  assert.match(found, /^Searched: everything on this device, back to 1970-04-14\.$/m);
  assert.match(await ann.type("/search zeppelin"), /^Nothing is found\.$/m);
  assert.match(await ann.type("/search ?"), /CLIENT_SEARCH/);
  assert.match(await ann.type("/search"), /CLI_CHAT_USAGE/);
});

test("a chat that was exported elsewhere is read in, shown as imported and found", async () => {
  const file = join(directory, "Old friends.txt");
  writeFileSync(file, "[31/12/2017, 23:59:59] Eve: a happy zephyr year\n");
  assert.match(await ann.type(`/import ${file}`), /^Imported: 1 message by 1 person, on this device alone/m);
  assert.match(await ann.type("/imported"), /^1\. \[Imported\] Old friends \(1 messages\)$/m);
  const line = /^\[imported: Old friends\] #1 2017-12-31 23:59 UTC Eve: a happy zephyr year$/m;
  assert.match(await ann.type("/imported 1"), line);
  assert.match(await ann.type("/search zephyr"), line);
  assert.match(await ann.type("/imported 2"), /CLI_CHAT_CONVERSATION/);
  assert.match(await ann.type(`/import ${file}.none`), /CLI_CHAT_FILE/);
  assert.match(await ann.type(`/import ${import.meta.filename}`), /CLIENT_IMPORT_/);
});

test("a conversation is put first, archived and muted, and somebody is blocked and unblocked", async () => {
  await ann.type("/first on");
  assert.match(await ann.type("/list"), /^\d+\. \[\w+\] .*first/m);
  await ann.type("/first off");
  await ann.type("/archive on");
  await ann.type("/mute 2");
  assert.match(await ann.type("/list"), /archived, muted[^\n]*$/);
  await ann.type("/archive off");
  await ann.type("/mute off");
  assert.doesNotMatch(await ann.type("/list"), /archived|muted|first/);
  assert.match(await ann.type("/mute soon"), /CLI_CHAT_USAGE/);
  assert.match(await ann.type("/first"), /CLI_CHAT_USAGE/);
  await ann.type("/block bob");
  assert.match(await ann.type("/blocked"), /bob/);
  await ann.type("/unblock bob");
  assert.match(await ann.type("/blocked"), /^Nobody\.$/);
});

test("each error says its code, and what was typed is kept", async () => {
  assert.match(await ann.type("/nonsense"), /CLI_CHAT_COMMAND/);
  assert.match(await ann.type("/toString"), /CLI_CHAT_COMMAND/);
  assert.match(await ann.type("/open x"), /CLI_CHAT_USAGE/);
  assert.match(await ann.type("/open 99"), /CLI_CHAT_CONVERSATION/);
  assert.match(await ann.type("/add nobody"), /CLI_CHAT_HANDLE/);
  assert.match(await ann.type("/unlink 9"), /CLI_CHAT_DEVICE/);
  assert.match(await ann.type("/reply 9999 so I think"), /kept as a draft.*\n.*CLIENT_MESSAGE_UNKNOWN/);
  await ann.type("/draft so I think");
  assert.match(await ann.type("/send"), /you: so I think/);
  assert.match(await ann.type("/send"), /CLI_CHAT_USAGE/);
});

test("the account's own commands: devices, recovery code asked twice, backup, invitation, receipts", async () => {
  assert.match(await ann.type("/devices"), /^1\. this one/);
  assert.match(await ann.type("/recovery"), /again/);
  assert.match(await ann.type("/recovery"), /Write it down/);
  assert.match(await ann.type("/backup on"), /Backup: on/);
  assert.match(await ann.type("/backup off"), /Backup: off/);
  assert.match(await ann.type("/invite"), /SESSION_FORBIDDEN/, "this server lets its operator alone invite");
  await ann.type("/receipts off");
  assert.equal(ann.client.settings.get("receipts.read"), "off");
  assert.match(await ann.type("/help"), /\/joinlink/);
});

test("a restart keeps everything, in files that are the owner's alone", async () => {
  await ann.type("/draft not finished");
  await ann.client.close();
  ann = new Person(await openAccount(dataOf("ann"), { way: "kept" }, { clock }));
  await ann.client.connect();
  const list = await ann.type("/list");
  const recorded = /([0-9]+)\. \[Recorded\]/.exec(list)?.[1];
  assert.match(list, /\[Sealed\] the sealed plan \(.*verified\)/);
  const opened = await ann.type(`/open ${recorded}`);
  assert.match(opened, /^RECORDED/);
  assert.match(opened, /bob.*: hello back/);
  assert.match(opened, /Draft .*: not finished/);
  if (process.platform === "win32") return;
  const mode = (...path: string[]): number => statSync(join(dataOf("ann"), ...path)).mode & 0o777;
  assert.deepEqual([mode(), mode("client.sqlite"), mode("trust.json")], [0o700, 0o600, 0o600]);
});

test("a directory without an account, with a broken trust file, and one of another server, are refused", async () => {
  await assert.rejects(openAccount(dataOf("nobody"), { way: "kept" }), { code: "CLI_CHAT_DATA" });
  for (const text of ["", "null", "{}", '{"server":"x","trust":{}}']) {
    mkdirSync(dataOf("broken"), { recursive: true });
    writeFileSync(join(dataOf("broken"), "trust.json"), text);
    await assert.rejects(openAccount(dataOf("broken"), { way: "kept" }), { code: "CLI_CHAT_DATA" }, text);
  }
  const { url: server, operatorToken } = room.server;
  const link = await createOperatorInvite({ server, operatorToken, fetch, random, terms: {} });
  const elsewhere = { way: "invite", link, handle: "ann", server: "http://elsewhere.example" } as const;
  await assert.rejects(openAccount(dataOf("bob"), elsewhere), { code: "CLI_CHAT_DATA_IN_USE" });
});

test("people are added, given roles and removed, ask to join by a link, and leave", async () => {
  await ann.type("/new sealed bob -- crew");
  const promoted = bob.client.on.bind(bob.client);
  const state = Promise.withResolvers<void>();
  promoted("state", () => state.resolve());
  assert.equal(await ann.type("/role bob admin"), "");
  await state.promise;
  assert.match(await ann.type("/who"), /bob \(admin/);
  const gone = bob.sees(/no longer in/);
  assert.equal(await ann.type("/remove bob"), "");
  await gone;
  const link = await ann.type("/joinlink");
  const back = bob.sees(/You are in/);
  assert.match(await bob.type(`/join ${link}`), /Asked/);
  await back;
  await ann.type("/joinlink off");
  const number = /([0-9]+)\. \[Sealed\] crew/.exec(await bob.type("/list"))?.[1];
  await bob.type(`/open ${number}`);
  const left = bob.sees(/no longer in/);
  await bob.type("/leave");
  await left;
  const again = bob.sees(/You are in/);
  assert.equal(await ann.type("/add bob"), "");
  await again;
});

test("a file is attached and saved, and a message is reported", async () => {
  const file = join(directory, "plan.txt");
  writeFileSync(file, "the plan");
  await ann.type("/new sealed bob -- files");
  const came = bob.sees(/plan\.txt/);
  assert.match(await ann.type(`/attach ${file}`), /<plan\.txt, 8 bytes>/);
  const number = numberIn(await came);
  const list = await bob.type("/list");
  await bob.type(`/open ${/([0-9]+)\. \[Sealed\] files/.exec(list)?.[1]}`);
  const folder = join(directory, "saved");
  assert.match(await bob.type(`/save ${number} ${folder}`), /Saved: .*plan\.txt/);
  assert.equal(readFileSync(join(folder, "plan.txt"), "utf8"), "the plan");
  assert.match(await bob.type(`/report ${number} nonsense`), /CLI_CHAT_USAGE/);
  assert.match(await bob.type(`/report ${number} spam again and again`), /^Reported: /);
  assert.match(await ann.type(`/attach ${directory}/nothing`), /defect|ENOENT/);
});

test("what others wrote cannot move a cursor or turn a line round, and what people write stays as it is", () => {
  assert.equal(plainText("Grüße, привет, 你好, שלום 👩\u200d🚀"), "Grüße, привет, 你好, שלום 👩\u200d🚀");
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 50 }), (text) => {
      const shown = plainText(`${text}\u001b[31m\u202e\u2066\n`);
      assert.doesNotMatch(shown, /[\p{Cc}\u200e\u200f\u2028-\u202e\u2066-\u2069]/u);
    }),
  );
});
