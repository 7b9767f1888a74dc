import { generateSigningKey } from "@portcullis/crypto";
import { generateHpkeKey } from "@portcullis/crypto/hpke";
import { accountIdOf, signDeviceList } from "@portcullis/ledger/identity";
import { asDeviceId, fromBase64Url, prepareHandle, type Handle, type Random } from "@portcullis/protocol";
import { decodeAccountRecord, encodeAccountRecord, type AccountRecord } from "./account-record.ts";
import { ClientError } from "../errors.ts";
import type { Admission, ServerApi } from "../server/server-api.ts";
import type { ClientStore } from "../store.ts";

/**
 * Makes an account with its first device and registers it. The keys are stored before anybody hears of them, so that
 * an attempt whose answer was lost goes on with the same account.
 * @throws ProtocolError HANDLE_*; ClientError CLIENT_ACCOUNT_EXISTS, CLIENT_HANDLE_TAKEN, CLIENT_HANDLE_CONFUSABLE,
 * CLIENT_SERVER_REFUSED, CLIENT_SERVER_UNREACHABLE
 */
export async function registerAccount(input: {
  api: ServerApi;
  store: ClientStore;
  random: Random;
  admission: Admission;
  handle: string;
}): Promise<AccountRecord> {
  const { api, store, random, admission } = input;
  const handle = prepareHandle(input.handle);
  const { account: stored } = await store.load();
  const begun = stored && decodeAccountRecord(stored);
  if (begun?.registered === true) throw new ClientError("CLIENT_ACCOUNT_EXISTS", { handle: begun.handle });
  const account = begun?.handle === handle ? begun : await makeAccount(api, random, handle);
  await store.write([{ put: "account", value: encodeAccountRecord(account) }]);
  await api.register(account, admission);
  const registered = { ...account, registered: true };
  await store.write([{ put: "account", value: encodeAccountRecord(registered) }]);
  return registered;
}

async function makeAccount(api: ServerApi, random: Random, handle: Handle): Promise<AccountRecord> {
  const { provider, frankingKey } = await api.server();
  const accountKey = generateSigningKey(random);
  const deviceKey = generateSigningKey(random);
  const noticeKey = await generateHpkeKey();
  const accountId = accountIdOf(accountKey.publicKey);
  const deviceId = asDeviceId(random(16));
  const signedDeviceList = signDeviceList(accountKey, {
    accountId,
    accountKey: accountKey.publicKey,
    noticeKey: noticeKey.publicKey,
    version: 1,
    devices: [{ deviceId, signatureKey: deviceKey.publicKey }],
  });
  return {
    provider,
    frankingKey: fromBase64Url(frankingKey),
    handle,
    accountId,
    deviceId,
    accountKey,
    deviceKey,
    noticeKey,
    signedDeviceList,
    registered: false,
  };
}
