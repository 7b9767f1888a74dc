import assert from "node:assert/strict";
import { test } from "node:test";
import { asAccountId, asConversationId, formatJoinLink, type JoinRefusal } from "@portcullis/protocol";
import { seededRandom } from "@portcullis/testkit";
import { ClientError } from "../src/errors.ts";
import type { Host } from "../src/host.ts";
import { OwnJoinRequests } from "../src/joining/own-join-requests.ts";
import type { ServerApi } from "../src/server/server-api.ts";
import type { StoreChange } from "../src/store.ts";

const random = seededRandom("own join requests");
const WEEK_MS = 7 * 86_400_000;
const server = "https://chat.example";
const conversationId = asConversationId(random(32));
const link = formatJoinLink({ server, conversationId, class: "sealed", secret: random(32) });
const nowhere = (): boolean => false;

/** A device, and a server that answers so. */
function scene(answer: () => JoinRefusal | undefined) {
  const secrets = new Map<string, Uint8Array>();
  const told: string[] = [];
  const events: unknown[] = [];
  let nowMs = 1000;
  const host = {
    account: { accountId: asAccountId(random(32)) },
    clock: { now: () => nowMs },
    ready: true,
    events: { emit: (_name: string, event: unknown) => events.push(event) },
    write: async (changes: readonly StoreChange[]) => {
      for (const change of changes)
        if ("put" in change && change.put === "secret") secrets.set(change.name, change.value);
        else if ("erase" in change && change.erase === "secret") secrets.delete(change.name);
    },
  };
  const api = {
    url: server,
    askToJoin: async () => {
      told.push("ask");
      return answer();
    },
    withdrawJoinRequest: async () => {
      told.push("withdraw");
    },
  };
  const open = (): OwnJoinRequests =>
    new OwnJoinRequests(host as unknown as Host, api as unknown as ServerApi, secrets);
  return {
    secrets,
    told,
    events,
    open,
    pass: (ms: number) => {
      nowMs += ms;
    },
    settle: () => new Promise((resolve) => setImmediate(resolve)),
  };
}

test("GRP-26: a request that nobody answered in a week has lapsed, and the server may forget it", async () => {
  const { told, events, secrets, open, pass, settle } = scene(() => undefined);
  await open().ask(link, nowhere);
  pass(WEEK_MS);
  const again = open();
  again.resume();
  await settle();
  assert.deepEqual([told, again.waiting.length], [["ask", "ask"], 1]);
  pass(1);
  again.resume();
  await settle();
  assert.deepEqual(told, ["ask", "ask", "withdraw"]);
  assert.deepEqual(events.at(-1), { conversationId, state: "refused", code: "CLIENT_JOIN_LAPSED" });
  assert.equal(secrets.size, 0);
});

test("GRP-26: what was withdrawn while the server was asked is not asked again behind that", async () => {
  const { told, secrets, open } = scene(() => undefined);
  const requests = open();
  const asked = requests.ask(link, nowhere);
  while (requests.waiting.length === 0) await Promise.resolve();
  requests.resume();
  await Promise.all([requests.withdraw(conversationId), asked]);
  assert.equal(told.at(-1), "withdraw");
  assert.equal(secrets.size, 0);
});

test("GRP-26: the request of an account that is a member by now waits for its Welcome; another refusal ends it", async () => {
  let refusal = "JOIN_MEMBER";
  const { open, secrets } = scene(() => {
    throw new ClientError("CLIENT_SERVER_REFUSED", { refusal });
  });
  const requests = open();
  await requests.ask(link, nowhere);
  assert.equal(requests.waiting.length, 1);
  refusal = "JOIN_LIMIT";
  await assert.rejects(requests.ask(link, nowhere), { code: "CLIENT_SERVER_REFUSED" });
  assert.deepEqual([requests.waiting, secrets.size], [[], 0]);
});

test("GRP-26: a request that cannot reach the server waits for the next connection", async () => {
  let isThere = false;
  const { open, settle, events } = scene(() => {
    if (!isThere) throw new ClientError("CLIENT_SERVER_UNREACHABLE");
    return "expired";
  });
  const requests = open();
  await requests.ask(link, nowhere);
  assert.equal(requests.waiting.length, 1);
  isThere = true;
  requests.resume();
  await settle();
  assert.deepEqual(events.at(-1), { conversationId, state: "refused", code: "CLIENT_JOIN_EXPIRED" });
});
