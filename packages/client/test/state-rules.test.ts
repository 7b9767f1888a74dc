import assert from "node:assert/strict";
import { test } from "node:test";
import { asAccountId, asDeviceId } from "@portcullis/protocol";
import type { Role, SharedState, Standing } from "@portcullis/protocol/content";
import {
  afterCommit,
  changed,
  checkSuccessor,
  firstState,
  isSameState,
  mayCommit,
  roleOf,
  turnToRemove,
} from "../src/conversation/state-rules.ts";
import { StateKeeper } from "../src/conversation/state-keeper.ts";

const account = (byte: number) => asAccountId(new Uint8Array(32).fill(byte));
const member = (byte: number) => ({
  accountId: account(byte),
  deviceId: asDeviceId(new Uint8Array(16).fill(byte)),
  signatureKey: new Uint8Array(32).fill(byte),
  leafIndex: byte,
});
const [owner, admin, plain, other] = [account(1), account(2), account(3), account(4)];
const members = [1, 2, 3, 4].map(member);
const state: SharedState = changed(firstState(owner, { name: "Talk" }), { accountId: admin, role: "admin" });

test("GRP-03: owners change everything; admins name and picture; members nothing but that they leave", () => {
  const may = (author: typeof owner, change: Parameters<typeof changed>[1]): boolean => {
    try {
      checkSuccessor(state, changed(state, change), author, members);
      return true;
    } catch {
      return false;
    }
  };
  const both = changed(changed(state, { accountId: other, role: "owner" }), { name: "x" });
  assert.equal(roleOf(both, other), "owner");
  for (const [author, role] of [
    [owner, "owner"],
    [admin, "admin"],
    [plain, "member"],
  ] as const) {
    assert.equal(roleOf(state, author), role);
    assert.equal(may(author, { name: "Other" }), role !== "member");
    assert.equal(may(author, { picture: Uint8Array.of(1) }), role !== "member");
    assert.equal(may(author, { accountId: other, role: "admin" }), role === "owner");
    assert.equal(may(author, { accountId: author, role: "owner" }), role === "owner");
    assert.equal(may(author, { leave: author }), role !== "owner", "the last owner names another first");
    assert.equal(may(author, { leave: other }), false);
  }
  assert.ok(may(admin, { accountId: admin, role: "member" }), "an admin may step down");
});

test("GRP-10: who may add and remove whom", () => {
  const leaving = changed(state, { leave: other });
  const done = (added: number[], removed: number[]) => ({
    added: added.map(member),
    removed: removed.map(member),
  });
  const cases: [who: typeof owner, added: number[], removed: number[], may: boolean, standing?: Standing][] =
    [
      [owner, [5], [2, 3], true],
      [admin, [5], [3], true],
      [admin, [], [1], false],
      [plain, [5], [], false],
      [plain, [], [4], false],
      [plain, [3], [3], true],
      [plain, [], [4], true, leaving],
      [plain, [], [4, 2], false, leaving],
      [plain, [], [], true],
    ];
  for (const [who, added, removed, may, standing = state] of cases)
    assert.equal(
      mayCommit(standing, who, done(added, removed)),
      may,
      JSON.stringify([who[0], added, removed]),
    );
});

test("GRP-14: anybody replaces lost devices, and nobody takes away the last owner with that", () => {
  const phone = (byte: number) => ({ ...member(byte), deviceId: asDeviceId(new Uint8Array(16).fill(0xff)) });
  const before = [...members, phone(4)];
  const may = (added: number[], removed: typeof before, unlisted: typeof before, who = plain): boolean =>
    mayCommit(state, who, { added: added.map(member), removed, unlisted, before });
  assert.ok(may([], [phone(4)], [phone(4)]));
  assert.ok(may([4], [phone(4)], [phone(4)]));
  assert.ok(!may([], [phone(4)], []), "which is not proven");
  assert.ok(!may([], [phone(4), member(4)], [phone(4)]), "one that is listed goes too");
  assert.ok(!may([5], [phone(4)], [phone(4)]), "somebody comes with it");
  assert.ok(may([5], [phone(4)], [phone(4)], admin), "which an admin may");
  assert.ok(!may([], [member(1)], [member(1)]), "the only owner");
  assert.ok(!may([], [member(1)], [member(1)], admin));
  assert.ok(may([1], [member(1)], [member(1)]), "who comes back");
  const another = { ...state, roles: [...state.roles, { accountId: admin, role: "owner" as const }] };
  assert.ok(mayCommit(another, plain, { added: [], removed: [member(1)], unlisted: [member(1)], before }));
  const ownerless = { ...state, roles: [] };
  assert.ok(mayCommit(ownerless, plain, { added: [], removed: [member(1)], unlisted: [member(1)], before }));
});

