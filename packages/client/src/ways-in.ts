import { registerAccount } from "./account/create-account.ts";
import { takeAccountBack } from "./account/recover-account.ts";
import { PortcullisClient } from "./client.ts";
import { DeviceDirectory } from "./identity/device-directory.ts";
import { apiOf, systemClock, systemRandom, type ClientOptions } from "./options.ts";
import { identityTrustOf } from "./server/provider.ts";
import type { Admission } from "./server/server-api.ts";

/** With the operator's registration token or an invitation (`acceptInvite`). */
export type AccountOptions = ClientOptions & Admission & { readonly handle: string };

/**
 * Makes an account with this as its first device, registered at the server; not connected yet. After a crash in the
 * middle, the same call goes on with the same account.
 * @throws ProtocolError HANDLE_*; ClientError CLIENT_ACCOUNT_EXISTS, CLIENT_HANDLE_TAKEN, CLIENT_HANDLE_CONFUSABLE,
 * CLIENT_SERVER_REFUSED, CLIENT_SERVER_UNREACHABLE
 */
export async function createAccount(options: AccountOptions): Promise<PortcullisClient> {
  const { store, random = systemRandom, handle } = options;
  await registerAccount({ api: apiOf(options), store, random, admission: options, handle });
  return PortcullisClient.open(options);
}

/** An account to come back to: without any of its devices, with its recovery code. */
export type RecoveryOptions = ClientOptions & { readonly handle: string; readonly code: string };

/**
 * Makes this the account's only device, in place of those that were lost; not connected yet. After a crash in the middle,
 * the same call goes on with the same device.
 * @throws ProtocolError HANDLE_*; ClientError CLIENT_RECOVERY_CODE, CLIENT_RECOVERY_BLOB, CLIENT_ACCOUNT_UNKNOWN,
 * CLIENT_ACCOUNT_EXISTS, CLIENT_SERVER_REFUSED (RECOVERY_REFUSED, RECOVERY_LOCKED), CLIENT_SERVER_UNREACHABLE
 */
export async function recoverAccount(options: RecoveryOptions): Promise<PortcullisClient> {
  const { store, random = systemRandom, clock = systemClock, handle, code } = options;
  const api = apiOf(options);
  const directory = new DeviceDirectory(
    identityTrustOf(options.trust),
    (accounts) => api.lookUp(accounts),
    () => clock.now(),
  );
  await takeAccountBack({ api, store, random, directory, handle, code });
  return PortcullisClient.open(options);
}
