import assert from "node:assert/strict";
import { test } from "node:test";
import { fromUtf8, toBase64Url, utf8 } from "@portcullis/protocol";
import { seededRandom } from "@portcullis/testkit";
import fc from "fast-check";
import { decodeDocument } from "../src/documents.ts";
import { writeBag } from "../src/evidence/bag.ts";
import {
  EvidenceError,
  examine,
  formatTrust,
  parseTrust,
  trustOf,
  verifyEvidence,
  writeEvidence,
  type EvidenceSource,
  type Trust,
} from "../src/evidence/index.ts";
import { decodeOpening } from "../src/entry.ts";
import { encodeItems } from "../src/items.ts";
import { releaseDocument } from "../src/release.ts";
import { openShareBatch } from "../src/sealed-batch.ts";
import { makeRelease } from "../src/share-release.ts";
import { decodeShareBatch, encodeShareBatch } from "../src/share-batch.ts";
import { encodeTargets } from "../src/targets.ts";
import { custodianKeys, keyNamed, witnessKey } from "./foundation.ts";
import { openSent } from "./opening-room.ts";
import {
  evidenceSource,
  honestItems,
  honestTargets,
  logOrder,
  makeWorld,
  NOW,
  recipientSigningKey,
  releaseAll,
} from "./world.ts";

const world = await makeWorld();
const logged = await logOrder(world);
const opened = await openSent(world, logged, await releaseAll(world, logged));
const targets = honestTargets(world, logged);
const items = honestItems(world, targets);
const batches = opened.batches.map((batch) => encodeShareBatch(batch));
const source = evidenceSource(world, { targets, items, batches, hash: logged.hash });
const trust = trustOf(world.policy);
const bundle = await writeEvidence({ source, trust, key: recipientSigningKey, nowMs: NOW });

const failsWith =
  (...codes: string[]) =>
  (error: unknown) =>
    error instanceof EvidenceError && codes.includes(error.code) && typeof error.facts["rule"] === "string";

const write = async (changes: Partial<EvidenceSource>) =>
  writeEvidence({ source: { ...source, ...changes }, trust, key: recipientSigningKey, nowMs: NOW });

test("a bundle proves what was opened, offline, with a trust file alone", async () => {
  const evidence = await verifyEvidence(bundle, parseTrust(formatTrust(trust)));
  assert.equal(evidence.figures.messagesOpened, 3);
  assert.equal(evidence.figures.messagesOutsideScope, 0);
  assert.deepEqual(evidence.gaps, []);
  assert.deepEqual(evidence.order.hash, logged.hash);
  assert.ok(evidence.summary.some((line) => line.includes("what jim wrote")));
});

test("EVD-15: messages.json is read without a manual", () => {
  const { messages } = JSON.parse(fromUtf8(bundle.get("data/messages.json")!)) as {
    messages: { time: string; sender: string; text: string }[];
  };
  assert.deepEqual(
    messages.map(({ time, sender, text }) => `${time} ${sender}: ${text}`),
    [
      "1970-04-14T03:01:00.000Z jim: Okay, Houston, we've had a problem here.",
      "1970-04-14T03:14:00.000Z jim: We are venting something out into space.",
      "1970-04-14T03:16:00.000Z jim: It's a gas of some sort.",
    ],
  );
});

test("EVD-02: any one byte changed in any file fails", async () => {
  for (const [path, bytes] of bundle) {
    const places = [0, bytes.length - 1, Math.floor(bytes.length / 2)];
    for (const place of places) {
      const changed = bytes.slice();
      changed[place]! ^= 1;
      await assert.rejects(
        verifyEvidence(new Map(bundle).set(path, changed), trust),
        failsWith(
          "EVIDENCE_FILE_CHANGED",
          "EVIDENCE_BAG",
          "EVIDENCE_SIGNATURE",
          "EVIDENCE_FILE_MISSING",
          "EVIDENCE_FILE_ADDED",
        ),
        `${path} at ${place}`,
      );
    }
  }
});

