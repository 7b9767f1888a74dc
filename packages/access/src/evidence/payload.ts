import { asAccountId, fromBase64Url, fromUtf8, toBase64Url, utf8 } from "@portcullis/protocol";
import { Type, type Static, type TSchema } from "typebox";
import { Value } from "typebox/value";
import { boundedText, Bytes32, strictObject } from "../documents.ts";
import type { OpenedMessage } from "../message-opening.ts";
import type { Gap } from "../record-gaps.ts";
import { encodeShareBatch } from "../share-batch.ts";
import { formatUtcTime } from "../utc-time.ts";
import type { Files } from "./bag.ts";
import { EvidenceError } from "./errors.ts";
import type { EvidenceAccount, EvidenceSource, Examination, ProvenEntry } from "./examination.ts";

const LEDGER = "data/ledger.json";
const ACCOUNTS = "data/accounts.json";
const TARGETS = "data/targets.cbor";
const ITEMS = "data/items.cbor";
const SHARES = "data/shares/";
const RULE = "EVD-15";

const LedgerSchema = Type.Array(
  strictObject({
    index: Type.Integer(),
    kind: Type.String(),
    opening: Type.String(),
    proof: Type.Array(Type.String()),
  }),
);
const AccountsSchema = Type.Array(
  strictObject({
    handle: boundedText(64),
    accountId: Bytes32,
    deviceProofs: Type.Array(Type.String()),
  }),
);
const conforms = Value.Check as (schema: TSchema, value: unknown) => boolean;

/** Every file below `data/`: the proofs as they are, and what follows from them for people to read. */
export function writePayload(source: EvidenceSource, examined: Examination): Map<string, Uint8Array> {
  const files = new Map([
    ["data/messages.json", json(readableMessages(examined))],
    ["data/order.json", json(examined.order.order)],
    [LEDGER, json(examined.entries.map(ledgerLine))],
    [ACCOUNTS, json(source.accounts.map(accountLine))],
    [TARGETS, source.targets],
    [ITEMS, source.items],
  ]);
  for (const batch of examined.batches)
    files.set(`${SHARES}${batch.custodian}.cbor`, encodeShareBatch(batch));
  return files;
}

/** The proofs in a bundle, not yet believed. @throws EvidenceError EVIDENCE_MALFORMED, EVIDENCE_FILE_MISSING */
export function readPayload(files: Files): EvidenceSource {
  const ledger = parse(files, LEDGER, LedgerSchema) as Static<typeof LedgerSchema>;
  const accounts = parse(files, ACCOUNTS, AccountsSchema) as Static<typeof AccountsSchema>;
  const shares = [...files.keys()].filter((path) => path.startsWith(SHARES)).toSorted();
  return {
    entries: ledger.map(({ opening, proof }) => ({
      opening: bytesOf(LEDGER, opening),
      proof: proof.map((line) => `${line}\n`).join(""),
    })),
    targets: fileOf(files, TARGETS),
    items: fileOf(files, ITEMS),
    batches: shares.map((path) => fileOf(files, path)),
    accounts: accounts.map(({ accountId, handle, deviceProofs }) => ({
      accountId: asAccountId(bytesOf(ACCOUNTS, accountId)),
      handle,
      deviceProofs: deviceProofs.map((proof) => bytesOf(ACCOUNTS, proof)),
    })),
  };
}

function json(value: unknown): Uint8Array {
  return utf8(`${JSON.stringify(value, undefined, 2)}\n`);
}

function ledgerLine({ index, opening, proof }: ProvenEntry): Static<typeof LedgerSchema>[number] {
  const lines = proof.split("\n").slice(0, -1);
  return { index, kind: opening.kind, opening: toBase64Url(opening.bytes), proof: lines };
}

function accountLine(account: EvidenceAccount): Static<typeof AccountsSchema>[number] {
  const { handle, accountId, deviceProofs } = account;
  const proofs = deviceProofs.map((proof) => toBase64Url(proof));
  return { handle, accountId: toBase64Url(accountId), deviceProofs: proofs };
}

/** What somebody opens the bundle for: who wrote what, when; and what is missing. */
function readableMessages({ order: { order }, opening }: Examination): unknown {
  const { instrument, scope, from, to } = order;
  return {
    order: order.id,
    instrument,
    scope,
    from,
    to,
    messages: opening.messages.map(messageLine),
    gaps: opening.gaps.map(gapLine),
  };
}

function messageLine(message: OpenedMessage): unknown {
  return {
    time: new Date(message.acceptedAtMs).toISOString(),
    sender: message.handle,
    text: message.text ?? null,
    conversation: toBase64Url(message.conversationId),
    sequence: message.sequence,
    messageId: toBase64Url(message.messageId),
    account: toBase64Url(message.senderAccountId),
    device: toBase64Url(message.senderDeviceId),
    content: toBase64Url(message.applicationData),
  };
}

function gapLine(gap: Gap): unknown {
  return {
    kind: gap.kind,
    conversation: toBase64Url(gap.conversationId),
    account: toBase64Url(gap.accountId),
    epoch: gap.epoch,
    leaf: gap.leafIndex,
    bucket: formatUtcTime(gap.bucketStart * 1000),
    ...(gap.index === undefined ? {} : { index: gap.index }),
    ...(gap.count === undefined ? {} : { count: gap.count }),
  };
}

function fileOf(files: Files, path: string): Uint8Array {
  const bytes = files.get(path);
  if (bytes === undefined) throw new EvidenceError("EVIDENCE_FILE_MISSING", { rule: RULE, path });
  return bytes;
}

function bytesOf(path: string, text: string): Uint8Array {
  try {
    return fromBase64Url(text);
  } catch {
    throw new EvidenceError("EVIDENCE_MALFORMED", { rule: RULE, path });
  }
}

function parse(files: Files, path: string, schema: TSchema): unknown {
  const bytes = fileOf(files, path);
  try {
    const value: unknown = JSON.parse(fromUtf8(bytes));
    if (conforms(schema, value)) return value;
  } catch {
    // named below
  }
  throw new EvidenceError("EVIDENCE_MALFORMED", { rule: RULE, path });
}
