import { hpkeOpen, hpkeSeal } from "@portcullis/crypto/hpke";
import {
  asConversationId,
  asPolicyId,
  decodeCbor,
  encodeCbor,
  FieldReader,
  padme,
  unpadme,
  utf8,
  type AccountId,
  type BucketStart,
  type ConversationId,
  type PolicyId,
} from "@portcullis/protocol";
import { AccessError } from "./errors.ts";

const VERSION = "portcullis/notice/v1";
const SCOPES = ["sent", "conversation"] as const;

/** What a person is told, once the law lets it be told, about an order that named one of their accounts. */
export interface Notice {
  readonly policyId: PolicyId;
  /** The order's id; the ledger's entry adds its hash. */
  readonly orderId: string;
  readonly instrument: string;
  readonly issuer: string;
  readonly judge: string;
  readonly scope: "sent" | "conversation";
  readonly conversations: readonly ConversationId[];
  readonly from: BucketStart;
  readonly to: BucketStart;
}

export function encodeNotice(notice: Notice): Uint8Array {
  return encodeCbor([
    VERSION,
    notice.policyId,
    notice.orderId,
    notice.instrument,
    notice.issuer,
    notice.judge,
    notice.scope,
    notice.conversations,
    notice.from,
    notice.to,
  ]);
}

/** @throws ProtocolError DECODE_* */
export function decodeNotice(bytes: Uint8Array): Notice {
  const reader = new FieldReader(decodeCbor(bytes, "notice"), "notice", 10);
  reader.constant(VERSION);
  return {
    policyId: asPolicyId(reader.bytes(32)),
    orderId: reader.text(64),
    instrument: reader.text(),
    issuer: reader.text(),
    judge: reader.text(),
    scope: reader.oneOf(SCOPES),
    conversations: reader.list((id) => asConversationId(new FieldReader([id], "notice", 1).bytes(32))),
    from: reader.integer(),
    to: reader.integer(),
  };
}

interface Addressee {
  readonly policyId: PolicyId;
  readonly accountId: AccountId;
}

const context = ({ policyId, accountId }: Addressee): { info: Uint8Array; associatedData: Uint8Array } => ({
  info: utf8(VERSION),
  associatedData: encodeCbor([policyId, accountId]),
});

/** `noticeKey`: 32 bytes, X25519, from the account's device list. Padded, so that its length tells little. */
export async function sealNotice(input: {
  accountId: AccountId;
  noticeKey: Uint8Array;
  notice: Notice;
}): Promise<Uint8Array> {
  const { accountId, noticeKey, notice } = input;
  return hpkeSeal({
    publicKey: noticeKey,
    ...context({ policyId: notice.policyId, accountId }),
    plaintext: padme(encodeNotice(notice)),
  });
}

/**
 * A client tries each sealed notice that the ledger publishes: one that is not for its account is undefined.
 * @throws AccessError NOTICE_MALFORMED when it opens and is no notice of this policy
 */
export async function openNotice(input: {
  policyId: PolicyId;
  accountId: AccountId;
  publicKey: Uint8Array;
  privateKey: Uint8Array;
  sealed: Uint8Array;
}): Promise<Notice | undefined> {
  const { publicKey, privateKey, sealed } = input;
  let padded: Uint8Array;
  try {
    padded = await hpkeOpen({ publicKey, privateKey, ...context(input), sealed });
  } catch {
    return undefined;
  }
  try {
    return decodeNotice(unpadme(padded));
  } catch {
    throw new AccessError("NOTICE_MALFORMED");
  }
}
