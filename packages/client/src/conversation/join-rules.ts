import {
  encodeCbor,
  equalBytes,
  type AccountId,
  type AdmittedAccount,
  type BucketStart,
  type DeviceReference,
} from "@portcullis/protocol";
import { joinLinkFields, type JoinLink, type Role } from "@portcullis/protocol/content";
import { ClientError } from "../errors.ts";
import { findLink } from "../joining/join-key.ts";

type RoleOf = (accountId: AccountId) => Role;

/** Whether whoever has this role may make such a link: nobody gives more than it may give by hand. */
export function mayMakeLink(role: Role, link: Pick<JoinLink, "role">): boolean {
  return role === "owner" || (role === "admin" && link.role === "member");
}

/** Those whose makers may still make them: a link ends with the right to it (GRP-21). */
export function standingLinks(links: readonly JoinLink[], roleOf: RoleOf): JoinLink[] {
  return links.filter((link) => mayMakeLink(roleOf(link.maker), link));
}

/** Those of the first that are not among the second, whatever has become of them there. */
export function linksWithout(links: readonly JoinLink[], others: readonly JoinLink[]): JoinLink[] {
  return links.filter(({ publicKey }) => !others.some((other) => equalBytes(other.publicKey, publicKey)));
}

/**
 * Judges what a member does to the links of a state (GRP-21): owners and admins add fresh ones of their own and take any
 * away, and nobody changes one. @throws ClientError CLIENT_STATE_ROLE, CLIENT_STATE_LINK
 */
export function checkLinks(
  before: readonly JoinLink[],
  next: readonly JoinLink[],
  by: { readonly author: AccountId; readonly role: Role; readonly roleAfter: RoleOf },
): void {
  const { author, role, roleAfter } = by;
  const fresh = linksWithout(next, before);
  if (fresh.some((link) => !mayMakeLink(role, link)) || (role === "member" && next.length < before.length))
    throw new ClientError("CLIENT_STATE_ROLE", { role });
  const areFresh = fresh.every(({ maker, admitted }) => equalBytes(maker, author) && admitted.length === 0);
  const kept = next.filter((link) => !fresh.includes(link));
  const areKept = kept.every((link) => before.some((one) => isSameLink(one, link)));
  if (!areFresh || !areKept || standingLinks(next, roleAfter).length < next.length)
    throw new ClientError("CLIENT_STATE_LINK");
}

/** Whether an account may join by a link at that time. @throws ClientError CLIENT_JOIN_EXPIRED, CLIENT_JOIN_ADMITTED, CLIENT_JOIN_USED_UP */
export function demandUse(link: JoinLink, accountId: AccountId, nowMs: number): void {
  if (link.expiresAtMs <= nowMs) throw new ClientError("CLIENT_JOIN_EXPIRED");
  if (link.admitted.some((one) => equalBytes(one, accountId))) throw new ClientError("CLIENT_JOIN_ADMITTED");
  if (link.admitted.length >= link.uses) throw new ClientError("CLIENT_JOIN_USED_UP");
}

/** Judges those whom a Commit lets in by links (GRP-23). `before`: the members until then. @throws ClientError CLIENT_JOIN_… */
export function checkAdmissions(
  links: readonly JoinLink[],
  admitted: readonly AdmittedAccount[],
  { before, startBucket }: { readonly before: readonly DeviceReference[]; readonly startBucket: BucketStart },
): void {
  let standing = links;
  for (const admission of admitted) {
    const { accountId, linkId } = admission;
    const link = findLink(standing, linkId);
    if (link === undefined) throw new ClientError("CLIENT_JOIN_UNKNOWN");
    if (before.some((member) => equalBytes(member.accountId, accountId)))
      throw new ClientError("CLIENT_JOIN_MEMBER");
    demandUse(link, accountId, startBucket * 1000);
    standing = noteAdmissions(standing, [admission]);
  }
}

/** The links after these accounts have joined by them. One that stands no more stays away. */
export function noteAdmissions(
  links: readonly JoinLink[],
  admitted: readonly AdmittedAccount[],
): readonly JoinLink[] {
  let noted = links;
  for (const { accountId, linkId } of admitted) {
    const used = findLink(noted, linkId);
    noted = noted.map((link) =>
      link === used ? { ...link, admitted: [...link.admitted, accountId] } : link,
    );
  }
  return noted;
}

function isSameLink(a: JoinLink, b: JoinLink): boolean {
  return equalBytes(encodeCbor(joinLinkFields([a])), encodeCbor(joinLinkFields([b])));
}
