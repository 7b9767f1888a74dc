import { sha256 } from "@portcullis/crypto";
import { decodeDeviceProof, verifyDeviceProof } from "@portcullis/ledger/identity";
import { verifyTlogProof } from "@portcullis/ledger/verify";
import { equalBytes, fromUtf8, toBase64Url, type AccountId } from "@portcullis/protocol";
import { custodianOf } from "../approval.ts";
import { isSound } from "../bucket-opening.ts";
import { decodeOpening, entryOf } from "../entry.ts";
import { AccessError } from "../errors.ts";
import { decodeItems } from "../items.ts";
import { before, noDocuments, readDocuments, type LedgerDocuments } from "../ledger-documents.ts";
import type { LedgerEntry } from "../ledger-view.ts";
import type { OpenedAccount } from "../message-opening.ts";
import { openBuckets, type OrderOpening } from "../opening.ts";
import { verifyOrder } from "../order-verification.ts";
import type { VerifiedOrder } from "../order.ts";
import { verifyPolicy, type VerifiedPolicy } from "../policy.ts";
import { quorumStanding, requireEveryQuorum } from "../quorum-standing.ts";
import { shareBinding } from "../release.ts";
import { decodeShareBatch, type ShareBatch } from "../share-batch.ts";
import { verifyTargets, type VerifiedTargets } from "../target-verification.ts";
import { decodeTargets } from "../targets.ts";
import { EvidenceError, step } from "./errors.ts";
import { requireTrusted, verifyTrust, type Trust, type VerifiedTrust } from "./trust.ts";

/** One ledger entry with what proves it: its opening, and a C2SP tlog-proof. */
export interface ProvenOpening {
  readonly opening: Uint8Array;
  readonly proof: string;
}

/** An account with its device lists, each with its proof (encodeDeviceProof). */
export interface EvidenceAccount {
  readonly accountId: AccountId;
  readonly handle: string;
  readonly deviceProofs: readonly Uint8Array[];
}

/** Everything that proves what an order opened; the rest of a bundle follows from it. */
export interface EvidenceSource {
  /** Policy, keysets, authorities, the order, its approvals and releases; nothing else. */
  readonly entries: readonly ProvenOpening[];
  /** encodeTargets, as the custodians saw them. */
  readonly targets: Uint8Array;
  /** encodeItems. */
  readonly items: Uint8Array;
  /** encodeShareBatch each: opened, and sound. */
  readonly batches: readonly Uint8Array[];
  readonly accounts: readonly EvidenceAccount[];
}

/** A ledger entry whose proof holds. */
export interface ProvenEntry extends LedgerEntry {
  readonly proof: string;
}

/** What holds of an evidence source. */
export interface Examination {
  readonly policy: VerifiedPolicy;
  readonly order: VerifiedOrder;
  readonly targets: VerifiedTargets;
  /** In ledger order. */
  readonly entries: readonly ProvenEntry[];
  readonly batches: readonly ShareBatch[];
  readonly opening: OrderOpening;
}

/** Checks everything from the trust file up; rules EVD-05 to EVD-14. @throws EvidenceError with the rule that fails */
export async function examine(source: EvidenceSource, trust: Trust): Promise<Examination> {
  const trusted = verifyTrust(trust);
  const entries = await provenEntries(source.entries, trusted);
  const policy = await readPolicy(entries, trust, trusted);
  const documents = await readEveryDocument(entries, policy);
  const { order, index } = await readOrder(documents, policy);
  const keysets = documents.keysets.map(({ document }) => document);
  const targets = await step("EVIDENCE_TARGETS", { rule: "EVD-09" }, () =>
    verifyTargets(decodeTargets(source.targets), order, { policy, keysets }),
  );
  const subject = { policy, order, targets };
  await checkApprovals(documents, subject, index);
  const batches = await readBatches(source.batches, documents, subject);
  const accounts = await readAccounts(source.accounts, order, trusted);
  const deliveryKeys = documents.authorities
    .filter(({ document }) => document.authority.role === "delivery")
    .map(({ document }) => document.key);
  const opening = await step("EVIDENCE_ITEM", { rule: "EVD-13" }, () => {
    const { orderHash, items } = decodeItems(source.items);
    if (!equalBytes(orderHash, order.hash)) throw new AccessError("OPENING_ITEM");
    return openBuckets({ ...subject, batches, items, accounts, deliveryKeys });
  });
  requireNoneRejected(opening);
  return { ...subject, entries, batches, opening };
}

