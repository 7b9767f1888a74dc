import {
  sealOpening,
  signAuthority,
  signKeyset,
  signPolicy,
  verifyKeyset,
  verifyPolicy,
  type OpeningKind,
  type Order,
  type Policy,
  type VerifiedKeyset,
  type VerifiedPolicy,
} from "@portcullis/access";
import { DkgParticipant, generateSigningKey, type SigningKey } from "@portcullis/crypto";
import { makeVerifierKey } from "@portcullis/ledger/verify";
import { toBase64Url, utf8 } from "@portcullis/protocol";
import { seededRandom } from "@portcullis/testkit";
import { PROVIDER, random, type ServerRoom } from "./server-room.ts";

export const keyNamed = (name: string): SigningKey => generateSigningKey(seededRandom(name));
const PERIOD = { from: "1970-04-01T00:00:00Z", to: "1970-05-01T00:00:00Z" };
const custodians = ["court", "ministry"];

export interface Rules {
  readonly policy: VerifiedPolicy;
  readonly policyId: string;
  readonly keysets: readonly VerifiedKeyset[];
}

export function examplePolicy({ server }: ServerRoom, changes: Partial<Policy> = {}): Policy {
  const witness = makeVerifierKey({
    name: "witness.one",
    algorithm: "cosignature/v1",
    publicKey: keyNamed("witness").publicKey,
  });
  return {
    version: 1,
    name: "Example policy",
    provider: PROVIDER,
    bucketSeconds: 900,
    quorums: [
      {
        name: "state",
        threshold: 2,
        custodians: custodians.map((id) => ({ id, key: toBase64Url(keyNamed(id).publicKey) })),
      },
    ],
    registrarKey: toBase64Url(keyNamed("registrar").publicKey),
    longestOrderSeconds: 86_400,
    accountsPerOrder: 3,
    conversationsPerOrder: 10,
    ordersPer30Days: 20,
    labelsPerOrder: 1000,
    retentionDays: 90,
    log: server.accessLog,
    identityLog: server.identityLog,
    witnesses: [witness.text],
    witnessThreshold: 1,
    longestCosignatureAgeSeconds: 86_400,
    longestNoticeDelaySeconds: 180 * 86_400,
    emergency: { allowed: false },
    ...changes,
  };
}

export async function signedPolicy(policy: Policy): Promise<string> {
  return await signPolicy(policy, [...custodians, "registrar"].map(keyNamed));
}

/** One that names nobody whom the server knows: to refuse it is the custodians' part. */
export function exampleOrder(changes: Partial<Order> = {}): Order {
  return {
    version: 1,
    policyId: toBase64Url(new Uint8Array(32)),
    id: "7b2f0f5e-0c1a-4a52-9d68-0a4a8d1f2c11",
    instrument: "Act 7",
    issuer: "issuer",
    judge: "judge",
    reasons: { necessity: "Needed.", proportionality: "Narrow." },
    accounts: [{ id: "AA", handle: "somebody" }],
    conversations: ["AA"],
    scope: "sent",
    from: "1970-04-14T03:00:00Z",
    to: "1970-04-14T03:15:00Z",
    recipient: { name: "Court", hpkeKey: "AA", signingKey: "AA" },
    notice: { due: "1970-05-14T03:00:00Z", sealedHash: [] },
    issuedAt: "1970-04-14T03:00:00Z",
    expiresAt: "1970-04-15T03:00:00Z",
    ...changes,
  };
}

/** Sets the policy and brings a keyset into force. */
export async function setRules(room: ServerRoom): Promise<Rules> {
  const jws = await signedPolicy(examplePolicy(room));
  await expectCreated(room, "/v1/policy", { jws });
  const policy = await verifyPolicy(jws);
  const keyset = await makeKeyset(policy);
  await submit(room, "keyset", utf8(keyset));
  return { policy, policyId: toBase64Url(policy.id), keysets: [await verifyKeyset(keyset, policy)] };
}

export async function makeKeyset(policy: VerifiedPolicy): Promise<string> {
  const participants = custodians.map((id) => keyNamed(id).publicKey);
  const members = participants.map(
    (_, i) =>
      new DkgParticipant({ context: utf8("state"), index: i + 1, threshold: 2, participants, random }),
  );
  const commitments = members.map((member) => member.commitment());
  const firsts = members.map((member) => member.round1(commitments));
  const seconds = members.map((member) => member.round2(firsts));
  const results = members.map((member, i) => member.finish(seconds.map((sent) => sent[i]!)));
  const { groupKey, verificationShares, transcriptHash } = results[0]!;
  return await signKeyset(
    {
      version: 1,
      policyId: toBase64Url(policy.id),
      quorum: "state",
      ...PERIOD,
      threshold: 2,
      custodians,
      groupKey: toBase64Url(groupKey),
      verificationShares: verificationShares.map((share) => toBase64Url(share)),
      transcriptHash: toBase64Url(transcriptHash),
    },
    custodians.map(keyNamed),
  );
}

export async function listAuthority(
  room: ServerRoom,
  { policy }: Rules,
  role: "issuer" | "judge",
): Promise<void> {
  const authority = {
    version: 1 as const,
    policyId: toBase64Url(policy.id),
    role,
    id: role,
    name: `The ${role}`,
    key: toBase64Url(keyNamed(role).publicKey),
    validFrom: PERIOD.from,
    validTo: PERIOD.to,
  };
  await submit(room, "authority", utf8(await signAuthority(authority, keyNamed("registrar"))));
}

export async function submit(
  room: ServerRoom,
  kind: OpeningKind,
  body: Uint8Array,
): Promise<Record<string, unknown>> {
  const { opening } = sealOpening(kind, body, random);
  return await expectCreated(room, "/v1/ledger/entries", { opening: toBase64Url(opening) });
}

/** Asks again where the log is not as fast as the call. */
async function expectCreated(
  room: ServerRoom,
  path: string,
  body: unknown,
  attempts = 6,
): Promise<Record<string, unknown>> {
  const answer = await room.call("POST", path, body, room.server.operatorToken);
  if (answer.status === 201) return answer.body;
  if (answer.body["code"] === "NOT_PUBLISHED" && attempts > 1)
    return await expectCreated(room, path, body, attempts - 1);
  throw new Error(`${path}: ${JSON.stringify(answer)}`);
}
