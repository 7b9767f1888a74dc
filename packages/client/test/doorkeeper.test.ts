import assert from "node:assert/strict";
import { test } from "node:test";
import { asAccountId, asConversationId, type JoinRefusal } from "@portcullis/protocol";
import type { JoinLink, SharedState } from "@portcullis/protocol/content";
import { seededRandom } from "@portcullis/testkit";
import type { Conversation } from "../src/conversation/conversation.ts";
import { Watchers } from "../src/conversation/watchers.ts";
import { ClientError } from "../src/errors.ts";
import type { Host } from "../src/host.ts";
import { Doorkeeper, judgeJoinRequest, type ReceivedJoinRequest } from "../src/joining/doorkeeper.ts";
import { joinKeyOf, linkIdOf, signJoinRequest } from "../src/joining/join-key.ts";
import type { Intent } from "../src/outbox/outbox-entry.ts";
import type { ServerApi } from "../src/server/server-api.ts";

const random = seededRandom("doorkeeper");
const DAY_MS = 86_400_000;
const NOW = 30 * DAY_MS;
const conversationId = asConversationId(random(32));
const [owner, asker] = [asAccountId(random(32)), asAccountId(random(32))];
const key = joinKeyOf({ conversationId, class: "sealed", secret: random(32) });
const link: JoinLink = {
  publicKey: key.publicKey,
  maker: owner,
  role: "member",
  expiresAtMs: NOW + 1,
  uses: 2,
  admitted: [],
};
const stateWith = (...links: JoinLink[]): SharedState => ({
  version: 0,
  name: "",
  roles: [{ accountId: owner, role: "owner" }],
  leaving: [],
  ...(links.length > 0 && { links }),
});
const requestAt = (askedAtMs: number, accountId = asker): ReceivedJoinRequest => ({
  ...signJoinRequest(key, { conversationId, linkId: linkIdOf(key.publicKey), accountId, askedAtMs }),
  sequence: 5,
});

test("GRP-22: a request is judged by its link, its time, and who is a member", () => {
  const judge = (request: ReceivedJoinRequest, links = [link], nowMs = NOW): void =>
    judgeJoinRequest(request, { state: stateWith(...links), members: [{ accountId: owner }], nowMs });
  judge(requestAt(NOW));
  judge(requestAt(NOW - 7 * DAY_MS));
  judge(requestAt(NOW + DAY_MS));
  const cases: [() => void, code: string][] = [
    [() => judge(requestAt(NOW), []), "CLIENT_JOIN_UNKNOWN"],
    [() => judge({ ...requestAt(NOW), accountId: owner }), "CLIENT_JOIN_PROOF"],
    [() => judge(requestAt(NOW, owner)), "CLIENT_JOIN_MEMBER"],
    [() => judge(requestAt(NOW - 7 * DAY_MS - 1)), "CLIENT_JOIN_LAPSED"],
    [() => judge(requestAt(NOW + DAY_MS + 1)), "CLIENT_JOIN_LAPSED"],
    [() => judge(requestAt(NOW), [link], NOW + 1), "CLIENT_JOIN_EXPIRED"],
    [() => judge(requestAt(NOW), [{ ...link, admitted: [asker] }]), "CLIENT_JOIN_ADMITTED"],
    [
      () => judge(requestAt(NOW), [{ ...link, admitted: [owner, asker].slice(0, 1), uses: 1 }]),
      "CLIENT_JOIN_USED_UP",
    ],
  ];
  for (const [act, code] of cases) assert.throws(act, { code });
});

