import assert from "node:assert/strict";
import { test } from "node:test";
import { asAccountId, asConversationId, type JoinLinkText, type JoinRequest } from "@portcullis/protocol";
import type { JoinLink } from "@portcullis/protocol/content";
import { seededRandom } from "@portcullis/testkit";
import {
  findLink,
  joinKeyOf,
  linkIdOf,
  signJoinRequest,
  verifyJoinRequest,
} from "../src/joining/join-key.ts";

const random = seededRandom("join keys");
const text: Omit<JoinLinkText, "server"> = {
  conversationId: asConversationId(random(32)),
  class: "sealed",
  secret: random(32),
};
const key = joinKeyOf(text);
const accountId = asAccountId(random(32));
const linkOf = (publicKey: Uint8Array): JoinLink => ({
  publicKey,
  maker: accountId,
  role: "member",
  expiresAtMs: 1,
  uses: 1,
  admitted: [],
});
const link = linkOf(key.publicKey);
const linkId = linkIdOf(key.publicKey);
const request: JoinRequest = { conversationId: text.conversationId, linkId, accountId, askedAtMs: 5 };

test("GRP-20: a link's key is that of its secret, conversation and class, and its id tells neither", () => {
  assert.deepEqual(joinKeyOf({ ...text, secret: text.secret.slice() }).publicKey, key.publicKey);
  for (const other of [
    { ...text, secret: random(32) },
    { ...text, class: "recorded" as const },
    { ...text, conversationId: asConversationId(random(32)) },
  ])
    assert.notDeepEqual(joinKeyOf(other).publicKey, key.publicKey);
  assert.equal(findLink([linkOf(random(32)), link], linkId), link);
  assert.equal(findLink([linkOf(random(32))], linkId), undefined);
});

test("GRP-22: a request holds for its conversation, link, account and time, and under the link's key alone", () => {
  const signed = signJoinRequest(key, request);
  verifyJoinRequest(link, signed);
  const wrong = [
    { ...signed, conversationId: asConversationId(random(32)) },
    { ...signed, linkId: random(16) },
    { ...signed, accountId: asAccountId(random(32)) },
    { ...signed, askedAtMs: 6 },
    { ...signed, signature: random(64) },
    { ...signed, signature: new Uint8Array(0) },
    signJoinRequest(joinKeyOf({ ...text, secret: random(32) }), request),
  ];
  for (const forged of wrong)
    assert.throws(() => verifyJoinRequest(link, forged), { code: "CLIENT_JOIN_PROOF" });
});
