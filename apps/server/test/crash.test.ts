import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { signOrder } from "@portcullis/access";
import { generateSigningKey, sha256 } from "@portcullis/crypto";
import { signDeviceList, verifyDeviceList } from "@portcullis/ledger/identity";
import { asDeviceId, toBase64Url, toHex, type ConversationId } from "@portcullis/protocol";
import { DemonstrationClockWriter } from "@portcullis/store";
import { faultFrom } from "../src/fault.ts";
import { checkEverything } from "./check-everything.ts";
import { commitFrame, messageFrame } from "./hand-made.ts";
import { exampleOrder, examplePolicy, keyNamed, signedPolicy } from "./policy-room.ts";
import { random, ServerRoom, type TestDevice } from "./server-room.ts";

const MESSAGES = 6;

/** Two people who carry on whatever happens: each step is one that can be done again. */
class Story {
  readonly acknowledged = new Map<string, number>();
  readonly #room: ServerRoom;
  readonly #devices = new Map<string, TestDevice>();
  readonly #conversationId = random(32) as ConversationId;
  readonly #hash = toBase64Url(random(32));
  readonly #authenticator = random(32);
  #commit: ReturnType<typeof commitFrame> | undefined;
  #received = false;
  #nextList: Uint8Array | undefined;
  readonly #order = signOrder(exampleOrder(), keyNamed("issuer"));
  readonly #batch = random(200);
  readonly #frames = Array.from({ length: MESSAGES }, () => messageFrame(this.#conversationId, 1));

  constructor(room: ServerRoom) {
    this.#room = room;
  }

