import type { Clock } from "@portcullis/protocol";
import { registerAccount } from "./account/create-account.ts";
import { takeAccountBack } from "./account/recover-account.ts";
import { PortcullisClient } from "./client.ts";
import { DeviceDirectory } from "./identity/device-directory.ts";
import { joinAccount } from "./linking/link-device.ts";
import type { ShownCode } from "./linking/link-code.ts";
import { apiOf, systemClock, systemRandom, type ClientOptions } from "./options.ts";
import { identityTrustOf } from "./server/provider.ts";
import type { TrustConfig } from "./server/provider.ts";
import type { Admission, ServerApi } from "./server/server-api.ts";

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
  const directory = directoryOf(api, clock, options.trust);
  await takeAccountBack({ api, store, random, directory, handle, code });
  return PortcullisClient.open(options);
}

/** A new device, before it knows more than where the server is. */
export type LinkOptions = Omit<ClientOptions, "trust"> & {
  /** Shows the code to the person, who reads it with a device of the account (`approveLink`). */
  readonly show: (code: ShownCode) => void;
  /** So often the server is asked for the answer. Milliseconds; one second by default. */
  readonly pollMs?: number;
  /** Stops waiting; the same call goes on later. */
  readonly signal?: AbortSignal;
};

/** A device that was linked, not connected yet, and what it was told to trust: keep that for `open`. */
export interface LinkedDevice {
  readonly client: PortcullisClient;
  readonly trust: TrustConfig;
}

/**
 * Makes this a further device of an account. Resolves when a device of the account has read the code and the identity
 * log shows this one. After a crash in the middle, the same call goes on with the same device.
 * @throws ClientError CLIENT_LINK_ANSWER, CLIENT_LINK_EXPIRED, CLIENT_ACCOUNT_EXISTS, CLIENT_DEVICE_UNKNOWN, CLIENT_SERVER_…
 */
export async function linkDevice(options: LinkOptions): Promise<LinkedDevice> {
  const { store, random = systemRandom, clock = systemClock, show, pollMs = 1000, signal } = options;
  const api = apiOf(options);
  const trust = await joinAccount({
    api,
    store,
    random,
    directoryOf: (trust) => directoryOf(api, clock, trust),
    show,
    pollMs,
    signal,
  });
  return { client: await PortcullisClient.open({ ...options, trust }), trust };
}

function directoryOf(api: ServerApi, clock: Clock, trust: TrustConfig): DeviceDirectory {
  return new DeviceDirectory(
    identityTrustOf(trust),
    (accounts) => api.lookUp(accounts),
    () => clock.now(),
  );
}
