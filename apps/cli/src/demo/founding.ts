import { randomBytes } from "node:crypto";
import {
  formatUtcTime,
  sealOpening,
  signAuthority,
  signPolicy,
  verifyPolicy,
  type Authority,
  type Policy,
  type VerifiedPolicy,
} from "@portcullis/access";
import { formatTrust, trustOf } from "@portcullis/access/evidence";
import { generateSigningKey, type SigningKey } from "@portcullis/crypto";
import { runCeremony, signPolicyTogether } from "@portcullis/custodian";
import { toBase64Url, utf8, type Random } from "@portcullis/protocol";
import { requestPublished } from "../http.ts";
import { provider, quorums, type World } from "./world.ts";

export const random: Random = (length) => new Uint8Array(randomBytes(length));

const DAY_MS = 86_400_000;
/** The length of a bucket, the shortest time that an order can ask for. */
export const BUCKET_SECONDS = 900;

/** Those who play a part and run no program. */
export interface Offices {
  readonly issuer: { readonly id: string; readonly key: SigningKey };
  readonly judge: { readonly id: string; readonly key: SigningKey };
}

export interface Founded {
  readonly policy: VerifiedPolicy;
  readonly offices: Offices;
  /** The text of trust.json. */
  readonly trust: string;
}

/**
 * What happens once, before anybody talks: the policy is signed by all custodians and the registrar, each quorum makes
 * its key, and the registrar lists who may order. All of it goes into the ledger.
 * @param period the time that the keysets are for, in milliseconds
 */
export async function found(
  world: World,
  period: { readonly fromMs: number; readonly toMs: number },
): Promise<Founded> {
  const registrar = generateSigningKey(random);
  const rules = policyFor(world, registrar);
  const jws = await signPolicyTogether({
    policy: rules,
    signed: [await signPolicy(rules, [registrar])],
    custodians: world.custodians,
  });
  const policy = await verifyPolicy(jws);
  const { url, operatorToken: token } = world.server;
  await requestPublished(`${url}/v1/policy`, { token, body: { jws } });

  const keysets = await runCeremony({
    quorums: quorums.map(({ name }) => ({
      name,
      custodians: world.custodians.filter(({ quorum }) => quorum === name),
    })),
    from: formatUtcTime(floorToDay(period.fromMs) - DAY_MS),
    to: formatUtcTime(floorToDay(period.toMs) + 30 * DAY_MS),
    random,
  });
  const offices = {
    issuer: { id: "police-authority", key: generateSigningKey(random) },
    judge: { id: "district-court", key: generateSigningKey(random) },
  };
  const authorities = await Promise.all(
    authoritiesOf(policy, offices, world.server.frankingKey, period).map((authority) =>
      signAuthority(authority, registrar),
    ),
  );
  await Promise.all([
    ...keysets.map((keyset) => log(world, "keyset", keyset)),
    ...authorities.map((authority) => log(world, "authority", authority)),
  ]);
  return { policy, offices, trust: trustFile(policy, toBase64Url(world.server.vrfKey)) };
}

async function log({ server }: World, kind: "keyset" | "authority", jws: string): Promise<void> {
  const opening = toBase64Url(sealOpening(kind, utf8(jws), random).opening);
  await requestPublished(`${server.url}/v1/ledger/entries`, {
    token: server.operatorToken,
    body: { opening },
  });
}

function policyFor(world: World, registrar: SigningKey): Policy {
  const { server, custodians, witnesses } = world;
  return {
    version: 1,
    name: "Demonstration policy: two quorums, every opening ordered, logged and notified",
    provider,
    bucketSeconds: BUCKET_SECONDS,
    quorums: quorums.map(({ name, threshold }) => ({
      name,
      threshold,
      custodians: custodians
        .filter(({ quorum }) => quorum === name)
        .map(({ id, identityKey }) => ({ id, key: identityKey })),
    })),
    registrarKey: toBase64Url(registrar.publicKey),
    longestOrderSeconds: 7 * 86_400,
    accountsPerOrder: 3,
    conversationsPerOrder: 3,
    ordersPer30Days: 20,
    labelsPerOrder: 20_000,
    retentionDays: 365,
    log: server.accessLog,
    identityLog: server.identityLog,
    witnesses: [...witnesses],
    witnessThreshold: witnesses.length,
    longestCosignatureAgeSeconds: 3600,
    longestNoticeDelaySeconds: 90 * 86_400,
    emergency: { allowed: false },
  };
}

function authoritiesOf(
  policy: VerifiedPolicy,
  offices: Offices,
  frankingKey: Uint8Array,
  period: { fromMs: number; toMs: number },
): Authority[] {
  const valid = {
    version: 1 as const,
    policyId: toBase64Url(policy.id),
    validFrom: formatUtcTime(floorToDay(period.fromMs) - DAY_MS),
    validTo: formatUtcTime(floorToDay(period.toMs) + 365 * DAY_MS),
  };
  const { issuer, judge } = offices;
  return [
    {
      ...valid,
      role: "issuer",
      id: issuer.id,
      name: "Police Authority, Serious Crime",
      key: toBase64Url(issuer.key.publicKey),
    },
    {
      ...valid,
      role: "judge",
      id: judge.id,
      name: "District Court, Investigating Judge",
      key: toBase64Url(judge.key.publicKey),
    },
    {
      ...valid,
      role: "delivery",
      id: "delivery-service",
      name: "The server's delivery service",
      key: toBase64Url(frankingKey),
    },
  ];
}

function trustFile(policy: VerifiedPolicy, vrfKey: string): string {
  return formatTrust({ ...trustOf(policy), vrfKey });
}

function floorToDay(ms: number): number {
  return Math.floor(ms / DAY_MS) * DAY_MS;
}
