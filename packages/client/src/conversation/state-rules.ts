import { sha256 } from "@portcullis/crypto";
import {
  encodeSharedState,
  type JoinLink,
  type Role,
  type SharedState,
  type Standing,
} from "@portcullis/protocol/content";
import {
  equalBytes,
  isSameDevice,
  limits,
  utf8,
  type AccountId,
  type AdmittedAccount,
  type DeviceReference,
} from "@portcullis/protocol";
import { accountsOf } from "../identity/device-directory.ts";
import { ClientError } from "../errors.ts";
import { findLink, linkIdOf } from "../joining/join-key.ts";
import { checkLinks, mayMakeLink, noteAdmissions, standingLinks } from "./join-rules.ts";
import type { LinkChange, WantedChange } from "./wanted-change.ts";

/** The state with which its creator, who owns it, begins a conversation. @throws ClientError CLIENT_STATE_SIZE */
export function firstState(creator: AccountId, look: { name: string; picture?: Uint8Array }): SharedState {
  return sized({ version: 0, ...look, roles: [{ accountId: creator, role: "owner" }], leaving: [] });
}

/** What stands in a conversation from before there were roles: nobody is listed, and so everybody is an owner. */
export const stateWithoutRoles: SharedState = { version: 0, name: "", roles: [], leaving: [] };

export function roleOf({ roles }: Standing, accountId: AccountId): Role {
  if (!roles.some(({ role }) => role === "owner")) return "owner";
  return roles.find((entry) => equalBytes(entry.accountId, accountId))?.role ?? "member";
}

/** Whether the first role permits less than the second. */
export function isLower(role: Role, than: Role): boolean {
  const rank = { member: 0, admin: 1, owner: 2 };
  return rank[role] < rank[than];
}

/** The state that follows when this is changed. `links`: all that are to stand. @throws ClientError CLIENT_STATE_SIZE, CLIENT_STATE_ROLE, CLIENT_JOIN_LIMIT */
export function changed(
  state: SharedState,
  change: WantedChange | { readonly links: readonly JoinLink[] },
): SharedState {
  if ("repeats" in change) return state;
  if ("name" in change) return follow(state, { name: change.name });
  if ("picture" in change) return follow(state, { picture: change.picture });
  if ("links" in change) return follow(state, { links: change.links });
  if ("drops" in change) return follow(state, { links: linksAfter(state, change) });
  const accountId = "leave" in change ? change.leave : change.accountId;
  const others = without(state.roles, accountId);
  if ("leave" in change)
    return follow(state, {
      roles: others,
      leaving: [...withoutAccount(state.leaving, accountId), accountId],
    });
  const { role } = change;
  return follow(state, { roles: role === "member" ? others : [...others, { accountId, role }] });
}

function linksAfter(state: SharedState, { link, drops }: LinkChange): JoinLink[] {
  const isKept = ({ publicKey }: JoinLink): boolean =>
    !drops.some((linkId) => equalBytes(linkIdOf(publicKey), linkId));
  const kept = (state.links ?? []).filter(isKept);
  if (link === undefined) return kept;
  const role = roleOf(state, link.maker);
  if (!mayMakeLink(role, link)) throw new ClientError("CLIENT_STATE_ROLE", { role });
  const links = [...kept, link];
  if (links.length > limits.joinLinks) throw new ClientError("CLIENT_JOIN_LIMIT", { links: links.length });
  return links;
}

/** Whether this state is the very one that stands. */
export function isSameState(a: SharedState, b: SharedState): boolean {
  return equalBytes(encodeSharedState(a), encodeSharedState(b));
}

