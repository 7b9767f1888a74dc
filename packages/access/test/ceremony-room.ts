import { toBase64Url } from "@portcullis/protocol";
import { seededRandom } from "@portcullis/testkit";
import { CeremonyParticipant, type CeremonyOptions, type CeremonyOutcome } from "../src/ceremony.ts";
import type { CeremonyTerms } from "../src/ceremony-message.ts";
import type { VerifiedKeyset } from "../src/keyset.ts";
import type { VerifiedPolicy } from "../src/policy.ts";
import { custodianKeys, PERIOD, type custodianIds } from "./foundation.ts";

type CustodianId = (typeof custodianIds)[number];

export function ceremonyTerms(quorum: string, attempt = "first"): CeremonyTerms {
  return { id: seededRandom(`${quorum} ${attempt}`)(32), quorum, ...PERIOD };
}

/** What a custodian's program keeps to claim each context once. */
export function contextBook(): (context: Uint8Array) => Promise<boolean> {
  const claimed = new Set<string>();
  return (context) => {
    const name = toBase64Url(context);
    const fresh = !claimed.has(name);
    claimed.add(name);
    return Promise.resolve(fresh);
  };
}

export function participant(
  policy: VerifiedPolicy,
  id: CustodianId,
  terms: CeremonyTerms,
  changes: Partial<CeremonyOptions> = {},
): CeremonyParticipant {
  return new CeremonyParticipant({
    policy,
    terms,
    custodianId: id,
    identityKey: custodianKeys[id],
    random: seededRandom(`${id} ${toBase64Url(terms.id)}`),
    claimContext: contextBook(),
    ...changes,
  });
}

export function everybody(policy: VerifiedPolicy, terms: CeremonyTerms): CeremonyParticipant[] {
  const quorum = policy.policy.quorums.find(({ name }) => name === terms.quorum)!;
  return quorum.custodians.map(({ id }) => participant(policy, id as CustodianId, terms));
}

export const all = async <T>(
  room: readonly CeremonyParticipant[],
  step: (it: CeremonyParticipant) => Promise<T>,
) => Promise.all(room.map((it) => step(it)));

/** An honest coordinator: passes every message to everybody. */
export async function runCeremony(
  policy: VerifiedPolicy,
  terms: CeremonyTerms,
): Promise<{ keyset: VerifiedKeyset; outcomes: CeremonyOutcome[] }> {
  const room = everybody(policy, terms);
  const commits = await all(room, (it) => it.commit());
  const reveals = await all(room, (it) => it.reveal(commits));
  const shares = await all(room, (it) => it.shares(reveals));
  const outcomes = await all(room, (it) => it.finish(shares));
  const signed = outcomes.map((it) => it.keyset);
  const [keyset] = await all(room, (it) => it.complete(signed));
  return { keyset: keyset!, outcomes };
}
