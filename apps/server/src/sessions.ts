import { sha256, verifySignature } from "@portcullis/crypto";
import {
  asAccountId,
  asDeviceId,
  asOrderHash,
  encodeSessionChallenge,
  fromBase64Url,
  fromUtf8,
  toBase64Url,
  utf8,
  type Clock,
  type DeviceReference,
  type OrderHash,
  type Random,
  type SessionAnswer,
  type SessionRequest,
  type SessionSubject,
} from "@portcullis/protocol";
import type { Store } from "@portcullis/store";
import { ServerError } from "./errors.ts";
import type { PolicyState } from "./policy-state.ts";

const CHALLENGE_MS = 60_000;
const DAY_MS = 24 * 3600 * 1000;
const SESSION_MS = DAY_MS;
const MOST_CHALLENGES = 10_000;
const SECRET_BYTES = 32;

/** Who makes a call. */
export type Caller =
  | ({ readonly kind: "device" } & DeviceReference)
  | { readonly kind: "custodian"; readonly id: string }
  | { readonly kind: "recipient"; readonly orderHash: OrderHash }
  | { readonly kind: "operator" };

export interface SessionsOptions {
  readonly store: Store;
  readonly policy: PolicyState;
  readonly provider: string;
  readonly operatorToken: string;
  /** Real time: sessions protect the connection, not the record. */
  readonly realClock: Clock;
  readonly random: Random;
}

/** Challenges, sessions, and the operator's token. */
export class Sessions {
  readonly #options: SessionsOptions;
  readonly #operatorTokenHash: string;
  /** Nonces that wait for their answer, each good once, with the time when it ends. */
  readonly #challenges = new Map<string, number>();

  constructor(options: SessionsOptions) {
    this.#options = options;
    this.#operatorTokenHash = toBase64Url(sha256(utf8(options.operatorToken)));
  }

  challenge(): string {
    const { random, realClock } = this.#options;
    const nowMs = realClock.now();
    for (const [nonce, endsAtMs] of this.#challenges) {
      if (endsAtMs > nowMs && this.#challenges.size < MOST_CHALLENGES) break;
      this.#challenges.delete(nonce);
    }
    const nonce = toBase64Url(random(SECRET_BYTES));
    this.#challenges.set(nonce, nowMs + CHALLENGE_MS);
    return nonce;
  }

  /** @throws ServerError SESSION_REFUSED, whatever was wrong */
  async open(request: SessionRequest): Promise<SessionAnswer> {
    const { store, realClock, random, provider } = this.#options;
    const nowMs = realClock.now();
    const endsAtMs = this.#challenges.get(request.nonce);
    this.#challenges.delete(request.nonce);
    const key = await this.#keyOf(request.subject);
    if (endsAtMs === undefined || endsAtMs <= nowMs || key === undefined)
      throw new ServerError("SESSION_REFUSED");
    const challenge = encodeSessionChallenge(provider, fromBase64Url(request.nonce));
    try {
      verifySignature(key, challenge, fromBase64Url(request.signature));
    } catch {
      throw new ServerError("SESSION_REFUSED");
    }
    const token = toBase64Url(random(SECRET_BYTES));
    const expiresAtMs = nowMs + SESSION_MS;
    const caller = readSubject(request.subject);
    if (caller.kind === "device")
      await store.accounts.seen(caller.accountId, caller.deviceId, Math.floor(nowMs / DAY_MS));
    const subject = utf8(JSON.stringify(request.subject));
    await store.sessions.add({ tokenHash: sha256(utf8(token)), subject, expiresAtMs });
    return { token, expiresAtMs };
  }

  /** @throws ServerError SESSION_INVALID */
  async caller(token: string): Promise<Caller> {
    const { store, realClock } = this.#options;
    // Compared as hashes: how long that takes tells nothing about the token.
    const tokenHash = sha256(utf8(token));
    if (toBase64Url(tokenHash) === this.#operatorTokenHash) return { kind: "operator" };
    const stored = await store.sessions.subject(tokenHash, realClock.now());
    if (stored === undefined) throw new ServerError("SESSION_INVALID");
    const caller = readSubject(JSON.parse(fromUtf8(stored)) as SessionSubject);
    // A device that was taken from its account's list has no say any more.
    if (caller.kind === "device" && !(await store.accounts.device(caller.accountId, caller.deviceId)))
      throw new ServerError("SESSION_INVALID");
    return caller;
  }

  async removeExpired(): Promise<void> {
    await this.#options.store.sessions.removeExpired(this.#options.realClock.now());
  }

  async #keyOf(subject: SessionSubject): Promise<Uint8Array | undefined> {
    const { store, policy } = this.#options;
    const caller = readSubject(subject);
    if (caller.kind === "device")
      return (await store.accounts.device(caller.accountId, caller.deviceId))?.signatureKey;
    if (caller.kind === "recipient") return (await store.orders.get(caller.orderHash))?.recipientKey;
    const custodians = policy.current?.policy.quorums.flatMap((quorum) => quorum.custodians);
    const custodian = custodians?.find(({ id }) => id === caller.id);
    return custodian && fromBase64Url(custodian.key);
  }
}

function readSubject(subject: SessionSubject): Exclude<Caller, { kind: "operator" }> {
  const { kind } = subject;
  if (kind === "custodian") return { kind, id: subject.id };
  if (kind === "recipient") return { kind, orderHash: asOrderHash(fromBase64Url(subject.orderHash)) };
  const accountId = asAccountId(fromBase64Url(subject.accountId));
  return { kind, accountId, deviceId: asDeviceId(fromBase64Url(subject.deviceId)) };
}
