import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { RECORD_SIGNATURE_LABEL, sealBucket, sealRecord } from "@portcullis/access";
import type { PortcullisClient } from "@portcullis/client";
import { nodePlatform, SqliteStore } from "@portcullis/client/node";
import { generateSigningKey, sha256, signWithLabel } from "@portcullis/crypto";
import { signDeviceList, verifyDeviceList } from "@portcullis/ledger/identity";
import { createMlsEngine } from "@portcullis/mls";
import {
  accountUri,
  asAccountId,
  asConversationId,
  asMessageId,
  bucketStartAt,
  conversationUri,
  encodeMessageData,
  padme,
  toBase64Url,
  type CommitData,
  type ConversationId,
} from "@portcullis/protocol";
import { encodeSharedState, type Role, type SharedState } from "@portcullis/protocol/content";
import { FixedClock, temporaryDirectory } from "@portcullis/testkit";
import { decodeAccountRecord } from "../packages/client/src/account/account-record.ts";
import { sendAct } from "../packages/client/src/conversation/content.ts";
import type { Conversation } from "../packages/client/src/conversation/conversation.ts";
import type { Accepted } from "../packages/client/src/outbox/outbox-held.ts";
import type { DeviceSession } from "../packages/client/src/device-session.ts";
import type { Answer } from "../packages/client/src/host.ts";
import {
  ask,
  contentBy,
  openSession,
  sendCommitLie,
  type CommitLie,
  type SaidText,
  type Text,
} from "./lying-device.ts";
import { nextEvent, openProviderRoom, type ProviderRoom } from "./provider-room.ts";

const clock = new FixedClock("1970-04-14T03:00:00Z");
const BUCKET = 8_910_000;
const directory = temporaryDirectory();
const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
let room: ProviderRoom;
let ann: PortcullisClient;
/** A device that keeps the rules only when told. */
let mallory: DeviceSession;
let talk: ConversationId;

before(async () => {
  room = await openProviderRoom(directory, clock);
  ann = await room.join("ann");
  await (await room.join("mallory")).close();
  mallory = await openSession(room, "mallory", { clock, random });
  talk = await begin();
});
after(async () => {
  await mallory.close();
  await room.close();
});

async function begin(role: Role = "admin"): Promise<ConversationId> {
  const id = await ann.createConversation({ class: "recorded", members: [mallory.account.accountId] });
  await conversationOf(id).watchers.until(() => conversationOf(id).record?.condition === "open");
  await ann.setRole(id, mallory.account.accountId, role);
  await conversationOf(id).watchers.until(() => conversationOf(id).cursor === ann.state(id).sequence);
  return id;
}

const conversationOf = (id: ConversationId): Conversation => mallory.conversation(id);

/** Into the talk, whatever its tag says. */
const sendRaw = (applicationData: Uint8Array, tag: Uint8Array): Promise<Accepted> =>
  conversationOf(talk).outbox.add({ kind: "message", applicationData, frankingTag: tag });

const contentOf = (text: Text): SaidText =>
  contentBy(mallory.account, random, { roomUri: conversationUri(mallory.account.provider, talk), ...text });

/** A message that the server takes, with whatever lies inside. */
async function lie(
  changes: { index?: number; recordText?: string; ownSeed?: boolean },
  id: ConversationId = talk,
): Promise<Answer> {
  const epoch = conversationOf(id).epoch!;
  const { group, facts } = epoch;
  const roomUri = conversationUri(mallory.account.provider, id);
  const { applicationData, tag } = contentOf({ text: "what I say", roomUri });
  const recorded =
    changes.recordText === undefined
      ? applicationData
      : contentOf({ text: changes.recordText }).applicationData;
  const label = {
    policyId: mallory.provider.demandPolicy().id,
    conversationId: id,
    epoch: group.epoch,
    confirmedTranscriptHash: group.confirmedTranscriptHash,
    accountId: mallory.account.accountId,
    leafIndex: group.ownLeaf,
    rosterRoot: facts.rosterRoot,
    bucketStart: BUCKET,
    bucketSeconds: 900,
  };
  const keysets = mallory.provider.keysetsFor(BUCKET);
  const seal =
    changes.ownSeed === true ? sealBucket({ label, seed: random(32), keysets }) : epoch.ownSeal(BUCKET);
  const messageId = asMessageId(random(16));
  const records = epoch.records(group.ownLeaf);
  const { record, recordHash } = sealRecord({
    key: seal.key,
    labelHash: seal.labelHash,
    messageId,
    frankingTag: tag,
    index: changes.index ?? records.index,
    previous: changes.index === 0 ? new Uint8Array(32) : records.previous,
    applicationData: recorded,
    sign: (content) => signWithLabel(mallory.account.deviceKey, RECORD_SIGNATURE_LABEL, content),
    random,
  });
  const { sealedBucketHash, sealedBucket } = seal;
  const data = encodeMessageData({
    messageId,
    frankingTag: tag,
    bucketStart: BUCKET,
    sealedBucketHash,
    recordHash,
  });
  const { message } = await group.protect(padme(applicationData), data);
  return ask(mallory, (requestId) => ({
    type: "send",
    requestId,
    conversationId: id,
    messageId,
    message,
    record,
    sealedBucket,
  }));
}

