import assert from "node:assert/strict";
import { test } from "node:test";
import { createCommit, encodeMlsMessage, type Proposal } from "ts-mls";
import { decodeGroupContext, encodeGroupContext } from "ts-mls/groupContext.js";
import { initializeEpoch } from "ts-mls/keySchedule.js";
import { utf8 } from "@portcullis/protocol";
import type { CommitSummary } from "@portcullis/mls";
import { commitLength, decodeCommit } from "../src/commit-rules.ts";
import { decodeSnapshot } from "../src/epoch.ts";
import { decodePrivateMessage, openContent, openSenderData } from "../src/message-protection.ts";
import { decodeKeyPackage } from "../src/key-package.ts";
import { decodeRatchetRow } from "../src/secret-tree.ts";
import { nodeProvider } from "@portcullis/mls/node";
import { byValue, cipherSuite, coded, forgeCommit, forgeProposal, rawState } from "./forger.ts";
import { change, converse, joining, person, type Conversation } from "./people.ts";

const NOTHING = new Uint8Array();
const accept = (): void => undefined;

async function readCommit(
  message: Uint8Array,
  conversation: Conversation,
  reader: number,
): Promise<ReturnType<typeof decodeCommit>> {
  const start = conversation.epochs[reader]!;
  const epoch = decodeSnapshot(start.snapshot);
  const keys = {
    groupId: epoch.groupContext.groupId,
    epoch: Number(epoch.groupContext.epoch),
    groupContext: encodeGroupContext(epoch.groupContext),
    senderDataSecret: epoch.senderDataSecret,
  };
  const addressed = await openSenderData(nodeProvider.primitives, keys, decodePrivateMessage(message));
  const row = start.ratchets.find(({ leafIndex }) => leafIndex === addressed.leafIndex)!.row;
  const { signatureKey } = start.group.members.find(({ leafIndex }) => leafIndex === addressed.leafIndex)!;
  const sender = { signatureKey, ratchet: decodeRatchetRow(row).handshake };
  const { content } = await openContent(nodeProvider.primitives, keys, addressed, sender, commitLength);
  return decodeCommit(content);
}

test("MLS-10: GroupContextExtensions, ReInit, ExternalInit, PSK, Update and unknown proposals are refused", async () => {
  const { people, epochs } = await converse([person(), person()]);
  const state = rawState(epochs[0]!, people[0]!);
  const { groupContext } = state;
  const leafNode = (state.ratchetTree[0] as { leaf: object }).leaf;
  const forbidden: Proposal[] = [
    { proposalType: "group_context_extensions", groupContextExtensions: { extensions: [] } },
    {
      proposalType: "reinit",
      reinit: {
        groupId: groupContext.groupId,
        version: "mls10",
        cipherSuite: groupContext.cipherSuite,
        extensions: [],
      },
    },
    { proposalType: "external_init", externalInit: { kemOutput: new Uint8Array(32) } },
    {
      proposalType: "psk",
      psk: { preSharedKeyId: { psktype: "external", pskId: utf8("psk"), pskNonce: new Uint8Array(32) } },
    },
    { proposalType: "update", update: { leafNode: { ...leafNode, leafNodeSource: "update" } as never } },
    { proposalType: 0xf123, proposalData: utf8("?") },
  ];
  for (const proposal of forbidden) {
    const message = await forgeCommit(state, byValue(proposal));
    await assert.rejects(
      epochs[1]!.group.process(message, accept),
      coded("MLS_PROPOSAL_FORBIDDEN"),
      String(proposal.proposalType),
    );
  }
  const byReference = {
    proposals: [{ proposalOrRefType: "reference" as const, reference: new Uint8Array(32) }],
    path: undefined,
  };
  const message = await forgeCommit(state, byReference);
  await assert.rejects(epochs[1]!.group.process(message, accept), coded("MLS_PROPOSAL_FORBIDDEN"));
});

test("MLS-11: a proposal outside of a Commit, and a Commit outside of a PrivateMessage, are refused", async () => {
  const { people, epochs } = await converse([person(), person(), person()]);
  const state = rawState(epochs[0]!, people[0]!);
  const proposal = await forgeProposal(state, { proposalType: "remove", remove: { removed: 2 } });
  await assert.rejects(epochs[1]!.group.process(proposal, accept), coded("MLS_CONTENT_TYPE"));
  const { commit } = await createCommit({ state, cipherSuite }, { wireAsPublicMessage: true });
  await assert.rejects(epochs[1]!.group.process(encodeMlsMessage(commit), accept), coded("MLS_WIRE_FORMAT"));
});