test("GRP-11: a Commit is judged by the roles of its epoch's beginning, or by those of now", () => {
  const keeper = StateKeeper.begun(state);
  const adds = { committer: member(2), added: [member(5)], removed: [] };
  keeper.take(owner, changed(state, { accountId: admin, role: "member" }), members);
  keeper.demandRight(adds.committer.accountId, adds);
  keeper.beginEpoch(members);
  assert.throws(() => keeper.demandRight(adds.committer.accountId, adds), { code: "CLIENT_COMMIT_ROLE" });
  keeper.take(owner, changed(keeper.state, { accountId: admin, role: "admin" }), members);
  keeper.demandRight(adds.committer.accountId, adds);
});

test("GRP-07: whoever is removed has no role any more and is not leaving, in the same state for everybody", () => {
  const before = changed(state, { leave: other });
  const after = afterCommit(before, [1, 3].map(member));
  assert.deepEqual([after.roles.length, after.leaving.length, after.version], [1, 0, before.version + 1]);
  assert.ok(isSameState(after, afterCommit(before, [3, 1].map(member))));
  assert.equal(afterCommit(after, [1, 3].map(member)), after, "nothing to change is no new state");
});

test("GRP-05: a newcomer takes the word of the one who added it, in that epoch, for later states only", () => {
  const later = changed(changed(state, { name: "Second" }), { name: "Third" });
  const told = new StateKeeper({ ...StateKeeper.begun(state).kept, welcomedBy: plain });
  assert.throws(() => told.take(admin, later, members), { code: "CLIENT_STATE_STALE" });
  told.take(plain, later, members);
  assert.equal(told.state.name, "Third");
  told.take(owner, later, members);
  assert.throws(() => told.take(plain, state, members), { code: "CLIENT_STATE_STALE" });
  told.beginEpoch(members);
  const last = changed(changed(later, { name: "Fourth" }), { name: "Fifth" });
  assert.throws(() => told.take(plain, last, members), { code: "CLIENT_STATE_STALE" });
});

test("GRP-08: a name or picture that is too large is refused before it is sent", () => {
  for (const change of [{ name: "\u00e9".repeat(129) }, { picture: new Uint8Array(16_385) }])
    assert.throws(() => changed(state, change), { code: "CLIENT_STATE_SIZE" });
  assert.throws(() => firstState(owner, { name: "x".repeat(257) }), { code: "CLIENT_STATE_SIZE" });
  assert.equal(
    "picture" in changed(changed(state, { picture: Uint8Array.of(1) }), { picture: undefined }),
    false,
  );
});

test("GRP-13: owners and admins first, then by leaf, and never whoever leaves", () => {
  const turns = (standing: Standing): (number | undefined)[] =>
    members.map(({ leafIndex }) => turnToRemove(standing, members, leafIndex));
  assert.deepEqual(turns(state), [undefined, undefined, undefined, undefined]);
  assert.deepEqual(turns(changed(state, { leave: other })), [0, 1, 2, undefined]);
  const roles = (role: Role) => changed(changed(state, { accountId: other, role }), { leave: plain });
  assert.deepEqual(turns(roles("owner")), [0, 1, undefined, 2]);
  assert.deepEqual(turns(changed(changed(state, { accountId: other, role: "owner" }), { leave: owner })), [
    undefined,
    0,
    2,
    1,
  ]);
});
