import { join } from "node:path";
import { after } from "node:test";
import {
  composeOrder,
  countersignOrder,
  decodeOrder,
  encodeOrderEntry,
  encodeTargets,
  keysetsFor,
  makeRoster,
  sealBucket,
  signAuthority,
  signOrder,
  signPolicy,
  targetRoster,
  verifyKeyset,
  verifyPolicy,
  type Policy,
  type VerifiedKeyset,
  type VerifiedPolicy,
} from "@portcullis/access";
import { generateSigningKey, type SigningKey } from "@portcullis/crypto";
import { generateHpkeKey } from "@portcullis/crypto/hpke";
import {
  asAccountId,
  asConversationId,
  fromBase64Url,
  toBase64Url,
  utf8,
  type ErrorBody,
  type OrderHash,
} from "@portcullis/protocol";
import { DemonstrationClockWriter } from "@portcullis/store/directory";
import { seededRandom, temporaryDirectory } from "@portcullis/testkit";
import {
  runCeremony,
  runCustodian,
  signPolicyTogether,
  type CustodianAddress,
  type CustodianOptions,
  type OrdersView,
  type OrderView,
  type PublicKeys,
  type RunningCustodian,
} from "../src/index.ts";
import { PROVIDER, ServerStand } from "./server-stand.ts";

export const quorums = [
  { name: "state", threshold: 2, ids: ["court", "ministry"] },
  { name: "civic", threshold: 2, ids: ["press", "bar", "union"] },
] as const;
export const ids = quorums.flatMap(({ ids }) => ids);
const period = { from: "1970-04-01T00:00:00Z", to: "1970-05-01T00:00:00Z" };
const FROM = Date.parse("1970-04-14T03:00:00Z") / 1000;
const NOW = Date.parse("1970-04-14T04:00:00Z");
export const registrar = generateSigningKey(seededRandom("registrar"));
const random = seededRandom("scene");
const bytes32 = (name: string): Uint8Array => seededRandom(name)(32);

/** Five running custodians on loopback, their server, and one clock that all live by. */
export class Scene {
  readonly folder = temporaryDirectory();
  readonly clockFile = join(this.folder, "clock");
  readonly clock = new DemonstrationClockWriter(this.clockFile, NOW);
  readonly server = new ServerStand(this.clock);
  readonly running = new Map<string, RunningCustodian>();
  serverUrl = "";

  static async open(): Promise<Scene> {
    const scene = new Scene();
    scene.serverUrl = await scene.server.listen();
    after(async () => {
      scene.server.close();
      await Promise.all([...scene.running.values()].map((it) => it.close()));
      scene.clock.close();
    });
    for (const id of ids) await scene.start(id);
    for (const [id, { keys }] of scene.running)
      scene.server.custodians.set(id, fromBase64Url(keys.identityKey));
    return scene;
  }

  async start(id: string, changes: Partial<CustodianOptions> = {}): Promise<RunningCustodian> {
    const custodian = await runCustodian({
      data: join(this.folder, id),
      port: 0,
      host: "127.0.0.1",
      server: this.serverUrl,
      id,
      intervalMs: 3_600_000,
      clockFile: this.clockFile,
      random: seededRandom(`${id} ${this.running.has(id) ? "again" : ""}`),
      log: () => {},
      ...changes,
    });
    this.running.set(id, custodian);
    return custodian;
  }

  /** What a crash leaves behind, opened again. */
  async restart(id: string, changes: Partial<CustodianOptions> = {}): Promise<RunningCustodian> {
    await this.of(id).close();
    return this.start(id, changes);
  }

  of(id: string): RunningCustodian {
    const custodian = this.running.get(id);
    if (custodian === undefined) throw new Error(`no custodian ${id}`);
    return custodian;
  }

  addresses(members: readonly string[] = ids): CustodianAddress[] {
    return members.map((id) => this.of(id));
  }

  policyDraft(): Policy {
    return {
      version: 1,
      name: "Example policy",
      provider: PROVIDER,
      bucketSeconds: 900,
      quorums: quorums.map(({ name, threshold, ids: members }) => ({
        name,
        threshold,
        custodians: members.map((id) => ({ id, key: this.of(id).keys.identityKey })),
      })),
      registrarKey: toBase64Url(registrar.publicKey),
      longestOrderSeconds: 7 * 86_400,
      accountsPerOrder: 3,
      conversationsPerOrder: 10,
      ordersPer30Days: 20,
      labelsPerOrder: 1000,
      retentionDays: 90,
      log: this.server.accessLog.key.text,
      identityLog: this.server.identityLog.key.text,
      witnesses: this.server.witnesses.map(({ key }) => key.text),
      witnessThreshold: 2,
      longestCosignatureAgeSeconds: 86_400,
      longestNoticeDelaySeconds: 180 * 86_400,
      emergency: { allowed: false },
    };
  }

