import assert from "node:assert/strict";
import { test } from "node:test";
import { sha256 } from "@portcullis/crypto";
import { hpkeSeal } from "@portcullis/crypto/hpke";
import {
  decodeCbor,
  encodeCbor,
  equalBytes,
  FieldReader,
  fromBase64Url,
  fromUtf8,
  toBase64Url,
  utf8,
} from "@portcullis/protocol";
import { assertDecoder } from "@portcullis/testkit";
import { describeCeremony, signMessage, type CeremonyRound } from "../src/ceremony-message.ts";
import { decodeHeldShare, encodeHeldShare } from "../src/held-share.ts";
import { verifyKeyset } from "../src/keyset.ts";
import { all, ceremonyTerms, contextBook, everybody, participant, runCeremony } from "./ceremony-room.ts";
import { custodianKeys, keyNamed, verifiedExamplePolicy } from "./foundation.ts";

const policy = await verifiedExamplePolicy();
const terms = ceremonyTerms("civic");

interface Body {
  round: CeremonyRound;
  view: string;
  parts: string[];
}

function bodyOf(message: string): Body {
  const { payload } = JSON.parse(message) as { payload: string };
  return JSON.parse(fromUtf8(fromBase64Url(payload))) as Body;
}

/** The message of a custodian who cheats and signs it. */
async function forged(
  id: "press" | "bar" | "union",
  message: string,
  change: (body: Body) => Partial<Body>,
  attempt = terms,
): Promise<string> {
  const body = { ...bodyOf(message), ...change(bodyOf(message)) };
  const sender = {
    custodian: { id, key: toBase64Url(custodianKeys[id].publicKey) },
    key: custodianKeys[id],
  };
  return signMessage(describeCeremony(policy, attempt), sender, {
    round: body.round,
    view: fromBase64Url(body.view),
    parts: body.parts.map((part) => fromBase64Url(part)),
  });
}

function damaged(part: string): string {
  const bytes = fromBase64Url(part);
  bytes[bytes.length - 1]! ^= 1;
  return toBase64Url(bytes);
}

async function afterCommits() {
  const room = everybody(policy, terms);
  return { room, commits: await all(room, (it) => it.commit()) };
}

async function afterReveals() {
  const { room, commits } = await afterCommits();
  return { room, commits, reveals: await all(room, (it) => it.reveal(commits)) };
}

async function afterShares() {
  const { room, reveals } = await afterReveals();
  return { room, shares: await all(room, (it) => it.shares(reveals)) };
}

test("ACC-70: without a dealer, a quorum's custodians end with a share each and one keyset that all signed", async () => {
  const { keyset, outcomes } = await runCeremony(policy, terms);
  assert.deepEqual(keyset.keyset.custodians, ["press", "bar", "union"]);
  assert.deepEqual((await verifyKeyset(keyset.jws, policy)).id, keyset.id);
  assert.deepEqual(
    outcomes.map(({ share }) => share.share.index),
    [1, 2, 3],
  );
  for (const { share } of outcomes) assert.ok(equalBytes(share.keysetId, keyset.id));
  const held = encodeHeldShare(outcomes[0]!.share);
  assertDecoder(held, decodeHeldShare, encodeHeldShare);
});

test("ACC-70: only a custodian of the quorum, with the key that the policy names, takes part", () => {
  for (const change of [{ custodianId: "court" }, { identityKey: keyNamed("stranger") }])
    assert.throws(() => participant(policy, "press", terms, change), { code: "KEYSET_QUORUM" });
  assert.throws(() => participant(policy, "press", ceremonyTerms("crown")), { code: "KEYSET_QUORUM" });
  assert.throws(() => participant(policy, "press", { ...terms, to: terms.from }), { code: "KEYSET_PERIOD" });
});

test("ACC-71, C5: a context is used once: a ceremony that was broken off starts under a new id", async () => {
  const claimContext = contextBook();
  const first = participant(policy, "press", terms, { claimContext });
  await first.commit();
  first.abort();
  await assert.rejects(participant(policy, "press", terms, { claimContext }).commit(), {
    code: "CEREMONY_CONTEXT",
  });
  await participant(policy, "press", ceremonyTerms("civic", "second"), { claimContext }).commit();
});

test("ACC-72: the steps follow each other, each once, and after a failure there is none", async () => {
  const { room, commits } = await afterCommits();
  const [press] = room as [(typeof room)[0]];
  await assert.rejects(press.commit(), { code: "CEREMONY_ORDER" });
  const fresh = participant(policy, "press", terms);
  await assert.rejects(fresh.reveal(commits), { code: "CEREMONY_ORDER" });
  const concurrent = await Promise.allSettled([press.reveal(commits), press.reveal(commits)]);
  assert.deepEqual(
    concurrent.map(({ status }) => status),
    ["fulfilled", "rejected"],
  );
  const [, bar] = room as [unknown, (typeof room)[0]];
  await assert.rejects(bar.reveal(commits.slice(1)), { code: "CEREMONY_MESSAGE" });
  await assert.rejects(bar.reveal(commits), { code: "CEREMONY_ORDER" });
});

