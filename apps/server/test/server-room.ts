import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { generateSigningKey, sign, type SigningKey } from "@portcullis/crypto";
import { accountIdOf, signDeviceList } from "@portcullis/ledger/identity";
import {
  asConversationId,
  asDeviceId,
  encodeSessionChallenge,
  fromBase64Url,
  toBase64Url,
  type AccountId,
  type ConversationId,
  type DeviceId,
  type SessionSubject,
} from "@portcullis/protocol";
import { FixedClock, temporaryDirectory } from "@portcullis/testkit";
import { runServer, type RunningServer, type ServerOptions } from "../src/index.ts";
import { TestStream } from "./test-stream.ts";

export const PROVIDER = "chat.example";
export const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

export interface TestDevice {
  readonly accountId: AccountId;
  readonly deviceId: DeviceId;
  readonly key: SigningKey;
  readonly accountKey: SigningKey;
  readonly signedList: Uint8Array;
}

/** A real server in this process, and what talks to it. */
export class ServerRoom {
  readonly clock = new FixedClock("1970-04-14T03:05:00Z");
  readonly directory = temporaryDirectory();
  readonly logged: string[] = [];
  /** Set by start. */
  server!: RunningServer;
  readonly #streams = new Set<TestStream>();

  /** Closed when the test ends. */
  static async open(test: TestContext, changes: Partial<ServerOptions> = {}): Promise<ServerRoom> {
    const room = new ServerRoom();
    await room.start(changes);
    test.after(() => room.close());
    return room;
  }

  async start(changes: Partial<ServerOptions> = {}): Promise<void> {
    this.server = await runServer({
      dataDirectory: join(this.directory, "server"),
      provider: PROVIDER,
      port: 0,
      ...(changes.demonstrationClock === undefined && { clock: this.clock }),
      witnesses: [],
      ledgerIntervalMs: 100,
      log: (level, event, facts) => this.logged.push(JSON.stringify({ level, event, ...facts })),
      ...changes,
    });
  }

  async restart(changes: Partial<ServerOptions> = {}): Promise<void> {
    await this.server.close();
    await this.start(changes);
  }

  async close(): Promise<void> {
    for (const stream of this.#streams) stream.close();
    await this.server.close();
  }

  /** A call of the HTTP API; the answer's body, whatever its status, with the status. */
  async call(
    method: string,
    path: string,
    body?: unknown,
    token?: string,
  ): Promise<{ status: number; body: Record<string, unknown> }> {
    const response = await fetch(`${this.server.url}${path}`, {
      method,
      headers: {
        ...(body !== undefined && { "content-type": "application/json" }),
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }

  /** An account with one device. */
  async account(handle: string): Promise<TestDevice> {
    const device = this.newDevice();
    await this.register(handle, device);
    return device;
  }

  newDevice(): TestDevice {
    const accountKey = generateSigningKey(random);
    const key = generateSigningKey(random);
    const deviceId = asDeviceId(random(16));
    const accountId = accountIdOf(accountKey.publicKey);
    const signedList = signDeviceList(accountKey, {
      accountId,
      accountKey: accountKey.publicKey,
      noticeKey: random(32),
      version: 1,
      devices: [{ deviceId, signatureKey: key.publicKey }],
    });
    return { accountId, deviceId, key, accountKey, signedList };
  }

  /** `done`: the code that says that it was done before. */
  async register(handle: string, { signedList }: TestDevice, done?: string): Promise<void> {
    const { registrationToken } = this.server;
    const deviceList = toBase64Url(signedList);
    const answer = await this.call("POST", "/v1/accounts", { registrationToken, handle, deviceList });
    if (answer.status !== 201 && answer.body["code"] !== done) throw new Error(JSON.stringify(answer));
  }

  /** As an operator finds them. */
  tokensOnDisk(): { operatorToken: string; registrationToken: string } {
    const read = (name: string) => readFileSync(join(this.directory, "server", name), "utf8").trim();
    return { operatorToken: read("operator-token"), registrationToken: read("registration-token") };
  }

  async session(subject: SessionSubject, key: SigningKey): Promise<string> {
    const nonce = (await this.call("POST", "/v1/challenges")).body["nonce"] as string;
    const challenge = encodeSessionChallenge(PROVIDER, fromBase64Url(nonce));
    const signature = toBase64Url(sign(key, challenge));
    const answer = await this.call("POST", "/v1/sessions", { subject, nonce, signature });
    if (answer.status !== 201) throw new Error(JSON.stringify(answer));
    return answer.body["token"] as string;
  }

  async token(device: TestDevice): Promise<string> {
    const accountId = toBase64Url(device.accountId);
    const deviceId = toBase64Url(device.deviceId);
    return await this.session({ kind: "device", accountId, deviceId }, device.key);
  }

  async connect(device: TestDevice): Promise<TestStream> {
    const stream = new TestStream(this.server.url);
    this.#streams.add(stream);
    await stream.hello(await this.token(device));
    return stream;
  }

  async conversation(
    creator: TestDevice,
    terms: { class: "sealed" } | { class: "recorded"; policyId: string } = { class: "sealed" },
  ): Promise<ConversationId> {
    const conversationId = asConversationId(random(32));
    const body = { conversationId: toBase64Url(conversationId), ...terms };
    const answer = await this.call("POST", "/v1/conversations", body, await this.token(creator));
    if (answer.status !== 201) throw new Error(JSON.stringify(answer));
    return conversationId;
  }
}