  async agreePolicy(changes: Partial<Policy> = {}): Promise<VerifiedPolicy> {
    const policy = { ...this.policyDraft(), ...changes };
    const signed = [await signPolicy(policy, [registrar])];
    const jws = await signPolicyTogether({ policy, signed, custodians: this.addresses() });
    this.server.log("policy", utf8(jws));
    return verifyPolicy(jws);
  }

  async makeKeysets(policy: VerifiedPolicy): Promise<VerifiedKeyset[]> {
    const jwss = await runCeremony({
      quorums: quorums.map(({ name, ids: members }) => ({ name, custodians: this.addresses(members) })),
      ...period,
      random,
    });
    for (const jws of jwss) this.server.log("keyset", utf8(jws));
    return Promise.all(jwss.map((jws) => verifyKeyset(jws, policy)));
  }

  /** An order for one bucket of one account, in the ledger, with the targets at the server. */
  async placeOrder(policy: VerifiedPolicy, keysets: readonly VerifiedKeyset[]): Promise<OrderHash> {
    const [issuer, judge] = await Promise.all(
      (["issuer", "judge"] as const).map((role) => this.#authority(policy, role)),
    );
    const accountId = asAccountId(bytes32("account"));
    const conversationId = asConversationId(bytes32("conversation"));
    const { members, root } = makeRoster(bytes32("roster key"), [accountId, asAccountId(bytes32("other"))]);
    const { order, sealedNotices } = await composeOrder({
      policyId: policy.id,
      id: "00000000-0000-4000-8000-000000000001",
      instrument: "Example Act, section 1",
      issuer: "issuer",
      judge: "judge",
      reasons: { necessity: "It is needed.", proportionality: "It is little." },
      accounts: [{ id: accountId, handle: "lovell", noticeKey: (await generateHpkeKey()).publicKey }],
      conversations: [conversationId],
      scope: "sent",
      from: FROM,
      to: FROM + 900,
      recipient: {
        name: "Office",
        hpkeKey: (await generateHpkeKey()).publicKey,
        signingKey: registrar.publicKey,
      },
      noticeDueMs: NOW + 86_400_000,
      issuedAtMs: NOW - 60_000,
      expiresAtMs: NOW + 7 * 86_400_000,
    });
    const jws = await countersignOrder(await signOrder(order, issuer!), judge!);
    const { hash } = decodeOrder(jws);
    this.server.log("order", encodeOrderEntry({ jws, sealedNotices }));
    const label = {
      policyId: policy.id,
      conversationId,
      epoch: 1,
      confirmedTranscriptHash: bytes32("transcript"),
      accountId,
      leafIndex: 0,
      rosterRoot: root,
      bucketStart: FROM,
      bucketSeconds: 900,
    };
    const inForce = keysetsFor(policy, keysets, FROM);
    const { sealedBucket } = sealBucket({ label, seed: bytes32("seed"), keysets: inForce });
    const roster = targetRoster({ epoch: 1, startBucket: FROM, members, named: [accountId] });
    const conversation = {
      conversationId,
      class: "recorded" as const,
      sealedBuckets: [sealedBucket],
      rosters: [roster],
    };
    const targets = encodeTargets({ orderHash: hash, conversations: [conversation] });
    this.server.targets.set(toBase64Url(hash), targets);
    return hash;
  }

  async #authority(policy: VerifiedPolicy, role: "issuer" | "judge"): Promise<SigningKey> {
    const key = generateSigningKey(seededRandom(role));
    const authority = {
      version: 1 as const,
      policyId: toBase64Url(policy.id),
      role,
      id: role,
      name: role,
      key: toBase64Url(key.publicKey),
      validFrom: period.from,
      validTo: period.to,
    };
    this.server.log("authority", utf8(await signAuthority(authority, registrar)));
    return key;
  }
}

/** Whatever the admin API may answer. */
type AdminBody = Partial<OrdersView & OrderView & ErrorBody & PublicKeys & { jws: string }>;

/** One call of a custodian's admin API. */
export async function admin(
  { url, adminToken }: CustodianAddress,
  method: "GET" | "POST",
  path: string,
  body?: unknown,
): Promise<{ status: number; body: AdminBody }> {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: { authorization: `Bearer ${adminToken}` },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as AdminBody };
}
