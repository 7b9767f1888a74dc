import { sha256, type SigningKey } from "@portcullis/crypto";
import { generateHpkeKey, type HpkeKey } from "@portcullis/crypto/hpke";
import {
  accountIdOf,
  commitToList,
  encodeDeviceProof,
  identityEntry,
  signDeviceList,
} from "@portcullis/ledger/identity";
import { asDeviceId, toBase64Url, utf8, type OrderHash } from "@portcullis/protocol";
import { seededRandom } from "@portcullis/testkit";
import { signAuthority, type AuthorityRole } from "../src/authority.ts";
import { CustodianState } from "../src/custodian.ts";
import type { EvidenceAccount, EvidenceSource } from "../src/evidence/index.ts";
import type { HeldShare } from "../src/held-share.ts";
import { encodeItems, type OrderItem } from "../src/items.ts";
import type { VerifiedKeyset } from "../src/keyset.ts";
import { composeOrder, type OrderDraft } from "../src/order-draft.ts";
import { encodeOrderEntry } from "../src/order-entry.ts";
import { countersignOrder, decodeOrder, signOrder, type Order } from "../src/order.ts";
import { signPolicy, verifyPolicy, type Policy, type VerifiedPolicy } from "../src/policy.ts";
import { inScope, scopeOf } from "../src/scope.ts";
import { encodeTargets, targetRoster, type Targets } from "../src/targets.ts";
import { ceremonyTerms, runCeremony } from "./ceremony-room.ts";
import { Conversation, frankingKey, type Person } from "./conversation.ts";
import {
  BUCKET,
  custodianIds,
  custodianKeys,
  everySigner,
  examplePolicy,
  keyNamed,
  PERIOD,
  registrar,
} from "./foundation.ts";
import { MemoryLedger } from "./memory-ledger.ts";

export type CustodianId = (typeof custodianIds)[number];

/** Half an hour after the last bucket of the order that the tests draw up. */
export const NOW = (BUCKET + 3600) * 1000;
export const MINUTE = 60_000;
export const issuerKey = keyNamed("prosecutor");
export const judgeKey = keyNamed("judge");
export const recipientSigningKey = keyNamed("officer");

export interface Resident extends Person {
  readonly accountKey: SigningKey;
  readonly notice: HpkeKey;
  readonly deviceProof: Uint8Array;
}

/** A provider, its people, its custodians and its ledger, all in memory and all real. */
export interface World {
  readonly policy: VerifiedPolicy;
  readonly keysets: readonly VerifiedKeyset[];
  readonly shares: ReadonlyMap<CustodianId, readonly HeldShare[]>;
  readonly people: Readonly<Record<"jim" | "jack" | "fred" | "eve", Resident>>;
  /** Jim, Jack and Fred. */
  readonly crew: Conversation;
  /** Eve and Fred, whom no order names. */
  readonly innocent: Conversation;
  readonly ledger: MemoryLedger;
  readonly identity: MemoryLedger;
  readonly recipient: HpkeKey;
}

export async function makeWorld(changes: Partial<Policy> = {}): Promise<World> {
  const policy = await verifyPolicy(await signPolicy(examplePolicy(changes), everySigner));
  const ledger = new MemoryLedger("chat.example/access", NOW);
  const identity = new MemoryLedger("chat.example/identity", NOW);
  ledger.add("policy", utf8(policy.jws));
  const { keysets, shares } = await holdCeremonies(policy, ledger);
  await listAuthorities(policy, ledger);
  const people = await settle(identity);
  const shared = { policy, keysets, startBucket: BUCKET - 900 };
  const { jim, jack, fred, eve } = people;
  const crew = new Conversation({ ...shared, name: "crew", members: [jim, jack, fred] });
  const innocent = new Conversation({ ...shared, name: "innocent", members: [eve, fred] });
  speak(crew, innocent, people);
  const recipient = await generateHpkeKey();
  return { policy, keysets, shares, people, crew, innocent, ledger, identity, recipient };
}

/** A conversation of its own in the world, for a test that sends to it. */
export function newConversation(world: World, name: string, members: readonly Person[]): Conversation {
  const { policy, keysets } = world;
  return new Conversation({ policy, keysets, startBucket: BUCKET - 900, name, members });
}

/** The same world with a ledger of its own, for a test that writes to it. */
export function forkWorld(world: World): World {
  return { ...world, ledger: world.ledger.fork() };
}

async function holdCeremonies(policy: VerifiedPolicy, ledger: MemoryLedger) {
  const shares = new Map<CustodianId, readonly HeldShare[]>();
  const keysets: VerifiedKeyset[] = [];
  for (const { name, custodians } of policy.policy.quorums) {
    const { keyset, outcomes } = await runCeremony(policy, ceremonyTerms(name));
    keysets.push(keyset);
    ledger.add("keyset", utf8(keyset.jws));
    for (const [i, { id }] of custodians.entries()) shares.set(id as CustodianId, [outcomes[i]!.share]);
  }
  return { keysets, shares };
}

