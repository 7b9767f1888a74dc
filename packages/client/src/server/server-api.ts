import { sha256, sign } from "@portcullis/crypto";
import {
  asAccountId,
  asDeviceId,
  encodeSessionChallenge,
  fromBase64Url,
  PortcullisError,
  prepareHandle,
  toBase64Url,
  type AccountAnswer,
  type AccountId,
  type AccountRequest,
  type ChallengeAnswer,
  type ClaimAnswer,
  type ClaimRequest,
  type ConsistencyPathAnswer,
  type ConversationClass,
  type ConversationId,
  type ConversationRequest,
  type DeviceId,
  type DeviceReference,
  type DevicesRequest,
  type InviteRequest,
  type JoinRefusal,
  type JoinRefusalRequest,
  type JoinRequestAnswer,
  type JoinRequestBody,
  type JoinRequestsAnswer,
  type KeyPackagesRequest,
  type LoggedOpeningsAnswer,
  type LookupAnswer,
  type LookupRequest,
  type OwnDevicesAnswer,
  type PolicyId,
  type RecoveryAnswer,
  type RecoveryAttempt,
  type RecoveryRequest,
  type RecoveryVersionAnswer,
  type ServerAnswer,
  type SessionAnswer,
  type SessionRequest,
} from "@portcullis/protocol";
import type { AccountRecord } from "../account/account-record.ts";
import { ClientError } from "../errors.ts";
import type { ReceivedJoinRequest } from "../joining/doorkeeper.ts";
import type { SignedJoinRequest } from "../joining/join-key.ts";

export type Fetch = typeof fetch;

type Method = "GET" | "POST" | "PUT" | "DELETE";

/** What lets somebody make an account: the operator's token, or the secret of an invitation. */
export type Admission = { readonly registrationToken: string } | { readonly invite: Uint8Array };

/** A device whose KeyPackage was claimed, as the server says; nothing of it is verified. */
export interface ClaimedDevice extends DeviceReference {
  readonly keyPackage: Uint8Array;
}

/** KeyPackages of this device that others may claim from now on. */
export interface FreshKeyPackages {
  readonly keyPackages: readonly Uint8Array[];
  /** Given out while there is no other. */
  readonly lastResort?: Uint8Array;
}

interface LoggedOpening {
  readonly opening: Uint8Array;
  readonly proof: string;
}

/** What another attempt may get over: a session that has ended, too many requests. */
const PASSING_STATUS: ReadonlySet<number> = new Set([401, 429]);

/** A session is renewed when this much of it is left, so that it does not end between check and use. */
const SESSION_MARGIN_MS = 30_000;

/** The server's HTTP API as one device uses it. Not trusted: every answer that matters is verified by who asked. */
export class ServerApi {
  /** Without a slash at the end. */
  readonly url: string;
  readonly #fetch: Fetch;
  readonly #realNow: () => number;
  #session: SessionAnswer | undefined;

  /** `realNow`: wall time in milliseconds, for the end of sessions. */
  constructor(url: string, fetch: Fetch, realNow: () => number) {
    this.url = url.replace(/\/$/, "");
    this.#fetch = fetch;
    this.#realNow = realNow;
  }

  get streamUrl(): string {
    return `${this.url.replace(/^http/, "ws")}/v1/stream`;
  }

  server(): Promise<ServerAnswer> {
    return this.#ask("GET", "/v1/server");
  }

  async openings(of: "keysets" | "authorities" | "notices"): Promise<LoggedOpening[]> {
    const { openings } = await this.#ask<LoggedOpeningsAnswer>("GET", `/v1/${of}`);
    return openings.map(({ opening, proof }) => ({ opening: fromBase64Url(opening), proof }));
  }

