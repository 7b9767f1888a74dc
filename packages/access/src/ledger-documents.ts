import { equalBytes, fromUtf8, PortcullisError, type OrderHash } from "@portcullis/protocol";
import { verifyApproval, type VerifiedApproval } from "./approval.ts";
import { verifyAuthority, type VerifiedAuthority } from "./authority.ts";
import { verifyKeyset, type VerifiedKeyset } from "./keyset.ts";
import type { LedgerEntry } from "./ledger-view.ts";
import { decodeNoticeEntry, decodeOrderEntry, type NoticeEntry, type OrderEntry } from "./order-entry.ts";
import { decodeOrder, type Order } from "./order.ts";
import type { VerifiedPolicy } from "./policy.ts";
import { verifyRelease, type VerifiedRelease } from "./release.ts";

/** A document and where it stands in the ledger. */
export interface Logged<T> {
  readonly index: number;
  readonly document: T;
}

/** An order in the ledger: well-formed, and not yet checked. */
export interface LoggedOrder {
  readonly entry: OrderEntry;
  readonly order: Order;
  readonly hash: OrderHash;
}

/** The ledger's entries by what they say. What does not verify under the policy is nobody's word and left out. */
export interface LedgerDocuments {
  readonly keysets: readonly Logged<VerifiedKeyset>[];
  readonly authorities: readonly Logged<VerifiedAuthority>[];
  readonly orders: readonly Logged<LoggedOrder>[];
  readonly approvals: readonly Logged<VerifiedApproval>[];
  readonly releases: readonly Logged<VerifiedRelease>[];
  readonly notices: readonly Logged<NoticeEntry>[];
}

export const noDocuments: LedgerDocuments = {
  keysets: [],
  authorities: [],
  orders: [],
  approvals: [],
  releases: [],
  notices: [],
};

/** The documents so far with those of further entries. */
export async function readDocuments(
  known: LedgerDocuments,
  entries: readonly LedgerEntry[],
  policy: VerifiedPolicy,
): Promise<LedgerDocuments> {
  const collect = async <T>(
    kind: LedgerEntry["opening"]["kind"],
    read: (body: Uint8Array) => T | Promise<T>,
  ): Promise<Logged<T>[]> => {
    const found: Logged<T>[] = [];
    for (const { index, opening } of entries) {
      const document = opening.kind === kind ? await valid(() => read(opening.body)) : undefined;
      if (document !== undefined) found.push({ index, document });
    }
    return found;
  };
  const jws = (body: Uint8Array): string => fromUtf8(body);
  return {
    keysets: [...known.keysets, ...(await collect("keyset", (body) => verifyKeyset(jws(body), policy)))],
    authorities: [
      ...known.authorities,
      ...(await collect("authority", (body) => verifyAuthority(jws(body), policy))),
    ],
    orders: [...known.orders, ...(await collect("order", readOrder))],
    approvals: [
      ...known.approvals,
      ...(await collect("approve", (body) => verifyApproval(jws(body), policy))),
    ],
    releases: [...known.releases, ...(await collect("release", (body) => verifyRelease(jws(body), policy)))],
    notices: [...known.notices, ...(await collect("notice", decodeNoticeEntry))],
  };
}

function readOrder(body: Uint8Array): LoggedOrder {
  const entry = decodeOrderEntry(body);
  return { entry, ...decodeOrder(entry.jws) };
}

async function valid<T>(read: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof PortcullisError) return undefined;
    throw error;
  }
}

/** The entry of an order: the one at `index`, or the latest. Undefined when the ledger does not hold it. */
export function findOrder(
  documents: LedgerDocuments,
  hash: OrderHash,
  index?: number,
): Logged<LoggedOrder> | undefined {
  return documents.orders.findLast(
    (logged) => equalBytes(logged.document.hash, hash) && (index === undefined || logged.index === index),
  );
}

/** What was logged before an index. */
export function before<T>(documents: readonly Logged<T>[], index: number): T[] {
  return documents.filter((logged) => logged.index < index).map((logged) => logged.document);
}
