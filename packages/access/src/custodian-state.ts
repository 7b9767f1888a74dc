import {
  asOrderHash,
  decodeCbor,
  encodeCbor,
  FieldReader,
  type CborValue,
  type OrderHash,
} from "@portcullis/protocol";
import { decodeOpening } from "./entry.ts";
import type { LabelSet } from "./label-set.ts";
import { emptyView, type LedgerEntry, type LedgerView } from "./ledger-view.ts";

const VERSION = "portcullis/custodian/v1";
const MANY = 10_000_000;
const LONGEST_TEXT = 1 << 20;

/** An order that this custodian approved, and how far it came. */
export interface CustodianCase {
  readonly orderHash: OrderHash;
  /** Where the order stands in the ledger. */
  readonly index: number;
  /** The exact buckets that were approved. */
  readonly labels: LabelSet;
  /** Opening of the approval's ledger entry. */
  readonly approval: Uint8Array;
  /** From the second phase on: opening of the release's entry, and the sealed batch that it commits to. */
  readonly release?: { readonly opening: Uint8Array; readonly batch: Uint8Array };
  /** The server has acknowledged the batch. */
  readonly sent: boolean;
}

/** All that a custodian has to keep besides its keys; plain data, so that a copy of it resumes where it stood. */
export interface CustodianData {
  readonly policyJws: string;
  readonly custodian: string;
  readonly view: LedgerView;
  readonly cases: readonly CustodianCase[];
  /** Openings of notices that this custodian published or is about to. */
  readonly notices: readonly Uint8Array[];
  /** Why nothing may be approved or released: canonical JSON of code and facts. */
  readonly frozen?: string;
}

export function freshData(policyJws: string, custodian: string): CustodianData {
  return { policyJws, custodian, view: emptyView, cases: [], notices: [] };
}

export function encodeCustodianData(data: CustodianData): Uint8Array {
  const { view } = data;
  return encodeCbor([
    VERSION,
    data.policyJws,
    data.custodian,
    [
      view.size,
      view.frontier,
      view.checkpoint ?? "",
      view.entries.map(({ index, opening }) => [index, opening.bytes]),
    ],
    data.cases.map(caseFields),
    data.notices,
    data.frozen ?? "",
  ]);
}

function caseFields(own: CustodianCase): CborValue {
  const release = own.release === undefined ? [] : [own.release.opening, own.release.batch];
  return [own.orderHash, own.index, own.labels.root, own.labels.count, own.approval, release, own.sent];
}

/** @throws ProtocolError DECODE_* */
export function decodeCustodianData(bytes: Uint8Array): CustodianData {
  const reader = new FieldReader(decodeCbor(bytes, "custodian state"), "custodian state", 7);
  reader.constant(VERSION);
  const data = {
    policyJws: reader.text(LONGEST_TEXT),
    custodian: reader.text(64),
    view: readView(reader.value()),
    cases: reader.list(readCase, MANY),
    notices: reader.list(readBytes, MANY),
  };
  const frozen = reader.text(LONGEST_TEXT);
  return frozen === "" ? data : { ...data, frozen };
}

function readView(value: CborValue): LedgerView {
  const reader = new FieldReader(value, "ledger view", 4);
  const size = reader.integer();
  const frontier = reader.list(readBytes, 64);
  const checkpoint = reader.text(LONGEST_TEXT);
  const entries = reader.list(readEntry, MANY);
  return { size, frontier, ...(checkpoint === "" ? {} : { checkpoint }), entries };
}

function readEntry(value: CborValue): LedgerEntry {
  const reader = new FieldReader(value, "ledger entry", 2);
  return { index: reader.integer(), opening: decodeOpening(reader.bytes()) };
}

function readCase(value: CborValue): CustodianCase {
  const reader = new FieldReader(value, "custodian case", 7);
  const own = {
    orderHash: asOrderHash(reader.bytes(32)),
    index: reader.integer(),
    labels: { root: reader.bytes(32), count: reader.integer(1) },
    approval: reader.bytes(),
  };
  const [opening, batch] = reader.list(readBytes, 2);
  const sent = reader.boolean();
  return opening === undefined || batch === undefined
    ? { ...own, sent }
    : { ...own, release: { opening, batch }, sent };
}

function readBytes(value: CborValue): Uint8Array {
  return new FieldReader([value], "bytes", 1).bytes();
}