  /** @throws ClientError CLIENT_HANDLE_TAKEN, CLIENT_HANDLE_CONFUSABLE, CLIENT_SERVER_REFUSED */
  async register(account: AccountRecord, admission: Admission): Promise<void> {
    const deviceList = toBase64Url(account.signedDeviceList);
    const admitted =
      "invite" in admission
        ? { invite: toBase64Url(admission.invite) }
        : { registrationToken: admission.registrationToken };
    const request: AccountRequest = { ...admitted, handle: account.handle, deviceList };
    try {
      await this.#ask("POST", "/v1/accounts", request);
    } catch (error) {
      if (isRefusal(error, "HANDLE_CONFUSABLE"))
        throw new ClientError("CLIENT_HANDLE_CONFUSABLE", { handle: account.handle });
      if (!isRefusal(error, "HANDLE_TAKEN", "ACCOUNT_EXISTS")) throw error;
      // The answer to an earlier attempt may have been lost.
      const holder = await this.accountByHandle(account.handle);
      if (holder === undefined || toBase64Url(holder) !== toBase64Url(account.accountId))
        throw new ClientError("CLIENT_HANDLE_TAKEN", { handle: account.handle });
    }
  }

  /** `token`: the operator's, or a session's. */
  async addInvite(
    invite: { inviteHash: Uint8Array; uses: number; lifetimeSeconds: number },
    token: string,
  ): Promise<void> {
    const request: InviteRequest = { ...invite, inviteHash: toBase64Url(invite.inviteHash) };
    await this.#ask("POST", "/v1/invites", request, token);
  }

