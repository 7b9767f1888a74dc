import assert from "node:assert/strict";
import { test } from "node:test";
import { asAccountId, asDeviceId, type AccountId, type AdmittedAccount } from "@portcullis/protocol";
import { encodeSharedState, type JoinLink, type SharedState } from "@portcullis/protocol/content";
import { StateKeeper } from "../src/conversation/state-keeper.ts";
import { afterCommit, changed, checkSuccessor, firstState, roleOf } from "../src/conversation/state-rules.ts";
import { linkIdOf } from "../src/joining/join-key.ts";

const account = (byte: number) => asAccountId(new Uint8Array(32).fill(byte));
const member = (byte: number) => ({
  accountId: account(byte),
  deviceId: asDeviceId(new Uint8Array(16).fill(byte)),
  signatureKey: new Uint8Array(32).fill(byte),
  leafIndex: byte,
});
const [owner, admin, plain, asker] = [account(1), account(2), account(3), account(9)];
const members = [1, 2, 3].map(member);
const BUCKET = 900;
const link = (byte: number, maker: AccountId, changes: Partial<JoinLink> = {}): JoinLink => ({
  publicKey: new Uint8Array(32).fill(byte),
  maker,
  role: "member",
  expiresAtMs: BUCKET * 1000 + 1,
  uses: 2,
  admitted: [],
  ...changes,
});
const bare = changed(firstState(owner, { name: "Talk" }), { accountId: admin, role: "admin" });
const withLinks = (...links: JoinLink[]): SharedState => changed(bare, { links });
const by = (one: JoinLink, accountId = asker): AdmittedAccount => ({
  accountId,
  linkId: linkIdOf(one.publicKey),
});
/** What a liar sends: the state that would follow, with these links whatever the rules make of them. */
const lie = (state: SharedState, links: readonly JoinLink[]): SharedState => {
  const { links: _, ...rest } = changed(state, { links: [] });
  return links.length === 0 ? rest : { ...rest, links };
};

test("GRP-21: owners make links of both roles, admins for members, members none; nobody in another's name", () => {
  const cases: [AccountId, JoinLink, code: string | undefined][] = [
    [owner, link(5, owner), undefined],
    [owner, link(5, owner, { role: "admin" }), undefined],
    [admin, link(5, admin), undefined],
    [admin, link(5, admin, { role: "admin" }), "CLIENT_STATE_ROLE"],
    [plain, link(5, plain), "CLIENT_STATE_ROLE"],
    [plain, link(5, owner), "CLIENT_STATE_ROLE"],
    [admin, link(5, owner), "CLIENT_STATE_LINK"],
    [owner, link(5, plain), "CLIENT_STATE_LINK"],
    [owner, link(5, owner, { admitted: [asker] }), "CLIENT_STATE_LINK"],
  ];
  for (const [author, made, code] of cases) {
    const judge = (): void => checkSuccessor(bare, lie(bare, [made]), author, members);
    if (code === undefined) judge();
    else assert.throws(judge, { code }, `${author[0]} ${made.role}`);
  }
});

test("GRP-21: nobody changes a link: not its uses, its end, its role, nor who has joined by it", () => {
  const made = link(5, owner, { admitted: [asker] });
  const state = withLinks(made);
  const changes: Partial<JoinLink>[] = [
    { uses: 3 },
    { expiresAtMs: made.expiresAtMs + 1 },
    { role: "admin" },
    { maker: admin },
    { admitted: [] },
    { admitted: [asker, plain] },
  ];
  for (const author of [owner, admin])
    for (const change of changes)
      assert.throws(() => checkSuccessor(state, lie(state, [{ ...made, ...change }]), author, members), {
        code: "CLIENT_STATE_LINK",
      });
  checkSuccessor(state, changed(state, { name: "Other" }), admin, members);
});

test("GRP-21: owners and admins take any link away, members none", () => {
  const state = withLinks(link(5, owner, { role: "admin" }), link(6, admin));
  for (const author of [owner, admin]) checkSuccessor(state, lie(state, []), author, members);
  assert.throws(() => checkSuccessor(state, lie(state, [link(6, admin)]), plain, members), {
    code: "CLIENT_STATE_ROLE",
  });
  checkSuccessor(state, changed(state, { leave: plain }), plain, members);
});