test("EVD-04: every byte of the signature counts, and so does its length", async () => {
  const path = "tagmanifest-sha256.txt.sig";
  const bytes = bundle.get(path)!;
  const change = fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }));
  await fc.assert(
    fc.asyncProperty(change, async ([place, by]) => {
      const changed = bytes.slice();
      changed[place]! ^= by;
      await assert.rejects(
        verifyEvidence(new Map(bundle).set(path, changed), trust),
        failsWith("EVIDENCE_SIGNATURE"),
      );
    }),
    { numRuns: 12 },
  );
  for (const changed of [bytes.slice(0, -1), utf8(`${fromUtf8(bytes)}\n`), new Uint8Array(0)])
    await assert.rejects(
      verifyEvidence(new Map(bundle).set(path, changed), trust),
      failsWith("EVIDENCE_SIGNATURE"),
    );
});

test("EVD-01: a file removed fails, whichever it is", async () => {
  for (const path of bundle.keys()) {
    const fewer = new Map(bundle);
    fewer.delete(path);
    await assert.rejects(verifyEvidence(fewer, trust), failsWith("EVIDENCE_FILE_MISSING"), path);
  }
});

test("EVD-01: a file added fails, wherever it is", async () => {
  for (const path of ["data/note.txt", "note.txt", "data/shares/other.cbor", "manifest-md5.txt"])
    await assert.rejects(
      verifyEvidence(new Map(bundle).set(path, utf8("more")), trust),
      failsWith("EVIDENCE_FILE_ADDED"),
      path,
    );
});

test("EVD-03: a bag that is rewritten around other tag files fails by its form or its signature", async () => {
  const changed = new Map(bundle);
  const info = fromUtf8(bundle.get("bag-info.txt")!).replace("Portcullis", "Somebody");
  changed.set("bag-info.txt", utf8(info));
  await assert.rejects(verifyEvidence(changed, trust), failsWith("EVIDENCE_FILE_CHANGED"));
  const manifest = fromUtf8(bundle.get("tagmanifest-sha256.txt")!);
  changed.set("tagmanifest-sha256.txt", utf8(manifest.replace("\n", "\r\n")));
  await assert.rejects(verifyEvidence(changed, trust), failsWith("EVIDENCE_BAG"));
});

test("EVD-04: only the recipient whom the order names can write its bundle", async () => {
  const other = { source, trust, key: keyNamed("somebody"), nowMs: NOW };
  await assert.rejects(writeEvidence(other), failsWith("EVIDENCE_SIGNATURE"));
});

test("EVD-05: another trust file fails, whatever differs in it", async () => {
  const others: Partial<Trust>[] = [
    { policyId: toBase64Url(logged.hash) },
    { log: world.policy.policy.identityLog },
    { identityLog: world.policy.policy.log },
    { witnesses: [trust.witnesses[0]!, witnessKey("witness.three")] },
    { witnesses: [trust.witnesses[0]!], witnessThreshold: 1 },
    { witnesses: trust.witnesses.toReversed() },
    { witnessThreshold: 1 },
  ];
  for (const other of others)
    await assert.rejects(
      verifyEvidence(bundle, { ...trust, ...other }),
      failsWith("EVIDENCE_TRUST", "EVIDENCE_LEDGER"),
      JSON.stringify(other),
    );
  assert.throws(() => parseTrust("{"), failsWith("EVIDENCE_TRUST"));
  assert.throws(() => parseTrust(JSON.stringify({ ...trust, more: 1 })), failsWith("EVIDENCE_TRUST"));
  await assert.rejects(verifyEvidence(bundle, { ...trust, log: "log" }), failsWith("EVIDENCE_TRUST"));
});

test("EVD-06: every document is proven to stand in the ledger", async () => {
  const [first, second, ...rest] = source.entries;
  const swapped = [{ ...first!, proof: second!.proof }, second!, ...rest];
  await assert.rejects(write({ entries: swapped }), failsWith("EVIDENCE_LEDGER"));
  const { witnesses } = world.ledger;
  world.ledger.witnesses = ["witness.one"];
  const weak = [{ ...first!, proof: world.ledger.proof(0) }, second!, ...rest];
  world.ledger.witnesses = witnesses;
  await assert.rejects(write({ entries: weak }), failsWith("EVIDENCE_LEDGER"));
});

