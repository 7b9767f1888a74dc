import type { KeyPackage } from "ts-mls";
import { decodeCommit as decodeTsMlsCommit, type Commit } from "ts-mls/commit.js";
import type { CommitSummary, Member } from "./engine.ts";
import { MlsError } from "./errors.ts";
import { isSameIdentity } from "./members.ts";

/** What of a Commit's proposals is accepted at all. */
export interface AcceptedProposals {
  readonly add: readonly KeyPackage[];
  readonly remove: readonly number[];
}

/** How many bytes the Commit at the front of `bytes` takes. @throws MlsError MLS_MALFORMED */
export function commitLength(bytes: Uint8Array): number {
  return decodeFirst(bytes)[1];
}

export function decodeCommit(bytes: Uint8Array): Commit {
  return decodeFirst(bytes)[0];
}

function decodeFirst(bytes: Uint8Array): [Commit, number] {
  try {
    const decoded = decodeTsMlsCommit(bytes, 0);
    if (decoded !== undefined) return decoded;
  } catch {
    // ts-mls throws for some malformed bytes and answers undefined for others.
  }
  throw new MlsError("MLS_MALFORMED", { what: "Commit" });
}

/**
 * Add and Remove, by value, and nothing else (MLS-10). A member renews itself by the path of its own Commit: an Update
 * by value would be the committer's own, which RFC 9420 section 12.2 forbids.
 * @throws MlsError MLS_PROPOSAL_FORBIDDEN
 */
export function readProposals(commit: Commit): AcceptedProposals {
  const add: KeyPackage[] = [];
  const remove: number[] = [];
  for (const item of commit.proposals) {
    if (item.proposalOrRefType !== "proposal")
      throw new MlsError("MLS_PROPOSAL_FORBIDDEN", { proposal: "reference" });
    const { proposal } = item;
    if (proposal.proposalType === "add") add.push(proposal.add.keyPackage);
    else if (proposal.proposalType === "remove") remove.push(proposal.remove.removed);
    else throw new MlsError("MLS_PROPOSAL_FORBIDDEN", { proposal: proposal.proposalType });
  }
  return { add, remove };
}

/**
 * What the Commit did, from the trees before and behind it: a leaf that stays must hold the same device and signature
 * key as before (MLS-14).
 * @throws MlsError MLS_IDENTITY_CHANGED, MLS_COMMIT_INVALID
 */
export function summariseCommit(
  before: readonly Member[],
  after: readonly Member[],
  proposals: AcceptedProposals,
): Pick<CommitSummary, "added" | "removed"> {
  const now = new Map(after.map((member) => [member.leafIndex, member]));
  const removed = before.filter(({ leafIndex }) => proposals.remove.includes(leafIndex));
  const staying = before.filter(({ leafIndex }) => !proposals.remove.includes(leafIndex));
  for (const member of staying) {
    const { leafIndex } = member;
    const current = now.get(leafIndex);
    if (current === undefined || !isSameIdentity(current, member))
      throw new MlsError("MLS_IDENTITY_CHANGED", { leafIndex });
    now.delete(leafIndex);
  }
  const added = [...now.values()];
  if (added.length !== proposals.add.length || removed.length !== proposals.remove.length)
    throw new MlsError("MLS_COMMIT_INVALID", { added: added.length, removed: removed.length });
  return { added, removed };
}