/** Every entry stands in the trusted log, cosigned; rule EVD-06. */
async function provenEntries(
  entries: readonly ProvenOpening[],
  { access }: VerifiedTrust,
): Promise<ProvenEntry[]> {
  const proven = entries.map(async ({ opening, proof }, entry) =>
    step("EVIDENCE_LEDGER", { rule: "EVD-06", entry }, () => {
      const { index } = verifyTlogProof({ proof, entry: entryOf(opening), policy: access });
      return { index, opening: decodeOpening(opening), proof };
    }),
  );
  return (await Promise.all(proven)).toSorted((a, b) => a.index - b.index);
}

/** The one policy is the trusted one; rules EVD-05, EVD-07. */
async function readPolicy(
  entries: readonly ProvenEntry[],
  trust: Trust,
  { policyId }: VerifiedTrust,
): Promise<VerifiedPolicy> {
  const [only, ...others] = entries.filter(({ opening }) => opening.kind === "policy");
  if (only === undefined || others.length > 0)
    throw new EvidenceError("EVIDENCE_DOCUMENT", { rule: "EVD-07", kind: "policy" });
  const policy = await step("EVIDENCE_TRUST", { rule: "EVD-05" }, () =>
    verifyPolicy(fromUtf8(only.opening.body), policyId),
  );
  requireTrusted(policy, trust);
  return policy;
}

/** No entry without a meaning here, each at its own index; rule EVD-07. */
async function readEveryDocument(
  entries: readonly ProvenEntry[],
  policy: VerifiedPolicy,
): Promise<LedgerDocuments> {
  const documents = await readDocuments(noDocuments, entries, policy);
  const read = Object.values(documents).reduce((sum, list) => sum + list.length, 0);
  const distinct = new Set(entries.map(({ index }) => index)).size;
  if (read + 1 !== entries.length || distinct !== entries.length || documents.notices.length > 0)
    throw new EvidenceError("EVIDENCE_DOCUMENT", {
      rule: "EVD-07",
      entries: entries.length,
      valid: read + 1,
    });
  return documents;
}

/** One order, authorised by those who were listed before it; rule EVD-08. */
async function readOrder(
  documents: LedgerDocuments,
  policy: VerifiedPolicy,
): Promise<{ order: VerifiedOrder; index: number }> {
  const [only, ...others] = documents.orders;
  if (only === undefined || others.length > 0)
    throw new EvidenceError("EVIDENCE_DOCUMENT", { rule: "EVD-07", kind: "order" });
  const authorities = before(documents.authorities, only.index);
  const order = await step("EVIDENCE_ORDER", { rule: "EVD-08" }, () =>
    verifyOrder(only.document.entry, { policy, authorities }),
  );
  return { order, index: only.index };
}

interface Subject {
  readonly policy: VerifiedPolicy;
  readonly order: VerifiedOrder;
  readonly targets: VerifiedTargets;
}

/** When each release was logged, every quorum had approved these very buckets after the order, and so had the custodian itself; rule EVD-10. */
async function checkApprovals(
  documents: LedgerDocuments,
  subject: Subject,
  orderIndex: number,
): Promise<void> {
  const { policy, order, targets } = subject;
  const afterOrder = documents.approvals.filter(({ index }) => index > orderIndex);
  for (const { index, document } of documents.releases)
    await step("EVIDENCE_APPROVALS", { rule: "EVD-10", release: document.custodian }, () => {
      const wanted = { orderHash: order.hash, labels: targets.labels };
      const standing = quorumStanding(policy, before(afterOrder, index), wanted);
      requireEveryQuorum(standing);
      if (!standing[document.quorumIndex]?.approved.includes(document.custodian))
        throw new AccessError("ORDER_NOT_APPROVED");
    });
}

