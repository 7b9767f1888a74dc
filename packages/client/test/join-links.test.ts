import assert from "node:assert/strict";
import { test } from "node:test";
import { asAccountId, asConversationId, limits } from "@portcullis/protocol";
import type { JoinLink } from "@portcullis/protocol/content";
import { seededRandom } from "@portcullis/testkit";
import type { Conversation } from "../src/conversation/conversation.ts";
import type { Host } from "../src/host.ts";
import { joinLinksOf, makeJoinLink, type JoinLinkTerms } from "../src/joining/join-links.ts";

const random = seededRandom("join links");
const NOW = 86_400_000;
const LONGEST_MS = limits.joinLinkSeconds * 1000;
const maker = asAccountId(random(32));
const linkWith = (terms: Partial<JoinLink> = {}): JoinLink => ({
  publicKey: random(32),
  maker,
  role: "member",
  expiresAtMs: NOW + 1,
  uses: 1,
  admitted: [],
  ...terms,
});
/** With these links; whatever is sent there fails like this. */
const conversationWith = (links: JoinLink[]): Conversation => {
  const state = { version: 0, name: "", roles: [{ accountId: maker, role: "owner" }], leaving: [], links };
  const conversation = {
    id: asConversationId(random(32)),
    record: { class: "sealed" },
    states: { state },
    epoch: { group: { members: [{ accountId: maker, leafIndex: 0 }] } },
    drained: async () => {},
    outbox: {
      add: async (): Promise<never> => {
        throw new Error("it is sent");
      },
    },
  };
  return conversation as unknown as Conversation;
};
const host = {
  account: { accountId: maker, provider: "chat.example" },
  clock: { now: () => NOW },
  random,
} as unknown as Host;
const make = (terms: JoinLinkTerms, links: JoinLink[] = []): Promise<string> =>
  makeJoinLink(host, conversationWith(links), { server: "https://chat.example", terms });

test("GRP-20: a link is for a time to come, at most 90 days, and for a whole number of accounts, 1 to 100", async () => {
  const good: JoinLinkTerms[] = [
    {},
    { expiresAtMs: NOW + 1 },
    { expiresAtMs: NOW + LONGEST_MS },
    { uses: limits.usesPerJoinLink },
  ];
  const bad: JoinLinkTerms[] = [
    { expiresAtMs: NOW },
    { expiresAtMs: NOW + LONGEST_MS + 1 },
    { expiresAtMs: Number.NaN },
    { uses: 0 },
    { uses: 1.5 },
    { uses: limits.usesPerJoinLink + 1 },
  ];
  for (const terms of good) await assert.rejects(make(terms), { message: "it is sent" });
  for (const terms of bad) await assert.rejects(make(terms), { code: "CLIENT_JOIN_LIMIT" });
});

test("GRP-20: so many links are good at once; those that are over or used up make room and are not shown", async () => {
  const many = Array.from({ length: limits.joinLinks }, () => linkWith());
  await assert.rejects(make({}, many), { code: "CLIENT_JOIN_LIMIT", facts: { links: limits.joinLinks + 1 } });
  for (const over of [linkWith({ expiresAtMs: NOW }), linkWith({ admitted: [maker] })]) {
    const links = [...many.slice(1), over];
    await assert.rejects(make({}, links), { message: "it is sent" });
    assert.equal(joinLinksOf(conversationWith(links), NOW).length, limits.joinLinks - 1);
  }
});
