import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { after, before, test } from "node:test";
import type { PortcullisClient } from "@portcullis/client";
import { fileSource, nodePlatform, saveAttachment } from "@portcullis/client/node";
import {
  equalBytes,
  limits,
  padmeLength,
  toBase64Url,
  utf8,
  type ConversationId,
} from "@portcullis/protocol";
import type { ExternalPart } from "@portcullis/protocol/content";
import { FixedClock, seededRandom, temporaryDirectory } from "@portcullis/testkit";
import { openProviderRoom, type ProviderRoom } from "./provider-room.ts";

const clock = new FixedClock("1970-04-14T03:00:00Z");
const directory = temporaryDirectory();
const random = seededRandom("attachments");
/** What is done to Ann's requests before they go; throws to cut the network. */
let atRequest: (url: string, method: string) => void = () => {};
const platform = {
  ...nodePlatform,
  fetch: (async (input, init) => {
    if (typeof input === "string") atRequest(input, init?.method ?? "GET");
    return fetch(input, init);
  }) as typeof fetch,
};
let room: ProviderRoom;
let ann: PortcullisClient;
let bob: PortcullisClient;
let files = 0;

before(async () => {
  room = await openProviderRoom(directory, clock);
  ann = await room.join("ann", { platform });
  bob = await room.join("bob");
});
after(async () => room.close());