/** A Commit that adds Dee, with whatever it states. */
const commitLie = (
  id: ConversationId,
  dee: PortcullisClient,
  state: (honest: CommitData) => CommitLie,
): Promise<Answer> =>
  sendCommitLie(mallory, conversationOf(id), { added: dee.accountId, server: room.server.url }, state);

async function assertRejected(act: () => Promise<unknown>, code: string): Promise<void> {
  const rejected = nextEvent(ann, "rejected");
  const answer = await act();
  assert.notEqual((answer as Answer).type, "rejected", JSON.stringify(answer));
  const { senderAccountId, ...event } = await rejected;
  assert.deepEqual(event.code, code);
  assert.deepEqual(senderAccountId, mallory.account.accountId);
  const honest = contentOf({ text: "an honest word" });
  const { sequence } = await sendRaw(honest.applicationData, honest.tag);
  await ann.caughtUp(talk, sequence);
  const shown = new Set((await ann.messages.history(talk)).map((message) => message.sequence));
  assert.ok(!shown.has(event.sequence) && shown.has(sequence));
}

test("CLT-24: a franking tag that is not that of the content is refused", async () => {
  const { applicationData, tag } = contentOf({ text: "deniable" });
  await assertRejected(() => sendRaw(applicationData, tag.with(0, tag[0]! ^ 1)), "RECORD_FRANKING_TAG");
});

test("CLT-25: a sender URI of somebody else is refused", async () => {
  const senderUri = accountUri(mallory.account.provider, ann.accountId);
  const { applicationData, tag } = contentOf({ text: "I am Ann", senderUri });
  await assertRejected(() => sendRaw(applicationData, tag), "CLIENT_CONTENT_SENDER");
});

test("CLT-25: a room URI of another conversation is refused", async () => {
  const roomUri = conversationUri(mallory.account.provider, asConversationId(random(32)));
  const { applicationData, tag } = contentOf({ text: "elsewhere", roomUri });
  await assertRejected(() => sendRaw(applicationData, tag), "CLIENT_CONTENT_ROOM");
});

test("CLT-26: a record that holds another text than the message is refused", () =>
  assertRejected(() => lie({ recordText: "what they shall read" }), "CLIENT_RECORD_CONTENT"));

test("CLT-26: capsules that do not come from the bucket chain are refused", async () => {
  const rejected = nextEvent(ann, "rejected");
  const answer = await lie({ ownSeed: true }, await begin());
  assert.equal(answer.type, "accepted");
  assert.equal((await rejected).code, "CAPSULE_DIFFERS");
});

test("CLT-27: a record under an index that was used is refused", () =>
  assertRejected(() => lie({ index: 0 }), "CLIENT_RECORD_CHAIN"));

test("CLT-27: a record that leaves a gap is shown and the gap is told", async () => {
  const gap = nextEvent(ann, "gap");
  const { index } = conversationOf(talk).epoch!.records(conversationOf(talk).epoch!.group.ownLeaf);
  const answer = await lie({ index: index + 5 });
  assert.equal(answer.type, "accepted");
  const { expected, actual, sequence } = await gap;
  assert.deepEqual({ expected, actual }, { expected: index, actual: index + 5 });
  assert.ok((await ann.messages.history(talk)).some((message) => message.sequence === sequence));
});