  /** From the beginning to the end, or to the first failure. */
  async tell(): Promise<void> {
    const room = this.#room;
    const [alice, bob] = [await this.#account("alice"), await this.#account("bob")];
    const token = await room.token(alice);
    await this.#call("/v1/key-packages", { keyPackages: ["AAAA"] }, await room.token(bob));
    await this.#call(
      "/v1/policy",
      { jws: await signedPolicy(examplePolicy(room)) },
      room.server.operatorToken,
    );
    const invite = { inviteHash: this.#hash, uses: 1, lifetimeSeconds: 60 };
    await this.#call("/v1/invites", invite, room.server.operatorToken);
    await this.#recover(alice, token);
    const conversation = { conversationId: toBase64Url(this.#conversationId), class: "sealed" };
    await this.#call("/v1/conversations", conversation, token, "CONVERSATION_EXISTS");
    const stream = await room.connect(alice);
    const accounts = [alice.accountId, bob.accountId];
    this.#commit ??= commitFrame(this.#conversationId, 0, { added: [bob], accounts });
    for (const frame of [this.#commit, ...this.#frames]) {
      const { sequence } = await stream.accepted(frame);
      this.acknowledged.set(toHex(frame.messageId), sequence);
    }
    if (!this.#received) await this.#receive(bob);
    await this.#call("/v1/key-packages/claim", { accounts: [toBase64Url(bob.accountId)] }, token);
    await this.#linkDevice(alice);
    await this.#placeOrder();
  }

  /** Once: what a cursor is behind does not come again. */
  async #receive(bob: TestDevice): Promise<void> {
    const receiver = await this.#room.connect(bob);
    const items = await receiver.itemsUpTo(MESSAGES + 1);
    assert.equal(items.length, MESSAGES, "none is lost, none comes twice");
    receiver.send({ type: "cursor", conversationId: this.#conversationId, sequence: MESSAGES + 1 });
    this.#received = true;
  }

  /** Alice's next device list: the same one when it is told again. */
  async #linkDevice(alice: TestDevice): Promise<void> {
    this.#nextList ??= nextList(alice);
    const path = `/v1/accounts/${toBase64Url(alice.accountId)}/devices`;
    const body = { deviceList: toBase64Url(this.#nextList) };
    const answer = await this.#room.call("PUT", path, body, await this.#room.token(alice));
    // Told again, the list is no longer the next one: it is the one that stands.
    const codes = ["IDENTITY_SUCCESSION", "DEVICE_LIST_NOT_NEXT"];
    if (answer.status !== 200 && !codes.includes(String(answer.body["code"])))
      throw new Error(JSON.stringify(answer));
  }

  async #placeOrder(): Promise<void> {
    const room = this.#room;
    const order = await this.#order;
    const body = { jws: order, sealedNotices: [] };
    const { orderHash } = await this.#call("/v1/orders", body, room.server.operatorToken);
    const court = await room.session({ kind: "custodian", id: "court" }, keyNamed("court"));
    const answer = await fetch(`${room.server.url}/v1/orders/${String(orderHash)}/batches`, {
      method: "POST",
      headers: { authorization: `Bearer ${court}`, "content-type": "application/octet-stream" },
      body: Buffer.from(this.#batch),
    });
    if (answer.status !== 201) throw new Error(await answer.text());
  }

  /** A try with the right code once it is set. */
  async #recover({ accountId }: TestDevice, token: string): Promise<void> {
    const authenticatorHash = toBase64Url(sha256(this.#authenticator));
    const recovery = { version: 1, sealed: "AAAA", authenticatorHash };
    const set = await this.#room.call("PUT", "/v1/recovery", recovery, token);
    if (set.status !== 200) assert.equal(set.body["code"], "RECOVERY_NOT_NEXT");
    const path = `/v1/accounts/${toBase64Url(accountId)}/recovery`;
    const shown = await this.#room.call("POST", path, { authenticator: toBase64Url(this.#authenticator) });
    assert.deepEqual(shown.body, { sealed: "AAAA" });
  }

  async #account(handle: string): Promise<TestDevice> {
    let device = this.#devices.get(handle);
    if (device === undefined) {
      device = this.#room.newDevice();
      this.#devices.set(handle, device);
    }
    await this.#room.register(handle, device, "HANDLE_TAKEN");
    return device;
  }

  async #call(
    path: string,
    body: unknown,
    token: string,
    done?: string,
  ): Promise<Readonly<Record<string, unknown>>> {
    const answer = await this.#room.call("POST", path, body, token);
    if (answer.body["code"] === "NOT_PUBLISHED" && this.#room.logged.every((line) => !line.includes("gone")))
      return await this.#call(path, body, token, done);
    if (answer.status >= 300 && answer.body["code"] !== done) throw new Error(JSON.stringify(answer));
    return answer.body;
  }
}

/** Version 2 of the device's account: with one device more. */
function nextList({ accountId, accountKey, deviceId, key, signedList }: TestDevice): Uint8Array {
  const { noticeKey, hash } = verifyDeviceList(signedList);
  const linked = { deviceId: asDeviceId(random(16)), signatureKey: generateSigningKey(random).publicKey };
  return signDeviceList(accountKey, {
    accountId,
    accountKey: accountKey.publicKey,
    noticeKey,
    version: 2,
    devices: [{ deviceId, signatureKey: key.publicKey }, linked],
    previous: hash,
  });
}

/** Every point of a durable write that the story comes to. */
async function pointsOf(): Promise<string[]> {
  const points = new Set<string>();
  await test("the story without a crash", async (t) => {
    const room = await ServerRoom.open(t, { fault: (point) => void points.add(point) });
    const story = new Story(room);
    await story.tell();
    checkEverything(join(room.directory, "server"), room.server, story.acknowledged);
  });
  return [...points];
}

for (const point of await pointsOf())
  test(`STO-04: after a crash at ${point} all agrees, nothing acknowledged is lost, and everybody goes on`, async (t) => {
    let dead = false;
    const fault = (at: string): void => {
      dead ||= at === point;
      if (dead) throw new Error("the process is gone");
    };
    const room = new ServerRoom();
    const story = new Story(room);
    await assert.rejects(async () => {
      await room.start({ fault, longestWaitMs: 500 });
      await story.tell();
    });
    await room.server?.close();
    room.logged.length = 0;
    await room.start();
    t.after(() => room.close());
    const directory = join(room.directory, "server");
    checkEverything(directory, room.server, story.acknowledged);
    await story.tell();
    checkEverything(directory, room.server, story.acknowledged);
  });

test("a fault is planted in demonstrations only", (t) => {
  let killed = 0;
  t.mock.method(process, "kill", () => ++killed > 0);
  const earnest = faultFrom("append.after:1", false);
  earnest("append.after");
  assert.equal(killed, 0);
  const planted = faultFrom("append.after:2", true);
  planted("append.before");
  planted("append.after");
  assert.equal(killed, 0);
  planted("append.after");
  assert.equal(killed, 1);
});

test("STO-05: the program, killed between its commit and its answer, has what it never acknowledged, once", async (t) => {
  const room = new ServerRoom();
  const clockFile = join(room.directory, "clock");
  new DemonstrationClockWriter(clockFile, room.clock.now()).close();
  const program = new URL("../src/main.ts", import.meta.url).pathname;
  const dataDirectory = join(room.directory, "server");
  const flags = ["--data", dataDirectory, "--provider", "chat.example", "--port", "0"];
  const child = spawn(process.execPath, [program, ...flags, "--demonstration-clock", clockFile], {
    env: { ...process.env, PORTCULLIS_FAULT: "append.after:3" },
    stdio: ["ignore", "pipe", "ignore"],
  });
  t.after(() => child.kill("SIGKILL"));
  const [line] = (await once(createInterface(child.stdout), "line")) as [string];
  const { listening, accessLog } = JSON.parse(line) as { listening: string; accessLog: string };
  assert.match(accessLog, /^chat\.example\/access\+/);
  const { operatorToken, registrationToken } = room.tokensOnDisk();
  room.server = { url: listening, operatorToken, registrationToken } as never;
  const alice = room.newDevice();
  await room.register("alice", alice);
  const conversationId = await room.conversation(alice);
  const stream = await room.connect(alice);
  const commit = commitFrame(conversationId, 0, { accounts: [alice.accountId] });
  await stream.accepted(commit);
  const [first, second] = [messageFrame(conversationId, 1), messageFrame(conversationId, 1)];
  await stream.accepted(first);
  const exit = once(child, "exit");
  await assert.rejects(stream.accepted(second));
  assert.deepEqual(await exit, [null, "SIGKILL"]);

  await room.start({ demonstrationClock: clockFile });
  t.after(() => room.close());
  const acknowledged = new Map([[toHex(first.messageId), 2]]);
  checkEverything(dataDirectory, room.server, acknowledged);
  const again = await room.connect(alice);
  assert.equal((await again.accepted(second)).sequence, 3);
  assert.equal((await again.accepted(messageFrame(conversationId, 1))).sequence, 4);
  checkEverything(dataDirectory, room.server, acknowledged.set(toHex(second.messageId), 3));
});