test("ACC-73: a round is one message of each custodian, by its own hand", async () => {
  const twice = await afterCommits();
  await assert.rejects(twice.room[0]!.reveal([twice.commits[0]!, twice.commits[1]!, twice.commits[1]!]), {
    code: "CEREMONY_MESSAGE",
  });
  await assert.rejects(twice.room[1]!.reveal([...twice.commits, twice.commits[0]!]), {
    code: "CEREMONY_MESSAGE",
  });
  const { room, commits } = await afterCommits();
  const impostor = {
    custodian: { id: "union", key: toBase64Url(custodianKeys.union.publicKey) },
    key: custodianKeys.bar,
  };
  const body = bodyOf(commits[2]!);
  const fake = await signMessage(describeCeremony(policy, terms), impostor, {
    round: "commit",
    view: fromBase64Url(body.view),
    parts: body.parts.map((part) => fromBase64Url(part)),
  });
  await assert.rejects(room[0]!.reveal([commits[0]!, commits[1]!, fake]), {
    code: "DOCUMENT_SIGNER_MISSING",
  });
});

test("ACC-73: a message of another ceremony or round is refused", async () => {
  const other = ceremonyTerms("civic", "second");
  const replayed = await participant(policy, "union", other).commit();
  const { room, commits } = await afterCommits();
  await assert.rejects(room[0]!.reveal([commits[0]!, commits[1]!, replayed]), {
    code: "CEREMONY_MESSAGE",
    facts: { round: "commit", custodian: "union" },
  });
  const later = await afterReveals();
  await assert.rejects(later.room[0]!.shares([later.reveals[0]!, later.reveals[1]!, later.commits[2]!]), {
    code: "CEREMONY_MESSAGE",
  });
});

test("ACC-74, C4: who was shown other messages is noticed by everybody in the next round", async () => {
  const { room, commits } = await afterCommits();
  const second = await forged("union", commits[2]!, ({ parts }) => ({
    parts: [parts[0]!, damaged(parts[1]!)],
  }));
  const honest = await room[0]!.reveal(commits);
  const misled = await room[1]!.reveal([commits[0]!, commits[1]!, second]);
  const union = await room[2]!.reveal(commits);
  await assert.rejects(room[0]!.shares([honest, misled, union]), {
    code: "CEREMONY_SPLIT_VIEW",
    facts: { round: "reveal", custodian: "bar" },
  });
  await assert.rejects(room[1]!.shares([honest, misled, union]), { code: "CEREMONY_SPLIT_VIEW" });
});

test("ACC-74, C4: a custodian whose own message comes back changed goes no further", async () => {
  const { room, commits } = await afterCommits();
  const changed = await forged("press", commits[0]!, ({ parts }) => ({
    parts: [parts[0]!, damaged(parts[1]!)],
  }));
  await assert.rejects(room[0]!.reveal([changed, commits[1]!, commits[2]!]), { code: "CEREMONY_MESSAGE" });
});

test("ACC-74, C4: views that part in the last round make keysets that part, and nothing is complete", async () => {
  const { room, shares } = await afterShares();
  const keysets = await splitLastRound(room, shares);
  await assert.rejects(room[0]!.complete(keysets), { code: "CEREMONY_SPLIT_VIEW" });
  await assert.rejects(room[1]!.complete(keysets), { code: "CEREMONY_SPLIT_VIEW" });
});

/** "union" sends "press" one thing and "bar" another in a slot that neither reads: its slot for itself. */
async function splitLastRound(room: ReturnType<typeof everybody>, shares: readonly string[]) {
  const other = await forged("union", shares[2]!, ({ parts }) => ({
    parts: [parts[0]!, parts[1]!, toBase64Url(utf8("other"))],
  }));
  const press = await room[0]!.finish(shares);
  const bar = await room[1]!.finish([shares[0]!, shares[1]!, other]);
  const union = await room[2]!.finish(shares);
  return [press, bar, union].map(({ keyset }) => keyset);
}

test("ACC-75: a reveal that is not what was committed to is refused, and its sender named", async () => {
  const { room, reveals } = await afterReveals();
  const other = await forged("union", reveals[2]!, ({ parts }) => ({ parts: [damaged(parts[0]!)] }));
  await assert.rejects(room[0]!.shares([reveals[0]!, reveals[1]!, other]), {
    code: "CEREMONY_CHEAT",
    facts: { custodian: "union", why: "DKG_COMMITMENT" },
  });
});

