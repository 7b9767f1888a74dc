import assert from "node:assert/strict";
import { test } from "node:test";
import { asAccountId } from "@portcullis/protocol";
import type { ConversationRecord } from "../src/conversation/conversation-record.ts";
import { StateKeeper } from "../src/conversation/state-keeper.ts";
import { firstState } from "../src/conversation/state-rules.ts";
import { checkReturn, type WelcomedEpoch } from "../src/conversation/welcome.ts";

const accountOf = (byte: number) => asAccountId(new Uint8Array(32).fill(byte));
const [owner, self, stranger] = [accountOf(1), accountOf(2), accountOf(3)];
const record: ConversationRecord = {
  condition: "left",
  class: "recorded",
  epoch: 4,
  startBucket: 0,
  epochStartedAtMs: 0,
  rosterRoot: new Uint8Array(32),
  shared: StateKeeper.begun(firstState(owner, { name: "" })).kept,
};

function returning(epoch: number, by = owner, kept = record, conversationClass = "recorded"): void {
  const start = { group: { epoch, terms: { class: conversationClass } }, welcomedBy: { accountId: by } };
  checkReturn(kept, start as WelcomedEpoch, { accountId: self });
}

test("GRP-14, CLT-63: any member leads a device in that has the conversation from a backup, to a later epoch of its class", () => {
  const restored = { ...record, condition: "restored" as const };
  returning(5, stranger, restored);
  assert.throws(() => returning(4, stranger, restored), { code: "CLIENT_WELCOME_OLD" });
  assert.throws(() => returning(5, stranger, restored, "sealed"), { code: "CLIENT_WELCOME_TERMS" });
});

test("CLT-63: only a later epoch of the same class, from who may add this account, leads back in", () => {
  returning(5);
  returning(6, self);
  returning(6, owner, { ...record, condition: "open" });
  assert.throws(() => returning(4), { code: "CLIENT_WELCOME_OLD" });
  assert.throws(() => returning(9, owner, { ...record, condition: "frozen" }), {
    code: "CLIENT_WELCOME_OLD",
  });
  assert.throws(() => returning(5, owner, record, "sealed"), { code: "CLIENT_WELCOME_TERMS" });
  assert.throws(() => returning(5, stranger), { code: "CLIENT_COMMIT_ROLE" });
});