async function listAuthorities(policy: VerifiedPolicy, ledger: MemoryLedger): Promise<void> {
  const list = async (role: AuthorityRole, id: string, key: SigningKey): Promise<void> => {
    const authority = { version: 1, policyId: toBase64Url(policy.id), role, id, name: id } as const;
    const [validFrom, validTo] = [PERIOD.from, PERIOD.to];
    const document = { ...authority, key: toBase64Url(key.publicKey), validFrom, validTo };
    ledger.add("authority", utf8(await signAuthority(document, registrar)));
  };
  await list("issuer", "prosecutor", issuerKey);
  await list("judge", "judge", judgeKey);
  await list("delivery", "delivery", frankingKey);
}

async function settle(identity: MemoryLedger): Promise<World["people"]> {
  const move = async (handle: string) => {
    const accountKey = keyNamed(`account ${handle}`);
    const deviceKey = keyNamed(`device ${handle}`);
    const deviceId = asDeviceId(seededRandom(`device id ${handle}`)(16));
    const accountId = accountIdOf(accountKey.publicKey);
    const notice = await generateHpkeKey();
    const devices = [{ deviceId, signatureKey: deviceKey.publicKey }];
    const list = {
      accountId,
      accountKey: accountKey.publicKey,
      noticeKey: notice.publicKey,
      version: 1,
      devices,
    };
    const signedList = signDeviceList(accountKey, list);
    const salt = seededRandom(`salt ${handle}`)(32);
    const label = seededRandom(`label ${handle}`)(32);
    const commitment = commitToList(salt, signedList);
    const entry = identityEntry({ kind: "device-list", label, version: 1, commitment });
    const index = identity.appendEntry(entry);
    return { handle, accountId, deviceId, accountKey, deviceKey, notice, signedList, salt, label, index };
  };
  const [jim, jack, fred, eve] = await Promise.all(["jim", "jack", "fred", "eve"].map(move));
  const prove = (it: Awaited<ReturnType<typeof move>>): Resident => ({
    ...it,
    deviceProof: encodeDeviceProof({ ...it, proof: identity.proof(it.index) }),
  });
  return { jim: prove(jim!), jack: prove(jack!), fred: prove(fred!), eve: prove(eve!) };
}

/** Jim writes five times, of which three lie in the half hour from BUCKET on; Jack twice, Eve once. */
function speak(crew: Conversation, innocent: Conversation, { jim, jack, eve }: World["people"]): void {
  const at = (minutes: number): number => BUCKET * 1000 + minutes * MINUTE;
  crew.send(jim, at(-5), "Good morning.");
  crew.send(jim, at(1), "Okay, Houston, we've had a problem here.");
  crew.send(jack, at(2), "We have a main B bus undervolt.");
  innocent.send(eve, at(3), "Dinner at eight?");
  crew.send(jim, at(14), "We are venting something out into space.");
  crew.send(jim, at(16), "It's a gas of some sort.");
  crew.send(jack, at(17), "Roger.");
  crew.send(jim, at(31), "That is all for now.");
}

/** The order that most tests begin from: what Jim wrote to the crew in the half hour from BUCKET on. */
export function exampleDraft(world: World, changes: Partial<OrderDraft> = {}): OrderDraft {
  const { jim } = world.people;
  return {
    policyId: world.policy.id,
    id: "6f1d1c2e-7f53-4d0a-9b1e-0a6f4f6f9c01",
    instrument: "Investigation Act, section 7",
    issuer: "prosecutor",
    judge: "judge",
    reasons: { necessity: "Nothing else shows it.", proportionality: "One person, half an hour." },
    accounts: [{ id: jim.accountId, handle: jim.handle, noticeKey: jim.notice.publicKey }],
    conversations: [world.crew.conversationId],
    scope: "sent",
    from: BUCKET,
    to: BUCKET + 1800,
    recipient: {
      name: "Inspector",
      hpkeKey: world.recipient.publicKey,
      signingKey: recipientSigningKey.publicKey,
    },
    noticeDueMs: NOW + 90 * 86_400_000,
    issuedAtMs: NOW - 10 * MINUTE,
    expiresAtMs: NOW + 86_400_000,
    ...changes,
  };
}

export interface LoggedExample {
  readonly order: Order;
  readonly jws: string;
  readonly hash: OrderHash;
  readonly sealedNotices: readonly Uint8Array[];
  readonly index: number;
}