/** "union" commits to a first round of its own making, and reveals just that. */
async function revealOfCheat(change: (commitments: Uint8Array[], ofPress: Uint8Array[]) => Uint8Array[]) {
  const { reveals: honest } = await afterReveals();
  const [press, union] = [honest[0]!, honest[2]!].map((reveal) => readRound1(bodyOf(reveal).parts[0]!));
  const round1 = encodeCbor([
    "portcullis/dkg/round1/v1",
    union!.contextHash,
    3,
    change(union!.commitments, press!.commitments),
    union!.proof,
  ]);
  const commitment = sha256(encodeCbor(["portcullis/dkg/commitment/v1", union!.contextHash, 3, round1]));
  const { room, commits } = await afterCommits();
  const cheat = await forged("union", commits[2]!, ({ parts }) => ({
    parts: [parts[0]!, toBase64Url(commitment)],
  }));
  const seen = [commits[0]!, commits[1]!, cheat];
  const reveals = [await room[0]!.reveal(seen), await room[1]!.reveal(seen)];
  const revealed = await forged("union", reveals[0]!, () => ({ parts: [toBase64Url(round1)] }));
  return { press: room[0]!, reveals: [...reveals, revealed] };
}

function readRound1(part: string) {
  const reader = new FieldReader(decodeCbor(fromBase64Url(part), "round 1"), "round 1", 5);
  reader.constant("portcullis/dkg/round1/v1");
  const contextHash = reader.bytes(32);
  reader.integer();
  const commitments = reader.list((value) => value as Uint8Array);
  return { contextHash, commitments, proof: reader.bytes(64) };
}

for (const [name, change] of [
  ["C2: a constant term without proof of its secret", ([, ...rest], [first]) => [first!, ...rest]],
  ["C3: one coefficient too many, which would raise the threshold", (own, [first]) => [...own, first!]],
  ["C3: one coefficient too few", (own) => own.slice(1)],
] satisfies [string, Parameters<typeof revealOfCheat>[0]][])
  test(`ACC-75, ${name} is refused, and its sender named`, async () => {
    const { press, reveals } = await revealOfCheat(change);
    await assert.rejects(press.shares(reveals), {
      code: "CEREMONY_CHEAT",
      facts: { custodian: "union", why: "DKG_ROUND1" },
    });
  });

test("ACC-76: a share that does not open is refused, and its sender named", async () => {
  const { room, shares } = await afterShares();
  const cannotOpen = await forged("union", shares[2]!, ({ parts }) => ({
    parts: [damaged(parts[0]!), parts[1]!, parts[2]!],
  }));
  await assert.rejects(room[0]!.finish([shares[0]!, shares[1]!, cannotOpen]), {
    code: "CEREMONY_SHARE",
    facts: { custodian: "union" },
  });
});

test("ACC-76, C1: a share that opens and does not fit is refused, and its sender named", async () => {
  const { room, commits, reveals } = await afterReveals();
  const shares = await all(room, (it) => it.shares(reveals));
  const round1s = reveals.map((reveal) => fromBase64Url(bodyOf(reveal).parts[0]!));
  const transcript = sha256(
    encodeCbor([
      "portcullis/dkg/transcript/v1",
      readRound1(bodyOf(reveals[0]!).parts[0]!).contextHash,
      commits.map((commit) => fromBase64Url(bodyOf(commit).parts[1]!)),
      round1s,
    ]),
  );
  const wrong = await hpkeSeal({
    publicKey: fromBase64Url(bodyOf(commits[0]!).parts[0]!),
    info: utf8("portcullis/ceremony-share/v1"),
    associatedData: encodeCbor([fromBase64Url(bodyOf(shares[2]!).view), 3, 1]),
    plaintext: encodeCbor(["portcullis/dkg/round2/v1", transcript, 3, 1, new Uint8Array(32).fill(1)]),
  });
  const cheat = await forged("union", shares[2]!, ({ parts }) => ({
    parts: [toBase64Url(wrong), parts[1]!, parts[2]!],
  }));
  await assert.rejects(room[0]!.finish([shares[0]!, shares[1]!, cheat]), {
    code: "CEREMONY_CHEAT",
    facts: { custodian: "union", why: "DKG_SHARE" },
  });
});

test("ACC-76: a share is sealed for its place: moved to another slot it does not open", async () => {
  const { room, shares } = await afterShares();
  const moved = await forged("union", shares[2]!, ({ parts }) => ({
    parts: [parts[1]!, parts[0]!, parts[2]!],
  }));
  await assert.rejects(room[0]!.finish([shares[0]!, shares[1]!, moved]), { code: "CEREMONY_SHARE" });
});

test("ACC-77: a keyset is complete only with the signatures of all custodians of the quorum", async () => {
  const { room, shares } = await afterShares();
  const keysets = (await all(room, (it) => it.finish(shares))).map(({ keyset }) => keyset);
  await assert.rejects(room[0]!.complete(keysets.slice(0, 2)), { code: "DOCUMENT_SIGNER_MISSING" });
  assert.equal((await room[1]!.complete(keysets)).public.threshold, 2);
});
