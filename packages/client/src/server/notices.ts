import { decodeNoticeEntry, decodeOpening, entryOf, openNotice, type Notice } from "@portcullis/access";
import { verifyTlogProof, type WitnessPolicy } from "@portcullis/ledger/verify";
import { equalBytes, type AccountId, type OrderHash, type PolicyId } from "@portcullis/protocol";

/** A notice that was for this account, and the order that it speaks of. */
export interface ReadNotice extends Notice {
  readonly orderHash: OrderHash;
}

/**
 * The notices for one account among those that the witnessed ledger publishes. Every client tries every notice, so that
 * nobody sees for whom one is.
 * @throws LedgerError when what is shown does not stand in the ledger; AccessError NOTICE_MALFORMED
 */
export async function readNotices(
  published: readonly { readonly opening: Uint8Array; readonly proof: string }[],
  account: {
    readonly policyId: PolicyId;
    readonly accountId: AccountId;
    readonly noticeKey: { readonly publicKey: Uint8Array; readonly privateKey: Uint8Array };
  },
  policy: WitnessPolicy,
): Promise<ReadNotice[]> {
  const { policyId, accountId, noticeKey } = account;
  const notices: ReadNotice[] = [];
  for (const { opening, proof } of published) {
    verifyTlogProof({ proof, entry: entryOf(opening), policy });
    const { kind, body } = decodeOpening(opening);
    if (kind !== "notice") continue;
    const { orderHash, sealedNotices } = decodeNoticeEntry(body);
    // Any custodian may publish a notice, and two of them may at once.
    if (notices.some((notice) => equalBytes(notice.orderHash, orderHash))) continue;
    for (const sealed of sealedNotices) {
      const notice = await openNotice({ policyId, accountId, ...noticeKey, sealed });
      if (notice !== undefined) notices.push({ orderHash, ...notice });
    }
  }
  return notices;
}