  /** @throws ProtocolError HANDLE_*, ClientError CLIENT_SERVER_… */
  async accountByHandle(handle: string): Promise<AccountId | undefined> {
    try {
      const path = `/v1/accounts/by-handle/${encodeURIComponent(prepareHandle(handle))}`;
      return asAccountId(fromBase64Url((await this.#ask<AccountAnswer>("GET", path)).accountId));
    } catch (error) {
      if (isRefusal(error, "ACCOUNT_UNKNOWN")) return undefined;
      throw error;
    }
  }

  /** An encoded lookup of these accounts; the server waits until the log has what it knows of them. */
  async lookUp(accounts: readonly AccountId[]): Promise<Uint8Array> {
    const request: LookupRequest = { accounts: accounts.map((id) => toBase64Url(id)) };
    return fromBase64Url((await this.#ask<LookupAnswer>("POST", "/v1/lookups", request)).lookup);
  }

  /** What is to show that the identity log of the larger size begins with that of the smaller one. */
  async identityConsistency(oldSize: number, newSize: number): Promise<Uint8Array[]> {
    const path = `/v1/identity/consistency?old=${oldSize}&new=${newSize}`;
    return (await this.#ask<ConsistencyPathAnswer>("GET", path)).path.map((hash) => fromBase64Url(hash));
  }

  /** Publishes the account's signed device list. */
  async replaceDevices({ accountId, signedDeviceList }: AccountRecord): Promise<void> {
    const request: DevicesRequest = { deviceList: toBase64Url(signedDeviceList) };
    await this.#ask("PUT", `/v1/accounts/${toBase64Url(accountId)}/devices`, request);
  }

  /** When the account's devices were last seen, in days since 1970, by device id as text. */
  async lastSeenDays(account: AccountRecord): Promise<ReadonlyMap<string, number>> {
    const token = await this.token(account);
    const { devices } = await this.#ask<OwnDevicesAnswer>("GET", "/v1/devices", undefined, token);
    return new Map(
      devices.flatMap(({ deviceId, lastSeenDay }) =>
        lastSeenDay === undefined ? [] : [[deviceId, lastSeenDay] as const],
      ),
    );
  }

  /** 0 when there is no recovery code. */
  async recoveryVersion(account: AccountRecord): Promise<number> {
    const token = await this.token(account);
    return (await this.#ask<RecoveryVersionAnswer>("GET", "/v1/recovery", undefined, token)).version;
  }

  async putRecovery(
    account: AccountRecord,
    { version, blob, authenticator }: { version: number; blob: Uint8Array; authenticator: Uint8Array },
  ): Promise<void> {
    const authenticatorHash = toBase64Url(sha256(authenticator));
    const request: RecoveryRequest = { version, sealed: toBase64Url(blob), authenticatorHash };
    await this.#ask("PUT", "/v1/recovery", request, await this.token(account));
  }

  async fetchRecovery(accountId: AccountId, authenticator: Uint8Array): Promise<Uint8Array> {
    const path = `/v1/accounts/${toBase64Url(accountId)}/recovery`;
    const request: RecoveryAttempt = { authenticator: toBase64Url(authenticator) };
    return fromBase64Url((await this.#ask<RecoveryAnswer>("POST", path, request)).sealed);
  }

  /** With a KeyPackage of last resort: instead of all that lie there. */
  async publishKeyPackages(
    account: AccountRecord,
    { keyPackages, lastResort }: FreshKeyPackages,
  ): Promise<void> {
    const request: KeyPackagesRequest = {
      keyPackages: keyPackages.map((bytes) => toBase64Url(bytes)),
      ...(lastResort && { lastResort: toBase64Url(lastResort) }),
    };
    await this.#ask("POST", "/v1/key-packages", request, await this.token(account));
  }

  /** `chosen`: of these devices alone. */
  async claimKeyPackages(
    account: AccountRecord,
    accounts: readonly AccountId[],
    chosen?: readonly DeviceId[],
  ): Promise<ClaimedDevice[]> {
    const request: ClaimRequest = {
      accounts: accounts.map((id) => toBase64Url(id)),
      ...(chosen && { devices: chosen.map((id) => toBase64Url(id)) }),
    };
    const token = await this.token(account);
    const { devices } = await this.#ask<ClaimAnswer>("POST", "/v1/key-packages/claim", request, token);
    return devices.map((device) => ({
      accountId: asAccountId(fromBase64Url(device.accountId)),
      deviceId: asDeviceId(fromBase64Url(device.deviceId)),
      keyPackage: fromBase64Url(device.keyPackage),
    }));
  }

  /** Again is the same as once. */
  async createConversation(
    account: AccountRecord,
    conversation: { id: ConversationId; class: ConversationClass; policyId?: PolicyId },
  ): Promise<void> {
    const request: ConversationRequest = {
      conversationId: toBase64Url(conversation.id),
      class: conversation.class,
      ...(conversation.policyId && { policyId: toBase64Url(conversation.policyId) }),
    };
    try {
      await this.#ask("POST", "/v1/conversations", request, await this.token(account));
    } catch (error) {
      if (!isRefusal(error, "CONVERSATION_EXISTS")) throw error;
    }
  }

  /** Undefined while it waits. Again is the same as once. */
  async askToJoin(
    account: AccountRecord,
    { conversationId, ...request }: Omit<SignedJoinRequest, "accountId">,
  ): Promise<JoinRefusal | undefined> {
    const body: JoinRequestBody = {
      linkId: toBase64Url(request.linkId),
      askedAtMs: request.askedAtMs,
      signature: toBase64Url(request.signature),
    };
    const path = `/v1/join-requests/${toBase64Url(conversationId)}`;
    return (await this.#ask<JoinRequestAnswer>("PUT", path, body, await this.token(account))).refusal;
  }

  async withdrawJoinRequest(account: AccountRecord, conversationId: ConversationId): Promise<void> {
    const path = `/v1/join-requests/${toBase64Url(conversationId)}/withdrawal`;
    await this.#ask("POST", path, {}, await this.token(account));
  }

  /** What waits in a conversation of which this device is a member. */
  async joinRequests(account: AccountRecord, conversationId: ConversationId): Promise<ReceivedJoinRequest[]> {
    const path = `/v1/join-requests/${toBase64Url(conversationId)}`;
    const token = await this.token(account);
    const { requests } = await this.#ask<JoinRequestsAnswer>("GET", path, undefined, token);
    return requests.map(({ accountId, linkId, askedAtMs, signature, sequence }) => ({
      conversationId,
      accountId: asAccountId(fromBase64Url(accountId)),
      linkId: fromBase64Url(linkId),
      askedAtMs,
      signature: fromBase64Url(signature),
      sequence,
    }));
  }

  async refuseJoinRequest(
    account: AccountRecord,
    { conversationId, accountId, askedAtMs }: SignedJoinRequest,
    refusal: JoinRefusal,
  ): Promise<void> {
    const body: JoinRefusalRequest = { accountId: toBase64Url(accountId), askedAtMs, refusal };
    const path = `/v1/join-requests/${toBase64Url(conversationId)}/refusals`;
    await this.#ask("POST", path, body, await this.token(account));
  }

  /** A token that is still good, by answering a challenge with the device's key where there is none. */
  async token(account: AccountRecord): Promise<string> {
    if (this.#session !== undefined && this.#session.expiresAtMs - SESSION_MARGIN_MS > this.#realNow())
      return this.#session.token;
    const { nonce } = await this.#ask<ChallengeAnswer>("POST", "/v1/challenges", {});
    const challenge = encodeSessionChallenge(account.provider, fromBase64Url(nonce));
    const request: SessionRequest = {
      subject: {
        kind: "device",
        accountId: toBase64Url(account.accountId),
        deviceId: toBase64Url(account.deviceId),
      },
      nonce,
      signature: toBase64Url(sign(account.deviceKey, challenge)),
    };
    this.#session = await this.#ask<SessionAnswer>("POST", "/v1/sessions", request);
    return this.#session.token;
  }

  /** The server may have forgotten the session: the next call opens another. */
  forgetSession(): void {
    this.#session = undefined;
  }

  /** The answer as it comes, for bytes. @throws ClientError CLIENT_SERVER_… */
  async exchange(
    path: string,
    init: {
      readonly method: Method;
      readonly token: string;
      readonly body?: Uint8Array;
      readonly from?: number;
    },
  ): Promise<Response> {
    const headers: Record<string, string> = { authorization: `Bearer ${init.token}` };
    if (init.body !== undefined) headers["content-type"] = "application/octet-stream";
    if (init.from !== undefined) headers["range"] = `bytes=${init.from}-`;
    let response: Response;
    try {
      const body = init.body as Uint8Array<ArrayBuffer> | undefined;
      response = await this.#fetch(`${this.url}${path}`, {
        method: init.method,
        headers,
        ...(body && { body }),
      });
    } catch {
      throw new ClientError("CLIENT_SERVER_UNREACHABLE", { path });
    }
    if (!response.ok) throw await this.#refusal(path, response);
    return response;
  }

  /** For the rooms that have routes of their own. @throws ClientError CLIENT_SERVER_… */
  call<T>(method: Method, path: string, body?: object, token?: string): Promise<T> {
    return this.#ask(method, path, body, token);
  }

  async #ask<T>(method: Method, path: string, body?: object, token?: string): Promise<T> {
    const headers: Record<string, string> = {};
    if (body !== undefined) headers["content-type"] = "application/json";
    if (token !== undefined) headers["authorization"] = `Bearer ${token}`;
    let response: Response;
    let answer: unknown;
    try {
      const init = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) };
      response = await this.#fetch(`${this.url}${path}`, init);
      const text = await response.text();
      answer = text === "" ? {} : JSON.parse(text);
    } catch {
      throw new ClientError("CLIENT_SERVER_UNREACHABLE", { path });
    }
    if (response.ok) return answer as T;
    throw this.#refused(path, response.status, answer);
  }

  async #refusal(path: string, response: Response): Promise<ClientError> {
    const answer: unknown = await response.json().catch(() => undefined);
    return this.#refused(path, response.status, answer);
  }

  #refused(path: string, status: number, answer: unknown): ClientError {
    const { code, facts } = (answer ?? {}) as { code?: unknown; facts?: Record<string, unknown> };
    if (status === 401) this.forgetSession();
    if (status === 401 && code === "SESSION_REFUSED")
      return new ClientError("CLIENT_SERVER_UNREACHABLE", { path, status, refusal: code });
    if (typeof code !== "string" || PASSING_STATUS.has(status) || status >= 500)
      return new ClientError("CLIENT_SERVER_UNREACHABLE", { path, status });
    return new ClientError("CLIENT_SERVER_REFUSED", { ...facts, path, status, refusal: code });
  }
}

/** Whether the server refused with one of these codes. */
export function isRefusal(error: unknown, ...codes: readonly string[]): boolean {
  return (
    error instanceof PortcullisError &&
    error.code === "CLIENT_SERVER_REFUSED" &&
    codes.includes(String(error.facts["refusal"]))
  );
}