/** Each batch is its custodian's logged release, and each share in it is sound; rules EVD-11, EVD-12. */
async function readBatches(
  encoded: readonly Uint8Array[],
  documents: LedgerDocuments,
  subject: Subject,
): Promise<ShareBatch[]> {
  const batches: ShareBatch[] = [];
  for (const bytes of encoded) {
    const batch = await step("EVIDENCE_RELEASE", { rule: "EVD-11" }, () => decodeShareBatch(bytes));
    requireReleased(batch, bytes, documents, subject);
    requireSound(batch, subject);
    batches.push(batch);
  }
  if (new Set(batches.map(({ custodian }) => custodian)).size !== batches.length)
    throw new EvidenceError("EVIDENCE_RELEASE", { rule: "EVD-11", batches: batches.length });
  requireThresholds(batches, subject.policy);
  return batches;
}

function requireReleased(
  batch: ShareBatch,
  bytes: Uint8Array,
  documents: LedgerDocuments,
  { order, targets }: Subject,
): void {
  const released = documents.releases.some(
    ({ document }) =>
      document.custodian === batch.custodian &&
      equalBytes(document.orderHash, order.hash) &&
      equalBytes(batch.orderHash, order.hash) &&
      equalBytes(document.labels.root, targets.labels.root) &&
      equalBytes(document.sharesHash, sha256(bytes)),
  );
  if (!released) throw new EvidenceError("EVIDENCE_RELEASE", { rule: "EVD-11", custodian: batch.custodian });
}

function requireSound({ custodian, shares }: ShareBatch, { policy, order, targets }: Subject): void {
  const binding = shareBinding(order.hash, order.recipient.hpkeKey);
  const { quorumIndex } = custodianOf(policy, custodian);
  const sound = targets.buckets.every((bucket) => {
    const share = shares.find(({ labelHash }) => equalBytes(labelHash, bucket.label.hash))?.share;
    return isSound({ policy, bucket, binding }, quorumIndex, { custodian, share });
  });
  if (!sound || shares.length !== targets.buckets.length)
    throw new EvidenceError("EVIDENCE_SHARES", { rule: "EVD-12", custodian });
}

/** Enough batches to open everything. A release whose batch came too late to be used does no harm. */
function requireThresholds(batches: readonly ShareBatch[], policy: VerifiedPolicy): void {
  for (const [index, { name, threshold }] of policy.policy.quorums.entries()) {
    const given = batches.filter(({ custodian }) => custodianOf(policy, custodian).quorumIndex === index);
    if (given.length < threshold)
      throw new EvidenceError("EVIDENCE_SHARES", { rule: "EVD-12", quorum: name, batches: given.length });
  }
}

/** The devices of each account are in the trusted identity log; named accounts have the order's handles; rule EVD-14. */
async function readAccounts(
  accounts: readonly EvidenceAccount[],
  { order }: VerifiedOrder,
  { identity }: VerifiedTrust,
): Promise<OpenedAccount[]> {
  const read = accounts.map(async ({ accountId, handle, deviceProofs }) => {
    const account = toBase64Url(accountId);
    const lists = await step("EVIDENCE_ACCOUNT", { rule: "EVD-14", account }, () =>
      deviceProofs.map((proof) => verifyDeviceProof(decodeDeviceProof(proof), identity)),
    );
    const named = order.accounts.find(({ id }) => id === account);
    if (lists.some((list) => !equalBytes(list.accountId, accountId)) || (named?.handle ?? handle) !== handle)
      throw new EvidenceError("EVIDENCE_ACCOUNT", { rule: "EVD-14", account });
    return { accountId, handle, lists };
  });
  return Promise.all(read);
}

/** A bundle holds no record that does not count; rule EVD-13. */
function requireNoneRejected({ rejected }: OrderOpening): void {
  const [first] = rejected;
  if (first !== undefined)
    throw new EvidenceError("EVIDENCE_ITEM", {
      rule: "EVD-13",
      sequence: first.item.sequence,
      cause: first.code,
    });
}
