import { sha256 } from "@portcullis/crypto";
import {
  encodeTrustAnchors,
  equalBytes,
  formatInviteLink,
  INVITE_SECRET_BYTES,
  parseInviteLink,
  type Random,
  type ServerAnswer,
} from "@portcullis/protocol";
import { ClientError } from "../errors.ts";
import type { TrustConfig } from "../server/provider.ts";
import { ServerApi, type Fetch } from "../server/server-api.ts";

/** How many accounts an invitation makes, and for how long. */
export interface InviteTerms {
  /** 1 if absent. */
  readonly uses?: number;
  /** Seven days if absent. */
  readonly lifetimeSeconds?: number;
}

/** What an invitation says, once the server showed the very trust anchors that it names. */
export interface AcceptedInvite {
  readonly server: string;
  readonly trust: TrustConfig;
  /** For `createAccount`. */
  readonly invite: Uint8Array;
}

const WEEK_SECONDS = 7 * 24 * 3600;

/**
 * Leaves the hash of a fresh secret at the server and returns the link with the secret. `token`: the operator's, or that
 * of a member's session. @throws ClientError CLIENT_SERVER_…
 */
export async function makeInvite(
  api: ServerApi,
  token: string,
  { trust, random, terms }: { trust: TrustConfig; random: Random; terms: InviteTerms },
): Promise<string> {
  const { uses = 1, lifetimeSeconds = WEEK_SECONDS } = terms;
  const secret = random(INVITE_SECRET_BYTES);
  await api.addInvite({ inviteHash: sha256(secret), uses, lifetimeSeconds }, token);
  return formatInviteLink({ server: api.url, secret, trustFingerprint: fingerprintOf(trust) });
}

/** An invitation by the operator, who trusts the own server. @throws ClientError CLIENT_SERVER_… */
export async function createOperatorInvite(input: {
  readonly server: string;
  readonly operatorToken: string;
  readonly fetch: Fetch;
  readonly random: Random;
  readonly terms?: InviteTerms;
}): Promise<string> {
  const { server, operatorToken, fetch, random, terms = {} } = input;
  const api = new ServerApi(server, fetch, () => 0);
  return makeInvite(api, operatorToken, { trust: trustOf(await api.server()), random, terms });
}

/**
 * Asks the server of an invitation for its trust anchors; what is pinned is what came with the link, out of band.
 * @throws ProtocolError INVITE_LINK; ClientError CLIENT_TRUST, CLIENT_SERVER_UNREACHABLE
 */
export async function acceptInvite(link: string, fetch: Fetch): Promise<AcceptedInvite> {
  const { server, secret, trustFingerprint } = parseInviteLink(link);
  const trust = trustOf(await new ServerApi(server, fetch, () => 0).server());
  if (!equalBytes(fingerprintOf(trust), trustFingerprint))
    throw new ClientError("CLIENT_TRUST", { differs: "invite" });
  return { server, trust, invite: secret };
}

function trustOf({
  policyId,
  accessLog,
  identityLog,
  vrfKey,
  witnesses,
  witnessThreshold,
}: ServerAnswer): TrustConfig {
  return {
    ...(policyId !== undefined && { policyId }),
    log: accessLog,
    identityLog,
    vrfKey,
    witnesses,
    witnessThreshold,
  };
}

function fingerprintOf(trust: TrustConfig): Uint8Array {
  return sha256(encodeTrustAnchors(trust));
}