const without = (kind: string, skip = 0): EvidenceSource["entries"] => {
  const dropped = source.entries.filter(({ opening }) => decodeOpening(opening).kind === kind)[skip];
  return source.entries.filter((entry) => entry !== dropped);
};

test("EVD-07: one policy, one order, nothing twice and nothing that does not belong", async () => {
  await assert.rejects(write({ entries: without("policy") }), failsWith("EVIDENCE_DOCUMENT"));
  await assert.rejects(write({ entries: without("order") }), failsWith("EVIDENCE_DOCUMENT"));
  const twice = [...source.entries, source.entries.at(-1)!];
  await assert.rejects(write({ entries: twice }), failsWith("EVIDENCE_DOCUMENT"));
});

test("EVD-08: the order is one that both authorities signed, as listed before it", async () => {
  await assert.rejects(write({ entries: without("authority", 0) }), failsWith("EVIDENCE_ORDER"));
  await assert.rejects(write({ entries: without("authority", 1) }), failsWith("EVIDENCE_ORDER"));
});

test("EVD-09: the buckets are the order's, with sound capsules", async () => {
  const [crew] = targets.conversations;
  const outside = world.crew.bucketOf(world.people.jack, world.crew.startBucket + 900).seal.sealedBucket;
  const more = {
    ...targets,
    conversations: [{ ...crew!, sealedBuckets: [...crew!.sealedBuckets, outside] }],
  };
  await assert.rejects(write({ targets: encodeTargets(more) }), failsWith("EVIDENCE_TARGETS"));
  await assert.rejects(write({ entries: without("keyset") }), failsWith("EVIDENCE_TARGETS"));
});

test("EVD-10: a threshold of every quorum approved these very buckets before any release", async () => {
  await assert.rejects(write({ entries: without("approve", 0) }), failsWith("EVIDENCE_APPROVALS"));
  const [approval, release] = [without("approve", 0), without("release", 0)];
  const courtless = approval.filter((entry) => release.includes(entry));
  await assert.rejects(
    write({ entries: courtless, batches: batches.slice(1) }),
    failsWith("EVIDENCE_APPROVALS"),
  );
  const [crew] = targets.conversations;
  const fewer = { ...targets, conversations: [{ ...crew!, sealedBuckets: crew!.sealedBuckets.slice(1) }] };
  await assert.rejects(write({ targets: encodeTargets(fewer) }), failsWith("EVIDENCE_APPROVALS"));
});

test("EVD-11: shares are those of a logged release, one batch for each custodian", async () => {
  await assert.rejects(write({ entries: without("release", 0) }), failsWith("EVIDENCE_RELEASE"));
  await assert.rejects(write({ batches: [...batches, batches[0]!] }), failsWith("EVIDENCE_RELEASE"));
  const batch = decodeShareBatch(batches[0]!);
  const shares = batch.shares.map(({ labelHash }, i) => ({
    labelHash,
    share: batch.shares.at(-1 - i)!.share,
  }));
  const mixed = [encodeShareBatch({ ...batch, shares }), ...batches.slice(1)];
  await assert.rejects(write({ batches: mixed }), failsWith("EVIDENCE_RELEASE"));
});

test("EVD-12: a threshold of every quorum gave shares; releases beyond it need not be used", async () => {
  const of = (id: string) => batches.filter((batch) => decodeShareBatch(batch).custodian !== id);
  await assert.rejects(write({ batches: of("court") }), failsWith("EVIDENCE_SHARES"));
  assert.equal((await verifyEvidence(await write({ batches: of("bar") }), trust)).messages.length, 3);
});