/** Judges a state that a member sends, by the one before it (GRP-02 to GRP-04). @throws ClientError CLIENT_STATE_… */
export function checkSuccessor(
  state: SharedState,
  next: SharedState,
  author: AccountId,
  members: readonly DeviceReference[],
): void {
  const follows = next.previous !== undefined && equalBytes(next.previous, hashOf(state));
  if (!follows || next.version !== state.version + 1)
    throw new ClientError("CLIENT_STATE_STALE", { expected: state.version + 1, actual: next.version });
  const present = accountsOf(members);
  const isPresent = (account: AccountId): boolean => present.some((one) => equalBytes(one, account));
  if (![...next.roles.map(({ accountId }) => accountId), ...next.leaving].every(isPresent))
    throw new ClientError("CLIENT_STATE_MEMBER");
  const hasOwner = (standing: Standing): boolean => standing.roles.some(({ role }) => role === "owner");
  if (hasOwner(state) && !hasOwner(next)) throw new ClientError("CLIENT_STATE_OWNERLESS");
  checkRights(state, next, author);
  const roleAfter = (account: AccountId): Role => roleOf(next, account);
  checkLinks(state.links ?? [], next.links ?? [], { author, role: roleOf(state, author), roleAfter });
}

function checkRights(state: SharedState, next: SharedState, author: AccountId): void {
  const role = roleOf(state, author);
  const isSameLook =
    next.name === state.name &&
    equalBytes(next.picture ?? new Uint8Array(0), state.picture ?? new Uint8Array(0)) &&
    (next.picture === undefined) === (state.picture === undefined);
  // Nobody says for another that it leaves, and nobody takes it back for another.
  const othersLeave = sameAccounts(
    withoutAccount(state.leaving, author),
    withoutAccount(next.leaving, author),
  );
  const othersRoles = sameRoles(without(state.roles, author), without(next.roles, author));
  const own = roleIn(next, author);
  const staysOrSteps = own === roleIn(state, author) || own === "member";
  const allowed =
    othersLeave && (role === "owner" || (othersRoles && staysOrSteps)) && (role !== "member" || isSameLook);
  if (!allowed) throw new ClientError("CLIENT_STATE_ROLE", { role });
}

/** The role that is listed, whatever it means. */
function roleIn({ roles }: Standing, accountId: AccountId): Role {
  return roles.find((entry) => equalBytes(entry.accountId, accountId))?.role ?? "member";
}

/**
 * The state behind a Commit: who is no member any more has no role, no links, and is not leaving; whoever was let in by a
 * link is noted there and has its role. The same for everybody.
 */
export function afterCommit(
  state: SharedState,
  members: readonly DeviceReference[],
  admitted: readonly AdmittedAccount[] = [],
): SharedState {
  const present = accountsOf(members);
  const isPresent = (account: AccountId): boolean => present.some((one) => equalBytes(one, account));
  const { links: before = [] } = state;
  const stay = state.roles.filter(({ accountId }) => isPresent(accountId));
  const roles = [...stay, ...rolesByLinks(before, admitted)];
  const leaving = state.leaving.filter(isPresent);
  const links = noteAdmissions(before, admitted).filter(({ maker }) => isPresent(maker));
  const next = follow(state, { roles, leaving, links });
  return hasSameContent(state, next) ? state : next;
}

function rolesByLinks(links: readonly JoinLink[], admitted: readonly AdmittedAccount[]): Standing["roles"] {
  return admitted.flatMap(({ accountId, linkId }) =>
    findLink(links, linkId)?.role === "admin" ? [{ accountId, role: "admin" as const }] : [],
  );
}

/** Whether nothing but the version is another. */
export function hasSameContent(
  { version: _v, previous: _p, ...state }: SharedState,
  next: SharedState,
): boolean {
  const { version: _version, previous: _previous, ...content } = next;
  return isSameState({ version: 0, ...state }, { version: 0, ...content });
}

/** What a Commit does, for roles to permit. */
export interface CommitDone {
  readonly added: readonly HasAccount[];
  readonly removed: readonly DeviceReference[];
  /** Those of `removed` that are proven to be listed no more. */
  readonly unlisted?: readonly DeviceReference[];
  /** All members until then; goes with `unlisted`. */
  readonly before?: readonly DeviceReference[];
}

/**
 * Whether a member with this standing may commit what the Commit does (GRP-10). Devices of its own account may come and
 * go as it likes, whoever is leaving may be removed by anybody, and so may lost devices, with those that their account
 * lists now in their place; but no conversation loses its last owner by that (GRP-14).
 */
