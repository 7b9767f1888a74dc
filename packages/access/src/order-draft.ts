import { sha256 } from "@portcullis/crypto";
import {
  toBase64Url,
  type AccountId,
  type BucketStart,
  type ConversationId,
  type PolicyId,
} from "@portcullis/protocol";
import { sealNotice } from "./notice.ts";
import type { Order } from "./order.ts";
import { formatUtcTime } from "./utc-time.ts";

/** What whoever writes an order has to say. Times in milliseconds, buckets in seconds. */
export interface OrderDraft {
  readonly policyId: PolicyId;
  /** A fresh UUID. */
  readonly id: string;
  readonly instrument: string;
  /** Ids of listed authorities. */
  readonly issuer: string;
  readonly judge: string;
  readonly reasons: { readonly necessity: string; readonly proportionality: string };
  /** With the notice key of each account's proven device list: 32 bytes, X25519. */
  readonly accounts: readonly {
    readonly id: AccountId;
    readonly handle: string;
    readonly noticeKey: Uint8Array;
  }[];
  readonly conversations: readonly ConversationId[];
  readonly scope: "sent" | "conversation";
  /** Needed for `conversation`. */
  readonly scopeReason?: string;
  readonly from: BucketStart;
  readonly to: BucketStart;
  readonly recipient: {
    readonly name: string;
    readonly hpkeKey: Uint8Array;
    readonly signingKey: Uint8Array;
  };
  readonly noticeDueMs: number;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
}

/** The order to sign, and the notices that it commits to, which go into the ledger with it. Checks nothing: custodians do. */
export async function composeOrder(
  draft: OrderDraft,
): Promise<{ order: Order; sealedNotices: Uint8Array[] }> {
  const sealedNotices = await Promise.all(draft.accounts.map((account) => noticeFor(draft, account)));
  const { scopeReason, recipient } = draft;
  const order: Order = {
    version: 1,
    policyId: toBase64Url(draft.policyId),
    id: draft.id,
    instrument: draft.instrument,
    issuer: draft.issuer,
    judge: draft.judge,
    reasons: draft.reasons,
    accounts: draft.accounts.map(({ id, handle }) => ({ id: toBase64Url(id), handle })),
    conversations: draft.conversations.map((id) => toBase64Url(id)),
    scope: draft.scope,
    ...(scopeReason === undefined ? {} : { scopeReason }),
    from: formatUtcTime(draft.from * 1000),
    to: formatUtcTime(draft.to * 1000),
    recipient: {
      name: recipient.name,
      hpkeKey: toBase64Url(recipient.hpkeKey),
      signingKey: toBase64Url(recipient.signingKey),
    },
    notice: {
      due: formatUtcTime(draft.noticeDueMs),
      sealedHash: sealedNotices.map((sealed) => toBase64Url(sha256(sealed))),
    },
    issuedAt: formatUtcTime(draft.issuedAtMs),
    expiresAt: formatUtcTime(draft.expiresAtMs),
  };
  return { order, sealedNotices };
}

async function noticeFor(draft: OrderDraft, account: OrderDraft["accounts"][number]): Promise<Uint8Array> {
  const { policyId, id, instrument, issuer, judge, scope, conversations, from, to } = draft;
  const notice = { policyId, orderId: id, instrument, issuer, judge, scope, conversations, from, to };
  return sealNotice({ accountId: account.id, noticeKey: account.noticeKey, notice });
}
