import { hmacSha256, merkleLeafHash, merklePath, merkleRoot, rootFromPath, sha256 } from "@portcullis/crypto";
import { compareBytes, encodeCbor, equalBytes, PortcullisError, type AccountId } from "@portcullis/protocol";
import { AccessError } from "./errors.ts";

/** One member account of an epoch with the salt that hides it. An account stands once, however many devices it has. */
export interface RosterMember {
  readonly accountId: AccountId;
  /** 32 bytes. */
  readonly salt: Uint8Array;
}

/** That one account is a member: all that is needed beside the root. */
export interface RosterProof {
  readonly salt: Uint8Array;
  readonly index: number;
  readonly size: number;
  readonly path: readonly Uint8Array[];
}

/** `rosterKey`: 32 bytes, exported from the epoch before, so that members alone can make it. */
export function rosterSalt(rosterKey: Uint8Array, accountId: AccountId): Uint8Array {
  return hmacSha256(rosterKey, accountId);
}

/** The roster of these accounts under one roster key. @throws AccessError ROSTER_REPEATED, ROSTER_EMPTY */
export function makeRoster(
  rosterKey: Uint8Array,
  accountIds: readonly AccountId[],
): { members: RosterMember[]; root: Uint8Array } {
  const members = accountIds.map((accountId) => ({ accountId, salt: rosterSalt(rosterKey, accountId) }));
  return { members, root: rosterRoot(members) };
}

function commitment(member: RosterMember): Uint8Array {
  return sha256(encodeCbor([member.accountId, member.salt]));
}

/** RFC 6962 tree over the sorted hashes, whose order tells nothing about the accounts. */
export function rosterRoot(members: readonly RosterMember[]): Uint8Array {
  return merkleRoot(leaves(members));
}

function leaves(members: readonly RosterMember[]): Uint8Array[] {
  if (members.length === 0) throw new AccessError("ROSTER_EMPTY");
  const accounts = members.map(({ accountId }) => accountId).sort(compareBytes);
  for (const [i, accountId] of accounts.entries())
    if (i > 0 && equalBytes(accountId, accounts[i - 1] as AccountId))
      throw new AccessError("ROSTER_REPEATED");
  return members.map((member) => commitment(member)).sort(compareBytes);
}

/** The proof that an account stands in the roster. @throws AccessError ROSTER_MEMBER when it does not */
export function rosterPath(members: readonly RosterMember[], accountId: AccountId): RosterProof {
  const member = members.find((candidate) => equalBytes(candidate.accountId, accountId));
  if (member === undefined) throw new AccessError("ROSTER_MEMBER");
  const sorted = leaves(members);
  const own = commitment(member);
  const index = sorted.findIndex((leaf) => equalBytes(leaf, own));
  return { salt: member.salt, index, size: sorted.length, path: merklePath(sorted, index) };
}

/** Returns when the account is a member under `root`; rule ACC-33. @throws AccessError ROSTER_MEMBER */
export function verifyRosterPath(root: Uint8Array, accountId: AccountId, proof: RosterProof): void {
  const leafHash = merkleLeafHash(commitment({ accountId, salt: proof.salt }));
  let reached: Uint8Array;
  try {
    reached = rootFromPath({ index: proof.index, size: proof.size, leafHash, path: proof.path });
  } catch (error) {
    if (error instanceof PortcullisError) throw new AccessError("ROSTER_MEMBER");
    throw error;
  }
  if (!equalBytes(reached, root)) throw new AccessError("ROSTER_MEMBER");
}