/** A conversation of its owner alone, a server with these requests, and what is done about them. */
function scene(options: {
  requests: readonly ReceivedJoinRequest[];
  links?: JoinLink[];
  claim?: () => Promise<never>;
  ownLeaf?: number;
  /** Nobody could join: a lost device is among the members. */
  isUnfit?: true;
}) {
  const { requests, links = [link], claim = async () => [[]], ownLeaf = 0, isUnfit = false } = options;
  const done: {
    claims: number;
    members: number;
    refusals: JoinRefusal[];
    faults: unknown[];
    intents: Intent[];
    delays: number[];
  } = {
    claims: 0,
    members: 0,
    refusals: [],
    faults: [],
    intents: [],
    delays: [],
  };
  let rounds: Promise<void> = Promise.resolve();
  const conversation = {
    id: conversationId,
    states: { state: stateWith(...links) },
    sendingEpoch: {
      group: {
        members: [
          { accountId: owner, leafIndex: 0 },
          { accountId: owner, leafIndex: 10 },
          { accountId: owner, leafIndex: 3 },
          { accountId: asAccountId(new Uint8Array(32)), leafIndex: 2 },
        ],
        ownLeaf,
      },
    },
    cursor: 5,
    watchers: new Watchers(),
    outbox: {
      add: async (intent: Intent) => {
        done.intents.push(intent);
        return { sequence: 0, acceptedAtMs: 0 };
      },
    },
  };
  const api = {
    joinRequests: async () => requests,
    refuseJoinRequest: async (_account: unknown, _request: unknown, refusal: JoinRefusal) => {
      done.refusals.push(refusal);
    },
  };
  const host = {
    ready: true,
    clock: { now: () => NOW },
    events: { emit: (_name: string, error: unknown) => done.faults.push(error) },
    later: (delayMs: number, task: () => void) => {
      done.delays.push(delayMs);
      task();
    },
  };
  const keeper = new Doorkeeper(host as unknown as Host, {
    api: api as unknown as ServerApi,
    turnMs: 2000,
    memberDevices: { settle: async () => !isUnfit },
    claims: {
      of: (_accounts: unknown, members: number) => {
        done.claims++;
        done.members = members;
        return claim();
      },
    },
  });
  const settle = async (): Promise<void> => {
    rounds = new Promise((resolve) => setImmediate(resolve));
    await rounds;
  };
  return {
    done,
    conversation,
    host,
    api,
    look: async () => {
      keeper.look(conversation as unknown as Conversation);
      await settle();
    },
    resume: async () => {
      keeper.resume(conversation as unknown as Conversation);
      await settle();
    },
    settle,
  };
}

test("GRP-25: a good request becomes one Commit with its link; when this device connects, only where there are links", async () => {
  const { done, look } = scene({ requests: [requestAt(NOW)] });
  await look();
  assert.equal(done.members, 4, "for a conversation that has so many already");
  assert.deepEqual(done.intents, [
    {
      kind: "commit",
      add: [],
      remove: [],
      admits: [{ accountId: asker, linkId: linkIdOf(key.publicKey) }],
    },
  ]);
  const without = scene({ requests: [requestAt(NOW)], links: [] });
  await without.resume();
  assert.deepEqual(without.done.refusals, []);
  await without.look();
  assert.deepEqual(without.done.refusals, ["unknown"]);
});

test("GRP-14: while a lost device stays in the conversation, whoever asks waits", async () => {
  const { done, look } = scene({ requests: [requestAt(NOW)], isUnfit: true });
  await look();
  assert.deepEqual([done.intents, done.refusals, done.faults], [[], [], []]);
});

test("GRP-25: each device that may let in has its turn, by leaf, and a member none", async () => {
  for (const [ownLeaf, delays] of [
    [0, [0]],
    [3, [2000]],
    [10, [4000]],
    [2, []],
  ] as const) {
    const { done, look } = scene({ requests: [], ownLeaf });
    await look();
    assert.deepEqual(done.delays, delays);
  }
});

test("GRP-25: whom a full conversation cannot take is told so", async () => {
  const claim = async (): Promise<never> => {
    throw new ClientError("CLIENT_CONVERSATION_FULL");
  };
  const { done, look } = scene({ requests: [requestAt(NOW)], claim });
  await look();
  assert.deepEqual([done.refusals, done.faults, done.intents], [["full"], [], []]);
});