test("GRP-21: a link ends with its maker's right to it, and a state that keeps it is refused", () => {
  const state = withLinks(link(5, owner), link(6, admin));
  const lowered = changed(state, { accountId: admin, role: "member" });
  assert.deepEqual(lowered.links, [link(5, owner)]);
  checkSuccessor(state, lowered, owner, members);
  const kept = { ...lowered, links: state.links! };
  assert.throws(() => checkSuccessor(state, kept, owner, members), { code: "CLIENT_STATE_LINK" });
  assert.deepEqual(afterCommit(state, [member(1)]).links, [link(5, owner)]);
  const left = changed(state, { leave: admin });
  checkSuccessor(state, left, admin, members);
  assert.deepEqual(left.links, [link(5, owner)]);
  const nobody = { ...bare, roles: [], links: [link(5, plain)] };
  assert.equal(afterCommit(nobody, [member(1)]).links, undefined, "its maker is gone");
});

test("GRP-23: a Commit lets in by a link that stands, in time, as often as it says, and nobody twice", () => {
  const made = link(5, owner);
  const judge = (links: JoinLink[], ...admitted: AdmittedAccount[]): void =>
    StateKeeper.begun(withLinks(...links)).demandAdmissions(admitted, {
      before: members,
      startBucket: BUCKET,
    });
  judge([made], by(made));
  judge([made], by(made), by(made, account(8)));
  judge([link(5, owner, { admitted: [account(7)] })], by(made));
  const cases: [JoinLink[], AdmittedAccount[], code: string][] = [
    [[], [by(made)], "CLIENT_JOIN_UNKNOWN"],
    [[link(6, owner)], [by(made)], "CLIENT_JOIN_UNKNOWN"],
    [[link(5, owner, { expiresAtMs: BUCKET * 1000 })], [by(made)], "CLIENT_JOIN_EXPIRED"],
    [[link(5, owner, { uses: 1 })], [by(made), by(made, account(8))], "CLIENT_JOIN_USED_UP"],
    [[link(5, owner, { admitted: [asker] })], [by(made)], "CLIENT_JOIN_ADMITTED"],
    [[made], [by(made, plain)], "CLIENT_JOIN_MEMBER"],
  ];
  for (const [links, admitted, code] of cases) assert.throws(() => judge(links, ...admitted), { code });
});

test("GRP-23: every member notes who joined by which link, and whoever joins by an owner's may be an admin", () => {
  const [made, high] = [link(5, owner), link(6, owner, { role: "admin" })];
  const state = withLinks(made, high);
  const inside = [...members, member(9), member(8)];
  const after = afterCommit(state, inside, [by(made), by(high, account(8))]);
  assert.deepEqual(
    after.links?.map(({ admitted }) => admitted),
    [[asker], [account(8)]],
  );
  assert.deepEqual([roleOf(after, asker), roleOf(after, account(8))], ["member", "admin"]);
  assert.equal(after.version, state.version + 1);
  const turned = afterCommit(state, inside.toReversed(), [by(high, account(8)), by(made)]);
  assert.deepEqual(encodeSharedState(turned), encodeSharedState(after));
});

test("GRP-23: whoever was removed is not let in by the same link again", () => {
  const made = link(5, owner);
  const keeper = StateKeeper.begun(withLinks(made));
  keeper.beginEpoch([...members, member(9)], [by(made)]);
  keeper.beginEpoch(members);
  assert.throws(() => keeper.demandAdmissions([by(made)], { before: members, startBucket: BUCKET }), {
    code: "CLIENT_JOIN_ADMITTED",
  });
});

test("GRP-23: a link that is revoked while a Commit is on the way still stands for it, in that epoch alone", () => {
  const made = link(5, owner, { role: "admin" });
  const keeper = StateKeeper.begun(withLinks(made));
  const judge = (): void => keeper.demandAdmissions([by(made)], { before: members, startBucket: BUCKET });
  keeper.take(owner, changed(keeper.state, { links: [] }), members);
  keeper.take(owner, changed(keeper.state, { name: "and more" }), members);
  judge();
  keeper.beginEpoch([...members, member(9)], [by(made)]);
  assert.deepEqual([keeper.state.links, roleOf(keeper.state, asker)], [undefined, "member"]);
  assert.throws(judge, { code: "CLIENT_JOIN_UNKNOWN" });
});

test("GRP-23: a newcomer, who may not know yet what stands, takes the others' word in its first epoch", () => {
  const made = link(5, owner);
  const keeper = StateKeeper.welcomed(encodeSharedState(bare), owner);
  const judge = (): void => keeper.demandAdmissions([by(made)], { before: members, startBucket: BUCKET });
  judge();
  keeper.beginEpoch(members);
  assert.throws(judge, { code: "CLIENT_JOIN_UNKNOWN" });
});