test("EVD-12: a share that is not its custodian's own is no evidence, whatever was released", async () => {
  const { order, policy, targets } = await examine(source, trust);
  const { keysetId } = world.shares.get("press")![0]!;
  const { secret } = world.shares.get("court")![0]!.share;
  const made = await makeRelease({
    policy,
    custodian: "press",
    order,
    targets,
    key: custodianKeys.press,
    shares: [{ keysetId, share: { index: 1, secret } }],
    random: seededRandom("cheat"),
  });
  const index = world.ledger.append(made.opening);
  const honest = source.entries.filter(({ opening }) => {
    const { kind, body } = decodeOpening(opening);
    return kind !== "release" || decodeDocument(releaseDocument, fromUtf8(body)).value.custodian !== "press";
  });
  const entries = [...honest, { opening: made.opening, proof: world.ledger.proof(index) }];
  const cheat = await openShareBatch({
    orderHash: logged.hash,
    custodian: "press",
    ...world.recipient,
    sealed: made.batch,
  });
  const place = batches.findIndex((batch) => decodeShareBatch(batch).custodian === "press");
  const mixed = batches.with(place, encodeShareBatch(cheat));
  await assert.rejects(write({ entries, batches: mixed }), failsWith("EVIDENCE_SHARES"));
});

test("EVD-15: what people read follows from the proofs, even against the recipient's own signature", async () => {
  const payload = new Map([...bundle].filter(([path]) => path.startsWith("data/")));
  const info = { date: "1970-04-14", identifier: toBase64Url(logged.hash) };
  const resign = (path: string, from: string, to: string) => {
    const changed = utf8(fromUtf8(payload.get(path)!).replace(from, to));
    return writeBag(new Map(payload).set(path, changed), info, recipientSigningKey);
  };
  assert.deepEqual(writeBag(payload, info, recipientSigningKey), bundle);
  const lied = resign("data/messages.json", "Okay, Houston", "Oh no, Houston");
  await assert.rejects(verifyEvidence(lied, trust), failsWith("EVIDENCE_DIFFERS"));
  const spaced = resign("data/ledger.json", "\n", "\n ");
  await assert.rejects(verifyEvidence(spaced, trust), failsWith("EVIDENCE_DIFFERS"));
  const more = writeBag(new Map(payload).set("data/note.txt", utf8("more")), info, recipientSigningKey);
  await assert.rejects(verifyEvidence(more, trust), failsWith("EVIDENCE_FILE_ADDED"));
  const otherInfo = writeBag(payload, { ...info, identifier: "another" }, recipientSigningKey);
  await assert.rejects(verifyEvidence(otherInfo, trust), failsWith("EVIDENCE_DIFFERS"));
});

test("EVD-13: a record that does not count, or of another order, is no evidence", async () => {
  const [first, ...rest] = items;
  const spoilt = [{ ...first!, receipt: rest[0]!.receipt }, ...rest];
  const encoded = encodeItems({ orderHash: logged.hash, items: spoilt });
  await assert.rejects(write({ items: encoded }), failsWith("EVIDENCE_ITEM"));
  const { policyId } = world.crew.label(world.people.jim, 0);
  const stray = encodeItems({ orderHash: policyId as never, items });
  await assert.rejects(write({ items: stray }), failsWith("EVIDENCE_ITEM"));
});

test("EVD-13: a record that is withheld leaves a gap that the bundle states", async () => {
  const fewer = encodeItems({ orderHash: logged.hash, items: [items[0]!, items[2]!] });
  const { gaps } = await verifyEvidence(await write({ items: fewer }), trust);
  assert.deepEqual(
    gaps.map(({ kind, count }) => [kind, count]),
    [["missing", 1]],
  );
});

test("EVD-14: devices are proven by the identity log, under the handle that the order names", async () => {
  const [jim, jack, ...others] = source.accounts;
  const borrowed = [{ ...jim!, deviceProofs: jack!.deviceProofs }, jack!, ...others];
  await assert.rejects(write({ accounts: borrowed }), failsWith("EVIDENCE_ACCOUNT"));
  const renamed = [{ ...jim!, handle: "fred" }, jack!, ...others];
  await assert.rejects(write({ accounts: renamed }), failsWith("EVIDENCE_ACCOUNT"));
  const unproven = [{ ...jim!, deviceProofs: [jim!.deviceProofs[0]!.slice(1)] }, jack!, ...others];
  await assert.rejects(write({ accounts: unproven }), failsWith("EVIDENCE_ACCOUNT"));
  await assert.rejects(write({ accounts: [jack!] }), failsWith("EVIDENCE_ITEM"));
});
