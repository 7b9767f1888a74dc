import { randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { composeOrder, countersignOrder, signOrder, type VerifiedPolicy } from "@portcullis/access";
import { generateSigningKey } from "@portcullis/crypto";
import { generateHpkeKey } from "@portcullis/crypto/hpke";
import type { OrdersView } from "@portcullis/custodian";
import { decodeDeviceProof, verifyDeviceProof } from "@portcullis/ledger/identity";
import {
  asOrderHash,
  fromBase64Url,
  toBase64Url,
  type AccountId,
  type ConversationId,
  type DevicesAnswer,
  type OrderAnswer,
  type OrderHash,
} from "@portcullis/protocol";
import { AnswerError, requestJson, requestPublished } from "../http.ts";
import { random, type Founded } from "./founding.ts";
import type { RecipientKeys } from "./recipient.ts";
import type { RunningCustodian, World } from "./world.ts";

export interface OrderRequest {
  readonly account: { readonly id: AccountId; readonly handle: string };
  readonly conversation: ConversationId;
  readonly fromMs: number;
  readonly toMs: number;
  readonly wholeConversation: boolean;
  readonly nowMs: number;
  readonly noticeDueMs: number;
}

export interface PlacedOrder {
  readonly hash: OrderHash;
  readonly index: number;
  readonly keys: RecipientKeys;
}

const DAY_MS = 86_400_000;
const POLL_MS = 200;
const PATIENCE_MS = 300_000;

/** The officer writes the order, the judge countersigns it, the desk puts it into the ledger. */
export async function placeOrder(
  world: World,
  { policy, offices }: Founded,
  request: OrderRequest,
): Promise<PlacedOrder> {
  const { account, conversation, wholeConversation, nowMs } = request;
  const keys = { hpke: await generateHpkeKey(), signing: generateSigningKey(random) };
  const { order, sealedNotices } = await composeOrder({
    policyId: policy.id,
    id: randomUUID(),
    instrument: "Demonstration Act, section 1: production of recorded communications",
    issuer: offices.issuer.id,
    judge: offices.judge.id,
    reasons: {
      necessity: "The time in question cannot be established otherwise.",
      proportionality: "One account, one conversation, and no more of it than these quarters of an hour.",
    },
    accounts: [{ ...account, noticeKey: await noticeKeyOf(world, policy, account.id) }],
    conversations: [conversation],
    scope: wholeConversation ? "conversation" : "sent",
    ...(wholeConversation
      ? { scopeReason: "What the account wrote cannot be understood without the answers to it." }
      : {}),
    from: request.fromMs / 1000,
    to: request.toMs / 1000,
    recipient: {
      name: "Police Authority, evidence unit",
      hpkeKey: keys.hpke.publicKey,
      signingKey: keys.signing.publicKey,
    },
    noticeDueMs: request.noticeDueMs,
    issuedAtMs: nowMs,
    expiresAtMs: nowMs + 14 * DAY_MS,
  });
  const jws = await countersignOrder(await signOrder(order, offices.issuer.key), offices.judge.key);
  const { url, operatorToken: token } = world.server;
  const answer = await requestPublished<OrderAnswer>(`${url}/v1/orders`, {
    token,
    body: { jws, sealedNotices: sealedNotices.map((notice) => toBase64Url(notice)) },
  });
  return { hash: asOrderHash(fromBase64Url(answer.orderHash)), index: answer.index, keys };
}

/** From the account's device list, which must stand in the witnessed identity log. */
async function noticeKeyOf(
  { server }: World,
  policy: VerifiedPolicy,
  accountId: AccountId,
): Promise<Uint8Array> {
  const { deviceProof } = await requestJson<DevicesAnswer>(
    `${server.url}/v1/accounts/${toBase64Url(accountId)}/devices`,
  );
  return verifyDeviceProof(decodeDeviceProof(fromBase64Url(deviceProof)), policy.witnessPolicy("identity"))
    .noticeKey;
}

export interface Decision {
  readonly custodian: RunningCustodian;
  /** Undefined when the custodian approved. */
  readonly refusal: string | undefined;
}

/** The person at one custodian says yes; whether the custodian's program agrees is its own affair. */
export async function askToApprove(custodian: RunningCustodian, order: PlacedOrder): Promise<Decision> {
  await until(async () =>
    (await ordersOf(custodian)).orders.some(({ orderHash }) => orderHash === toBase64Url(order.hash)),
  );
  try {
    await requestJson(`${custodian.url}/v1/orders/${toBase64Url(order.hash)}/approve`, {
      method: "POST",
      token: custodian.adminToken,
      body: {},
    });
    return { custodian, refusal: undefined };
  } catch (error) {
    if (!(error instanceof AnswerError)) throw error;
    return { custodian, refusal: error.code };
  }
}

export function ordersOf({ url, adminToken }: RunningCustodian): Promise<OrdersView> {
  return requestJson<OrdersView>(`${url}/v1/orders`, { token: adminToken });
}

/** Asks again and again, and gives up loudly. */
export async function until(condition: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error("waited for five minutes in vain");
    await wait(POLL_MS);
  }
}