export function mayCommit(standing: Standing, committer: AccountId, done: CommitDone): boolean {
  const { unlisted = [] } = done;
  const role = roleOf(standing, committer);
  const isOther = ({ accountId }: HasAccount): boolean => !equalBytes(accountId, committer);
  const isOf = (accounts: readonly AccountId[]) => (one: HasAccount) =>
    accounts.some((accountId) => equalBytes(accountId, one.accountId));
  const isLeaving = isOf(standing.leaving);
  const removed = done.removed
    .filter((device) => !unlisted.some((lost) => isSameDevice(lost, device)))
    .filter((device) => isOther(device) && !isLeaving(device));
  const isReturning = isOf(accountsOf(unlisted));
  const added = done.added.filter((device) => isOther(device) && !isReturning(device));
  if (unlisted.length > 0 && !keepsOwner(standing, done)) return false;
  if (role === "owner") return true;
  if (role === "admin") return removed.every(({ accountId }) => roleOf(standing, accountId) !== "owner");
  return removed.length === 0 && added.length === 0;
}

/** Whether an owner has a device behind the Commit, if the conversation has owners. */
export function keepsOwner(standing: Standing, { added, removed, before = [] }: CommitDone): boolean {
  const stay = before.filter((device) => !removed.some((gone) => isSameDevice(gone, device)));
  const owners = standing.roles.filter(({ role }) => role === "owner");
  const isThere = ({ accountId }: HasAccount): boolean =>
    [...stay, ...added].some((one) => equalBytes(one.accountId, accountId));
  return owners.length === 0 || owners.some(isThere);
}

/** A device, or an account with all of its devices. */
export interface HasAccount {
  readonly accountId: AccountId;
}

/**
 * In which order the members' devices see to it that whoever leaves is removed: owners and admins first, then by leaf.
 * Undefined when this device has no part in it.
 */
export function turnToRemove(
  state: Standing,
  members: readonly (DeviceReference & { readonly leafIndex: number })[],
  ownLeaf: number,
): number | undefined {
  if (state.leaving.length === 0) return undefined;
  const staying = members.filter(
    ({ accountId }) => !state.leaving.some((gone) => equalBytes(gone, accountId)),
  );
  const rank = ({ accountId }: DeviceReference): number => (roleOf(state, accountId) === "member" ? 1 : 0);
  const order = staying.toSorted((a, b) => rank(a) - rank(b) || a.leafIndex - b.leafIndex);
  const turn = order.findIndex(({ leafIndex }) => leafIndex === ownLeaf);
  return turn < 0 ? undefined : turn;
}

function follow(
  state: SharedState,
  change: {
    name?: string;
    picture?: Uint8Array | undefined;
    links?: readonly JoinLink[];
  } & Partial<Standing>,
): SharedState {
  const { picture: before, links: linksBefore = [], ...rest } = state;
  const { picture = "picture" in change ? undefined : before, links = linksBefore, ...changes } = change;
  const next = { ...rest, ...changes, version: state.version + 1, previous: hashOf(state) };
  const standing = standingLinks(links, (account) => roleOf(next, account));
  return sized({ ...next, ...(picture && { picture }), ...(standing.length > 0 && { links: standing }) });
}

function hashOf(state: SharedState): Uint8Array {
  return sha256(encodeSharedState(state));
}

function sized(state: SharedState): SharedState {
  const nameBytes = utf8(state.name).length;
  const pictureBytes = state.picture?.length ?? 0;
  if (nameBytes > limits.nameBytes || pictureBytes > limits.pictureBytes)
    throw new ClientError("CLIENT_STATE_SIZE", { nameBytes, pictureBytes });
  return state;
}

function without(roles: Standing["roles"], account: AccountId): Standing["roles"] {
  return roles.filter(({ accountId }) => !equalBytes(accountId, account));
}

function withoutAccount(accounts: readonly AccountId[], account: AccountId): AccountId[] {
  return accounts.filter((one) => !equalBytes(one, account));
}

function sameAccounts(a: readonly AccountId[], b: readonly AccountId[]): boolean {
  return a.length === b.length && a.every((one) => b.some((other) => equalBytes(one, other)));
}

function sameRoles(a: Standing["roles"], b: Standing["roles"]): boolean {
  return (
    a.length === b.length &&
    a.every(({ accountId, role }) =>
      b.some((one) => role === one.role && equalBytes(one.accountId, accountId)),
    )
  );
}
