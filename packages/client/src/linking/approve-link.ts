import { equalBytes, type DeviceId } from "@portcullis/protocol";
import { changeDevices, type ListOwner } from "../account/device-list.ts";
import type { DeviceDirectory } from "../identity/device-directory.ts";
import type { TrustConfig } from "../server/provider.ts";
import type { ServerApi } from "../server/server-api.ts";
import type { HistoryTransfer } from "./history-transfer.ts";
import { sealLinkAnswer } from "./link-answer.ts";
import { mailboxOf, parseLinkCode, verifyLinkOffer } from "./link-code.ts";
import { LinkMailbox } from "./link-mailbox.ts";

/**
 * Makes the device that shows this code one of the account's: lists it, then leaves it the account, sealed. Again with
 * the same code is the same as once.
 * @throws ClientError CLIENT_LINK_CODE, CLIENT_LINK_OFFER, CLIENT_SERVER_REFUSED (LINK_UNKNOWN, LINK_TAKEN, LINK_LIMIT);
 * LedgerError IDENTITY_DEVICES when the account has as many devices as it may
 */
export async function linkByCode(
  owner: ListOwner & { readonly trust: TrustConfig; readonly history: Pick<HistoryTransfer, "prepare"> },
  server: { readonly api: ServerApi; readonly directory: DeviceDirectory },
  text: string,
): Promise<DeviceId> {
  const code = parseLinkCode(text);
  const mailbox = new LinkMailbox(server.api, mailboxOf(code));
  const offer = await mailbox.claim(owner.account);
  const { publicKey, deviceId, signatureKey } = verifyLinkOffer(code, offer);
  await changeDevices(owner, server, (devices) => {
    const listed = devices.find((device) => equalBytes(device.deviceId, deviceId));
    return listed === undefined ? [...devices, { deviceId, signatureKey }] : undefined;
  });
  const historyKey = await owner.history.prepare(mailboxOf(code), deviceId);
  const { account, trust } = owner;
  const answer = await sealLinkAnswer(
    { ...account, trust, historyKey },
    { offer, publicKey, secret: code.secret },
  );
  await mailbox.answer(account, answer);
  return deviceId;
}