test("GRP-25: what fails for good is told once, and not tried again", async () => {
  const claim = async (): Promise<never> => {
    throw new ClientError("CLIENT_DEVICE_UNKNOWN");
  };
  const { done, look } = scene({ requests: [requestAt(NOW)], claim });
  for (let i = 0; i < 3; i++) await look();
  assert.deepEqual([done.claims, done.faults.length, done.refusals], [1, 1, []]);
});

test("GRP-25: what passes is tried again at the next look, and the others wait so long", async () => {
  const claim = async (): Promise<never> => {
    throw new ClientError("CLIENT_SERVER_UNREACHABLE");
  };
  const { done, look } = scene({ requests: [requestAt(NOW), requestAt(NOW - 1)], claim });
  await look();
  await look();
  assert.deepEqual([done.claims, done.faults, done.refusals], [2, [], []]);
});

test("GRP-22: a forged request is refused and told once, and does not stand in the way of the true one", async () => {
  const forged = { ...requestAt(NOW), accountId: asAccountId(random(32)) };
  const { done, look } = scene({ requests: [forged, requestAt(NOW)] });
  await look();
  assert.deepEqual([done.faults.length, done.refusals, done.intents.length], [1, ["proof"], 1]);
  await look();
  assert.equal(done.faults.length, 1);
});

test("GRP-25: a link that this device does not know is refused when it has taken in what the server had", async () => {
  const { done, conversation, look, settle } = scene({ requests: [requestAt(NOW)], links: [] });
  conversation.cursor = 4;
  await look();
  await look();
  assert.deepEqual(done.refusals, []);
  conversation.states.state = stateWith(link);
  conversation.cursor = 5;
  conversation.watchers.look();
  await settle();
  assert.deepEqual([done.refusals, done.intents.length], [[], 1]);
});

test("GRP-25: one is let in after the other, each judged behind the Commit for the one before, over two looks too", async () => {
  const others = [1, 2].map((byte) => asAccountId(new Uint8Array(32).fill(byte)));
  const { done, conversation, look, settle } = scene({
    requests: others.map((account) => requestAt(NOW, account)),
    links: [{ ...link, uses: 1 }],
  });
  conversation.outbox.add = async (intent: Intent) => {
    done.intents.push(intent);
    return { sequence: 6, acceptedAtMs: 0 };
  };
  await look();
  await look();
  assert.equal(done.intents.length, 1, "the Commit was not delivered yet");
  conversation.states.state = stateWith({ ...link, uses: 1, admitted: [others[0]!] });
  conversation.cursor = 6;
  conversation.watchers.look();
  await settle();
  assert.equal(done.intents.length, 1);
  assert.deepEqual(done.refusals, ["used-up", "admitted", "used-up"]);
});

test("GRP-25: without a connection nobody is asked, and what fails for want of one is no fault", async () => {
  const claim = async (): Promise<never> => {
    host.ready = false;
    throw new ClientError("CLIENT_DEVICE_UNKNOWN");
  };
  const { done, host, api, look } = scene({ requests: [requestAt(NOW)], claim });
  await look();
  assert.deepEqual([done.claims, done.faults], [1, []]);
  let asked = 0;
  api.joinRequests = async () => {
    asked++;
    return [];
  };
  await look();
  assert.equal(asked, 0);
});

test("GRP-25: whoever may not let in any more, when it comes to a request, does nothing about it", async () => {
  const { done, conversation, api, look } = scene({ requests: [] });
  api.joinRequests = async () => {
    conversation.states.state = { ...stateWith(), roles: [{ accountId: asker, role: "owner" }] };
    return [requestAt(NOW)];
  };
  await look();
  assert.deepEqual([done.refusals, done.intents, done.faults], [[], [], []]);
});