test("MLS-12: a Commit with one Remove has a path, and the removed member cannot derive the next epoch", async () => {
  const before = await converse([person(), person(), person()]);
  const removed = before.epochs[2]!;
  const { epochs, message } = await change(before, { by: 0, remove: [removed.group.ownLeaf] });
  assert.notEqual((await readCommit(message, before, 1)).path, undefined);
  const next = decodeSnapshot(epochs[0]!.snapshot);
  const theirs = decodeSnapshot(removed.snapshot);
  // All that the removed member knows and the public rest; without a path the commit secret would be zeros.
  const context = decodeGroupContext(encodeGroupContext(next.groupContext), 0)![0];
  const guess = await initializeEpoch(
    theirs.initSecret,
    new Uint8Array(32),
    context,
    new Uint8Array(32),
    cipherSuite.kdf,
  );
  assert.notDeepEqual(guess.keySchedule.initSecret, next.initSecret);
  assert.notDeepEqual(guess.keySchedule.senderDataSecret, next.senderDataSecret);
  const processed = await removed.group.process(message, accept);
  assert.equal(processed.kind, "removed");
});

test("MLS-12: without a path the removed member could: the same sum with an Add alone gives the next epoch", async () => {
  const before = await converse([person(), person()]);
  const { epochs, message } = await change(before, { by: 0, add: [await person().keyPackage()] });
  assert.equal((await readCommit(message, before, 1)).path, undefined);
  const next = decodeSnapshot(epochs[0]!.snapshot);
  const { initSecret } = decodeSnapshot(before.epochs[1]!.snapshot);
  const known = await initializeEpoch(
    initSecret,
    new Uint8Array(32),
    next.groupContext,
    new Uint8Array(32),
    cipherSuite.kdf,
  );
  assert.deepEqual(known.keySchedule.initSecret, next.initSecret);
});

test("MLS-14: a leaf that stays keeps its device and its signature key", async () => {
  const people = [person(), person(), person()];
  const { epochs } = await converse(people);
  const state = rawState(epochs[0]!, people[0]!);
  const node = state.ratchetTree[0];
  assert(node?.nodeType === "leaf");
  const stranger = decodeKeyPackage(await person().keyPackage()).leafNode;
  const disguised = state.ratchetTree.slice();
  disguised[0] = { nodeType: "leaf", leaf: { ...node.leaf, credential: stranger.credential } };
  const { commit } = await createCommit({ state: { ...state, ratchetTree: disguised }, cipherSuite });
  await assert.rejects(
    epochs[1]!.group.process(encodeMlsMessage(commit), accept),
    coded("MLS_IDENTITY_CHANGED"),
  );
});

test("MLS-15: neither the same signature key nor the same device stands on two leaves", async () => {
  const [alice, bob] = [person(), person()];
  const { epochs } = await converse([alice, bob]);
  const { group } = epochs[0]!;
  const request = { remove: [], authenticatedData: NOTHING, joining };
  const sameKey = person({ device: { signingKey: bob.device.signingKey } });
  await assert.rejects(
    group.commit({ ...request, add: [await sameKey.keyPackage()] }),
    coded("MLS_COMMIT_INVALID"),
  );
  const { accountId, deviceId } = bob.device;
  const sameDevice = person({ device: { accountId, deviceId } });
  await assert.rejects(
    group.commit({ ...request, add: [await sameDevice.keyPackage()] }),
    coded("MLS_MEMBER_TWICE"),
  );
  const state = rawState(epochs[0]!, alice);
  const keyPackage = decodeKeyPackage(await sameDevice.keyPackage());
  const { commit } = await createCommit(
    { state, cipherSuite },
    { extraProposals: [{ proposalType: "add", add: { keyPackage } }] },
  );
  await assert.rejects(epochs[1]!.group.process(encodeMlsMessage(commit), accept), coded("MLS_MEMBER_TWICE"));
});

test("MLS-16: who is added and removed is read from the Commit, and handed over with what its author says", async () => {
  const people = [person(), person(), person()];
  const { epochs } = await converse(people);
  const dave = person();
  const { message } = await epochs[0]!.group.commit({
    add: [await dave.keyPackage()],
    remove: [2],
    authenticatedData: utf8("says"),
    joining,
  });
  let seen: CommitSummary | undefined;
  const processed = await epochs[1]!.group.process(message, (summary) => {
    seen = summary;
  });
  assert.deepEqual(seen?.authenticatedData, utf8("says"));
  assert.equal(seen.committer.leafIndex, 0);
  assert.deepEqual(
    seen.removed.map(({ deviceId }) => deviceId),
    [people[2]!.device.deviceId],
  );
  assert.deepEqual(
    seen.added.map(({ deviceId }) => deviceId),
    [dave.device.deviceId],
  );
  assert.deepEqual(processed.summary, seen);
});

test("MLS-16: a Commit that the caller does not accept changes nothing", async () => {
  const { epochs } = await converse([person(), person()]);
  const [alice, bob] = epochs.map(({ group }) => group);
  const { message } = await alice!.commit({ add: [], remove: [], authenticatedData: NOTHING, joining });
  const refusal = new Error("no");
  await assert.rejects(
    bob!.process(message, () => Promise.reject(refusal)),
    refusal,
  );
  const { message: text } = await alice!.protect(utf8("still here"), NOTHING);
  assert.deepEqual((await bob!.unprotect(text)).plaintext, utf8("still here"));
  assert.equal((await bob!.process(message, accept)).kind, "epoch");
});

