import { generateSigningKey } from "@portcullis/crypto";
import { generateHpkeKey } from "@portcullis/crypto/hpke";
import { accountIdOf, verifyDeviceList } from "@portcullis/ledger/identity";
import { asDeviceId, equalBytes, toBase64Url, type Random } from "@portcullis/protocol";
import { decodeAccountRecord, encodeAccountRecord, type AccountRecord } from "../account/account-record.ts";
import { ClientError } from "../errors.ts";
import { requireListed, type DeviceDirectory } from "../identity/device-directory.ts";
import type { TrustConfig } from "../server/provider.ts";
import { isRefusal, type ServerApi } from "../server/server-api.ts";
import type { ClientStore } from "../store.ts";
import { RECEIVING } from "./history-transfer.ts";
import { encodeReceivingRecord } from "./transfer-record.ts";
import { decodeTrust, encodeTrust, openLinkAnswer, type LinkAnswer } from "./link-answer.ts";
import {
  encodeLinkOffer,
  formatLinkCode,
  LINK_SECRET_BYTES,
  linkCodeOf,
  mailboxOf,
  type LinkCode,
  type ShownCode,
} from "./link-code.ts";
import { LinkMailbox } from "./link-mailbox.ts";
import { decodeWaitingRecord, encodeWaitingRecord, type WaitingRecord } from "./waiting-record.ts";

const WAITING = "link/waiting";
const TRUST = "link/trust";
const TOKEN_BYTES = 32;

export interface LinkInput {
  readonly api: ServerApi;
  readonly store: ClientStore;
  readonly random: Random;
  /** Lookups under the trust configuration that the answer brings. */
  readonly directoryOf: (trust: TrustConfig) => DeviceDirectory;
  readonly show: (code: ShownCode) => void;
  readonly pollMs: number;
  readonly signal: AbortSignal | undefined;
}

/** A code with the offer that it names, and where the two devices meet. */
interface Waiting {
  readonly record: WaitingRecord;
  readonly offer: Uint8Array;
  readonly code: LinkCode;
  readonly mailbox: LinkMailbox;
}

/**
 * Makes this store's device one of an account's: shows a code and waits until a device of the account has read it. The
 * keys are stored before anybody hears of them, so that an attempt that was cut off goes on with the same device.
 * Returns the trust configuration of the account's other device.
 * @throws ClientError CLIENT_LINK_ANSWER, CLIENT_LINK_EXPIRED, CLIENT_ACCOUNT_EXISTS, CLIENT_DEVICE_UNKNOWN,
 * CLIENT_SERVER_…; LedgerError, CryptoError when the server's lookup proves nothing
 */
export async function joinAccount(input: LinkInput): Promise<TrustConfig> {
  const { api, store, show } = input;
  const { account, secrets } = await store.load();
  const linked = secrets.get(TRUST);
  if (linked !== undefined) return decodeTrust(linked);
  const begun = account && decodeAccountRecord(account);
  if (begun?.registered === true) throw new ClientError("CLIENT_ACCOUNT_EXISTS", { handle: begun.handle });
  const stored = secrets.get(WAITING);
  const waiting = await openMailbox(input, stored && decodeWaitingRecord(stored));
  show(formatLinkCode(api.url, waiting.code));
  const sealed = await answerOf(waiting, input);
  const { record, offer, code } = waiting;
  let answer: LinkAnswer;
  try {
    answer = await openLinkAnswer(sealed, { offer, ...record });
  } catch (error) {
    // Somebody answered who has not read the code: it is worth nothing now, so that nobody can try again.
    await store.write([{ erase: "secret", name: WAITING }]);
    throw error;
  }
  const joined = await verifiedAccount(answer, record, input);
  const { token } = record;
  const receiving = { linkId: mailboxOf(code), key: answer.historyKey, token, index: 0, messages: 0 };
  await store.write([
    { put: "account", value: encodeAccountRecord(joined) },
    { put: "secret", name: TRUST, value: encodeTrust(answer.trust) },
    { put: "secret", name: RECEIVING, value: encodeReceivingRecord(receiving) },
    { erase: "secret", name: WAITING },
  ]);
  return answer.trust;
}

/** The code that was shown before, while the server has it; else a fresh one of the same device. */
async function openMailbox(input: LinkInput, begun: WaitingRecord | undefined): Promise<Waiting> {
  const { api, store, random } = input;
  if (begun !== undefined) {
    const waiting = waitingOf(api, begun);
    if (await isThere(waiting)) return waiting;
  }
  const fresh = waitingOf(api, {
    deviceId: begun?.deviceId ?? asDeviceId(random(16)),
    deviceKey: begun?.deviceKey ?? generateSigningKey(random),
    key: await generateHpkeKey(),
    secret: random(LINK_SECRET_BYTES),
    token: toBase64Url(random(TOKEN_BYTES)),
  });
  const { record, offer, mailbox } = fresh;
  await store.write([{ put: "secret", name: WAITING, value: encodeWaitingRecord(record) }]);
  await mailbox.open(offer, record.token);
  return fresh;
}

function waitingOf(api: ServerApi, record: WaitingRecord): Waiting {
  const { deviceId, deviceKey, key, secret } = record;
  const offer = encodeLinkOffer({ publicKey: key.publicKey, deviceId, signatureKey: deviceKey.publicKey });
  const code = linkCodeOf(offer, secret);
  return { record, offer, code, mailbox: new LinkMailbox(api, mailboxOf(code)) };
}

async function isThere({ mailbox, record }: Waiting): Promise<boolean> {
  try {
    await mailbox.read(record.token);
    return true;
  } catch (error) {
    if (isRefusal(error, "LINK_UNKNOWN")) return false;
    throw error;
  }
}

async function answerOf({ mailbox, record }: Waiting, { pollMs, signal }: LinkInput): Promise<Uint8Array> {
  for (;;) {
    signal?.throwIfAborted();
    try {
      const answer = await mailbox.read(record.token);
      if (answer !== undefined) return answer;
    } catch (error) {
      if (isRefusal(error, "LINK_UNKNOWN")) throw new ClientError("CLIENT_LINK_EXPIRED");
      throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

/** The account, once the witnessed log shows everybody that this device is one of its. */
async function verifiedAccount(
  answer: LinkAnswer,
  { deviceId, deviceKey }: WaitingRecord,
  { directoryOf }: LinkInput,
): Promise<AccountRecord> {
  const { trust: _, historyKey: __, ...account } = answer;
  const accountId = accountIdOf(account.accountKey.publicKey);
  const list = verifyDeviceList(account.signedDeviceList);
  if (!equalBytes(list.accountId, accountId)) throw new ClientError("CLIENT_LINK_ANSWER");
  const lists = await directoryOf(answer.trust).current([accountId]);
  requireListed(lists, { accountId, deviceId, signatureKey: deviceKey.publicKey });
  return { ...account, accountId, deviceId, deviceKey, registered: true };
}
