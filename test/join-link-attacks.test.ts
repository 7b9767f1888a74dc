import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import type { PortcullisClient } from "@portcullis/client";
import {
  formatJoinLink,
  toBase64Url,
  type AccountId,
  type ConversationId,
  type JoinRequestsAnswer,
} from "@portcullis/protocol";
import { type JoinLink, type SharedState } from "@portcullis/protocol/content";
import { FixedClock, temporaryDirectory } from "@portcullis/testkit";
import { sendAct } from "../packages/client/src/conversation/content.ts";
import { changeState } from "../packages/client/src/conversation/state-changes.ts";
import { changed } from "../packages/client/src/conversation/state-rules.ts";
import type { DeviceSession } from "../packages/client/src/device-session.ts";
import { joinKeyOf, linkIdOf } from "../packages/client/src/joining/join-key.ts";
import { openSession } from "./lying-device.ts";
import { meddle } from "./meddling.ts";
import { nextEvent, openProviderRoom, type ProviderRoom } from "./provider-room.ts";

const clock = new FixedClock("1970-04-14T03:00:00Z");
const directory = temporaryDirectory();
const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
const meddler = meddle();
let room: ProviderRoom;
let ann: PortcullisClient;
/** A device that keeps the rules only when told. */
let mallory: DeviceSession;
let people = 0;

before(async () => {
  room = await openProviderRoom(directory, clock);
  ann = await room.join("ann", { platform: meddler.platform, joinTurnMs: 0 });
  await (await room.join("mallory")).close();
  mallory = await openSession(room, "mallory", { clock, random });
});
after(async () => {
  await mallory.close();
  await room.close();
});

const newcomer = (): Promise<PortcullisClient> => room.join(`newcomer ${++people}`);
const conversationOf = (id: ConversationId) => mallory.conversation(id);

/** A conversation with Mallory, who is an admin of it. */
async function begin(): Promise<ConversationId> {
  const { accountId } = mallory.account;
  const id = await ann.createConversation({ class: "recorded", members: [accountId] });
  await conversationOf(id).watchers.until(() => conversationOf(id).record?.condition === "open");
  await ann.setRole(id, accountId, "admin");
  await level(id);
  return id;
}

async function level(id: ConversationId): Promise<void> {
  await ann.idle();
  await conversationOf(id).watchers.until(() => conversationOf(id).cursor >= ann.state(id).sequence);
}

const countOf = (id: ConversationId): number => ann.state(id).members.length;

test("GRP-21: a state that invents a link, or raises one's uses, is refused by everybody", async () => {
  const id = await begin();
  await ann.makeJoinLink(id, { uses: 2 });
  await level(id);
  const { states } = conversationOf(id);
  const [made] = states!.state.links!;
  const invented: JoinLink = { ...made!, publicKey: random(32) };
  const lies: readonly JoinLink[][] = [
    [made!, invented],
    [made!, { ...invented, maker: mallory.account.accountId, role: "admin" }],
    [{ ...made!, uses: 100 }],
    [{ ...made!, admitted: [mallory.account.accountId] }],
  ];
  for (const links of lies) {
    const rejected = nextEvent(ann, "rejected");
    const state: SharedState = { ...changed(states!.state, { name: "x" }), name: "", links };
    await sendAct(mallory, conversationOf(id), { kind: "state", state });
    assert.match((await rejected).code, /^CLIENT_STATE_(?:LINK|ROLE)$/);
    assert.equal(ann.joinLinks(id)[0]?.uses, 2);
    assert.equal(ann.joinLinks(id).length, 1);
  }
});

/** What Mallory's own client would never send: a Commit that lets somebody in, whatever is so. */
async function admitLie(
  id: ConversationId,
  link: Uint8Array | undefined,
  accountId: AccountId,
): Promise<string> {
  const conversation = conversationOf(id);
  conversation.states!.demandAdmissions = () => {};
  const [add = []] = await mallory.claims.of([accountId], 1);
  const frozen = nextEvent(ann, "frozen");
  const linkId = link ?? random(16);
  conversation.outbox
    .add({ kind: "commit", add, remove: [], admits: [{ accountId, linkId }] })
    .catch(() => undefined);
  const { code, committer } = await frozen;
  assert.deepEqual(committer.accountId, mallory.account.accountId);
  return code;
}

test("GRP-23: a Commit that lets in by no link that stands freezes everybody and names its author", async () => {
  const dee = await newcomer();
  const unknown = await begin();
  assert.equal(await admitLie(unknown, undefined, dee.accountId), "CLIENT_JOIN_UNKNOWN");
  const used = await begin();
  await ann.makeJoinLink(used);
  const [link] = ann.joinLinks(used);
  const cem = await newcomer();
  const joined = cem.waitForConversation(used);
  await level(used);
  const [add = []] = await mallory.claims.of([cem.accountId], 1);
  const admits = [{ accountId: cem.accountId, linkId: link!.linkId }];
  await conversationOf(used).outbox.add({ kind: "commit", add, remove: [], admits });
  await joined;
  await level(used);
  assert.equal(await admitLie(used, link!.linkId, dee.accountId), "CLIENT_JOIN_USED_UP");
  const over = await begin();
  await ann.makeJoinLink(over, { expiresAtMs: clock.now() + 1000 });
  const linkId = ann.joinLinks(over)[0]!.linkId;
  await level(over);
  clock.advance(900_000);
  assert.equal(await admitLie(over, linkId, dee.accountId), "CLIENT_JOIN_EXPIRED");
});