test("CLT-10: a Commit that adds somebody whom it does not name freezes", async () => {
  const id = await begin();
  const dee = await room.join("dee");
  const frozen = nextEvent(ann, "frozen");
  const answer = await commitLie(id, dee, (honest) => ({ stated: { ...honest, added: [] } }));
  assert.equal(answer.type, "accepted");
  const { code, committer } = await frozen;
  assert.equal(code, "CLIENT_COMMIT_MEMBERS");
  assert.deepEqual(committer.accountId, mallory.account.accountId);
  assert.equal(ann.state(id).members.length, 2);
});

test("GRP-12: a Commit that its author's role does not permit freezes, and names its author", async () => {
  const id = await begin("member");
  const frozen = nextEvent(ann, "frozen");
  const dee = await room.join("fay");
  await commitLie(id, dee, (stated) => ({ stated }));
  const { code, committer } = await frozen;
  assert.equal(code, "CLIENT_COMMIT_ROLE");
  assert.deepEqual(committer.accountId, mallory.account.accountId);
});

test("CLT-66, GRP-14: a Commit that removes a device as lost which its account lists freezes", async () => {
  const id = await begin("member");
  const cem = await room.join("cem");
  await ann.addMembers(id, [cem.accountId]);
  const conversation = conversationOf(id);
  await conversation.watchers.until(() => conversation.epoch?.group.members.length === 3);
  const lie = { kind: "commit", add: [], remove: [], removeDevices: [cem] } as const;
  await assert.rejects(conversation.outbox.add(lie), { code: "CLIENT_DEVICE_LISTED" });
  const { devices } = mallory;
  const prove = devices.prove.bind(devices);
  devices.prove = (listed, startBucket, lost) => prove([...listed, ...(lost ?? [])], startBucket);
  const frozen = nextEvent(ann, "frozen");
  await conversation.outbox.add(lie);
  devices.prove = prove;
  const { code, committer } = await frozen;
  assert.equal(code, "CLIENT_DEVICE_LISTED");
  assert.deepEqual(committer.accountId, mallory.account.accountId);
});

/** A state that Mallory sends whatever its role, with whatever it changes. */
async function stateLie(
  role: Role,
  lie: (state: SharedState) => Partial<SharedState>,
  code: string,
): Promise<void> {
  const id = await begin(role);
  const { state } = conversationOf(id).states!;
  const previous = sha256(encodeSharedState(state));
  const next = { ...state, version: state.version + 1, previous, ...lie(state) };
  const rejected = nextEvent(ann, "rejected");
  await sendAct(mallory, conversationOf(id), { kind: "state", state: next });
  const event = await rejected;
  assert.deepEqual([event.code, event.senderAccountId], [code, mallory.account.accountId]);
  assert.equal(ann.state(id).name, "");
  assert.deepEqual(conversationOf(id).states!.state, state);
}

const nobody = asAccountId(new Uint8Array(32).fill(7));
const states: {
  name: string;
  role: Role;
  lie: (state: SharedState) => Partial<SharedState>;
  code: string;
}[] = [
  {
    name: "GRP-03: a member changes no name",
    role: "member",
    lie: () => ({ name: "Mine" }),
    code: "CLIENT_STATE_ROLE",
  },
  {
    name: "GRP-03: a member sets no picture",
    role: "member",
    lie: () => ({ picture: random(9) }),
    code: "CLIENT_STATE_ROLE",
  },
  {
    name: "GRP-03: a member makes itself no owner",
    role: "member",
    lie: ({ roles }) => ({ roles: [...roles, { accountId: mallory.account.accountId, role: "owner" }] }),
    code: "CLIENT_STATE_ROLE",
  },
  {
    name: "GRP-03: an admin makes itself no owner",
    role: "admin",
    lie: ({ roles }) => ({ roles: roles.map(({ accountId }) => ({ accountId, role: "owner" as const })) }),
    code: "CLIENT_STATE_ROLE",
  },
  {
    name: "GRP-03: nobody says for another that it leaves",
    role: "owner",
    lie: () => ({ leaving: [ann.accountId] }),
    code: "CLIENT_STATE_ROLE",
  },
  {
    name: "GRP-04: an owner does not go without another",
    role: "owner",
    lie: () => ({ roles: [] }),
    code: "CLIENT_STATE_OWNERLESS",
  },
  {
    name: "GRP-04: nobody who is no member has a role",
    role: "owner",
    lie: ({ roles }) => ({ roles: [...roles, { accountId: nobody, role: "admin" }] }),
    code: "CLIENT_STATE_MEMBER",
  },
  {
    name: "GRP-02: a state that follows another one than what stands is refused",
    role: "owner",
    lie: () => ({ name: "Ours", previous: random(32) }),
    code: "CLIENT_STATE_STALE",
  },
  {
    name: "GRP-02: a state that leaves out a version is refused",
    role: "owner",
    lie: ({ version }) => ({ name: "Ours", version: version + 2 }),
    code: "CLIENT_STATE_STALE",
  },
];
for (const { name, role, lie, code } of states) test(name, () => stateLie(role, lie, code));