/** A fresh file with these bytes. */
function fileOf(bytes: Uint8Array, name = "photo.png"): string {
  const folder = join(directory, `files-${files++}`);
  mkdirSync(folder);
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

const blobs = (): string[] => readdirSync(join(directory, "server", "blobs"));
const terms = { contentType: "image/png", fileName: "photo.png" };
const freshFolder = (): string => join(directory, `saved-${files++}`);

async function begin(conversationClass: "sealed" | "recorded"): Promise<ConversationId> {
  const id = await ann.createConversation({ class: conversationClass, members: [bob.accountId] });
  await bob.waitForConversation(id);
  return id;
}

for (const conversationClass of ["sealed", "recorded"] as const)
  test(`in a ${conversationClass} conversation a file, its thumbnail and a voice note arrive as they were sent`, async () => {
    const id = await begin(conversationClass);
    const bytes = random(5_000_000);
    const path = fileOf(bytes);
    const seen: number[] = [];
    const part = await ann.attachments.upload(await fileSource(path), {
      ...terms,
      onProgress: (done) => seen.push(done),
    });
    assert.ok(seen.length > 1 && seen.every((done, i) => i === 0 || done > seen[i - 1]!));
    const thumbnail = { contentType: "image/png", bytes: random(300) };
    const voice = { milliseconds: 3000, waveform: random(64) };
    const { sequence } = await ann.messages.send(id, {
      text: "look",
      attachments: [
        { part, thumbnail },
        { part, voice },
      ],
    });
    await bob.caughtUp(id, sequence);
    const { body } = await bob.messages.get(id, sequence);
    assert.deepEqual(body?.attachments, [
      { part, thumbnail },
      { part, voice },
    ]);
    const folder = freshFolder();
    const saved = await saveAttachment(bob.attachments, part, { folder });
    assert.equal(basename(saved), "photo.png");
    assert.ok(equalBytes(readFileSync(saved), bytes));
    const again = await saveAttachment(bob.attachments, part, { folder });
    assert.equal(basename(again), "photo (2).png", "it takes no other's place");
    assert.deepEqual(readdirSync(folder).toSorted(), ["photo (2).png", "photo.png"]);
    assert.ok(equalBytes(await bob.attachments.read(part), bytes));
  });

test("ATT-06: the server has padded bytes and nothing that says what they are", async () => {
  const content = utf8("the words in the file ".repeat(1000));
  const before = new Set(blobs());
  const part = await ann.attachments.upload(await fileSource(fileOf(content, "secret name.txt")), {
    contentType: "text/plain",
    fileName: "secret name.txt",
  });
  const name = blobs().find((one) => !before.has(one));
  assert.ok(name);
  const lying = readFileSync(join(directory, "server", "blobs", name));
  assert.equal(padmeLength(lying.length), lying.length);
  const server = readdirSync(join(directory, "server"), { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile())
    .map((file) => readFileSync(join(file.parentPath, file.name)));
  for (const words of ["the words in the file", "secret name", "text/plain"])
    assert.ok(!server.some((bytes) => bytes.includes(words)), words);
  assert.equal(part.size, content.length);
});

test("ATT-05: an upload goes on where it was when the network breaks and when the client is opened anew", async () => {
  const bytes = random(9_500_000);
  const path = fileOf(bytes);
  let sent = 0;
  let isDown = false;
  atRequest = (url, method) => {
    if (isDown && !url.includes("/v1/s")) throw new TypeError("fetch failed");
    if (method === "PUT" && url.includes("/parts/") && ++sent === 2) isDown = true;
  };
  const begun = ann.attachments.upload(await fileSource(path), terms);
  await assert.rejects(begun, { code: "CLIENT_SERVER_UNREACHABLE" });
  await ann.close();
  isDown = false;
  const offsets: string[] = [];
  atRequest = (url, method) => {
    if (method === "PUT" && url.includes("/parts/")) offsets.push(url.slice(url.lastIndexOf("/") + 1));
  };
  await room.restartServer();
  ann = await room.reopen("ann", { platform });
  await ann.connect();
  const part = await ann.attachments.upload(await fileSource(path), terms);
  assert.ok(!offsets.includes("0"), "what is there is not sent again");
  assert.ok(equalBytes(await ann.attachments.read(part), bytes));
  atRequest = () => {};
  await ann.settled();
  const { blobId } = { blobId: part.url.slice(-43) };
  assert.ok(blobs().includes(blobId));
});

test("ATT-05: a download goes on where it was when the network breaks and after a crash", async () => {
  const bytes = random(3_000_000);
  const part = await ann.attachments.upload(await fileSource(fileOf(bytes)), terms);
  const folder = freshFolder();
  const stop = new AbortController();
  await assert.rejects(
    saveAttachment(ann.attachments, part, {
      folder,
      signal: stop.signal,
      onProgress: (done) => done > 1_000_000 && stop.abort(),
    }),
  );
  const [half, ...more] = readdirSync(folder);
  assert.ok(half?.endsWith(".part") && more.length === 0, "nothing has its name yet");
  let fails = 1;
  atRequest = (url) => {
    if (url.includes("/v1/blobs/") && fails-- > 0) throw new TypeError("fetch failed");
  };
  const places: number[] = [];
  const saved = await saveAttachment(ann.attachments, part, {
    folder,
    onProgress: (done) => places.push(done),
  });
  atRequest = () => {};
  assert.ok(places[0]! > 1_000_000);
  assert.ok(equalBytes(readFileSync(saved), bytes));
  assert.deepEqual(readdirSync(folder), [basename(saved)]);
});

test("ATT-03: a file that changes while it is sent is not sent, and nothing of it stays at the server", async () => {
  const before = blobs().length;
  const longer = fileOf(random(5_000_000));
  const source = await fileSource(longer);
  const changing = ann.attachments.upload(source, {
    ...terms,
    onProgress: (done) => done < 5_000_000 && writeFileSync(longer, random(4_900_000)),
  });
  await assert.rejects(changing, { code: "CLIENT_ATTACHMENT_CHANGED" });
  assert.equal(blobs().length, before);
});

test("ATT-03: a file that was changed between two attempts, and made to look as before, is not sent under the same key", async () => {
  const before = blobs().length;
  const path = fileOf(random(9_500_000));
  const when = new Date(1_000_000);
  utimesSync(path, when, when);
  let sent = 0;
  let isDown = false;
  atRequest = (url, method) => {
    if (isDown) throw new TypeError("fetch failed");
    if (method === "PUT" && url.includes("/parts/") && ++sent === 2) isDown = true;
  };
  const identity = "the same file";
  const source = { ...(await fileSource(path)), identity };
  await assert.rejects(ann.attachments.upload(source, terms), { code: "CLIENT_SERVER_UNREACHABLE" });
  const bytes = readFileSync(path);
  bytes[100]! ^= 1;
  writeFileSync(path, bytes);
  utimesSync(path, when, when);
  const bodies: string[] = [];
  isDown = false;
  atRequest = (url, method) => {
    if (method === "PUT" && url.includes("/parts/")) bodies.push(url);
  };
  const again = { ...(await fileSource(path)), identity };
  await assert.rejects(ann.attachments.upload(again, terms), { code: "CLIENT_ATTACHMENT_CHANGED" });
  assert.deepEqual(bodies, [], "nothing has left");
  assert.equal(blobs().length, before);
  atRequest = () => {};
  const part = await ann.attachments.upload(again, terms);
  assert.ok(equalBytes(await ann.attachments.read(part), bytes), "anew, under another key");
});

test("ATT-02, ATT-09: an empty file and one with a path for a name arrive", async () => {
  const part = await ann.attachments.upload(await fileSource(fileOf(new Uint8Array(0))), {
    contentType: "text/plain",
    fileName: "../../evil\u202etxt.exe",
  });
  assert.equal(part.filename, "eviltxt.exe");
  const folder = freshFolder();
  const saved = await saveAttachment(ann.attachments, { ...part, filename: "../../.bashrc" }, { folder });
  assert.equal(saved, join(folder, "bashrc"));
  assert.equal(readFileSync(saved).length, 0);
  const huge = { size: limits.attachmentBytes + 1, content: () => assert.fail("nothing is read") };
  await assert.rejects(ann.attachments.upload(huge, terms), { code: "CLIENT_ATTACHMENT_SIZE" });
});

test("ATT-04: what lies elsewhere, is sealed otherwise, or is not what the message says is not saved", async () => {
  const part = await ann.attachments.upload(await fileSource(fileOf(random(100_000))), terms);
  const other = await ann.attachments.upload(await fileSource(fileOf(random(100_000))), terms);
  const asked: string[] = [];
  atRequest = (url) => asked.push(url);
  const elsewhere: Partial<ExternalPart>[] = [
    { url: part.url.replace("127.0.0.1", "evil.example") },
    { url: `${part.url}/../../devices` },
    { encAlg: 0 },
    { aad: new Uint8Array(0) },
    { hashAlg: 0 },
    { key: random(32) },
    { size: 2 ** 40 },
  ];
  for (const change of elsewhere)
    await assert.rejects(saveAttachment(ann.attachments, { ...part, ...change }, { folder: freshFolder() }), {
      code: "CLIENT_ATTACHMENT_ELSEWHERE",
    });
  assert.deepEqual(asked, []);
  atRequest = () => {};
  const broken: Partial<ExternalPart>[] = [
    { url: other.url },
    { contentHash: random(32) },
    { key: random(16) },
    { size: part.size - 1 },
    { size: 50 },
    { size: 900_000 },
  ];
  for (const change of broken) {
    const folder = freshFolder();
    const lie = { ...part, ...change };
    await assert.rejects(saveAttachment(ann.attachments, lie, { folder }), {
      code: "CLIENT_ATTACHMENT_BROKEN",
    });
    await assert.rejects(ann.attachments.read(lie), { code: "CLIENT_ATTACHMENT_BROKEN" });
    assert.ok(!readdirSync(folder).some((name) => !name.startsWith(".")), "nothing has a name");
  }
});

test(
  "a full disk is said, and nothing half done stays",
  { skip: existsSync("/dev/full") ? false : "there is no /dev/full on this system" },
  async () => {
    const part = await ann.attachments.upload(await fileSource(fileOf(random(100_000))), terms);
    const folder = freshFolder();
    mkdirSync(folder);
    symlinkSync("/dev/full", join(folder, `.${part.url.slice(-43)}.new`));
    const saving = saveAttachment(ann.attachments, part, { folder });
    await assert.rejects(saving, { code: "CLIENT_ATTACHMENT_DISK" });
    assert.deepEqual(readdirSync(folder), []);
    const nowhere = saveAttachment(ann.attachments, part, { folder: "/dev/null/folder" });
    await assert.rejects(nowhere, { code: "CLIENT_ATTACHMENT_DISK" });
  },
);

test("ATT-07, ATT-08: parts follow each other, a blob is whole or nobody's, and goes when its time is over", async () => {
  const tokens = await captured();
  const call = async (method: string, path: string, body?: object | Uint8Array, of = tokens.ann) => {
    const isBytes = body instanceof Uint8Array;
    const type = isBytes ? "application/octet-stream" : "application/json";
    const headers = { authorization: of, ...(body && { "content-type": type }) };
    const sending = body && { body: isBytes ? (body as Uint8Array<ArrayBuffer>) : JSON.stringify(body) };
    const response = await fetch(`${room.server.url}${path}`, { method, headers, ...sending });
    const bytes = new Uint8Array(await response.arrayBuffer());
    const isJson = response.headers.get("content-type")?.includes("json") === true;
    const answer = (isJson ? JSON.parse(new TextDecoder().decode(bytes)) : {}) as Record<string, unknown>;
    return { status: response.status, answer, bytes };
  };
  const id = toBase64Url(random(32));
  const path = `/v1/blobs/${id}`;
  assert.equal((await call("PUT", path, { bytes: 1001 })).answer["code"], "BLOB_SIZE");
  assert.equal((await call("PUT", path, { bytes: padmeLength(2 ** 33) })).answer["code"], "BLOB_SIZE");
  assert.equal((await call("PUT", `${path}/parts/0`, random(10))).answer["code"], "BLOB_UNKNOWN");
  assert.deepEqual((await call("PUT", path, { bytes: 1024 })).answer, { bytes: 1024, received: 0 });
  assert.equal((await call("PUT", path, { bytes: 1024 }, tokens.bob)).answer["code"], "BLOB_TAKEN");
  assert.equal((await call("PUT", path, { bytes: 2048 })).answer["code"], "BLOB_TAKEN");
  const whole = random(1024);
  const first = whole.subarray(0, 600);
  assert.equal((await call("PUT", `${path}/parts/5`, first)).answer["code"], "BLOB_OFFSET");
  for (let i = 0; i < 2; i++)
    assert.deepEqual((await call("PUT", `${path}/parts/0`, first)).answer, { bytes: 1024, received: 600 });
  assert.equal(
    (await call("PUT", `${path}/parts/600`, random(1000))).answer["code"],
    "BLOB_OFFSET",
    "too much",
  );
  assert.equal((await call("GET", path)).answer["code"], "BLOB_UNKNOWN", "it is not whole");
  assert.equal((await call("GET", `${path}/status`, undefined, tokens.bob)).answer["code"], "BLOB_UNKNOWN");
  assert.deepEqual((await call("GET", `${path}/status`)).answer, { bytes: 1024, received: 600 });
  await call("PUT", `${path}/parts/600`, whole.subarray(600));
  assert.deepEqual((await call("GET", path, undefined, tokens.bob)).bytes, whole);
  assert.equal((await call("DELETE", path, undefined, tokens.bob)).answer["code"], "BLOB_UNKNOWN");
  const unfinished = toBase64Url(random(32));
  await call("PUT", `/v1/blobs/${unfinished}`, { bytes: 1024 });
  await call("PUT", `/v1/blobs/${unfinished}/parts/0`, first);
  writeFileSync(join(directory, "server", "blobs", "stray"), "x");
  clock.advance(2 * 86_400_000);
  await room.restartServer();
  assert.ok(blobs().includes(id) && !blobs().includes(unfinished) && !blobs().includes("stray"));
  clock.advance(29 * 86_400_000);
  await room.restartServer();
  assert.ok(!blobs().includes(id));
});

/** The sessions' tokens of both clients. */
async function captured(): Promise<{ ann: string; bob: string }> {
  const tokens: string[] = [];
  for (const client of [ann, bob]) {
    await client.close();
    const spying = {
      ...nodePlatform,
      fetch: ((input, init) => {
        const token = new Headers(init?.headers).get("authorization");
        if (token !== null) tokens[client === ann ? 0 : 1] = token;
        return fetch(input, init);
      }) as typeof fetch,
    };
    const again = await room.reopen(client.handle, { platform: spying });
    await again.connect();
    await again.devices();
  }
  return { ann: tokens[0] ?? "", bob: tokens[1] ?? "" };
}