/** What the server says of those who ask, to Ann. */
function serve(change: (answer: JoinRequestsAnswer) => JoinRequestsAnswer): void {
  meddler.answer = async (path, response) => {
    if (!/^\/v1\/join-requests\/[^/]+$/.test(path) || !response.ok) return response;
    const answer = (await response.json()) as JoinRequestsAnswer;
    return Response.json("requests" in answer ? change(answer) : answer);
  };
}

test("GRP-22: a request in another account's name, or for another time, lets nobody in and is told once", async () => {
  const id = await begin();
  const link = await ann.makeJoinLink(id, { uses: 5 });
  const [cem, dee] = [await newcomer(), await newcomer()];
  const changes: ((request: JoinRequestsAnswer["requests"][number]) => object)[] = [
    () => ({ accountId: toBase64Url(dee.accountId) }),
    ({ askedAtMs }) => ({ askedAtMs: askedAtMs + 1 }),
  ];
  for (const change of changes) {
    let lies = 0;
    serve(({ requests }) => ({
      requests: requests.map((request) => Object.assign({}, request, lies++ === 0 ? change(request) : {})),
    }));
    const fault = nextEvent(ann, "fault");
    await cem.askToJoin(link);
    assert.equal(((await fault) as { code: string }).code, "CLIENT_JOIN_PROOF");
    assert.equal(countOf(id), 2);
    await cem.withdrawJoinRequest(id);
  }
  meddler.answer = (_, response) => Promise.resolve(response);
});

test("GRP-23: an old request that the server gives out again lets nobody back in who was removed", async () => {
  const id = await begin();
  const link = await ann.makeJoinLink(id, { uses: 5 });
  const [cem, dee] = [await newcomer(), await newcomer()];
  let kept: JoinRequestsAnswer["requests"] = [];
  serve((answer) => {
    kept = answer.requests;
    return answer;
  });
  const joined = cem.waitForConversation(id);
  await cem.askToJoin(link);
  await joined;
  const left = nextEvent(cem, "left");
  await ann.removeMembers(id, [cem.accountId]);
  await left;
  assert.equal(kept.length, 1);
  serve(({ requests }) => ({ requests: [...kept, ...requests] }));
  const another = dee.waitForConversation(id);
  await dee.askToJoin(link);
  await another;
  await ann.idle();
  assert.equal(countOf(id), 3);
  assert.equal(cem.state(id).condition, "left");
  meddler.answer = (_, response) => Promise.resolve(response);
});

test("GRP-24: a link that says another class than the conversation is of leads nowhere", async () => {
  const id = await begin();
  const cem = await newcomer();
  const text = { server: room.server.url, conversationId: id, class: "sealed" as const, secret: random(32) };
  const { publicKey } = joinKeyOf(text);
  const maker = mallory.account.accountId;
  const link: JoinLink = {
    publicKey,
    maker,
    role: "member",
    expiresAtMs: clock.now() + 3_600_000,
    uses: 1,
    admitted: [],
  };
  await changeState(mallory, conversationOf(id), { link, drops: [] });
  await level(id);
  assert.deepEqual(ann.joinLinks(id)[0]?.linkId, linkIdOf(publicKey));
  const refused = nextEvent(cem, "refused");
  await cem.askToJoin(formatJoinLink(text));
  assert.deepEqual(await refused, { conversationId: id, code: "CLIENT_JOIN_WELCOME" });
  assert.deepEqual(cem.conversations(), []);
});

test("GRP-24: a Welcome from a group that does not have the link is refused until the request is withdrawn", async () => {
  const id = await begin();
  const link = await ann.makeJoinLink(id);
  await ann.revokeJoinLink(id, ann.joinLinks(id)[0]!.linkId);
  serve(() => ({ requests: [] }));
  const cem = await newcomer();
  await cem.askToJoin(link);
  const refused = nextEvent(cem, "refused");
  const added = ann.addMembers(id, [cem.accountId]);
  assert.equal((await refused).code, "CLIENT_JOIN_WELCOME");
  await added;
  await cem.withdrawJoinRequest(id);
  const name = cem.handle;
  await cem.close();
  const again = await room.reopen(name);
  await again.connect();
  await again.waitForConversation(id);
  meddler.answer = (_, response) => Promise.resolve(response);
});

test("CLT-16: a Welcome that the server gives out under another conversation's id is refused", async () => {
  const gus = meddle();
  const other = await room.join("gus", { platform: gus.platform });
  const elsewhere = await begin();
  gus.frame = (frame) => (frame.type === "welcome" ? { ...frame, conversationId: elsewhere } : frame);
  const refused = nextEvent(other, "refused");
  await ann.createConversation({ class: "sealed", members: [other.accountId] });
  assert.deepEqual(await refused, { conversationId: elsewhere, code: "CLIENT_WELCOME_TERMS" });
});