test("CLT-12: a Commit with a roster under another key freezes", async () => {
  const id = await begin();
  const eve = await room.join("eve");
  const frozen = nextEvent(ann, "frozen");
  const answer = await commitLie(id, eve, (honest) => ({ stated: honest, saltKey: random(32) }));
  assert.equal(answer.type, "accepted");
  assert.equal((await frozen).code, "CLIENT_COMMIT_ROSTER");
});

test("E5, CLT-18: a Commit that adds a device on an old lookup freezes, although the lookup was true once", async () => {
  const id = await begin();
  const hal = await room.join("hal");
  const bucketThen = bucketStartAt(clock.now(), 900);
  const { lookup: old } = await mallory.devices.prove([hal], bucketThen);
  clock.advance(2 * 900_000);
  const frozen = nextEvent(ann, "frozen");
  const answer = await commitLie(id, hal, (honest) => ({ stated: honest, lookup: old }));
  assert.equal(answer.type, "accepted");
  assert.equal((await frozen).code, "LEDGER_STALE");
  assert.equal(ann.state(id).members.length, 2);
});

test("E1, CLT-04: a Commit that adds a device which the lookup does not list freezes", async () => {
  const id = await begin();
  const gus = await room.join("gus");
  const rogue = createMlsEngine({
    provider: nodePlatform.cryptoProvider,
    clock: { now: () => Date.now() },
    random,
    device: { signingKey: generateSigningKey(random), accountId: gus.accountId, deviceId: gus.deviceId },
    validateMember: () => Promise.resolve(),
  });
  const { keyPackage } = await rogue.createKeyPackage();
  // Mallory's own client would refuse it; what she trusts is her own affair.
  mallory.devices.verify = () => Promise.resolve();
  const frozen = nextEvent(ann, "frozen");
  const answer = await commitLie(id, gus, (honest) => ({ stated: honest, keyPackage }));
  assert.equal(answer.type, "accepted");
  const { code } = await frozen;
  assert.equal(code, "CLIENT_DEVICE_UNKNOWN");
  assert.equal(ann.state(id).members.length, 2);
});

test("E5, CLT-18: a key that was the device's once, and in its group, is not added again once the list has another", async () => {
  const ivy = await room.join("ivy");
  const id = await begin();
  assert.equal((await commitLie(id, ivy, (honest) => ({ stated: honest }))).type, "accepted");
  await ann.caughtUp(id, 3);
  await ivy.close();
  const store = new SqliteStore(room.storePath("ivy"));
  const { accountId, accountKey, deviceId, signedDeviceList } = decodeAccountRecord(
    (await store.load()).account!,
  );
  await store.close();
  const before = verifyDeviceList(signedDeviceList);
  const devices = [{ deviceId, signatureKey: generateSigningKey(random).publicKey }];
  const next = signDeviceList(accountKey, { ...before, version: 2, previous: before.hash, devices });
  const url = `${room.server.url}/v1/accounts/${toBase64Url(accountId)}/devices`;
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify({ deviceList: toBase64Url(next) });
  assert.equal((await fetch(url, { method: "PUT", headers, body })).status, 200);
  clock.advance(2 * 900_000);
  const other = await begin();
  const frozen = nextEvent(ann, "frozen");
  const answer = await commitLie(other, ivy, (honest) => ({ stated: honest }));
  assert.equal(answer.type, "accepted");
  assert.equal((await frozen).code, "CLIENT_DEVICE_UNKNOWN");
});
