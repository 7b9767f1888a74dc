import assert from "node:assert/strict";
import { test } from "node:test";
import type { CiphersuiteImpl, Proposal } from "ts-mls";
import { encodeCommit } from "ts-mls/commit.js";
import { encodeGroupContext } from "ts-mls/groupContext.js";
import { initializeEpoch } from "ts-mls/keySchedule.js";
import { nodeProvider } from "@portcullis/mls/node";
import { decodeCommit } from "../src/commit-rules.ts";
import { decodeSnapshot, type Epoch } from "../src/epoch.ts";
import { MlsError } from "../src/errors.ts";
import { contentTypes, framedContent } from "../src/message-protection.ts";
import { makeCommit, takeCommit, type SignedCommit } from "../src/next-epoch.ts";
import type { Setting } from "../src/setting.ts";
import { createClientConfig } from "../src/ts-mls.ts";
import { cipherSuite } from "./forger.ts";
import { converse, joining, person, random, type Person } from "./people.ts";

const NOTHING = new Uint8Array();
const { primitives } = nodeProvider;

function settingOf({ device }: Person, suite: CiphersuiteImpl = cipherSuite): Setting {
  const clientConfig = createClientConfig(async () => undefined);
  const clock = { now: () => Date.now() };
  return { primitives, cipherSuite: suite, clientConfig, clock, random, device };
}

const keysOf = ({ groupContext, senderDataSecret }: Epoch) => ({
  groupId: groupContext.groupId,
  epoch: Number(groupContext.epoch),
  groupContext: encodeGroupContext(groupContext),
  senderDataSecret,
});

/** Two members, and a Commit of the first as it reaches the second: decrypted, its signature verified. */
async function committed(
  proposals: readonly Proposal[] = [],
  suite?: CiphersuiteImpl,
): Promise<{ setting: Setting; reader: Epoch; author: Epoch; signed: SignedCommit; initSecret: Uint8Array }> {
  const people = [person(), person(), person()];
  const { epochs } = await converse(people);
  const [author, reader] = epochs.map(({ snapshot }) => decodeSnapshot(snapshot));
  const intent = { proposals, authenticatedData: NOTHING, joining };
  const keys = keysOf(author!);
  const made = await makeCommit(settingOf(people[0]!, suite), keys, author!, intent);
  const signed = {
    committer: author!.ownLeaf,
    commit: decodeCommit(made.content),
    framed: framedContent(keys, author!.ownLeaf, NOTHING, contentTypes.commit, made.content),
    signature: made.signature,
    confirmationTag: made.confirmationTag,
  };
  const { initSecret } = made.fresh.epoch;
  return { setting: settingOf(people[1]!), reader: reader!, author: author!, signed, initSecret };
}

const refused = (what: string) => (error: unknown) =>
  error instanceof MlsError && error.code === "MLS_COMMIT_INVALID" && error.facts["what"] === what;

test("MLS-19: a Commit is taken with its own confirmation tag, and with no other", async () => {
  const { setting, reader, signed, initSecret } = await committed();
  const confirmationTag = signed.confirmationTag.map((byte, i) => (i === 0 ? byte ^ 1 : byte));
  await assert.rejects(
    takeCommit(setting, reader, { ...signed, confirmationTag }),
    refused("confirmation tag"),
  );
  const { fresh } = await takeCommit(setting, reader, signed);
  assert.deepEqual(fresh?.epoch.initSecret, initSecret);
});

test("MLS-19: a Commit that removes somebody, or does nothing, is refused without a path", async () => {
  const remove: Proposal = { proposalType: "remove", remove: { removed: 2 } };
  for (const proposals of [[remove], []]) {
    const { setting, reader, author, signed } = await committed(proposals);
    const commit = { ...signed.commit, path: undefined };
    const content = encodeCommit(commit);
    const framed = framedContent(keysOf(author), author.ownLeaf, NOTHING, contentTypes.commit, content);
    await assert.rejects(takeCommit(setting, reader, { ...signed, commit, framed }), refused("no path"));
  }
});

test("MLS-19: a path whose leaf is not signed by its device is refused, however sound the rest", async () => {
  const sign = async (): Promise<Uint8Array> => new Uint8Array(64);
  const lying = { ...cipherSuite, signature: { ...cipherSuite.signature, sign } };
  const { setting, reader, signed } = await committed([], lying);
  await assert.rejects(takeCommit(setting, reader, signed), /leaf node signature/);
});

test("MLS-47: the Commit of a lone member gives its next epoch a fresh secret", async () => {
  const alone = person();
  const { snapshot } = (await converse([alone])).epochs[0]!;
  const epoch = decodeSnapshot(snapshot);
  const intent = { proposals: [], authenticatedData: NOTHING, joining };
  const made = await makeCommit(settingOf(alone), keysOf(epoch), epoch, intent);
  assert.notEqual(decodeCommit(made.content).path, undefined);
  const { groupContext, initSecret } = made.fresh.epoch;
  const zero = new Uint8Array(32);
  // What whoever knows the old epoch could compute.
  const known = await initializeEpoch(epoch.initSecret, zero, groupContext, zero, cipherSuite.kdf);
  assert.notDeepEqual(initSecret, known.keySchedule.initSecret);
});