/** Draws up, signs and logs an order. `edit` changes the document before it is signed. */
export async function logOrder(
  world: World,
  changes: Partial<OrderDraft> = {},
  edit: (order: Order) => Order = (order) => order,
): Promise<LoggedExample> {
  const composed = await composeOrder(exampleDraft(world, changes));
  const order = edit(composed.order);
  const jws = await countersignOrder(await signOrder(order, issuerKey), judgeKey);
  return logSigned(world, jws, composed.sealedNotices);
}

export function logSigned(world: World, jws: string, sealedNotices: readonly Uint8Array[]): LoggedExample {
  const index = world.ledger.add("order", encodeOrderEntry({ jws, sealedNotices }));
  return { ...decodeOrder(jws), jws, sealedNotices, index };
}

/** What an honest server offers for an order on the crew's conversation. */
export function honestTargets(world: World, { order, hash }: LoggedExample): Targets {
  const scope = scopeOf(order, world.policy.policy);
  const conversations = [world.crew, world.innocent].filter(({ conversationId }) =>
    order.conversations.includes(toBase64Url(conversationId)),
  );
  return {
    orderHash: hash,
    conversations: conversations.map(({ conversationId, buckets, roster, epoch, startBucket }) => ({
      conversationId,
      class: "recorded",
      sealedBuckets: buckets
        .filter(({ label }) => inScope(scope, label))
        .map(({ seal }) => seal.sealedBucket),
      rosters: [targetRoster({ epoch, startBucket, members: roster.members, named: scope.accounts })],
    })),
  };
}

/** The records of the buckets that targets name. */
export function honestItems(world: World, targets: Targets): OrderItem[] {
  const hashes = targets.conversations.flatMap(({ sealedBuckets }) => sealedBuckets.map((it) => sha256(it)));
  return hashes.flatMap((hash) => world.crew.itemsOf(hash).concat(world.innocent.itemsOf(hash)));
}

export async function custodianOf(world: World, id: CustodianId): Promise<CustodianState> {
  const state = await CustodianState.begin({ policyJws: world.policy.jws, custodian: id });
  await state.sync(world.ledger.update(0));
  return state;
}

export async function everyCustodian(
  world: World,
  ids: readonly CustodianId[] = custodianIds,
): Promise<Map<CustodianId, CustodianState>> {
  return new Map(await Promise.all(ids.map(async (id) => [id, await custodianOf(world, id)] as const)));
}

/** What a custodian's program adds to each call. */
export function callOf(
  world: World,
  id: CustodianId,
  logged: LoggedExample,
  targets = honestTargets(world, logged),
) {
  return {
    orderHash: logged.hash,
    targets: encodeTargets(targets),
    nowMs: NOW,
    key: custodianKeys[id],
    shares: world.shares.get(id) ?? [],
    random: seededRandom(`${id} ${toBase64Url(logged.hash)}`),
  };
}

/** Submits what custodians want submitted, collects what they send, and lets everybody read on. */
export async function carryOut(
  world: World,
  custodians: ReadonlyMap<CustodianId, CustodianState>,
  sent: Map<CustodianId, Uint8Array> = new Map(),
): Promise<Map<CustodianId, Uint8Array>> {
  for (const [id, state] of custodians)
    for (const effect of state.effects()) {
      if (effect.type === "submit") world.ledger.append(effect.opening);
      else {
        sent.set(id, effect.batch);
        state.confirmSent(effect.orderHash);
      }
    }
  for (const state of custodians.values()) await state.sync(world.ledger.update(state.size));
  return sent;
}

/** Both phases with everybody: every custodian's sealed batch. */
export async function releaseAll(
  world: World,
  logged: LoggedExample,
  targets = honestTargets(world, logged),
): Promise<Map<CustodianId, Uint8Array>> {
  const custodians = await everyCustodian(world);
  for (const [id, state] of custodians) await state.approve(callOf(world, id, logged, targets));
  await carryOut(world, custodians);
  for (const [id, state] of custodians) await state.prepareRelease(callOf(world, id, logged, targets));
  await carryOut(world, custodians);
  return carryOut(world, custodians);
}

export function evidenceAccounts(world: World): EvidenceAccount[] {
  return Object.values(world.people).map(({ accountId, handle, deviceProof }) => ({
    accountId,
    handle,
    deviceProofs: [deviceProof],
  }));
}

/** Everything in the ledger but dummies and notices, with proofs, and what was opened of it. */
export function evidenceSource(
  world: World,
  opened: { targets: Targets; items: readonly OrderItem[]; batches: readonly Uint8Array[]; hash: OrderHash },
): EvidenceSource {
  return {
    entries: world.ledger.openings.map((opening, index) => ({ opening, proof: world.ledger.proof(index) })),
    targets: encodeTargets(opened.targets),
    items: encodeItems({ orderHash: opened.hash, items: opened.items }),
    batches: opened.batches,
    accounts: evidenceAccounts(world),
  };
}