test("MLS-17: one's own Commit counts when merged; when another wins it is dropped", async () => {
  const people = [person(), person()];
  const { epochs } = await converse(people);
  const [alice, bob] = epochs.map(({ group }) => group);
  const request = { add: [], remove: [], authenticatedData: NOTHING, joining };
  const lost = await alice!.commit(request);
  const won = await bob!.commit(request);
  assert.equal(alice!.epoch, 1);
  const followed = await alice!.process(won.message, accept);
  const merged = await bob!.merge(won.pending);
  assert(followed.kind === "epoch");
  assert.deepEqual(followed.group.confirmedTranscriptHash, merged.group.confirmedTranscriptHash);
  await assert.rejects(followed.group.merge(lost.pending), coded("MLS_PENDING_STALE"));
  await assert.rejects(merged.group.process(lost.message, accept), coded("MLS_EPOCH"));
});

test("MLS-17: a pending Commit survives a restart", async () => {
  const people = [person(), person()];
  const { epochs } = await converse(people);
  const { pending, message } = await epochs[0]!.group.commit({
    add: [],
    remove: [],
    authenticatedData: NOTHING,
    joining,
  });
  const restored = await people[0]!.engine.restore(epochs[0]!);
  const mine = await restored.merge(pending);
  const theirs = await epochs[1]!.group.process(message, accept);
  assert(theirs.kind === "epoch");
  assert.deepEqual(
    await mine.exporter.export("x", NOTHING, 32),
    await theirs.exporter.export("x", NOTHING, 32),
  );
});

test("MLS-17: one's own Commit is merged from memory as from its bytes, and the one before from its bytes", async () => {
  const { epochs } = await converse([person(), person()]);
  const [alice] = epochs.map(({ group }) => group);
  const request = { add: [], remove: [], authenticatedData: NOTHING, joining };
  const [first, second] = [await alice!.commit(request), await alice!.commit(request)];
  const asStored = second.pending.slice();
  const [kept, read] = [await alice!.merge(second.pending), await alice!.merge(asStored)];
  assert.deepEqual([kept.snapshot, kept.ratchets], [read.snapshot, read.ratchets]);
  assert.deepEqual(second.pending, asStored);
  assert.notDeepEqual((await alice!.merge(first.pending)).snapshot, kept.snapshot);
});

test("MLS-12: whoever is removed learns it although somebody new sits on its leaf at once", async () => {
  const before = await converse([person(), person(), person()]);
  const removed = before.epochs[1]!;
  const add = [await person().keyPackage()];
  const { message, epochs } = await change(before, { by: 0, add, remove: [removed.group.ownLeaf] });
  assert.ok(epochs[0]!.group.members.some(({ leafIndex }) => leafIndex === removed.group.ownLeaf));
  assert.equal((await removed.group.process(message, accept)).kind, "removed");
});

test("MLS-18: a second Commit in the same epoch is under another key", async () => {
  const { epochs } = await converse([person(), person()]);
  const [alice, bob] = epochs;
  const request = { add: [], remove: [], authenticatedData: NOTHING, joining };
  const first = await alice!.group.commit(request);
  const second = await alice!.group.commit(request);
  const generations: number[] = [];
  const epoch = decodeSnapshot(bob!.snapshot);
  const keys = {
    groupId: epoch.groupContext.groupId,
    epoch: 1,
    groupContext: NOTHING,
    senderDataSecret: epoch.senderDataSecret,
  };
  for (const { message } of [first, second])
    generations.push(
      (await openSenderData(nodeProvider.primitives, keys, decodePrivateMessage(message))).generation,
    );
  assert.deepEqual(generations, [0, 1]);
  assert.equal(decodeRatchetRow(second.ratchet.row).handshake.generation, 2);
  assert.equal((await bob!.group.process(second.message, accept)).kind, "epoch");
});

test("MLS-19: a blank leaf and one's own are not removed", async () => {
  const { epochs } = await converse([person(), person()]);
  const { group } = epochs[0]!;
  for (const leafIndex of [group.ownLeaf, 5])
    await assert.rejects(
      group.commit({ add: [], remove: [leafIndex], authenticatedData: NOTHING, joining }),
      coded("MLS_MEMBER_UNKNOWN"),
    );
});

test("MLS-19: a Commit with a wrong confirmation tag or a missing path is refused", async () => {
  const { people, epochs } = await converse([person(), person(), person()]);
  const message = await forgeCommit(
    rawState(epochs[0]!, people[0]!),
    byValue({ proposalType: "remove", remove: { removed: 2 } }),
  );
  await assert.rejects(epochs[1]!.group.process(message, accept), coded("MLS_COMMIT_INVALID"));
});
