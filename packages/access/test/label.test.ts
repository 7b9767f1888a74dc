import assert from "node:assert/strict";
import { test } from "node:test";
import { sha256 } from "@portcullis/crypto";
import {
  asAccountId,
  asConversationId,
  asPolicyId,
  PortcullisError,
  utf8,
  type AccountId,
} from "@portcullis/protocol";
import { assertDecoder, seededRandom } from "@portcullis/testkit";
import fc from "fast-check";
import { decodeLabel, encodeLabel, labelHash, verifyLabel } from "../src/label.ts";
import { makeRoster, rosterPath, rosterRoot, rosterSalt, verifyRosterPath } from "../src/roster.ts";
import { exampleLabel, verifiedExamplePolicy } from "./foundation.ts";

const policy = await verifiedExamplePolicy();
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });

test("ACC-30: a label has one encoding, and nothing else decodes", () => {
  assertDecoder(encodeLabel(exampleLabel(policy.id)), decodeLabel, encodeLabel);
});

test("ACC-30: any label comes back as it was", () => {
  const label = fc.record({
    policyId: bytes32.map((bytes) => asPolicyId(bytes)),
    conversationId: bytes32.map((bytes) => asConversationId(bytes)),
    epoch: fc.nat(),
    confirmedTranscriptHash: bytes32,
    accountId: bytes32.map((bytes) => asAccountId(bytes)),
    leafIndex: fc.nat(0xffff_ffff),
    rosterRoot: bytes32,
    bucketStart: fc.nat(2 ** 31).map((n) => n * 900),
    bucketSeconds: fc.constant(900),
  });
  fc.assert(
    fc.property(label, (it) => {
      assert.deepEqual({ ...decodeLabel(encodeLabel(it)) }, { ...it });
    }),
    { numRuns: 100 },
  );
});

test("ACC-30: random bytes are refused with a coded error", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      assert.throws(() => decodeLabel(bytes), PortcullisError);
    }),
    { numRuns: 100 },
  );
});

test("ACC-31, A6: a label is of the policy, and its bucket one of the policy's", () => {
  const label = verifyLabel(encodeLabel(exampleLabel(policy.id)), policy);
  assert.deepEqual(label.hash, labelHash(label.bytes));
  const other = exampleLabel(asPolicyId(sha256(utf8("other"))));
  assert.throws(() => verifyLabel(encodeLabel(other), policy), { code: "LABEL_POLICY" });
  const longer = exampleLabel(policy.id, { bucketSeconds: 1800 });
  assert.throws(() => verifyLabel(encodeLabel(longer), policy), { code: "LABEL_BUCKET" });
  const between = exampleLabel(policy.id, { bucketStart: 8_910_001 });
  assert.throws(() => verifyLabel(encodeLabel(between), policy), { code: "DECODE_RANGE" });
});

const accounts: readonly AccountId[] = Array.from({ length: 9 }, (_, i) =>
  asAccountId(sha256(utf8(`account ${i}`))),
);
const rosterKey = seededRandom("roster")(32);

test("ACC-32: a roster's root depends on its accounts and its key, not on their order", () => {
  const { members, root } = makeRoster(rosterKey, accounts);
  assert.deepEqual(members[3]?.salt, rosterSalt(rosterKey, accounts[3]!));
  assert.deepEqual(rosterRoot(members.toReversed()), root);
  assert.notDeepEqual(makeRoster(rosterKey, accounts.slice(1)).root, root);
  assert.notDeepEqual(makeRoster(seededRandom("other")(32), accounts).root, root);
  assert.throws(() => makeRoster(rosterKey, [...accounts, accounts[0]!]), { code: "ROSTER_REPEATED" });
  assert.throws(() => makeRoster(rosterKey, []), { code: "ROSTER_EMPTY" });
});

test("ACC-33: each member is provable under the root, in rosters of every size, and nobody else", () => {
  for (let size = 1; size <= accounts.length; size++) {
    const { members, root } = makeRoster(rosterKey, accounts.slice(0, size));
    for (const { accountId } of members) verifyRosterPath(root, accountId, rosterPath(members, accountId));
    const stranger = asAccountId(sha256(utf8("stranger")));
    assert.throws(() => rosterPath(members, stranger), { code: "ROSTER_MEMBER" });
    const borrowed = rosterPath(members, accounts[0]!);
    assert.throws(() => verifyRosterPath(root, stranger, borrowed), { code: "ROSTER_MEMBER" });
  }
});

test("ACC-33: a proof with another salt, place, size or path proves nothing", () => {
  const { members, root } = makeRoster(rosterKey, accounts);
  const [account] = accounts as [AccountId];
  const proof = rosterPath(members, account);
  for (const bad of [
    { ...proof, salt: rosterSalt(rosterKey, accounts[1]!) },
    { ...proof, index: (proof.index + 1) % 9 },
    { ...proof, index: 9 },
    { ...proof, size: 1 },
    { ...proof, path: proof.path.slice(1) },
    { ...proof, path: [...proof.path, root] },
  ])
    assert.throws(() => verifyRosterPath(root, account, bad), { code: "ROSTER_MEMBER" });
  assert.throws(() => verifyRosterPath(sha256(root), account, proof), { code: "ROSTER_MEMBER" });
});
