import type { SigningKey } from "@portcullis/crypto";
import { equalBytes, toBase64Url } from "@portcullis/protocol";
import { summarizeOpening, type OpeningSummary } from "../opening.ts";
import type { OpenedMessage } from "../message-opening.ts";
import type { VerifiedOrder } from "../order.ts";
import type { Gap } from "../record-gaps.ts";
import { formatUtcTime } from "../utc-time.ts";
import { readBag, requireSameBag, verifyBagSignature, writeBag, type Files } from "./bag.ts";
import { EvidenceError } from "./errors.ts";
import { examine, type EvidenceSource, type Examination } from "./examination.ts";
import { readPayload, writePayload } from "./payload.ts";
import type { Trust } from "./trust.ts";

/** What a bundle proves. */
export interface VerifiedEvidence {
  readonly order: VerifiedOrder;
  readonly messages: readonly OpenedMessage[];
  readonly gaps: readonly Gap[];
  readonly figures: OpeningSummary;
  /** What was checked, a line each, for people. */
  readonly summary: readonly string[];
}

/**
 * The bundle of what an order opened, as files by path. Everything is checked first as a verifier will check it, so
 * that no bundle is written that would not hold. `key`: the recipient's signing key that the order names.
 * @throws EvidenceError as verifyEvidence
 */
export async function writeEvidence(input: {
  source: EvidenceSource;
  trust: Trust;
  key: SigningKey;
  nowMs: number;
}): Promise<Map<string, Uint8Array>> {
  const { source, trust, key, nowMs } = input;
  const examined = await examine(source, trust);
  if (!equalBytes(key.publicKey, examined.order.recipient.signingKey))
    throw new EvidenceError("EVIDENCE_SIGNATURE", { rule: "EVD-04" });
  const date = formatUtcTime(nowMs).slice(0, 10);
  return writeBag(writePayload(source, examined), { date, identifier: identifierOf(examined) }, key);
}

/**
 * What a bundle proves to somebody who has a trust file; rules EVD-01 to EVD-15. Offline, and nothing in the bundle
 * vouches for itself.
 * @throws EvidenceError with the first rule that does not hold
 */
export async function verifyEvidence(files: Files, trust: Trust): Promise<VerifiedEvidence> {
  const { payload, date } = readBag(files);
  const source = readPayload(payload);
  const examined = await examine(source, trust);
  verifyBagSignature(files, examined.order.recipient.signingKey);
  requireSameBag(files, writePayload(source, examined), { date, identifier: identifierOf(examined) });
  const { order, opening } = examined;
  const figures = summarizeOpening(opening, order);
  const { messages, gaps } = opening;
  return { order, messages, gaps, figures, summary: summarize(examined, figures) };
}

function identifierOf({ order }: Examination): string {
  return toBase64Url(order.hash);
}

function summarize(
  { policy, order, entries, batches, opening }: Examination,
  figures: OpeningSummary,
): string[] {
  const { instrument, issuer, judge, from, to, accounts, scope } = order.order;
  const handles = accounts.map(({ handle }) => handle).join(", ");
  const what = scope === "sent" ? `what ${handles} wrote` : `the conversation with ${handles}`;
  return [
    `policy      ${policy.policy.name}, ${toBase64Url(policy.id)}`,
    `order       ${order.order.id}: ${instrument}`,
    `signed by   ${issuer} and ${judge}`,
    `scope       ${what}, ${from} to ${to}`,
    `ledger      ${entries.length} entries proven, each cosigned by ${policy.policy.witnessThreshold} witnesses or more`,
    `released by ${batches.map(({ custodian }) => custodian).join(", ")}`,
    `opened      ${figures.messagesOpened} messages in ${figures.bucketsOpened} buckets, ${figures.messagesOutsideScope} outside the scope`,
    `gaps        ${opening.gaps.length}`,
  ];
}
